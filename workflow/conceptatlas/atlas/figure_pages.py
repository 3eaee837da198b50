"""Small copies of the study's figures, and the list of them that pages load: ``figures/index``.

The folder is updated, not made anew: a copy whose figure is the same as when it was made stays, one whose figure is
gone goes. So a new model costs its own figures only, though one job copies those of all.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import xxhash
from PIL import Image

from conceptatlas.atlas.encoding import write_script
from conceptatlas.files import atomic_path, read_json, write_json

logger = logging.getLogger(__name__)

RECORD = "copied.json"
"""In the folder: digests of the figures of which copies are there."""
SUFFIXES = (".png", ".svg", ".pdf")
MODELS = "models"
"""Folder of the figures over all models of a data set."""
SHOWS = {
    "detectors": "different concepts detected by all models, with intervals over images and the 95 % point by chance",
    "twins": "models beside their twins with random weights (floor) and from another seed (ceiling)",
    "rotations": "detectors when the basis of a layer is turned by a fraction alpha of random rotations",
    "rotation_categories": "the same by category",
    "concepts": "concepts of the data set by category: images that hold them, pixels, how often they meet",
    "examples": "images of the data set with their labels drawn over them",
}
"""What figures show that no list describes."""
METHODS = {"axes": "rotation", "principal": "principal"}
"""Folder of figures -> page of its method, where they are not called the same."""


def copy_figures(folder: str | Path, *, root: str | Path, figures: Iterable[str], width: int, quality: int) -> None:
    """Bring ``atlas/figures`` up to date.

    folder : that folder. root : folder of the study. figures : paths below it of folders with ``figures.json`` and of
    single pictures; what is not there is left out. width : largest width of a copy, px. quality : of WebP.
    """
    folder, root = Path(folder), Path(root)
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / RECORD
    before: dict[str, Any] = read_json(record) if record.is_file() else {}
    kept, groups, made = {}, [], 0
    for place in sorted(set(figures)):
        entries = []
        for path, about in _listed(root, place):
            source, name = root / path, path.removeprefix("figures/").removesuffix(".png") + ".webp"
            digest = f"{xxhash.xxh3_128_hexdigest(source.read_bytes())} {width} {quality}"
            known = before.get(name, {})
            if known.get("digest") != digest or not (folder / name).is_file():
                known = {"digest": digest, "size": _copy(source, folder / name, width=width, quality=quality)}
                made += 1
            kept[name] = known
            entries.append({"file": name, "size": known["size"]} | about)
        if entries:
            groups.append(place_of(place) | {"figures": entries})
    for name in set(before) - set(kept):
        (folder / name).unlink(missing_ok=True)
    write_json(record, kept)
    write_script(folder.parent, "figures/index", groups)
    logger.info("%d figures, %d copied anew", len(kept), made)


def figures_in(root: str | Path) -> list[str]:
    """What `copy_figures` takes of finished results: folders with a list, and pictures in folders without."""
    root = Path(root)
    folders = [path.parent for path in (root / "figures").rglob("figures.json")]
    single = [path for path in (root / "figures").glob("*/*/*.png") if path.parent not in folders]
    return [path.relative_to(root).as_posix() for path in (*folders, *single)]


def place_of(path: str) -> dict[str, str]:
    """Whose figures a folder or file below ``figures/`` holds: method, dataset, model, generator, `across`; each empty
    where it does not apply, model for those over all models.

    >>> place_of("figures/linking/decoder/residual/tuning")["generator"]
    'decoder'
    """
    analysis, name, *rest = Path(path).parts[1:]
    method = METHODS.get(rest[-1] if rest else "", METHODS.get(analysis, analysis))
    model = rest[0] if rest and not rest[0].endswith(SUFFIXES) and rest[0] != MODELS else ""
    place = {"method": method, "dataset": name, "model": model, "generator": ""}
    if analysis == "linking":
        place |= {"dataset": "", "generator": name}
    if analysis == "similarity" and name == "across":
        place |= {"dataset": "", "across": "yes"}
    return place


def _listed(root: Path, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Path and description (shows, layer, concept, page) of the figures of a folder in the order of its list, or of a
    single one."""
    if place.endswith(".png") and (root / place).is_file():
        stem = Path(place).stem
        yield place, {"shows": SHOWS.get(stem, stem.replace("_", " "))}
    if not (root / place / "figures.json").is_file():
        return
    for entry in read_json(root / place / "figures.json")["figures"]:
        name = next((name for name in entry["files"] if name.endswith(".png")), None)
        if name is None or not (root / place / name).is_file():
            continue
        stem, _, page = str(entry["figure"]).partition("~")
        about = {"shows": entry.get("shows") or SHOWS.get(stem, stem.replace("_", " ")), "layer": entry.get("layer")}
        about |= {"concept": entry.get("concept"), "page": int(page or entry.get("page", 1))}
        yield f"{place}/{name}", {key: value for key, value in about.items() if value}


def _copy(source: Path, target: Path, *, width: int, quality: int) -> list[int]:
    """Width and height of the copy."""
    with Image.open(source) as image:
        picture = image.convert("RGB")
    if picture.width > width:
        size = (width, max(1, round(picture.height * width / picture.width)))
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    with atomic_path(target) as part:
        picture.save(part, "WEBP", quality=quality, method=0)
    return list(picture.size)

"""`conceptatlas verify`: read all that a study has stored and say what is damaged, also where nothing else would read.

Every large file has a small manifest with the xxh3-128 digest of its arrays. Damage is a digest that differs, a file
that does not open, is cut short or is missing, or a file without its manifest. With ``--repair`` the manifest of a
damaged file is renamed to ``.damaged``: the next run of the same Snakemake command makes exactly that file again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xxhash

from conceptatlas.files import read_json, set_aside, text_digest
from conceptatlas.progress import progress

logger = logging.getLogger(__name__)

STORES = ("activations", "counted", "scored", "statistics", "perturbed", "encoders", "vocabularies")
FOLDERS = ("datasets", "linking", *STORES)
_READ_BYTES = 2**26


@dataclass(frozen=True)
class Damage:
    """One damaged file: its manifest (which may be what is missing) and what is wrong."""

    manifest: Path
    reason: str


def verify_study(folder: str | Path, *, repair: bool = False) -> tuple[int, list[Damage]]:
    """Check every manifest under a study's results folder.

    Returns
    -------
    n_checked, damages : number of manifests and what was found, in the order of the paths.

    Raises
    ------
    ValueError
        if the folder does not exist or holds no manifest.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; give the results of a study, for example results/demo")
    manifests = sorted(path for name in FOLDERS for path in (folder / name).rglob("*.json") if _is_manifest(path))
    if not manifests:
        raise ValueError(f"{folder} holds no manifests of stored arrays; run the study first")
    damages = [
        Damage(manifest, reason)
        for manifest in progress(manifests, description="verify")
        for reason in _check(manifest)
    ]
    damages += [Damage(path.with_suffix(".json"), f"{path.name} has no manifest") for path in _without_manifest(folder)]
    damages.sort(key=lambda damage: damage.manifest)
    if repair:
        for manifest in {damage.manifest for damage in damages if damage.manifest.exists()}:
            reasons = "; ".join(damage.reason for damage in damages if damage.manifest == manifest)
            set_aside(manifest, reason=reasons)
    return len(manifests), damages


def _is_manifest(path: Path) -> bool:
    return path.with_suffix(".h5").exists() or "arrays" in read_json(path)


def _without_manifest(folder: Path) -> Iterator[Path]:
    for name in STORES:
        for path in sorted((folder / name).rglob("*.h5")):
            if not path.with_suffix(".json").exists():
                yield path
    for path in sorted((folder / "datasets").glob("*/frames/*.h5")):
        if not path.with_suffix(".json").exists():
            yield path


def _check(manifest: Path) -> Iterator[str]:
    content = read_json(manifest)
    yield from _check_file(manifest.with_suffix(".h5"), content.get("arrays", {}))
    if "annotation_arrays" in content:
        annotations = manifest.parent.parent / "annotations" / manifest.with_suffix(".h5").name
        yield from _check_file(annotations, content["annotation_arrays"])


def _check_file(path: Path, arrays: dict[str, Any]) -> Iterator[str]:
    if not path.exists():
        yield f"{path.name} is missing"
        return
    try:
        with h5py.File(path, "r") as file:
            for name, described in arrays.items():
                expected = described["digest"] if isinstance(described, dict) else described
                if name not in file:
                    yield f"{path.name}: {name} is missing"
                elif _digest(file[name]) != expected:
                    yield f"{path.name}: {name} differs from its digest"
    except (OSError, RuntimeError) as error:
        yield f"{path.name} cannot be read ({error})"


def _digest(dataset: h5py.Dataset) -> str:
    """xxh3-128 of a dataset, read some 64 MB at a time; of texts, as `files.text_digest` makes it."""
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return text_digest(*dataset.asstr()[:])
    digest = xxhash.xxh3_128()
    if dataset.ndim == 0 or 0 in dataset.shape:
        return str(xxhash.xxh3_128_hexdigest(np.asarray(dataset[()]).tobytes()))
    row_bytes = max(dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64)), 1)
    step = max(1, _READ_BYTES // row_bytes)
    for first in range(0, dataset.shape[0], step):
        digest.update(np.ascontiguousarray(dataset[first : first + step]).reshape(-1).view(np.uint8).data)
    return str(digest.hexdigest())

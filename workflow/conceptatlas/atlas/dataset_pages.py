"""What the pages of a data set load, whatever models there are: its pictures, and which labels each image holds."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.atlas.encoding import number, script_table, write_script
from conceptatlas.atlas.pictures import write_pictures
from conceptatlas.files import read_json
from conceptatlas.tables import read_table

CHUNK = 100
"""Images in a chunk."""
ABOUT = ("name", "format", "frame", "frame_size", "mask_size", "n_images", "n_valid", "n_quarantined", "n_concepts",
         "image_list_digest", "quarantine", "definitions")  # fmt: skip
"""Of `dataset.json`, what is shown."""


def build_dataset(
    folder: str | Path,
    *,
    root: str | Path,
    dataset: str,
    frames: list[str],
    annotations: list[str],
    options: dict[str, Any],
    embed_images: bool,
) -> None:
    """Write everything under ``atlas/datasets/{dataset}``."""
    folder, root = Path(folder), Path(root)
    home, key = folder.parents[1], f"datasets/{dataset}"
    about = read_json(root / key / "dataset.json")
    if embed_images:
        write_pictures(folder, frames, size=int(options["picture_size"]), quality=int(options["quality"]))
    images = read_table(root / key / "index.parquet")
    labels = _labels(annotations, len(images), int(about["mask_size"]))
    shown = ("image_id", "source", "split", "licence", "attribution", "width", "height")
    for first in range(0, len(images), CHUNK):
        rows = images.iloc[first : first + CHUNK]
        chunk = [
            {column: _plain(row[column]) for column in shown}
            | {"valid": bool(row["valid"]), "labels": labels[first + i]}
            for i, (_, row) in enumerate(rows.iterrows())
        ]
        write_script(home, f"{key}/images-{first // CHUNK}", {"first": first, "images": chunk})
    write_script(
        home, f"{key}/concepts", script_table(root / key / "concepts.parquet", source=f"{key}/concepts.parquet")
    )
    credit = Counter(zip(images["licence"].astype(str), images["attribution"].astype(str), strict=True))
    write_script(
        home,
        f"{key}/about",
        {name: about[name] for name in ABOUT}
        | {"embedded": embed_images, "chunk": CHUNK,
           "credits": [[licence, name, n] for (licence, name), n in sorted(credit.items())]},
    )  # fmt: skip


def _labels(annotations: list[str], n_images: int, mask_size: int) -> list[list[list[Any]]]:
    """[concept_index, share of the picture] of every image, the largest first; a concept once, with its largest row."""
    labels: list[dict[int, float]] = [{} for _ in range(n_images)]
    for path in annotations:
        with h5py.File(path, "r") as file:
            columns = [file[name][()] for name in ("image_index", "concept_index", "n_pixels")]
        for image, concept, pixels in zip(*(np.asarray(column) for column in columns), strict=True):
            own = labels[int(image)]
            own[int(concept)] = max(own.get(int(concept), 0.0), float(pixels) / mask_size**2)
    return [
        [
            [concept, number(f"{share:.3g}")]
            for concept, share in sorted(own.items(), key=lambda item: (-item[1], item[0]))
        ]
        for own in labels
    ]


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value

"""What the pages of images load besides their labels: which units an image drives hardest, which learned concepts are
found in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conceptatlas.atlas.dataset_pages import CHUNK as IMAGES_IN_CHUNK
from conceptatlas.atlas.encoding import number, rows_of, write_script
from conceptatlas.tables import read_table


def write_firing(
    home: Path,
    root: Path,
    dataset: str,
    facts: list[dict[str, Any]],
    pairs: list[dict[str, Any]],
    places: list[list[str]],
    n_images: int,
) -> None:
    """Write ``study/{dataset}/fires-N``, for every image `units`: [place, unit, rank, largest activation] of the units
    whose top images hold it, the best rank first; `concepts`: [place, concept_index, IoU of the best single unit, of
    the combination] of the concepts it holds, where Net2Vec learned them."""
    fires: list[list[list[Any]]] = [[] for _ in range(n_images)]
    learned: list[list[list[Any]]] = [[] for _ in range(n_images)]
    for plan in pairs:
        for layer in plan["layers"]:
            if "segmentation_images" in layer["files"]:
                place = places.index([dataset, plan["model"], layer["layer"]])
                columns = ["image_index", "concept_index", "single_iou", "combination_iou"]
                for row in rows_of(read_table(root / layer["files"]["segmentation_images"], columns=columns)):
                    shown = [
                        place,
                        int(row["concept_index"]),
                        number(row["single_iou"]),
                        number(row["combination_iou"]),
                    ]
                    learned[int(row["image_index"])].append(shown)
    for model in facts:
        for layer in model["layers"]:
            place = places.index([dataset, model["model"], layer["layer"]])
            for unit, (images, values) in enumerate(zip(layer.get("tops", []), layer.get("values", []), strict=True)):
                for rank, (image, value) in enumerate(zip(images, values, strict=True)):
                    fires[image].append([place, unit, rank + 1, value])
    for first in range(0, n_images, IMAGES_IN_CHUNK):
        stop = min(first + IMAGES_IN_CHUNK, n_images)
        chunk = [
            {
                "units": sorted(fires[image], key=lambda row: row[2]),
                "concepts": sorted(learned[image], key=lambda row: -(row[3] or 0)),
            }
            for image in range(first, stop)
        ]
        write_script(home, f"study/{dataset}/fires-{first // IMAGES_IN_CHUNK}", chunk)

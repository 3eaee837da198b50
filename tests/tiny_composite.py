"""Tiny data sets that are made of others, or read by code of the user's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.pictures import read_picture
from conceptatlas.datasets.reader import ConceptKey, Label, LabelMap, Listing, Map, Reader
from tiny_files import FRAME, Row, picture, save_indices, save_picture


def write_members(file: Path, rows: list[Row]) -> None:
    """A sheet of members from rows of datasets.tsv."""
    columns = ("dataset", "format", "path", "annotations", "n_images", "split", "options")
    lines = ["\t".join(columns), *("\t".join(str(row.get(column, "")) for column in columns) for row in rows)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def composite(folder: Path) -> Row:
    """COCO panoptic and a folder with masks as one: names unified, stuff as material, two concepts too rare."""
    from tiny_datasets import coco_panoptic, image_folder

    members = [
        coco_panoptic(folder / "coco") | {"dataset": "streets", "options": "stuff_as=object"},
        image_folder(folder / "own") | {"dataset": "own"},
    ]
    members = [{key: value for key, value in row.items() if key not in FRAME} for row in members]
    write_members(folder / "members.tsv", members)
    (folder / "synonyms.tsv").write_text("# unified\nname\tconcept\tdataset\nCar\tautomobile\nwheel\twheel\town\n")
    (folder / "materials.tsv").write_text("name\tmaterial\ntree-merged\tfoliage\nnobody has this\twood\n")
    tables = f"synonyms={folder / 'synonyms.tsv'};materials={folder / 'materials.tsv'}"
    return {
        "dataset": "tiny",
        "format": "composite",
        "path": "",
        "annotations": str(folder / "members.tsv"),
        "options": f"{tables};min_images=4;colors=nearest_of_37",
        **FRAME,
    }


def synthetic(folder: Path, *, options: str = "concepts=car,wheel;background=images;per_concept=3") -> Row:
    """Cars and wheels of a folder with masks, pasted into its two bare pictures."""
    from tiny_datasets import image_folder

    member = image_folder(folder / "own") | {"dataset": "own"}
    for split in ("train", "val"):
        save_picture(folder / "own" / "images" / split / "bare.png", picture(18, 18, seed=9))
        save_indices(folder / "own" / "objects" / split / "bare.png", np.full((18, 18), 255))
    write_members(folder / "members.tsv", [{key: value for key, value in member.items() if key not in FRAME}])
    members = str(folder / "members.tsv")
    return {"dataset": "tiny", "format": "synthetic", "path": "", "annotations": members, "options": options, **FRAME}


class HalvesReader(Reader):
    """A reader as a user would write it: every picture's left half is `left`, the rest `right`."""

    def __init__(self, *, path: str, side: str = "left") -> None:
        self.folder = Path(path)
        self.side = side

    def listing(self, *, map: Map = map) -> Listing:
        if not self.folder.is_dir():
            raise ValueError(f"{self.folder}: no such folder")
        names = sorted(file.name for file in self.folder.glob("*.png"))
        images = pd.DataFrame({"image_id": names, "path": names}).assign(
            source="", split="", licence="", attribution=""
        )
        return Listing(images, pd.DataFrame({"name": ["left", "right"], "categories": [["object"], ["object"]]}))

    def file(self, row: dict[str, Any]) -> Path:
        return self.folder / row["path"]

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        return read_picture(self.file(row))

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        height, width = self.picture(row).shape[:2]
        halves = np.repeat(np.arange(width)[None] >= width // 2, height, axis=0).astype(np.uint8)
        yield LabelMap(halves, {0: ConceptKey("left", "object"), 1: ConceptKey("right", "object")})


def no_reader(**cells: Any) -> str:
    """What a user may name by mistake."""
    return ", ".join(cells)


def user(folder: Path) -> Row:
    """Three pictures read by `HalvesReader`."""
    for i in range(3):
        save_picture(folder / f"{i}.png", picture(12, 20, seed=i))
    options = "reader=tiny_composite:HalvesReader"
    return {"dataset": "tiny", "format": "user", "path": str(folder), "annotations": "", "options": options, **FRAME}

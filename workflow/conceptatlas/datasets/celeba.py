"""CelebA: 202,599 aligned faces with 40 attributes and five landmarks each (Liu et al. 2015).

Attributes speak of the whole picture (category `attribute`); a landmark is a point and becomes a part, the disc around
it. Left and right are those of the picture, as in the published tables: the left eye is the one at smaller x.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.celeba_tables import (
    ATTRIBUTES,
    LANDMARKS,
    PARTITION,
    CelebaTable,
    open_table,
    read_landmarks,
    read_partition,
)
from conceptatlas.datasets.discs import draw_disc
from conceptatlas.datasets.pictures import read_picture
from conceptatlas.datasets.reader import ConceptKey, ImageLabel, Label, LabelMap, Listing, Map, Reader
from conceptatlas.naming import unknown

HEIGHT, WIDTH = 218, 178  # of every aligned picture; landmarks are in its pixels
IMAGE_FOLDERS = ("img_align_celeba/img_align_celeba", "img_align_celeba", "Img/img_align_celeba", "")
PARTITIONS = ("train", "val", "test")
SPLITS = {"train": "train", "val": "val", "test": "val"}
NONE = "none"
RADIUS_OF = {
    "eyes": "of the distance between the eyes of the image",
    "picture": f"of the longer side of the picture ({HEIGHT} pixels)",
    "pixels": f"pixels of the aligned picture ({WIDTH} x {HEIGHT})",
}
DEFAULT_RADIUS = 0.25
LICENCE = "CelebA agreement: non-commercial research, no redistribution"
ATTRIBUTION = "CelebA (Liu, Luo, Wang, Tang 2015), Multimedia Laboratory, The Chinese University of Hong Kong"

POINT_NAMES = ("left eye", "right eye", "nose", "left mouth corner", "right mouth corner")
MERGED_NAMES = ("eye", "eye", "nose", "mouth corner", "mouth corner")


class CelebaReader(Reader):
    """CelebA's aligned pictures.

    Parameters
    ----------
    path : str
        Folder that holds ``img_align_celeba/`` (also twice, as Kaggle packs it, or in ``Img/``), or the pictures.
    annotations : str
        Folder of the tables (also in its ``Anno/`` and ``Eval/``), or the tables themselves, separated by ``;``;
        default `path`.
    attributes : str
        Comma-separated attributes to keep, as the table or as we call them; default all, "none" for no attributes.
    landmarks : "yes" | "no"
        Whether landmarks become parts.
    sides : "keep" | "merge"
        Whether left and right are concepts apart.
    radius : str
        Of the discs, in units of `radius_of`; default 0.25 of the distance between the eyes.
    radius_of : "eyes" | "picture" | "pixels"
        What `radius` is a share of: the distance between the two eyes of this image, the longer side of the picture
        (218 pixels); or whether it is in pixels.
    partitions : str
        Comma-separated partitions to list, of train, val, test; default all. "none" leaves the table aside, and the
        data set has no split of its own.
    """

    def __init__(
        self,
        *,
        path: str,
        annotations: str = "",
        attributes: str = "",
        landmarks: str = "yes",
        sides: str = "keep",
        radius: str = "",
        radius_of: str = "eyes",
        partitions: str = ",".join(PARTITIONS),
    ) -> None:
        for option, value, allowed in (
            ("landmarks", landmarks, ("yes", "no")),
            ("sides", sides, ("keep", "merge")),
            ("radius_of", radius_of, RADIUS_OF),
        ):
            if value not in allowed:
                raise unknown(f"value of {option}", value, allowed, where="the options of celeba")
        self.root = Path(path)
        self._tables = [Path(part.strip()) for part in annotations.split(";") if part.strip()] or [self.root]
        self._chosen = None if not attributes else [] if attributes == NONE else _listed(attributes)
        self._landmarks = landmarks == "yes"
        self._names = MERGED_NAMES if sides == "merge" else POINT_NAMES
        self._radius = _radius(radius, radius_of)
        self._radius_of = radius_of
        self._partitions = [] if partitions == NONE else _listed(partitions)
        for partition in self._partitions:
            if partition not in PARTITIONS:
                raise unknown("partition", partition, [*PARTITIONS, NONE], where="the options of celeba")
        if not self._partitions and partitions != NONE:
            raise ValueError("celeba: the option partitions names some of train, val, test, or is none")

    def listing(self, *, map: Map = map) -> Listing:
        """List the images in the order of the table of attributes, whose columns are the first concepts."""
        folder = self._folder()
        attributes = open_table(self._tables, ATTRIBUTES, hint="the column annotations names their folder")
        kept = self._kept(attributes)
        partition = landmarks = None
        others: list[tuple[CelebaTable, dict[str, str]]] = []
        wanted: dict[str, str] = {}
        if self._partitions:
            table = open_table(self._tables, PARTITION, hint="the option partitions=none does without it")
            partition = read_partition(table)
            others.append((table, partition))
            wanted = {str(PARTITIONS.index(name)): SPLITS[name] for name in self._partitions}
        if self._landmarks:
            table = open_table(self._tables, LANDMARKS, hint="the option landmarks=no does without it")
            landmarks = read_landmarks(table)
            others.append((table, landmarks))
        columns: dict[str, list[str]] = {"image_id": [], "split": [], "_attributes": [], "_landmarks": []}
        n_images = 0
        for line, image, cells in attributes.rows():
            n_images += 1
            for other, found in others:
                if image not in found:
                    raise ValueError(f"{attributes.path}: {image} is not in {other.path}: not of one build")
            present = _present(cells, kept, where=f"{attributes.path}, line {line} ({image})")
            number = partition[image] if partition else ""
            if not partition or number in wanted:
                columns["image_id"].append(image)
                columns["split"].append(wanted.get(number, ""))
                columns["_attributes"].append(present)
                columns["_landmarks"].append(landmarks[image] if landmarks else "")
        for other, found in others:
            if len(found) != n_images:
                raise ValueError(
                    f"{attributes.path} has {n_images} images, {other.path} has {len(found)}: not of one build"
                )
        _check_some_exist(self.root / folder, columns["image_id"])
        return Listing(images=_images(columns, folder), concepts=self._concepts(list(kept.values())))

    def file(self, row: dict[str, Any]) -> Path:
        """The picture's file."""
        return self.root / str(row["path"])

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture; ValueError if landmarks are asked of one that is not 178 x 218, where they mean nothing."""
        picture = read_picture(self.file(row))
        if self._landmarks and picture.shape[:2] != (HEIGHT, WIDTH):
            hint = "; it is rotated" if picture.shape[:2] == (WIDTH, HEIGHT) else ""
            raise ValueError(
                f"{row['path']}: {picture.shape[0]} x {picture.shape[1]} pixels (height x width), landmarks are for "
                f"the aligned pictures of {HEIGHT} x {WIDTH} (option landmarks=no does without them){hint}"
            )
        return picture

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """The attributes of the image, and a map a part."""
        for name in str(row["_attributes"]).split(";"):
            if name:
                yield ImageLabel(ConceptKey(name, "attribute"))
        if not self._landmarks:
            return
        coordinates = [float(text) for text in str(row["_landmarks"]).split()]
        points = list(zip(coordinates[::2], coordinates[1::2], strict=True))
        radius = self._pixels(points)
        masks: dict[str, np.ndarray[Any, Any]] = {}
        for name, (x, y) in zip(self._names, points, strict=True):
            mask = masks.setdefault(name, np.zeros((HEIGHT, WIDTH), dtype=bool))
            draw_disc(mask, y=y + 0.5, x=x + 0.5, radius=radius)
        for name, mask in masks.items():
            yield LabelMap(mask, {1: ConceptKey(name, "part")})

    def definitions(self) -> dict[str, str]:
        """How points become parts, and partitions splits."""
        definitions = {}
        if self._landmarks:
            definitions["part"] = (
                "landmarks, each a disc around the centre of its pixel; left and right are those of the picture, not "
                "of the person" + ("; left and right are one part" if self._names == MERGED_NAMES else "")
            )
            definitions["disc_radius"] = f"{self._radius:g} {RADIUS_OF[self._radius_of]}"
        if "test" in self._partitions:
            definitions["split"] = "the partitions val and test of CelebA are the split val"
        return definitions

    def _folder(self) -> str:
        """The folder of the pictures, relative to the root."""
        if not self.root.is_dir():
            raise ValueError(f"{self.root}: no such folder; path names the one that holds img_align_celeba")
        return next(folder for folder in IMAGE_FOLDERS if (self.root / folder).is_dir())

    def _kept(self, table: CelebaTable) -> dict[int, str]:
        """Position in a row -> name, of the attributes that are kept."""
        names = {column: attribute_name(column) for column in table.columns}
        if len(set(names.values())) < len(table.columns):
            raise ValueError(f"{table.path}: two attributes of one name in its header")
        chosen = set(names.values()) if self._chosen is None else {attribute_name(given) for given in self._chosen}
        for given in self._chosen or []:
            if attribute_name(given) not in names.values():
                raise unknown("attribute", given, table.columns, where=str(table.path))
        return {position: names[column] for position, column in enumerate(table.columns) if names[column] in chosen}

    def _concepts(self, attributes: list[str]) -> pd.DataFrame:
        parts = list(dict.fromkeys(self._names)) if self._landmarks else []
        categories = [["attribute"]] * len(attributes) + [["part"]] * len(parts)
        return pd.DataFrame({"name": attributes + parts, "categories": categories})

    def _pixels(self, points: list[tuple[float, float]]) -> float:
        """The radius in pixels."""
        if self._radius_of == "eyes":
            return self._radius * math.dist(points[0], points[1])
        return self._radius * (HEIGHT if self._radius_of == "picture" else 1)


def attribute_name(column: str) -> str:
    """The words of an attribute.

    >>> attribute_name("5_o_Clock_Shadow")
    '5 o clock shadow'
    """
    return " ".join(column.replace("_", " ").split()).lower()


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _radius(text: str, radius_of: str) -> float:
    if not text and radius_of != "eyes":
        raise ValueError(f"celeba: radius_of={radius_of} needs the option radius; {DEFAULT_RADIUS} is meant for eyes")
    try:
        radius = float(text or DEFAULT_RADIUS)
    except ValueError:
        radius = -1.0
    if not (math.isfinite(radius) and radius > 0):
        raise ValueError(f"celeba: radius is a number above 0, not {text!r}")
    return radius


def _present(cells: list[str], kept: dict[int, str], *, where: str) -> str:
    """The names of the attributes at +1. Cells that are not kept are checked too: a shifted row shows there."""
    for cell in cells:
        if cell not in ("1", "-1", "+1"):
            raise ValueError(f"{where}: value {cell!r} of an attribute, expected 1 or -1")
    return ";".join(name for position, name in kept.items() if cells[position] != "-1")


def _check_some_exist(folder: Path, images: list[str]) -> None:
    if images and not any((folder / image).is_file() for image in images):
        raise ValueError(f"{folder}: none of the {len(images)} images listed is there, such as {images[0]}")


def _images(columns: dict[str, list[str]], folder: str) -> pd.DataFrame:
    prefix = f"{folder}/" if folder else ""
    return pd.DataFrame(columns).assign(
        path=[f"{prefix}{image}" for image in columns["image_id"]],
        source="celeba",
        licence=LICENCE,
        attribution=ATTRIBUTION,
    )

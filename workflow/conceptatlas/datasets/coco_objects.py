"""Annotated objects in pictures: what the readers of COCO instances and of COCO keypoints share.

A subclass says what it keeps of an annotation (`CocoObjectsReader.keep`). From there on all is the same: which images
are listed, or which boxes of them; annotations travel in the column `_annotations` of the listing, as JSON; labels are
made of them alone. A concept is one mask a picture, the union over its annotations; concepts may overlap each other.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.datasets.coco_crops import Box, Crops, Window
from conceptatlas.datasets.coco_files import (
    Category,
    CocoFile,
    Entry,
    Row,
    coco_files,
    read_categories,
    read_images,
    read_stated_picture,
    table_of,
    vocabulary,
)
from conceptatlas.datasets.coco_kept import Kept, joined, read_kept
from conceptatlas.datasets.coco_masks import RunLengths, covers_pixels, decode, encode
from conceptatlas.datasets.discs import draw_disc
from conceptatlas.datasets.reader import PICTURE, ConceptKey, Label, LabelMap, Listing, Map, Reader
from conceptatlas.naming import unknown

logger = logging.getLogger(__name__)

IMAGES = ("all", "with_class")
SLACK = 1.0  # pixels: boxes are rounded, the masks they hold are not

Array = np.ndarray[Any, Any]


class _Listed(NamedTuple):
    """An annotation while its file is listed: its text, and what boxes as images need to know."""

    text: str
    number: int | str = ""
    crowd: bool = False
    box: Box | None = None
    span: Box | None = None  # of the box and the keypoints
    side: float = 0.0


class _Disc(NamedTuple):
    """A disc in pixels, (0, 0) the corner of the picture."""

    y: float
    x: float
    radius: float


class CocoObjectsReader(Reader):
    """Annotated objects in pictures.

    Parameters
    ----------
    path, annotations : str
        See `coco_files.coco_files`.
    form, prefix : str
        Of the format; see there.
    crops : Crops
        Whether boxes become images.
    images : "all" | "with_class"
        Whether images without any kept annotation are listed.
    """

    def __init__(self, *, path: str, annotations: str, form: str, prefix: str, crops: Crops, images: str) -> None:
        if images not in IMAGES:
            raise unknown("value of images", images, IMAGES)
        self.files, self.root = coco_files(path, annotations, form=form, prefix=prefix)
        self.crops = crops
        self.images = images
        self._decoded: tuple[str, Array] | None = None  # the boxes of a picture follow each other

    @abstractmethod
    def concepts(self, categories: list[Category]) -> list[ConceptKey]:
        """The vocabulary, of the categories of all files. ValueError for options that do not fit them."""

    @abstractmethod
    def keep(self, file: CocoFile, annotation: Entry, category: Category) -> Kept | None:
        """What is kept of an annotation; None where it is no label. ValueError for missing fields."""

    def radius(self, side: float, *, height: int, width: int) -> float:
        """Radius in pixels of the discs of an annotation whose box has this longer side, in a picture of this size."""
        return 0.0

    def listing(self, *, map: Map = map) -> Listing:
        """List the images of all JSONs in their order, or the boxes of each image in the order of its annotations."""
        parts, categories = read_categories(self.files, lambda entry: ConceptKey(str(entry["name"]), "object"))
        concepts = vocabulary(self.concepts(categories))
        images = table_of(
            row for file, known in zip(self.files, parts, strict=True) for row in self._rows_of(file, known)
        )
        if images.empty:
            tables = ", ".join(str(file.table) for file in self.files)
            raise ValueError(f"{tables}: the options leave no image; see classes, images, crop, min_side")
        return Listing(images=images, concepts=concepts)

    def file(self, row: Row) -> Path:
        """The file of the whole picture."""
        return self.root / str(row["path"])

    def picture(self, row: Row) -> Array:
        """The picture, or what the box shows of it; ValueError if its size is not the one the JSON states."""
        path = str(row["path"])
        if self._decoded is None or self._decoded[0] != path:
            self._decoded = (path, read_stated_picture(self.file(row), row))
        return _window(row).cut(self._decoded[1]).copy()

    def labels(self, row: Row) -> Iterator[Label]:
        """A mask a concept; ValueError for annotations that cannot be read."""
        height, width, window = int(row["_height"]), int(row["_width"]), _window(row)
        objects, parts = self._read(row)
        for name, encoded in objects.items():
            mask = window.cut(decode(encoded, height=height, width=width))
            yield LabelMap(numbers=mask, concepts={1: ConceptKey(name, "object")})
        for name, discs in parts.items():
            mask = window.cut(_drawn(discs, height=height, width=width))
            yield LabelMap(numbers=mask.view(np.uint8), concepts={1: ConceptKey(name, "part")})

    def present(self, row: Row) -> set[ConceptKey]:
        """The concepts of a row; of whole pictures without decoding masks."""
        if self.crops.on:
            return super().present(row)
        height, width = int(row["_height"]), int(row["_width"])
        objects, parts = self._read(row)
        found = {ConceptKey(name, "object") for name, encoded in objects.items() if covers_pixels(encoded)}
        for name, discs in parts.items():
            inside = any(0 <= disc.x < width and 0 <= disc.y < height for disc in discs)
            if inside or _drawn(discs, height=height, width=width).any():
                found.add(ConceptKey(name, "part"))
        return found

    def definitions(self) -> dict[str, str]:
        """What an image is, where it is not the picture as published."""
        return {"crop": self.crops.definition()} if self.crops.on else {}

    def _read(self, row: Row) -> tuple[dict[str, list[RunLengths]], dict[str, list[_Disc]]]:
        """The encoded masks of a row by object, and its discs by part."""
        height, width = int(row["_height"]), int(row["_width"])
        objects: dict[str, list[RunLengths]] = {}
        parts: dict[str, list[_Disc]] = {}
        for number, kept in read_kept(str(row["_annotations"])):
            where = f"{row['image_id']}, annotation {number}"
            if kept.problem:
                raise ValueError(f"{where}: {kept.problem}")
            if kept.concept:
                try:
                    encoded = encode(kept.segmentation, height=height, width=width)
                except ValueError as error:
                    raise ValueError(f"{where} ({kept.concept}): {error}") from None
                objects.setdefault(kept.concept, []).extend(encoded)
            radius = self.radius(kept.side, height=height, width=width)
            for part, x, y in kept.points:
                # the JSON counts pixels from 0: index 0 is the pixel whose centre lies at 1/2
                parts.setdefault(part, []).append(_Disc(y + 0.5, x + 0.5, radius))
        return objects, parts

    def _rows_of(self, file: CocoFile, categories: dict[int, Category]) -> Iterator[Row]:
        annotated = self._annotated(file, categories)
        left_out = 0
        for row, listed in read_images(file, self.root, annotated):
            of_image = listed or []
            if self.crops.on:
                boxes = [one for one in of_image if not one.crowd]
                rows = list(self._boxes(row, boxes, of_image))
                left_out += len(boxes) - len(rows)
                yield from rows
            elif of_image or self.images == "all":
                whole = Window(0, row["_height"], 0, row["_width"])
                yield {**row, **_columns(whole), "_annotations": joined(one.text for one in of_image)}
        if left_out:
            logger.info("%s: %d boxes left out (below min_side, or outside their picture)", file.table, left_out)

    def _boxes(self, row: Row, boxes: list[_Listed], of_image: list[_Listed]) -> Iterator[Row]:
        """A row a box; each carries the annotations that may reach into it, as their own boxes and keypoints say."""
        height, width = row["_height"], row["_width"]
        reach = [SLACK + self.radius(one.side, height=height, width=width) for one in of_image]
        for box in boxes:
            window = self.crops.window(box.box, height=height, width=width) if box.box else None
            if window is not None:
                near = [
                    one.text
                    for one, pixels in zip(of_image, reach, strict=True)
                    if one.span and window.meets(one.span, reach=pixels)
                ]
                yield {
                    **row,
                    "image_id": f"{row['image_id']}#{box.number}",
                    PICTURE: row["image_id"],
                    **_columns(window),
                    "_annotations": joined(near),
                }

    def _annotated(self, file: CocoFile, categories: dict[int, Category]) -> dict[int | str, list[_Listed]]:
        """The kept annotations of a file by image."""
        found: dict[int | str, list[_Listed]] = {}
        seen: set[int | str] = set()
        for annotation in file.entries("annotations"):
            image, category = file.identity(annotation, "image_id"), file.number(annotation, "category_id")
            if category not in categories:
                known = [str(number) for number in categories]
                raise unknown("category id", str(category), known, where=f"{file.table}, image {image}")
            kept = self.keep(file, annotation, categories[category])
            if kept is None:
                continue
            listed = self._listed(file, annotation, kept)
            if self.crops.on:
                if listed.number in seen:
                    raise ValueError(f"{file.table}: annotation id {listed.number} stands twice")
                seen.add(listed.number)
            found.setdefault(image, []).append(listed)
        return found

    def _listed(self, file: CocoFile, annotation: Entry, kept: Kept) -> _Listed:
        if not self.crops.on:
            return _Listed(kept.text(annotation.get("id", "?")))
        number, box = file.identity(annotation, "id"), box_of(file, annotation)
        corners = [
            (box.x, box.y),
            (box.x + box.width, box.y + box.height),
            *((x + 0.5, y + 0.5) for _, x, y in kept.points),
        ]
        left, top = (min(values) for values in zip(*corners, strict=True))
        right, bottom = (max(values) for values in zip(*corners, strict=True))
        span = Box(left, top, right - left, bottom - top)
        return _Listed(kept.text(number), number, is_crowd(annotation), box, span, kept.side)


def is_crowd(annotation: Entry) -> bool:
    """Whether an annotation stands for many objects at once; LVIS and others have no such field."""
    return bool(annotation.get("iscrowd", 0))


def box_of(file: CocoFile, annotation: Entry) -> Box:
    """The box of an annotation; ValueError where it is not four numbers with sides from 0 on."""
    value = file.field(annotation, "bbox")
    if isinstance(value, list) and len(value) == 4 and all(isinstance(side, int | float) for side in value):
        box = Box(*(float(side) for side in value))
        if np.isfinite(box).all() and box.width >= 0 and box.height >= 0:
            return box
    where = f"{file.table}, annotation {annotation.get('id')}"
    raise ValueError(f"{where}: bbox is {value}, expected [x, y, width, height] in pixels")


def _columns(window: Window) -> Row:
    return {f"_{side}": value for side, value in window._asdict().items()}


def _window(row: Row) -> Window:
    return Window(*(int(row[f"_{side}"]) for side in Window._fields))


def _drawn(discs: list[_Disc], *, height: int, width: int) -> Array:
    mask: Array = np.zeros((height, width), dtype=bool)
    for disc in discs:
        draw_disc(mask, y=disc.y, x=disc.x, radius=disc.radius)
    return mask

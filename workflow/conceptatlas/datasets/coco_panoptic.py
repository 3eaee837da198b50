"""COCO panoptic: one JSON a split, and PNGs whose colours are segment ids (Kirillov et al. 2019).

id = R + 256 G + 65536 B, 0 is unlabelled. Things and stuff become objects; ``stuff_as=material`` makes stuff materials.
Segments of one category in one picture are one label; crowds (`iscrowd`) are labels like others, because a crowd of
people shows people. Segment tables travel in the listing, so that frames are made without parsing the JSON again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from conceptatlas.datasets.coco_files import (
    Category,
    CocoFile,
    coco_files,
    read_categories,
    read_images,
    read_stated_picture,
    table_of,
    vocabulary,
)
from conceptatlas.datasets.pictures import read_coded_numbers, stored_size
from conceptatlas.datasets.reader import ConceptKey, Label, LabelMap, Listing, Map, Reader
from conceptatlas.naming import unknown

STUFF_AS = ("object", "material")

Row = dict[str, Any]


class CocoPanopticReader(Reader):
    """COCO panoptic annotations.

    Parameters
    ----------
    path : str
        Folder of the images: one folder a JSON (separated by ``;``, in their order), or one root with a subfolder
        named like the JSON (``train2017`` for ``panoptic_train2017.json``), or the folder of the images itself.
    annotations : str
        The JSON files, separated by ``;``. The PNGs of ``x.json`` lie beside it in the folder ``x``.
    stuff_as : "object" | "material"
        Category of stuff.
    """

    def __init__(self, *, path: str, annotations: str, stuff_as: str = "object") -> None:
        if stuff_as not in STUFF_AS:
            raise unknown("value of stuff_as", stuff_as, STUFF_AS)
        self.stuff_as = stuff_as
        self.files, self.root = coco_files(path, annotations, form="panoptic", prefix="panoptic_")
        self.tables = [file.table for file in self.files]

    def listing(self, *, map: Map = map) -> Listing:
        """List the images of all JSONs in their order, and the categories in the order of their ids."""
        parts, categories = read_categories(self.files, self._concept)
        images = table_of(row for number, part in enumerate(parts) for row in self._images(number, part))
        return Listing(images=images, concepts=vocabulary(category.concept for category in categories))

    def file(self, row: Row) -> Path:
        """The picture's file."""
        return self.root / str(row["path"])

    def picture(self, row: Row) -> np.ndarray[Any, Any]:
        """The picture; ValueError if its size is not the one the JSON states."""
        return read_stated_picture(self.file(row), row)

    def labels(self, row: Row) -> Iterator[Label]:
        """One map whose numbers are categories; ValueError if PNG and JSON do not name the same segments."""
        members = _members(row)
        png = self._png(row)
        ids = read_coded_numbers(png)
        _check_size(png, (ids.shape[0], ids.shape[1]), row)
        numbers = {concept: number for number, concept in enumerate(members, start=1)}
        segments = {segment: numbers[concept] for concept, of in members.items() for segment in of}
        yield LabelMap(
            numbers=_renumbered(ids, segments, png), concepts={number: concept for concept, number in numbers.items()}
        )

    def present(self, row: Row) -> set[ConceptKey]:
        """The categories that the JSON gives the image, if its PNG is one of its size.

        That the PNG shows the same segments is found out by `labels`.
        """
        members, png = _members(row), self._png(row)
        _check_size(png, stored_size(png), row)
        return set(members)

    def _png(self, row: Row) -> Path:
        return self.tables[int(row["_part"])].with_suffix("") / str(row["_png"])

    def _concept(self, category: dict[str, Any]) -> ConceptKey:
        return ConceptKey(str(category["name"]), "object" if category.get("isthing", 1) else self.stuff_as)

    def _images(self, number: int, categories: dict[int, Category]) -> Iterator[Row]:
        file = self.files[number]
        masks = file.table.with_suffix("")
        if not masks.is_dir():
            raise ValueError(f"{masks}: no such folder; the PNGs of {file.table.name} lie beside it")
        annotated: dict[int | str, tuple[str, str]] = {}
        for annotation in file.entries("annotations"):
            image = file.identity(annotation, "image_id")
            if image in annotated:
                raise ValueError(f"{file.table}: image {image} has two annotations")
            annotated[image] = (str(annotation.get("file_name", "")), _segments(annotation, categories, file))
        for row, found in read_images(file, self.root, annotated):
            png, segments = found or ("", "")
            own = PurePosixPath(row["image_id"]).relative_to(file.name).with_suffix(".png").as_posix()
            yield {**row, "_part": number, "_png": png or own, "_segments": segments}


def _segments(annotation: dict[str, Any], categories: dict[int, Category], file: CocoFile) -> str:
    """The segments of an image by concept, as JSON: [[name, category, [segment id, ...]], ...]."""
    if "segments_info" not in annotation:
        raise ValueError(
            f"{file.table}: annotations have no segments_info; this looks like COCO instances, not panoptic"
        )
    segments = annotation["segments_info"]
    if not isinstance(segments, list) or not all(isinstance(segment, dict) for segment in segments):
        raise ValueError(f"{file.table}, image {annotation['image_id']}: segments_info is no list of objects")
    members: dict[ConceptKey, list[int]] = {}
    for segment in segments:
        number = file.number(segment, "category_id")
        if number not in categories:
            where = f"{file.table}, image {annotation['image_id']}"
            raise unknown("category id", str(number), [str(known) for known in categories], where=where)
        members.setdefault(categories[number].concept, []).append(file.number(segment, "id"))
    return json.dumps([[*concept, ids] for concept, ids in members.items()])


def _check_size(png: Path, found: tuple[int, int], row: Row) -> None:
    expected = (int(row["_height"]), int(row["_width"]))
    if found != expected:
        raise ValueError(f"{png}: {found[0]} x {found[1]} pixels (height x width), the JSON says {expected}")


def _members(row: Row) -> dict[ConceptKey, list[int]]:
    """The segment ids of an image by concept; ValueError without annotation, and for one that stands twice."""
    if not row["_segments"]:
        raise ValueError(f"{row['image_id']}: the JSON has no annotation for this image")
    members: dict[ConceptKey, list[int]] = {}
    seen: set[int] = set()
    for name, category, ids in json.loads(str(row["_segments"])):
        for segment in ids:
            if segment in seen:
                raise ValueError(f"{row['image_id']}: segment {segment} stands twice in the JSON")
            seen.add(segment)
        members[ConceptKey(name, category)] = ids
    return members


def _renumbered(ids: np.ndarray[Any, Any], segments: dict[int, int], png: Path) -> np.ndarray[Any, Any]:
    """The id map with each segment replaced by its number in `segments`, 0 where unlabelled.

    Works on runs of equal ids: a picture has some ten thousand runs, and thirty times as many pixels.
    """
    flat = ids.reshape(-1)
    starts = np.flatnonzero(np.diff(flat, prepend=-1))
    values = flat[starts]
    present = np.unique(values)
    strange = sorted(set(present.tolist()) - set(segments) - {0})
    if strange:
        raise ValueError(f"{png}: segment ids {strange[:5]} are not in the JSON")
    absent = sorted(set(segments) - set(present.tolist()))
    if absent:
        raise ValueError(f"{png}: segments {absent[:5]} of the JSON are not in the PNG")
    numbers = np.array([segments.get(int(segment), 0) for segment in present], dtype=np.int32)
    lengths = np.diff(starts, append=flat.size)
    renumbered: np.ndarray[Any, Any] = np.repeat(numbers[np.searchsorted(present, values)], lengths)
    return renumbered.reshape(ids.shape)

"""COCO panoptic: one JSON a split, and PNGs whose colours are segment ids (Kirillov et al. 2019).

id = R + 256 G + 65536 B, 0 is unlabelled. Things and stuff become objects; ``stuff_as=material`` makes stuff materials.
Segments of one category in one picture are one label; crowds (`iscrowd`) are labels like others, because a crowd of
people shows people. Segment tables travel in the listing, so that frames are made without parsing the JSON again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.pictures import read_coded_numbers, read_picture
from conceptatlas.datasets.reader import ConceptKey, Label, LabelMap, Listing
from conceptatlas.naming import unknown

logger = logging.getLogger(__name__)

STUFF_AS = ("object", "material")


class CocoPanopticReader:
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
        self.tables = [Path(part.strip()) for part in annotations.split(";") if part.strip()]
        if not self.tables:
            raise ValueError("coco_panoptic: the column annotations names the JSON files, separated by ';'")
        self.folders = _image_folders(path, self.tables)
        self.root = Path(os.path.commonpath(self.folders))

    def listing(self) -> Listing:
        """List the images of all JSONs in their order, and the categories in the order of their ids."""
        images: list[dict[str, Any]] = []
        names: dict[int, ConceptKey] = {}
        for part, table in enumerate(self.tables):
            content = _read_table(table)
            try:
                concepts = self._concepts(content["categories"], table)
                images.extend(self._images(content, part=part, concepts=concepts))
            except KeyError as error:
                raise ValueError(f"{table}: an entry lacks the field {error}") from None
            for number, concept in concepts.items():
                if names.setdefault(number, concept) != concept:
                    raise ValueError(
                        f"{table}: category {number} is {concept.name!r} ({concept.category}), in {self.tables[0]} "
                        f"it is {names[number].name!r} ({names[number].category})"
                    )
        categories: dict[str, list[str]] = {}
        for number in sorted(names):
            concept = names[number]
            if concept.name in categories:
                raise ValueError(f"{self.tables[0]}: two categories are called {concept.name!r}")
            categories[concept.name] = [concept.category]
        return Listing(
            images=pd.DataFrame(images),
            concepts=pd.DataFrame({"name": list(categories), "categories": list(categories.values())}),
        )

    def picture(self, row: dict[str, Any]) -> np.ndarray[Any, Any]:
        """The picture; ValueError if its size is not the one the JSON states."""
        picture = read_picture(self.root / str(row["path"]))
        expected = (int(row["_height"]), int(row["_width"]))
        if picture.shape[:2] != expected:
            raise ValueError(
                f"{row['path']}: {picture.shape[0]} x {picture.shape[1]} pixels (height x width), the JSON says "
                f"{expected[0]} x {expected[1]}"
            )
        return picture

    def labels(self, row: dict[str, Any]) -> Iterator[Label]:
        """One map whose numbers are categories; ValueError if PNG and JSON do not name the same segments."""
        if not row["_segments"]:
            raise ValueError(f"{row['image_id']}: the JSON has no annotation for this image")
        table = self.tables[int(row["_part"])]
        png = table.with_suffix("") / str(row["_png"])
        ids = read_coded_numbers(png)
        expected = (int(row["_height"]), int(row["_width"]))
        if ids.shape != expected:
            raise ValueError(
                f"{png}: {ids.shape[0]} x {ids.shape[1]} pixels (height x width), the JSON says {expected}"
            )
        concepts: dict[int, ConceptKey] = {}
        segments: dict[int, int] = {}
        for number, (name, category, members) in enumerate(json.loads(str(row["_segments"])), start=1):
            concepts[number] = ConceptKey(name, category)
            for segment in members:
                if segment in segments:
                    raise ValueError(f"{row['image_id']}: segment {segment} stands twice in the JSON")
                segments[segment] = number
        yield LabelMap(numbers=_renumbered(ids, segments, png), concepts=concepts)

    def _concepts(self, categories: list[dict[str, Any]], table: Path) -> dict[int, ConceptKey]:
        concepts: dict[int, ConceptKey] = {}
        for category in categories:
            number = int(category["id"])
            if number in concepts:
                raise ValueError(f"{table}: category id {number} stands twice")
            concepts[number] = ConceptKey(
                str(category["name"]), "object" if category.get("isthing", 1) else self.stuff_as
            )
        return concepts

    def _images(
        self, content: dict[str, Any], *, part: int, concepts: dict[int, ConceptKey]
    ) -> Iterator[dict[str, Any]]:
        table, folder = self.tables[part], self.folders[part]
        split_name = _split_name(table)
        licences = {entry["id"]: _licence(entry) for entry in content.get("licenses", [])}
        annotations = _by_image(content, table)
        for image in content["images"]:
            annotation = annotations.get(image["id"])
            relative = (folder / image["file_name"]).relative_to(self.root)
            yield {
                "image_id": f"{split_name}/{image['file_name']}",
                "path": relative.as_posix(),
                "source": "coco",
                "split": next((split for split in ("train", "val") if split in split_name), ""),
                "licence": licences.get(image.get("license"), ""),
                "attribution": str(image.get("flickr_url") or image.get("coco_url") or ""),
                "_part": part,
                "_png": _png_name(image, annotation),
                "_height": int(image["height"]),
                "_width": int(image["width"]),
                "_segments": "" if annotation is None else _segments(annotation, concepts, table),
            }


def _image_folders(path: str, tables: list[Path]) -> list[Path]:
    folders = [Path(part.strip()) for part in path.split(";") if part.strip()]
    if len(folders) == len(tables) and len(folders) > 1:
        return folders
    if len(folders) != 1:
        raise ValueError(
            f"coco_panoptic: path names {len(folders)} folders for {len(tables)} JSON files; expected one for each, "
            "or one root"
        )
    inside = [folders[0] / _split_name(table) for table in tables]
    return [folder if folder.is_dir() else folders[0] for folder in inside]


def _split_name(table: Path) -> str:
    """``train2017`` of ``panoptic_train2017.json``."""
    return table.stem.removeprefix("panoptic_")


def _read_table(table: Path) -> dict[str, Any]:
    if not table.exists():
        raise ValueError(f"{table}: no such file; the column annotations of datasets.tsv names it")
    try:
        content = json.loads(table.read_bytes())
    except ValueError as error:
        raise ValueError(f"{table}: not valid JSON ({error})") from None
    missing = [key for key in ("images", "annotations", "categories") if key not in content]
    if missing:
        raise ValueError(f"{table}: no {', '.join(missing)}; is this a COCO panoptic file?")
    if any("segments_info" not in annotation for annotation in content["annotations"][:1]):
        raise ValueError(f"{table}: annotations have no segments_info; this looks like COCO instances, not panoptic")
    loaded: dict[str, Any] = content
    return loaded


def _by_image(content: dict[str, Any], table: Path) -> dict[Any, dict[str, Any]]:
    known = [image["id"] for image in content["images"]]
    twice = len(known) - len(set(known))
    if twice:
        raise ValueError(f"{table}: {twice} image ids stand more than once")
    found: dict[Any, dict[str, Any]] = {}
    listed = set(known)
    for annotation in content["annotations"]:
        image = annotation["image_id"]
        if image in found:
            raise ValueError(f"{table}: image {image} has two annotations")
        if image not in listed:
            raise ValueError(f"{table}: an annotation names image {image}, which is not listed")
        found[image] = annotation
    return found


def _licence(entry: dict[str, Any]) -> str:
    url = str(entry.get("url", ""))
    return str(entry.get("name", "")) + (f" ({url})" if url else "")


def _png_name(image: dict[str, Any], annotation: dict[str, Any] | None) -> str:
    if annotation is not None and "file_name" in annotation:
        return str(annotation["file_name"])
    return PurePosixPath(str(image["file_name"])).with_suffix(".png").as_posix()


def _segments(annotation: dict[str, Any], concepts: dict[int, ConceptKey], table: Path) -> str:
    """The segments of an image by concept, as JSON: [[name, category, [segment id, ...]], ...]."""
    members: dict[ConceptKey, list[int]] = {}
    for segment in annotation["segments_info"]:
        number = int(segment["category_id"])
        if number not in concepts:
            known = [str(known) for known in concepts]
            raise unknown("category id", str(number), known, where=f"{table}, image {annotation['image_id']}")
        members.setdefault(concepts[number], []).append(int(segment["id"]))
    return json.dumps([[*concept, ids] for concept, ids in members.items()])


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

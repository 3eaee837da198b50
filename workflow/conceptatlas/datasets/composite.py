"""Several data sets as one, with one vocabulary: how Broden is rebuilt from sources that still exist.

Broden (Bau et al. 2017) merged ADE20K, PASCAL-Part and -Context, OpenSurfaces and DTD, with names unified, rare labels
left out and every pixel named by one of eleven colours. A composite does that with any data sets this project reads:

members
    The cell `annotations` names a sheet with a row a data set (columns as in datasets.tsv).
names
    `synonyms` is a table (name, concept): what a member calls `name` is `concept`; an empty cell leaves the label out.
    `materials` is a table (name, material): pixels labelled `name` also carry the material (COCO-stuff's "wall-brick"
    is brick). Names are compared without regard to case; a column `dataset` restricts a row to one member, a column
    `category` to one category.
minimum
    Concepts in fewer than `min_images` images are left out. Images are all kept.
colours
    Each pixel gets the name of the nearest prototype (`colors.py`), with the suffix ``-c`` as in Broden: an orange is
    not orange-c.

An image without any label of a category says nothing about that category: IoU over images of the category
(`iou_category`) never counts against a unit what a member did not annotate.
"""

from __future__ import annotations

import functools
import json
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.colors import COLOR_DEFINITIONS, COLOR_NAMES, COLOR_SIDE, color_numbers
from conceptatlas.datasets.index import COMPOSITE, members_of, open_dataset
from conceptatlas.datasets.listing import IMAGE_FIELDS, list_dataset
from conceptatlas.datasets.pictures import shrunk
from conceptatlas.datasets.reader import PICTURE, ConceptKey, ImageLabel, Label, LabelMap, Listing, Map, Reader
from conceptatlas.datasets.renaming import Renaming
from conceptatlas.naming import CATEGORIES, unknown
from conceptatlas.seeds import derive_seed
from conceptatlas.sheets import expand_row
from conceptatlas.tables import records

logger = logging.getLogger(__name__)

NO_COLORS = "no"
COLORS = tuple(ConceptKey(f"{name}-c", "color") for name in COLOR_NAMES)
IMAGES_PER_TASK = 256

Row = dict[str, Any]


class CompositeReader(Reader):
    """Several data sets as one.

    Parameters
    ----------
    annotations : str
        The sheet of members.
    path : str
        Unused: members bring their own.
    seed : int
        Of the study: limits and splits of members are drawn with it.
    synonyms, materials : str
        Tables of names; see above.
    min_images : int
        Concepts in fewer images are left out; 0 keeps all. Counting reads the labels of all images once.
    colors : "no" or one of `colors.COLOR_DEFINITIONS`
        Whether, and how, pixels are named by their colour.
    """

    def __init__(
        self,
        *,
        annotations: str,
        path: str = "",
        seed: int = 0,
        synonyms: str = "",
        materials: str = "",
        min_images: int | str = 0,
        colors: str = NO_COLORS,
    ) -> None:
        if path:
            raise ValueError("composite: leave the column path empty; members bring their own")
        if colors not in (NO_COLORS, *COLOR_DEFINITIONS):
            raise unknown("value of colors", colors, [NO_COLORS, *COLOR_DEFINITIONS])
        if not str(min_images).isdecimal():
            raise ValueError(f"composite: min_images is a number of images, not {min_images!r}")
        self._min_images = int(min_images)
        self._colors = colors
        self._seed = seed
        rows = members_of({"format": COMPOSITE, "annotations": annotations})
        self._members = {str(row["dataset"]): expand_row(row) for row in rows}
        self._renaming = Renaming(
            Path(synonyms) if synonyms else None, Path(materials) if materials else None, members=list(self._members)
        )
        self._readers: dict[str, Reader] = {}
        # a frame needs the picture and then, for its colours, the picture again
        self._decoded: tuple[str, np.ndarray[Any, Any]] | None = None

    def listing(self, *, map: Map = map) -> Listing:
        """List the images of all members in their order, and the concepts in the order in which members name them."""
        images: list[Row] = []
        categories: dict[str, set[str]] = {}
        for member, row in self._members.items():
            listed = list_dataset(row, self._seed_of(member), map=map)
            images.extend(self._images(member, listed.images))
            for name, found in zip(listed.concepts["name"], listed.concepts["categories"], strict=True):
                for concept in self._renaming.renamed(member, [ConceptKey(name, category) for category in found]):
                    categories.setdefault(concept.name, set()).add(concept.category)
        self._renaming.warn_unused()
        without = self._thin(images, list(categories), map=map) if self._min_images else set()
        if self._colors != NO_COLORS:
            for color in COLORS:
                categories.setdefault(color.name, set()).add(color.category)
        kept = {name: found for name, found in categories.items() if name not in without}
        concepts = pd.DataFrame(
            {
                "name": list(kept),
                "categories": [[category for category in CATEGORIES if category in found] for found in kept.values()],
            }
        )
        return Listing(images=pd.DataFrame(images), concepts=concepts)

    def file(self, row: Row) -> Path | None:
        """The picture's file, as its member says."""
        member, own = self._own(row)
        return self._reader(member).file(own)

    def picture(self, row: Row) -> np.ndarray[Any, Any]:
        """The picture, as its member reads it."""
        member, own = self._own(row)
        picture = self._reader(member).picture(own)
        self._decoded = (str(row["image_id"]), picture)
        return picture

    def labels(self, row: Row) -> Iterator[Label]:
        """The member's labels under their new names, and the colours of pixels."""
        member, own = self._own(row)
        without = set(json.loads(row["_without"]))
        for label in self._reader(member).labels(own):
            yield from self._renamed(member, label, without)
        if self._colors != NO_COLORS:
            known = self._decoded is not None and self._decoded[0] == row["image_id"]
            picture = self._decoded[1] if known and self._decoded is not None else self.picture(row)
            numbers = color_numbers(shrunk(picture, side=COLOR_SIDE), definition=self._colors)
            yield LabelMap(numbers=numbers, concepts=dict(enumerate(COLORS)))

    def present(self, row: Row) -> set[ConceptKey]:
        """The member's labels under their new names; colours need the picture."""
        if self._colors != NO_COLORS:
            return super().present(row)
        return self._labelled(row)

    def definitions(self) -> dict[str, str]:
        """How colours are named, which concepts are left out, and what members define."""
        found = {"min_images": str(self._min_images)}
        if self._colors != NO_COLORS:
            found["color_definition"] = f"{self._colors}: {COLOR_DEFINITIONS[self._colors]}"
        for member in self._members:
            own = self._reader(member).definitions()
            found.update({f"{member}: {name}": text for name, text in own.items()})
        return found

    def _images(self, member: str, listed: pd.DataFrame) -> Iterator[Row]:
        for own in records(listed):
            texts = {field: str(own[field]) for field in IMAGE_FIELDS}
            yield {
                **texts,
                "image_id": f"{member}/{texts['image_id']}",
                "path": f"{member}/{texts['path']}" if texts["path"] else "",
                "source": f"{member}/{texts['source']}" if texts["source"] else member,
                PICTURE: f"{member}/{own.get(PICTURE, texts['image_id'])}",
                "_member": member,
                "_row": json.dumps(own, default=_plain),
                "_without": "[]",
            }

    def _thin(self, images: list[Row], names: Iterable[str], *, map: Map) -> set[str]:
        """Those of the names that fewer than `min_images` images hold; each image is told which of them it holds."""
        tasks = [images[begin : begin + IMAGES_PER_TASK] for begin in range(0, len(images), IMAGES_PER_TASK)]
        held = [found for part in map(functools.partial(_names_held, self), tasks) for found in part]
        counts = Counter(name for found in held for name in found or ())
        thin = {name for name in names if counts[name] < self._min_images}
        for image, found in zip(images, held, strict=True):
            image["_without"] = json.dumps(sorted(thin if found is None else thin.intersection(found)))
        if thin:
            logger.info("%d of %d concepts are in fewer than %d images", len(thin), len(counts), self._min_images)
        return thin

    def _renamed(self, member: str, label: Label, without: set[str]) -> Iterator[Label]:
        """A label under its new names: the concept's own, and its materials in maps of their own."""
        if isinstance(label, ImageLabel):
            for concept in self._renaming.renamed(member, [label.concept]):
                if concept.name not in without:
                    yield ImageLabel(concept)
            return
        named = {number: self._renaming.renamed(member, [concept]) for number, concept in label.concepts.items()}
        named = {n: [concept for concept in found if concept.name not in without] for n, found in named.items()}
        for layer in range(max((len(found) for found in named.values()), default=0)):
            concepts = {number: found[layer] for number, found in named.items() if len(found) > layer}
            yield LabelMap(numbers=label.numbers, concepts=concepts)

    def _labelled(self, row: Row) -> set[ConceptKey]:
        """The labels of an image but colours."""
        member, own = self._own(row)
        without = set(json.loads(row["_without"]))
        found = self._renaming.renamed(member, self._reader(member).present(own))
        return {concept for concept in found if concept.name not in without}

    def _own(self, row: Row) -> tuple[str, Row]:
        """The member that an image comes from, and its row there."""
        return str(row["_member"]), json.loads(row["_row"])

    def _seed_of(self, member: str) -> int:
        """Two members that are drawn (limits, generated scenes) are drawn apart."""
        return derive_seed(self._seed, "member", member) % 2**31

    def _reader(self, member: str) -> Reader:
        if member not in self._readers:
            self._readers[member] = open_dataset(self._members[member], study_seed=self._seed_of(member))
        return self._readers[member]


def _names_held(reader: CompositeReader, images: list[Row]) -> list[list[str] | None]:
    """For each image the names of its labels; None where they cannot be read (framing says why)."""
    held: list[list[str] | None] = []
    for image in images:
        try:
            held.append(sorted({concept.name for concept in reader._labelled(image)}))
        except (ValueError, OSError):
            held.append(None)
    return held


def _plain(value: Any) -> Any:
    """A numpy number as Python's, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} in the listing of a member; expected text and numbers")

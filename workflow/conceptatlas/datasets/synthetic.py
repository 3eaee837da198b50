"""Data set format `synthetic`: concepts cut out of another data set's images and pasted where nothing else helps.

A concept in its natural place comes with its context: cars come with streets. Here its pixels are cut out by their mask
and pasted at a seeded random place and scale, on noise or on images of the same data set that hold none of the chosen
concepts; there are as many such backgrounds with nothing pasted. Source: Mikriukov et al. 2023 made synthetic concepts
of COCO that way.

members
    The cell `annotations` names a sheet with one row, the data set that is cut up (columns as for `composite`).
images
    `per_concept` images with each concept and `per_concept` without any. Where fewer images hold a concept, each is cut
    out several times, at other places and scales. Those with the smallest hash of their names are taken, so a smaller
    number keeps a subset of a larger one.
splits
    Those of the member (its row may ask for one): a concept is pasted on backgrounds of its own split.
"""

from __future__ import annotations

import functools
import json
import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.index import SYNTHETIC, members_of, open_dataset
from conceptatlas.datasets.listing import list_dataset
from conceptatlas.datasets.pasting import covered, cut_out, mask_of, paste
from conceptatlas.datasets.reader import PICTURE, ConceptKey, Label, LabelMap, Listing, Map, Reader
from conceptatlas.naming import unknown
from conceptatlas.seeds import derive_seed, generator, unit_interval
from conceptatlas.sheets import expand_row
from conceptatlas.tables import records

logger = logging.getLogger(__name__)

BACKGROUNDS = ("noise", "images")
DEFAULT_SIZE = 224
IMAGES_PER_TASK = 256

Row = dict[str, Any]


class SyntheticReader(Reader):
    """Cut-out concepts on backgrounds.

    Parameters
    ----------
    annotations : str
        The sheet with the data set that is cut up.
    concepts : str
        Names of its concepts, joined by commas.
    path : str
        Unused: pictures are generated.
    frame_size : int
        Side of noise pictures in pixels.
    seed : int
        Of the study: choice, place, scale and noise.
    per_concept : int
        Images with each concept, and images without any.
    background : noise or images
    min_scale, max_scale : float
        The longer side of what is pasted, as a share of the background's shorter side, is drawn between them.
    min_share : float
        Labels that cover less of their picture are not cut out.
    """

    def __init__(
        self,
        *,
        annotations: str,
        concepts: str = "",
        path: str = "",
        frame_size: int | None = None,
        seed: int = 0,
        per_concept: int | str = 200,
        background: str = "noise",
        min_scale: float | str = 0.3,
        max_scale: float | str = 0.7,
        min_share: float | str = 0.005,
    ) -> None:
        if path:
            raise ValueError("synthetic: leave the column path empty; pictures are generated from the member's")
        if background not in BACKGROUNDS:
            raise unknown("value of background", background, BACKGROUNDS)
        if not str(per_concept).isdecimal() or int(per_concept) < 1:
            raise ValueError(f"synthetic: per_concept is a number of images from 1, not {per_concept!r}")
        self._concepts = list(dict.fromkeys(name.strip() for name in concepts.split(",") if name.strip()))
        if not self._concepts:
            raise ValueError("synthetic: option concepts names what is cut out, as in concepts=car,dog")
        rows = members_of({"format": SYNTHETIC, "annotations": annotations})
        if len(rows) != 1:
            raise ValueError(f"synthetic: {annotations} lists {len(rows)} data sets; expected the one that is cut up")
        self._per_concept = int(per_concept)
        self._background = background
        self._scales = (_share("min_scale", min_scale), _share("max_scale", max_scale))
        if self._scales[0] > self._scales[1]:
            raise ValueError(f"synthetic: min_scale {min_scale} is larger than max_scale {max_scale}")
        self._min_share = _share("min_share", min_share)
        self._size = frame_size or DEFAULT_SIZE
        self._seed = int(seed)
        self._member = expand_row(rows[0])
        self._member_seed = derive_seed(self._seed, "member", str(self._member["dataset"])) % 2**31
        self._opened: Reader | None = None
        # a frame needs the picture and then its labels
        self._made: tuple[str, np.ndarray[Any, Any], np.ndarray[Any, Any]] | None = None

    def listing(self, *, map: Map = map) -> Listing:
        """List the images: what each is made of, by name. Reads the labels of all images of the member once."""
        listed = list_dataset(self._member, self._member_seed, map=map)
        categories = dict(zip(listed.concepts["name"], listed.concepts["categories"], strict=True))
        for name in self._concepts:
            if name not in categories:
                raise unknown("concept", name, categories, where=f"data set {self._member['dataset']}")
        sources = records(listed.images)
        tasks = [sources[begin : begin + IMAGES_PER_TASK] for begin in range(0, len(sources), IMAGES_PER_TASK)]
        shares = [found for part in map(functools.partial(_shares, self), tasks) for found in part]
        readable = [(image, found) for image, found in zip(sources, shares, strict=True) if found is not None]
        pool = [image for image, found in readable if not found]
        images: list[Row] = []
        for name in self._concepts:
            holders = [image for image, found in readable if found.get(name, 0) >= self._min_share]
            images.extend(self._with_concept(ConceptKey(name, categories[name][0]), holders, pool))
        images.extend(self._without(images, pool))
        concepts = pd.DataFrame(
            {"name": self._concepts, "categories": [[categories[name][0]] for name in self._concepts]}
        )
        return Listing(images=pd.DataFrame(images), concepts=concepts)

    def file(self, row: Row) -> None:
        """None: pictures are generated."""
        return

    def picture(self, row: Row) -> np.ndarray[Any, Any]:
        """The background with what is pasted on it."""
        return self._composed(row)[0]

    def labels(self, row: Row) -> Iterator[Label]:
        """The pasted pixels; nothing where nothing was pasted."""
        if row["_concept"]:
            mask = self._composed(row)[1]
            yield LabelMap(mask.astype(np.uint8), {1: ConceptKey(str(row["_concept"]), str(row["_category"]))})

    def present(self, row: Row) -> set[ConceptKey]:
        """The pasted concept, known from the row."""
        return {ConceptKey(str(row["_concept"]), str(row["_category"]))} if row["_concept"] else set()

    def definitions(self) -> dict[str, str]:
        """How images are made, and what the member defines."""
        low, high = self._scales
        on = "uniform noise" if self._background == "noise" else "images that hold none of the concepts"
        text = (
            f"pixels of a concept cut out of {self._member['dataset']} by its mask (at least {self._min_share:g} of "
            f"the picture) and pasted on {on}, whole, at a random place, longer side {low:g} to {high:g} of the "
            "background's shorter side; as many backgrounds with nothing pasted as images of one concept"
        )
        return {"synthetic": text} | {
            f"{self._member['dataset']}: {name}": how for name, how in self._source().definitions().items()
        }

    def _with_concept(self, concept: ConceptKey, holders: list[Row], pool: list[Row]) -> Iterator[Row]:
        if not holders:
            raise ValueError(
                f"synthetic: no image of data set {self._member['dataset']} has a mask of {concept.name!r} that covers "
                f"{self._min_share:g} of its picture; lower min_share or choose another concept"
            )
        holders = self._ranked(holders, concept.name)
        for number in range(self._per_concept):
            copy, position = divmod(number, len(holders))
            source = holders[position]
            image_id = f"{concept.name}/{source['image_id']}/{copy}"
            background: Row | None = None
            if self._background == "images":
                same = [image for image in pool if image["split"] == source["split"]]
                if not same:
                    raise ValueError(
                        f"synthetic: no image of data set {self._member['dataset']} (split {source['split']!r}) is "
                        f"without {', '.join(self._concepts)}; use background=noise or fewer concepts"
                    )
                background = same[int(unit_interval(self._seed, "background", image_id) * len(same))]
            yield self._row(image_id, concept, source, background)

    def _without(self, pasted: list[Row], pool: list[Row]) -> Iterator[Row]:
        """Backgrounds with nothing pasted; noise takes its splits from the images with a concept, in turn."""
        nothing = ConceptKey("", "")
        if self._background == "noise":
            for number in range(self._per_concept):
                like = pasted[number % len(self._concepts) * self._per_concept + number]
                yield self._row(f"without/{number:06d}", nothing, None, None) | {"split": like["split"]}
            return
        if len(pool) < self._per_concept:
            logger.warning(
                "synthetic: %d images without %s, per_concept is %d",
                len(pool), ", ".join(self._concepts), self._per_concept,
            )  # fmt: skip
        for image in self._ranked(pool, "without")[: self._per_concept]:
            yield self._row(f"without/{image['image_id']}", nothing, None, image)

    def _ranked(self, images: list[Row], purpose: str) -> list[Row]:
        """In the order of a hash of their names."""
        return sorted(images, key=lambda image: unit_interval(self._seed, "synthetic", purpose, image["image_id"]))

    def _row(self, image_id: str, concept: ConceptKey, source: Row | None, background: Row | None) -> Row:
        used = [image for image in (source, background) if image is not None]
        main = used[0] if used else {}
        row = {
            field: "; ".join(dict.fromkeys(str(image[field]) for image in used if image[field]))
            for field in ("licence", "attribution")
        }
        return row | {
            "image_id": image_id,
            "path": "",
            "source": SYNTHETIC,  # one source: what is pasted may change places with what is not
            "split": str(main.get("split", "")),
            PICTURE: str(main.get(PICTURE, main.get("image_id", image_id))),
            "_concept": concept.name,
            "_category": concept.category,
            "_source": json.dumps(source, default=_plain) if source else "",
            "_background": json.dumps(background, default=_plain) if background else "",
        }

    def _composed(self, row: Row) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """The picture of a row and the pixels that were pasted, bool (height, width)."""
        image_id = str(row["image_id"])
        if self._made is None or self._made[0] != image_id:
            if row["_background"]:
                picture = self._source().picture(json.loads(row["_background"]))
            else:
                shape = (self._size, self._size, 3)
                picture = generator(self._seed, "noise", image_id).integers(0, 256, shape, dtype=np.uint8)
            mask = np.zeros(picture.shape[:2], dtype=bool)
            if row["_concept"]:
                picture, mask = self._pasted(image_id, str(row["_concept"]), json.loads(row["_source"]), picture)
            self._made = (image_id, picture, mask)
        return self._made[1:]

    def _pasted(
        self, image_id: str, concept: str, source: Row, background: np.ndarray[Any, Any]
    ) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        picture = self._source().picture(source)
        height, width = picture.shape[:2]
        mask = mask_of(list(self._source().labels(source)), concept, height=height, width=width)
        draw = generator(self._seed, "place and scale", image_id).random(3)
        low, high = self._scales
        return paste(background, cut_out(picture, mask), scale=low + draw[0] * (high - low), place=(draw[1], draw[2]))

    def _source(self) -> Reader:
        if self._opened is None:
            self._opened = open_dataset(self._member, study_seed=self._member_seed)
        return self._opened


def _shares(reader: SyntheticReader, images: list[Row]) -> list[dict[str, float] | None]:
    """For each image the chosen concepts it holds and the share of the picture each covers; None: cannot be read."""
    found: list[dict[str, float] | None] = []
    for image in images:
        try:
            labels = list(reader._source().labels(image))
        except (ValueError, OSError):
            found.append(None)
            continue
        shares = {name: covered(labels, name) for name in reader._concepts}
        found.append({name: share for name, share in shares.items() if share is not None})
    return found


def _share(option: str, value: float | str) -> float:
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not 0 < number <= 1:
        raise ValueError(f"synthetic: {option} is a share above 0 and up to 1, not {value!r}")
    return number


def _plain(value: Any) -> Any:
    """A numpy number as Python's, for JSON."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} in the listing of a member; expected text and numbers")

"""Example pictures of what was learned, so that figures need no model (Net2Vec, figures 1, 4, 8 and supplement).

``segmentation_examples.h5``, a row a picture: `kind`, `concept_index` (-1: none), `unit` (-1: a combination), `rank`,
`image_index`, `iou`, `pictures` uint8 (row, P, P, 3), `masks` and `labels` packed bits (row, byte) at P x P: what was
predicted, and the concept's own mask. Kinds:

decile_single, decile_combination   rank 0..9: the image at each decile of the non-zero iou_image on validation images
best_single, best_combination       rank 0..4: the images with the highest iou_image
filter                              of filters that are best for most concepts: images with the highest iou_image of
                                    some of these concepts; masks are upsampled before they are thresholded, for display
top                                 rank 0..5: images with the highest activation of such a filter
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from conceptatlas.activations.gallery import top_images
from conceptatlas.activations.maps import Maps
from conceptatlas.activations.pictures import frame_starts, nearest_pixels, picture_size, read_pictures
from conceptatlas.datasets.holdings import Holdings
from conceptatlas.datasets.splits import VAL
from conceptatlas.files import atomic_path
from conceptatlas.masks.bitmask import pack, unpack
from conceptatlas.masks.iou import iou
from conceptatlas.masks.upsample import Grid, unit_mask, upsample_map
from conceptatlas.net2vec.combination_masks import unit_maps, weighted_sums
from conceptatlas.net2vec.firing import Firing
from conceptatlas.net2vec.label_masks import LabelMasks
from conceptatlas.net2vec.segmentation_learning import Learned
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

N_DECILES, N_BEST, N_TOP = 10, 5, 6
N_FILTERS, N_CONCEPTS, N_IMAGES = 3, 3, 4


class Example(NamedTuple):
    """A picture to draw: what it is an example of, and which mask to lay on it."""

    kind: str
    concept: int
    unit: int
    rank: int
    image: int
    iou: float


class Ground(NamedTuple):
    """What masks are made from: lists of firing units, label masks, maps and thresholds of the layer."""

    firing: Firing
    masks: LabelMasks
    holdings: Holdings
    maps: Maps
    thresholds: Array
    grid: Grid


def choose_examples(table: pd.DataFrame, learned: list[Learned], maps: Maps) -> list[Example]:
    """Which pictures to draw: deciles and best images of the concepts that are shown, and filters that serve many.

    table : segmentation.parquet. learned : its learned concepts.
    """
    by_concept = {one.concept: one for one in learned}
    out: list[Example] = []
    for row in records(table[(table["shown"] != "") & (table["reason"] == "")]):
        one = by_concept[int(row["concept_index"])]
        val = one.split == VAL
        label = one.label_pixels[val]
        for kind, unit, shared, pixels in (
            ("single", int(row["single_unit"]), one.single_shared, one.single_pixels),
            ("combination", -1, one.combination_shared, one.combination_pixels),
        ):
            values = np.nan_to_num(iou(shared[val], pixels[val], label))
            images = one.images[val]
            for rank, at in enumerate(deciles(values)):
                out.append(Example(f"decile_{kind}", one.concept, unit, rank, int(images[at]), float(values[at])))
            for rank, at in enumerate(highest(values, N_BEST)):
                out.append(Example(f"best_{kind}", one.concept, unit, rank, int(images[at]), float(values[at])))
    return out + _filters(table, by_concept, maps)


def deciles(values: Array) -> list[int]:
    """Positions of the values at the 10 %, 20 %, ... 100 % points of those above 0; none where there are none."""
    order = [int(i) for i in np.argsort(values, kind="stable") if values[i] > 0]
    return [order[-(-n * len(order) // N_DECILES) - 1] for n in range(1, N_DECILES + 1)] if order else []


def highest(values: Array, n: int) -> list[int]:
    """Positions of the n highest values above 0, highest first."""
    return [int(i) for i in np.argsort(-values, kind="stable")[:n] if values[i] > 0]


def _filters(table: pd.DataFrame, by_concept: dict[int, Learned], maps: Maps) -> list[Example]:
    rows = table[(table["reason"] == "") & ~table["small"]]
    serves = rows.groupby("single_unit").size()
    serves = serves[serves > 1].sort_values(ascending=False, kind="stable").head(N_FILTERS)
    if serves.empty:
        return []
    out: list[Example] = []
    top = top_images(maps, k=N_TOP)
    for unit in (int(u) for u in serves.index):
        for rank, (image, _) in enumerate(zip(top.images[unit], top.values[unit], strict=True)):
            if image >= 0:
                out.append(Example("top", -1, unit, rank, int(image), float("nan")))
        mine = rows[rows["single_unit"] == unit].nlargest(N_CONCEPTS, "single_val")
        for concept in (int(c) for c in mine["concept_index"]):
            one = by_concept[concept]
            val = one.split == VAL
            values = np.nan_to_num(iou(one.single_shared[val], one.single_pixels[val], one.label_pixels[val]))
            images = one.images[val]
            for rank, at in enumerate(highest(values, N_IMAGES)):
                out.append(Example("filter", concept, unit, rank, int(images[at]), float(values[at])))
    return out


def write_examples(path: str | Path, examples: list[Example], learned: list[Learned], ground: Ground,
                   frames: list[str]) -> None:  # fmt: skip
    """Write the pictures with their masks."""
    by_concept = {one.concept: one for one in learned}
    starts = frame_starts(frames)
    size = picture_size(starts, mask_size=ground.masks.size)
    nearest = nearest_pixels(size, ground.masks.size)
    masks, labels = (np.zeros((len(examples), size, size), dtype=bool) for _ in range(2))
    for number, example in enumerate(examples):
        masks[number] = _mask(example, by_concept.get(example.concept), ground)[np.ix_(nearest, nearest)]
        if example.concept >= 0:
            labels[number] = _label(example, ground)[np.ix_(nearest, nearest)]
    image = np.array([example.image for example in examples], dtype=np.int64)
    pictures = read_pictures(starts, image, size=size)
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file["kind"] = np.array([example.kind for example in examples], dtype="S20")
        file["concept_index"] = np.array([example.concept for example in examples], dtype=np.int64)
        file["unit"] = np.array([example.unit for example in examples], dtype=np.int64)
        file["rank"] = np.array([example.rank for example in examples], dtype=np.int64)
        file["image_index"] = image
        file["iou"] = np.array([example.iou for example in examples], dtype=np.float32)
        packing = {"compression": "gzip", "compression_opts": 1} if examples else {}
        file.create_dataset("pictures", data=pictures, **packing)
        file.create_dataset("masks", data=pack(masks), **packing)
        file.create_dataset("labels", data=pack(labels), **packing)
        file.attrs["picture_size"] = size


def _mask(example: Example, one: Learned | None, ground: Ground) -> Array:
    """The predicted mask of an example, bool (S, S)."""
    images = np.array([example.image])
    hidden = _hidden(example.image, ground)
    if example.kind in ("filter", "top"):
        shard = next(s for s in ground.maps.shards if s.start <= example.image < s.stop)
        place = example.image - shard.start
        maps, _ = ground.maps.read(shard, place, place + 1, units=slice(example.unit, example.unit + 1))
        mask = unit_mask(np.asarray(maps[0, 0]), float(ground.thresholds[example.unit]), ground.grid)
    elif example.unit >= 0:
        mask = upsample_map(unit_maps(ground.firing, images, example.unit)[0, 0], ground.grid) > 0.5
    else:
        if one is None:
            raise ValueError(f"no combination was learned for concept {example.concept}")
        sums = weighted_sums(ground.firing, images, one.weights[:1])[0, 0]
        mask = upsample_map(sums, ground.grid) > np.float32(-one.bias[0])
    return np.asarray(mask & ~hidden)


def _hidden(image: int, ground: Ground) -> Array:
    if not ground.masks.has_ignore:
        return np.zeros((ground.masks.size, ground.masks.size), dtype=bool)
    words = np.ascontiguousarray(ground.masks.ignore[image])
    return unpack(words, height=ground.masks.size, width=ground.masks.size)


def _label(example: Example, ground: Ground) -> Array:
    """The concept's own mask in the example's image, bool (S, S)."""
    mine = ground.holdings.of(example.concept)
    entry = mine.start + int(np.searchsorted(ground.holdings.image[mine], example.image))
    words = np.ascontiguousarray(ground.masks.masks[ground.masks.rows[entry]])
    return unpack(words, height=ground.masks.size, width=ground.masks.size)

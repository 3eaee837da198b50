"""Obvious forms of what the kernels compute, and random labels in both forms: loops over images, units and concepts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from conceptatlas.masks.bitmask import pack
from conceptatlas.masks.label_bits import LabelBits, label_bits
from conceptatlas.masks.upsample import Grid, make_grid, unit_mask

Array = np.ndarray[Any, Any]

GEOMETRIES = [
    {"upsample": upsample, "order": order, "padding": padding}
    for upsample in ("half_pixel", "corners", "receptive_field")
    for order in ("upsample_then_threshold", "threshold_then_upsample")
    for padding in ("clamp", "zero")
]


def grid_of(shape: tuple[int, int], mask_size: int, geometry: dict[str, str], *, seed: int = 0) -> Grid:
    """A grid; receptive-field knots are irregular."""
    centres: tuple[Any, Any] = (None, None)
    if geometry["upsample"] == "receptive_field":
        rng = np.random.default_rng(seed)
        centres = tuple(np.sort(rng.uniform(0.05, 0.95, size=n)).tolist() for n in shape)  # type: ignore[assignment]
    return make_grid(shape, mask_size, centres=centres, **geometry)


@dataclass
class Labels:
    """Labels of images as plain arrays.

    rows : (image, concept, mask (S, S) bool or None for an image-level label); a concept may come several times.
    ignore : bool (image, S, S) or None.
    """

    rows: list[tuple[int, int, Array | None]]
    n_images: int
    size: int
    ignore: Array | None = None

    def merged(self) -> dict[tuple[int, int], Array]:
        """(image, concept) -> bool (S, S): what counts as the concept in the image."""
        out: dict[tuple[int, int], Array] = {}
        for image, concept, mask in self.rows:
            full = np.ones((self.size, self.size), dtype=bool)
            here = full if mask is None else mask
            if self.ignore is not None:
                here = here & ~self.ignore[image]
            out[image, concept] = out.get((image, concept), False) | here
        return out

    def bits(self) -> LabelBits:
        """The same labels as the library wants them."""
        masks = [mask for _, _, mask in self.rows if mask is not None]
        mask_row = np.cumsum([mask is not None for _, _, mask in self.rows]) - 1
        has_mask = np.array([mask is not None for _, _, mask in self.rows], dtype=bool)
        return label_bits(
            np.array([row[0] for row in self.rows], dtype=np.int64),
            np.array([row[1] for row in self.rows], dtype=np.int32),
            np.where(has_mask, mask_row, -1),
            pack(np.stack(masks)) if masks else np.zeros((0, 8), dtype=np.uint8),
            n_images=self.n_images,
            n_pixels=self.size**2,
            ignore=None if self.ignore is None else pack(self.ignore),
        )

    def permuted(self, source_of: Array) -> Labels:
        """Image n gets the labels of image source_of[n]."""
        target = {int(source): n for n, source in enumerate(source_of)}
        return Labels([(target[i], c, m) for i, c, m in self.rows], self.n_images, self.size, self.ignore)


def random_labels(
    rng: np.random.Generator, *, n_images: int, n_concepts: int, size: int, padded: bool = False, twice: bool = True
) -> Labels:
    """Overlapping rectangles, labels of whole images, concepts labelled twice, images without labels."""
    ignore = None
    if padded:
        ignore = np.zeros((n_images, size, size), dtype=bool)
        ignore[::2, :, : size // 4] = True
    rows: list[tuple[int, int, Array | None]] = []
    for image in range(n_images):
        for concept in rng.permutation(n_concepts)[: rng.integers(0, n_concepts)]:
            for _ in range(2 if twice and rng.random() < 0.3 else 1):
                if rng.random() < 0.2:
                    rows.append((image, int(concept), None))
                    continue
                mask = np.zeros((size, size), dtype=bool)
                top, left = rng.integers(0, size, size=2)
                mask[top : top + rng.integers(1, size), left : left + rng.integers(1, size)] = True
                if ignore is not None:
                    mask &= ~ignore[image]  # framing labels nothing in the padding
                rows.append((image, int(concept), mask))
    return Labels(rows, n_images, size, ignore)


@dataclass
class SlowTally:
    """Dense counts: intersections (unit, concept, block), areas (unit, block), category_areas (unit, category, block),
    label_pixels and label_images (concept, block), pixels and images (block)."""

    intersections: Array
    areas: Array
    category_areas: Array
    label_pixels: Array
    label_images: Array
    pixels: Array
    images: Array


def slow_tally(
    maps: Array,
    thresholds: Array,
    labels: Labels,
    blocks: Array,
    primary: Array,
    grid: Grid,
    *,
    n_categories: int,
    valid: Array | None = None,
) -> SlowTally:
    """Every count of `masks.tally`, one image, unit and concept after the other."""
    n_units, n_concepts = maps.shape[1], len(primary)
    out = SlowTally(
        *(np.zeros(shape, dtype=np.int64) for shape in (
            (n_units, n_concepts, 32), (n_units, 32), (n_units, n_categories, 32), (n_concepts, 32),
            (n_concepts, 32), (32,), (32,),
        ))
    )  # fmt: skip
    merged = labels.merged()
    for n in range(len(maps)):
        if valid is not None and not valid[n]:
            continue
        b = blocks[n]
        counts = np.ones((labels.size, labels.size), dtype=bool) if labels.ignore is None else ~labels.ignore[n]
        here = {c: mask for (image, c), mask in merged.items() if image == n}
        out.images[b] += 1
        out.pixels[b] += counts.sum()
        for c, mask in here.items():
            out.label_pixels[c, b] += mask.sum()
            out.label_images[c, b] += 1
        held = {int(primary[c]) for c in here}
        for k in range(n_units):
            active = unit_mask(maps[n, k], float(thresholds[k]), grid) & counts
            out.areas[k, b] += active.sum()
            for category in held:
                out.category_areas[k, category, b] += active.sum()
            for c, mask in here.items():
                out.intersections[k, c, b] += (active & mask).sum()
    return out


def dense_tally(tally: Any) -> SlowTally:
    """A `Tally` in the dense form."""
    dense = np.zeros((tally.areas.shape[0], tally.label_pixels.shape[0], 32), dtype=np.int64)
    np.add.at(dense, (tally.unit, tally.concept, tally.block), tally.intersections)
    return SlowTally(
        dense, tally.areas, tally.category_areas, tally.label_pixels, tally.label_images, tally.pixels, tally.images
    )


def assert_same_counts(found: SlowTally, expected: SlowTally) -> None:
    for name in SlowTally.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), err_msg=name)

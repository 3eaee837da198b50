"""The tally against Network Dissection's loop: ms an image on one core, in one run, with the counts compared.

    python benchmarks/tally.py [--results results --dataset coco --model squeezenet --group main --layer fire9]

Without a study: synthetic maps of the same shape (512 x 13 x 13, S = 112). Times are of the
processor, one thread, so that other work on the machine does not count. The loop does what
NetDissect-Lite does for every image and unit whose maximum exceeds the threshold: resize the map with Pillow's
bilinear filter to S x S, list the positions above the threshold, count the label numbers there with `bincount`, and
add the counts and the areas by category. Masks that overlap come as several label maps. It runs on a sample of the
images.

Three things are compared: kernel and slow twin (must agree in every count), kernel and loop (Pillow rounds
differently: the differing counts are reported), and the time with the floor: bytes of activations at memory speed, and
cells that hold an active pixel.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
from PIL import Image

from conceptatlas.activations.maps import stored_maps
from conceptatlas.datasets.labelled_images import read_images, read_labels, read_vocabulary
from conceptatlas.masks.active import prepare
from conceptatlas.masks.bitmask import pack, unpack
from conceptatlas.masks.label_bits import LabelBits, label_bits
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.tally import tally_images
from conceptatlas.masks.upsample import Grid, make_grid, unit_mask, upsample_map
from conceptatlas.naming import CATEGORIES

Array = np.ndarray[Any, Any]


class Input:
    """Maps, thresholds and labels of a run of images."""

    def __init__(self, maps: Array, thresholds: Array, labels: LabelBits, blocks: Array, primary: Array) -> None:
        self.maps, self.thresholds, self.labels, self.blocks, self.primary = maps, thresholds, labels, blocks, primary
        self.maximum: Array = np.asarray(maps).reshape(*maps.shape[:2], -1).max(axis=2).astype(np.float32)


def study(results: Path, dataset: str, model: str, group: str, layer: str) -> Input:
    """A layer of an extracted study."""
    import h5py

    folder = results / "activations" / dataset / model / group
    shards = sorted(str(path) for path in folder.glob("*.h5"))
    maps = stored_maps(shards, [path[: -len("h5")] + "json" for path in shards], layer)
    with h5py.File(results / "statistics" / dataset / model / f"{layer}.h5", "r") as file:
        thresholds = file["thresholds"][0]
    about = results / "datasets" / dataset
    images, vocabulary = read_images(about / "index.parquet"), read_vocabulary(about / "concepts.parquet")
    annotations = sorted(str(path) for path in (about / "annotations").glob("*.h5"))
    everything = np.concatenate([np.asarray(shard.activations()) for shard in maps.shards])
    labels = read_labels(annotations, start=0, stop=len(everything))
    return Input(everything, thresholds, labels, images.blocks, vocabulary.primary_category)


def synthetic(n_images: int, *, n_units: int = 512, side: int = 13, size: int = 112, n_concepts: int = 130) -> Input:
    """Rectified maps with small blobs, half a percent of the values above T, ten overlapping labels an image."""
    rng = np.random.default_rng(0)
    coarse = rng.gumbel(size=(n_images, n_units, 7, 7)).astype(np.float32)
    maps = np.maximum(upsample_map(coarse, make_grid((7, 7), side)) - 1, 0).astype(np.float16)
    flat = maps.transpose(1, 0, 2, 3).reshape(n_units, -1)
    rank = flat.shape[1] - 1 - flat.shape[1] // 200
    thresholds = np.partition(flat.astype(np.float32), rank, axis=1)[:, rank]
    image, concept, masks = [], [], []
    for n in range(n_images):
        for c in rng.choice(n_concepts, size=10, replace=False):
            mask = np.zeros((size, size), dtype=bool)
            y, x = rng.integers(0, size - 10, size=2)
            mask[y : y + rng.integers(5, 80), x : x + rng.integers(5, 80)] = True
            image.append(n)
            concept.append(c)
            masks.append(mask)
    labels = label_bits(
        np.array(image), np.array(concept), np.arange(len(masks)), pack(np.array(masks)),
        n_images=n_images, n_pixels=size * size,
    )  # fmt: skip
    blocks = rng.integers(0, 32, size=n_images)
    return Input(maps, thresholds, labels, blocks, rng.integers(0, len(CATEGORIES), size=n_concepts))


def label_maps(labels: LabelBits, image: int, size: int) -> tuple[list[Array], list[int]]:
    """An image's labels as maps of concept + 1 without overlap within a map, and its image-level concepts."""
    maps: list[Array] = []
    whole = []
    for e in range(labels.offsets[image], labels.offsets[image + 1]):
        number = int(labels.concepts[e])
        if labels.rows[e] < 0:
            whole.append(number)
            continue
        mask = unpack(labels.words[labels.rows[e]], height=size, width=size)
        free = next((m for m in maps if not m[mask].any()), None)
        if free is None:
            free = np.zeros((size, size), dtype=np.int64)
            maps.append(free)
        free[mask] = number + 1
    return maps, whole


def loop(given: Input, images: Array, units: Array, size: int) -> tuple[Array, float]:
    """Network Dissection's loop: intersections (unit, concept) and seconds."""
    n_concepts = len(given.primary)
    both = np.zeros((len(units), n_concepts + 1))
    areas = np.zeros(len(units))
    category_areas = np.zeros((len(units), len(CATEGORIES)))
    category_of = np.zeros((n_concepts + 1, len(CATEGORIES)))
    category_of[np.arange(n_concepts) + 1, given.primary] = 1
    maps64 = given.maps[images].astype(np.float64)  # as they are stored there
    prepared = [label_maps(given.labels, int(n), size) for n in images]  # read from files there: not timed
    begin = time.process_time()
    for n, (numbers, whole) in enumerate(prepared):
        layers = np.stack(numbers) if numbers else None
        for i, k in enumerate(units):
            values = maps64[n, k]
            if values.max() <= given.thresholds[k]:
                continue
            picture = Image.fromarray(values.astype(np.float32))
            resized = np.array(picture.resize((size, size), Image.Resampling.BILINEAR))
            active = np.argwhere(resized > given.thresholds[k])
            areas[i] += len(active)
            held = np.zeros(len(CATEGORIES))
            if layers is not None:
                counts = np.bincount(layers[:, active[:, 0], active[:, 1]].ravel())
                counts[:1] = 0
                held = counts @ category_of[: len(counts)]
                both[i, : len(counts)] += counts
            for concept in whole:
                held = held + category_of[concept + 1]
                both[i, concept + 1] += len(active)
            category_areas[i] += len(active) * (held > 0)
    return both[:, 1:].astype(np.int64), time.process_time() - begin


def twin(given: Input, images: Array, units: Array, grid: Grid) -> Array:
    """Intersections from the obvious form: upsample everything, compare, sum."""
    size = grid.shape[0]
    counts = np.zeros((len(units), len(given.primary)), dtype=np.int64)
    for n in images:
        masks = unit_mask(given.maps[n][units], given.thresholds[units], grid)
        for e in range(given.labels.offsets[n], given.labels.offsets[n + 1]):
            row = given.labels.rows[e]
            label = np.ones((size, size), bool) if row < 0 else unpack(given.labels.words[row], height=size, width=size)
            counts[:, given.labels.concepts[e]] += (masks & label).sum(axis=(1, 2))
    return counts


def tally_of(given: Input, images: slice, grid: Grid) -> Any:
    """The tally of some images, all units."""
    positions = np.arange(len(given.maps))[images]
    return tally_images(
        given.maps[images],
        given.maximum[images],
        given.thresholds,
        given.labels.select(positions),
        given.blocks[images],
        given.primary,
        grid,
        n_categories=len(CATEGORIES),
    )


def cells(given: Input, grid: Grid) -> tuple[int, int]:
    """Active pairs (image, unit), and mask cells between knots that can hold an active pixel."""
    images, units = active_pairs(given.maximum, given.thresholds, grid)
    above = np.asarray(given.maps[images, units], dtype=np.float32) > given.thresholds[units][:, None, None]
    touched = above[:, :-1, :-1] | above[:, 1:, :-1] | above[:, :-1, 1:] | above[:, 1:, 1:]
    return len(images), int(touched.sum())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=None, help="folder of a study's results; default: synthetic")
    for name, default in (("dataset", "coco"), ("model", "squeezenet"), ("group", "main"), ("layer", "fire9")):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--images", type=int, default=200, help="synthetic images")
    parser.add_argument("--loop-images", type=int, default=40, help="images the loop and the twin are run on")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.results is None:
        given = synthetic(options.images)
    else:
        given = study(options.results, options.dataset, options.model, options.group, options.layer)
    n_images, n_units, height, width = given.maps.shape
    size = round(given.labels.n_pixels**0.5)
    grid = make_grid((height, width), size, upsample="half_pixel")
    everything = slice(None)
    tally_of(given, slice(4), grid)  # compiles
    seconds = []
    for _ in range(options.rounds):
        begin = time.process_time()
        whole = tally_of(given, everything, grid)
        seconds.append(time.process_time() - begin)
    step = max(1, n_images // options.loop_images)
    chosen = slice(0, step * options.loop_images, step)
    sample = np.arange(n_images)[chosen]
    units = np.arange(n_units)
    ours = tally_of(given, chosen, grid).dense()
    slow = twin(given, sample, units, grid)
    if not np.array_equal(ours, slow):
        raise SystemExit(f"kernel and slow twin differ in {(ours != slow).sum()} of {ours.size} counts")
    theirs, loop_seconds = loop(given, sample, units, size)
    differ = ours != theirs
    n_pairs, n_cells = cells(given, grid)
    cutting = prepare(grid)
    images, active_units = active_pairs(given.maximum, given.thresholds, grid)
    for _ in range(2):  # the first round compiles
        begin = time.process_time()
        for start in range(0, len(images), 512):
            piece = slice(start, start + 512)
            pair_masks(given.maps, given.thresholds, images[piece], active_units[piece], grid, cutting)
        masks_seconds = time.process_time() - begin
    copy = np.empty_like(given.maps)
    begin = time.process_time()
    np.copyto(copy, given.maps)
    copy_seconds = time.process_time() - begin
    ms, loop_ms = 1e3 * min(seconds) / n_images, 1e3 * loop_seconds / len(sample)
    labels_an_image = len(given.labels.concepts) / n_images
    rows = [
        ("maps", f"{n_images} images x {n_units} units x {height} x {width}, S = {size}"),
        ("active pairs an image", f"{n_pairs / n_images:.1f}"),
        ("  active cells of knots, labels", f"{n_cells / n_images:.0f}, {labels_an_image:.1f}"),
        ("intersections that are not zero", f"{np.count_nonzero(whole.dense())} of {whole.dense().size}"),
        ("tally, ms an image", f"{ms:.3f}"),
        ("  of which masks and areas", f"{1e3 * masks_seconds / n_images:.3f}"),
        ("floor: bytes once through memory", f"{1e3 * copy_seconds / n_images:.3f}"),
        ("Network Dissection's loop, ms an image", f"{loop_ms:.1f}  ({len(sample)} images)"),
        ("ratio", f"{loop_ms / ms:.0f}"),
        ("counts that differ, kernel and slow twin", f"0 of {ours.size}"),
        (
            "counts that differ, kernel and loop",
            f"{differ.sum()} of {np.count_nonzero(ours | theirs)} that are not zero",
        ),
        ("  largest difference, pixels of the count", _largest(ours, theirs)),
    ]
    for name, value in rows:
        sys.stdout.write(f"{name:42s} {value}\n")


def _largest(ours: Array, theirs: Array) -> str:
    gap = np.abs(ours - theirs)
    at = np.unravel_index(gap.argmax(), gap.shape)
    return f"{gap[at]} of {ours[at]}"


if __name__ == "__main__":
    main()

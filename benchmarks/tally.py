"""The tally against Network Dissection's loop: ms an image on one core, in one run, with the counts compared.

    python benchmarks/tally.py [--results results --dataset coco --model squeezenet --group main --layer fire9]

Without a study: synthetic maps of the same shape (512 x 13 x 13, S = 112) and sparsity. The loop does what
NetDissect-Lite does for every image and unit whose maximum exceeds the threshold: resize the map with Pillow's
bilinear filter to S x S, compare, and count label numbers under the mask with `bincount`; masks that overlap come as
several label maps. Its units and images are a sample, and its time is scaled up.

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
from conceptatlas.dissection.labelled_images import read_images, read_labels, read_vocabulary
from conceptatlas.dissection.maps import stored_maps
from conceptatlas.masks.active import prepare
from conceptatlas.masks.bitmask import pack, unpack
from conceptatlas.masks.label_bits import LabelBits, label_bits
from conceptatlas.masks.tally import active_pairs, pair_masks, tally_images
from conceptatlas.masks.upsample import Grid, make_grid, unit_mask
from conceptatlas.naming import CATEGORIES
from PIL import Image

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
    """Smooth rectified maps, half a percent of the values above T, ten overlapping labels an image."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(size=(n_images, n_units, 5, 5)).astype(np.float32)
    grid = make_grid((5, 5), side)
    from conceptatlas.masks.upsample import upsample_map

    maps = np.maximum(upsample_map(coarse, grid) + rng.normal(size=(n_images, n_units, 1, 1)) - 1, 0).astype(np.float16)
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
    counts = np.zeros((len(units), n_concepts), dtype=np.int64)
    prepared = [label_maps(given.labels, int(n), size) for n in images]  # its label maps are files: not timed
    begin = time.perf_counter()
    for n, (maps, whole) in zip(images, prepared, strict=True):
        for i, k in enumerate(units):
            values = given.maps[n, k].astype(np.float32)
            if values.max() <= given.thresholds[k]:
                continue
            resized = np.asarray(Image.fromarray(values).resize((size, size), Image.Resampling.BILINEAR))
            mask = resized > given.thresholds[k]
            for numbers in maps:
                counts[i] += np.bincount(numbers[mask], minlength=n_concepts + 1)[1:]
            for concept in whole:
                counts[i, concept] += np.count_nonzero(mask)
    return counts, time.perf_counter() - begin


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


def tally_of(given: Input, images: Array, grid: Grid) -> Any:
    """The tally of some images, all units."""
    return tally_images(
        given.maps[images],
        given.maximum[images],
        given.thresholds,
        given.labels.select(images),
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
    parser.add_argument("--results", type=Path, default=None, help="folder `results` of a study; default: synthetic maps")
    for name, default in (("dataset", "coco"), ("model", "squeezenet"), ("group", "main"), ("layer", "fire9")):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--images", type=int, default=200, help="synthetic images")
    parser.add_argument("--loop-images", type=int, default=20, help="images the loop and the twin are run on")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    if options.results is None:
        given = synthetic(options.images)
    else:
        given = study(options.results, options.dataset, options.model, options.group, options.layer)
    n_images, n_units, height, width = given.maps.shape
    size = round(given.labels.n_pixels**0.5)
    grid = make_grid((height, width), size, upsample="half_pixel")
    everything = np.arange(n_images)
    tally_of(given, everything[:4], grid)  # compiles
    seconds = []
    for _ in range(options.rounds):
        begin = time.perf_counter()
        whole = tally_of(given, everything, grid)
        seconds.append(time.perf_counter() - begin)
    sample = everything[:: max(1, n_images // options.loop_images)][: options.loop_images]
    units = np.arange(n_units)
    ours = tally_of(given, sample, grid).dense()
    slow = twin(given, sample, units, grid)
    if not np.array_equal(ours, slow):
        raise SystemExit(f"kernel and slow twin differ in {(ours != slow).sum()} of {ours.size} counts")
    theirs, loop_seconds = loop(given, sample, units, size)
    differ = ours != theirs
    n_pairs, n_cells = cells(given, grid)
    cutting = prepare(grid)
    images, active_units = active_pairs(given.maximum, given.thresholds, grid)
    begin = time.perf_counter()
    for start in range(0, len(images), 1024):
        piece = slice(start, start + 1024)
        pair_masks(given.maps, given.thresholds, images[piece], active_units[piece], grid, cutting)
    masks_seconds = time.perf_counter() - begin
    copy = np.empty_like(given.maps)
    begin = time.perf_counter()
    np.copyto(copy, given.maps)
    copy_seconds = time.perf_counter() - begin
    ms, loop_ms = 1e3 * min(seconds) / n_images, 1e3 * loop_seconds / len(sample)
    labels_an_image = len(given.labels.concepts) / n_images
    rows = [
        ("maps", f"{n_images} images x {n_units} units x {height} x {width}, S = {size}"),
        ("active pairs, cells, labels an image", f"{n_pairs / n_images:.1f}, {n_cells / n_images:.0f}, {labels_an_image:.1f}"),
        ("intersections that are not zero", f"{np.count_nonzero(whole.dense())} of {whole.dense().size}"),
        ("tally, ms an image", f"{ms:.3f}"),
        ("  of which masks and areas", f"{1e3 * masks_seconds / n_images:.3f}"),
        ("floor: bytes once through memory", f"{1e3 * copy_seconds / n_images:.3f}"),
        ("Network Dissection's loop, ms an image", f"{loop_ms:.1f}  ({len(sample)} images)"),
        ("ratio", f"{loop_ms / ms:.0f}"),
        ("counts that differ, kernel and slow twin", f"0 of {ours.size}"),
        ("counts that differ, kernel and loop", f"{differ.sum()} of {np.count_nonzero(ours | theirs)} that are not zero"),
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

"""The permutation null: seconds and bytes, and what they come to on Broden.

    python benchmarks/null.py [--results results --dataset coco --model squeezenet --group main --layer fire9]

Masks are packed once; a permutation is ANDs and population counts of the words of every active pair (image, unit) with
the label masks of another image. Cost grows with images, active pairs and labels an image, so the projection scales the
measured time a permutation by images and labels. Times are of the processor, one thread.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
from tally import study, synthetic

from conceptatlas.masks.active import prepare
from conceptatlas.masks.pairs import active_pairs, pair_masks
from conceptatlas.masks.shuffled import PackedPairs, null_labels, permutation
from conceptatlas.masks.upsample import make_grid
from conceptatlas.naming import CATEGORIES

BRODEN_IMAGES, BRODEN_LABELS, BRODEN_CONCEPTS = 63305, 20, 1197


def main() -> None:
    """Measure, project and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=None, help="folder of a study's results; default: synthetic")
    for name, default in (("dataset", "coco"), ("model", "squeezenet"), ("group", "main"), ("layer", "fire9")):
        parser.add_argument(f"--{name}", default=default)
    parser.add_argument("--images", type=int, default=200, help="synthetic images")
    parser.add_argument("--permutations", type=int, default=50)
    options = parser.parse_args()
    if options.results is None:
        given = synthetic(options.images)
    else:
        given = study(options.results, options.dataset, options.model, options.group, options.layer)
    n_images, n_units, height, width = given.maps.shape
    size = round(given.labels.n_pixels**0.5)
    grid = make_grid((height, width), size)
    cutting = prepare(grid)
    images, units = active_pairs(given.maximum, given.thresholds, grid)
    for _ in range(2):  # the first round compiles
        pairs = PackedPairs()
        begin = time.process_time()
        for start in range(0, len(images), 512):
            piece = slice(start, start + 512)
            pairs.add(pair_masks(given.maps, given.thresholds, images[piece], units[piece], grid, cutting))
        words, meta = pairs.arrays()
        packing = time.process_time() - begin
    sources, valid = np.zeros(n_images, dtype=np.int64), np.ones(n_images, dtype=bool)

    def run(n_permutations: int) -> float:
        begin = time.process_time()
        null_labels(
            words, meta, given.labels, given.primary, sources, valid,
            n_units=n_units, n_categories=len(CATEGORIES), n_permutations=n_permutations, seed=0,
        )  # fmt: skip
        return time.process_time() - begin

    run(1)
    base = min(run(1) for _ in range(3))
    each = (min(run(1 + options.permutations) for _ in range(2)) - base) / options.permutations
    begin = time.process_time()
    for replicate in range(20):
        permutation(sources, valid, seed=0, replicate=replicate)
    drawing = (time.process_time() - begin) / 20
    labels_an_image = len(given.labels.concepts) / n_images
    scale = BRODEN_IMAGES / n_images * BRODEN_LABELS / labels_an_image
    hours = 999 * each * scale / 3600
    label_gb = BRODEN_IMAGES * BRODEN_LABELS * given.labels.words.shape[1] * 8 / 1e9
    masks_gb = pairs.n_bytes / n_images * BRODEN_IMAGES / 1e9
    null_gb = 999 * n_units * len(CATEGORIES) * 12 / 1e9
    rows = [
        ("maps", f"{n_images} images x {n_units} units x {height} x {width}, S = {size}"),
        ("active pairs, labels an image", f"{len(meta) / n_images:.1f}, {labels_an_image:.1f}"),
        ("words a pair", f"{len(words) / len(meta):.1f}"),
        ("packing once, an image", f"{1e3 * packing / n_images:.3f} ms, {pairs.n_bytes / n_images / 1e3:.1f} kB"),
        ("a permutation", f"{1e3 * each:.2f} ms"),
        ("  an image", f"{1e6 * each / n_images:.1f} us"),
        ("  a pair and label", f"{1e9 * each / len(meta) / labels_an_image:.0f} ns"),
        ("  drawing it", f"{1e3 * drawing:.3f} ms"),
        ("99 and 999 permutations here", f"{99 * each:.1f} s, {999 * each:.1f} s"),
        (f"Broden, {n_units} units, R = 999", f"{hours:.2f} processor hours, {60 * hours / 16:.0f} min on 16 cores"),
        ("  masks of the units, over all tasks", f"{masks_gb:.1f} GB"),
        ("  labels, mapped once by all tasks", f"{label_gb:.1f} GB"),
        ("  the null itself", f"{null_gb:.2f} GB"),
    ]
    for name, value in rows:
        sys.stdout.write(f"{name:42s} {value}\n")


if __name__ == "__main__":
    main()

"""Groups of features with common images: Apriori on bit sets against every pair and triple looked at, in one run.

    OMP_NUM_THREADS=1 python benchmarks/feature_groups.py [--images 50000 --features 2048 --share 0.005]

Features fire on a random share of images; some pairs and triples are planted to fire together. Compared in turn, the
least of ROUNDS, processor time, one thread:

apriori       `falcon.grouping.common_groups`: singles, pairs, and only triples whose three pairs qualify
sparse        pairs alone, as a product of sparse matrices (scipy)
brute force   every pair and triple of a few features, sets of Python, as one would write it first

The first two run at full size; brute force on the first FEW features, where all three must agree, and its time at full
size is that times the number of triples (it cannot be waited for).
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("NUMBA_NUM_THREADS", "1")

import numpy as np
from scipy import sparse

from conceptatlas.falcon.grouping import common_groups

Array = np.ndarray[Any, Any]

ROUNDS, FEW, PLANTED = 3, 48, 200


def planted_sets(n_images: int, n_features: int, share: float, *, seed: int = 0) -> Array:
    """Random sets, bool (image, feature), with planted triples of features that share half of their images."""
    rng = np.random.default_rng(seed)
    sets = np.zeros((n_images, n_features), dtype=bool)
    n_high = max(1, int(share * n_images))
    for k in range(n_features):
        sets[rng.choice(n_images, size=n_high, replace=False), k] = True
    for _ in range(PLANTED):
        triple = rng.choice(n_features, size=3, replace=False)
        images = rng.choice(n_images, size=n_high // 2, replace=False)
        sets[np.ix_(images, triple)] = True
    return sets


def brute_force(sets: Array, min_images: int) -> set[tuple[int, ...]]:
    images = [set(np.flatnonzero(column).tolist()) for column in sets.T]
    found = set()
    for size in (1, 2, 3):
        for features in itertools.combinations(range(len(images)), size):
            if len(set.intersection(*(images[k] for k in features))) > min_images:
                found.add(features)
    return found


def sparse_pairs(sets: Array, min_images: int) -> int:
    rows = sparse.csr_matrix(sets, dtype=np.int32)
    common = sparse.triu(rows.T @ rows, k=1)
    return int((common.data > min_images).sum())


def least(function: Callable[[], Any]) -> tuple[float, Any]:
    times, result = [], None
    for _ in range(ROUNDS):
        started = time.process_time()
        result = function()
        times.append(time.process_time() - started)
    return min(times), result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--features", type=int, default=2048)
    parser.add_argument("--share", type=float, default=0.005, help="of images that activate a feature highly")
    parser.add_argument("--min-images", type=int, default=10)
    options = parser.parse_args()
    sets = planted_sets(options.images, options.features, options.share)
    few = sets[:, :FEW]
    common_groups(few, min_images=options.min_images)  # compile
    slow_s, slow = least(lambda: brute_force(few, options.min_images))
    few_s, fast = least(lambda: common_groups(few, min_images=options.min_images))
    if {group.features for group in fast} != slow:
        raise SystemExit("the kernel and brute force disagree")
    print(f"{options.images:,} images, high {options.share:.3%} each, more than {options.min_images} common images")
    ratio = f"{slow_s / few_s:.0f} times as fast"
    print(f"{FEW} features, {len(slow):,} groups: brute force {slow_s:.3f} s, apriori {few_s:.4f} s, {ratio}")
    whole_s, groups = least(lambda: common_groups(sets, min_images=options.min_images))
    sizes = [sum(len(group.features) == size for group in groups) for size in (1, 2, 3)]
    pairs_s, n_pairs = least(lambda: sparse_pairs(sets, options.min_images))
    if n_pairs != sizes[1]:
        raise SystemExit("the kernel and the sparse product disagree")
    expected = slow_s * math.comb(options.features, 3) / math.comb(FEW, 3)
    counts = f"{sizes[0]:,} singles, {sizes[1]:,} pairs, {sizes[2]:,} triples"
    print(f"{options.features} features: {counts} in {whole_s:.2f} s")
    print(f"sparse product, pairs alone: {pairs_s:.2f} s")
    print(f"brute force at that size, by its number of triples: {expected / 3600:.1f} h")


if __name__ == "__main__":
    main()

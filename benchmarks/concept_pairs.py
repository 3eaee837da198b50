"""UCS of all pairs of layers: seconds, memory, against a matrix product of unpacked bits and against the floor.

    python benchmarks/concept_pairs.py [--images 1000] [--layers 40] [--concepts 10] [--threads 2] [--masks dense]

The job itself (`compare_models`, concept masks only, no shuffles) on files of packed masks; then the same intersections
as a float32 matrix product over some of the images; then a few shuffles, from which the null of R = 99 follows. Masks:
`dense` sets a fifth of all cells, so that no word is skipped and no mask is empty (worst case); `boxes` gives every
concept a box of a third of the side in six of ten images. The floor: every mask read once, and one AND, population
count and addition a word and pair of concepts. Bar: 15 s on 2 cores without shuffles, 4 GiB.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numba
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from conceptatlas.activations.store import map_dataset
from conceptatlas.masks.bitmask import count, n_words, popcount
from conceptatlas.seeds import image_block
from conceptatlas.similarity.comparison import compare_models
from conceptatlas.similarity.discovered_file import create_discovered, finish_discovered, open_masks
from conceptatlas.similarity.nulls import shuffles
from conceptatlas.similarity.ucs_kernel import LayerMasks, shuffled_iou_sums

Array = np.ndarray[Any, Any]


def write_layer(path: Path, given: argparse.Namespace, *, seed: int) -> None:
    """discovered.h5 of synthetic masks."""
    rng = np.random.default_rng(seed)
    shape = (1, given.images, given.concepts, n_words(given.size**2))
    create_discovered(
        path, components=np.eye(given.concepts), offset=np.zeros(given.concepts), thresholds=[0.5], size=given.size,
        test_images=np.arange(given.images), images_digest="images", method="nmf", projection="nnls",
        normalise="dataset", rectify=True, dataset="d", model="m", layer=path.stem,
    )  # fmt: skip
    words = open_masks(path)
    for n in range(given.images):
        if given.masks == "dense":
            drawn = rng.integers(0, 2**64, size=(3, *shape[2:]), dtype=np.uint64)
            words[0, n] = drawn[0] & drawn[1] & (drawn[2] | (drawn[0] << np.uint64(1)))
        else:
            cells = np.zeros((given.concepts, given.size, given.size), dtype=bool)
            for concept in np.flatnonzero(rng.random(given.concepts) < 0.6):
                y, x = rng.integers(0, given.size - given.size // 3, 2)
                cells[concept, y : y + given.size // 3, x : x + given.size // 3] = True
            packed = np.packbits(cells.reshape(given.concepts, -1), axis=-1, bitorder="little")
            words[0, n].view(np.uint8)[:, : packed.shape[1]] = packed
            words[0, n].view(np.uint8)[:, packed.shape[1] :] = 0
    areas = count(np.asarray(words[0]).view(np.uint8).reshape(-1, 8 * shape[-1])).reshape(shape[:3])
    finish_discovered(path, areas=areas, peaks=np.ones(given.concepts), maxima=np.ones(shape[1:3]))


@numba.njit(nogil=True)
def bare_counts(a: Array, b: Array) -> int:
    """AND, count, add: every word of a with every word of b that lies in the first-level cache."""
    total = np.uint64(0)
    for r in range(a.shape[0]):
        for w in range(a.shape[1]):
            total += popcount(a[r, w] & b[r, w])
    return int(np.int64(total))


def popcounts_per_second() -> float:
    """How fast one core counts words that are in its first-level cache."""
    a, b = (np.random.default_rng(s).integers(0, 2**63, size=(8, 196), dtype=np.uint64) for s in (0, 1))
    bare_counts(a, b)
    best = np.inf
    for _ in range(200):
        begin = time.process_time()
        for _ in range(50):
            bare_counts(a, b)
        best = min(best, time.process_time() - begin)
    return 50 * a.size / best


def product_seconds(files: list[Path], n_images: int, size: int) -> float:
    """Seconds an image, one core: intersections of all concepts with all as a float32 product of unpacked bits."""
    masks = [map_dataset(path, "masks") for path in files]
    best = np.inf
    with threadpool_limits(1):
        for n in range(n_images):
            begin = time.process_time()
            packed = np.concatenate([of[0, n] for of in masks]).view(np.uint8)
            bits = np.unpackbits(packed, axis=-1, count=size * size, bitorder="little").astype(np.float32)
            half = len(bits) // 2  # pairs stand once: three of the four quarters
            bits[:half] @ bits.T, bits[half:] @ bits[half:].T
            best = min(best, time.process_time() - begin)
    return best


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("images", 1000), ("layers", 40), ("concepts", 10), ("size", 112), ("threads", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--masks", choices=["dense", "boxes"], default="dense")
    parser.add_argument("--folder", default=None, help="for the files, some 630 MB; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        folder = Path(scratch)
        files = [folder / f"l{i:02d}.h5" for i in range(given.layers)]
        for i, path in enumerate(files):
            write_layer(path, given, seed=i)
        ids = [f"image {i}" for i in range(given.images)]
        index = pd.DataFrame({"image_id": ids, "block": [image_block(name) for name in ids], "source": "s"})
        index.to_parquet(folder / "index.parquet")

        def compare(n_layers: int, threads: int) -> tuple[float, float]:
            cpu = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            begin = time.perf_counter()
            compare_models(
                dataset="d", model="m", places=[["m", path.stem, 0.5] for path in files[:n_layers]],
                discovered=[str(path) for path in files[:n_layers]], profiles=[], geometries=[],
                index=folder / "index.parquet", table=folder / "t.parquet", concept_pairs=folder / "c.parquet",
                matrices=folder / "m.h5", sfss_pairs=folder / "s.parquet",
                options={"n_permutations": 0, "n_bootstrap": 200, "confidence": 0.95, "thresholds": [0.5],
                         "correlation": "pearson", "min_images_sfss": 15},
                seed=0, threads=threads, mem_mb=4000,
            )  # fmt: skip
            wall = time.perf_counter() - begin
            after = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            return wall, after - cpu

        compare(2, 1)  # compiles
        wall, cpu = compare(given.layers, given.threads)
        own, children = (resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        n_pairs = given.layers * (given.layers + 1) // 2
        words = n_pairs * given.concepts**2 * given.images * n_words(given.size**2)
        begin = time.process_time()
        n_bytes = sum(int(map_dataset(path, "masks").view(np.uint8).nbytes) for path in files)
        for path in files:
            np.asarray(map_dataset(path, "masks")).max()
        reading = time.process_time() - begin
        counting = words / popcounts_per_second()
        product = product_seconds(files, min(30, given.images), given.size) * given.images
        a, b = (LayerMasks(map_dataset(path, "masks")[0], areas_of(path)) for path in files[:2])
        order, _ = shuffles("ucs", "a", "b", np.zeros(given.images), n_permutations=9, seed=0)
        shuffled_iou_sums(a, b, order[:1])
        each = np.inf
        for _ in range(3):
            begin = time.process_time()
            shuffled_iou_sums(a, b, order)
            each = min(each, (time.process_time() - begin) / 9)
    rows = [
        ("masks", f"{given.images} images x {given.layers} layers x {given.concepts}, S = {given.size}, {given.masks}"),
        ("pairs of layers, of concepts", f"{n_pairs}, {n_pairs * given.concepts**2}"),
        (f"the job, {given.threads} threads", f"{wall:.1f} s"),
        ("  processor time, workers' start included", f"{cpu:.1f} s"),
        ("  peak memory, this process and the largest worker", f"{own / 1e3:.0f} MB, {children / 1e3:.0f} MB"),
        ("floor, one core", f"{reading + counting:.2f} s"),
        ("  masks read once", f"{reading:.2f} s, {n_bytes / 1e6:.0f} MB"),
        ("  words counted", f"{counting:.2f} s, {words / 1e9:.1f} billion"),
        ("processor time / floor", f"{cpu / (reading + counting):.2f}"),
        ("matrix product of unpacked bits, one core", f"{product:.1f} s"),
        ("a shuffle of one pair of layers", f"{1e3 * each:.1f} ms"),
        ("null, R = 99, all pairs, one core", f"{99 * each * n_pairs:.0f} s"),
        (f"  on {given.threads} cores", f"{99 * each * n_pairs / given.threads:.0f} s"),
    ]
    for name, value in rows:
        sys.stdout.write(f"{name:52s} {value}\n")


def areas_of(path: Path) -> Array:
    """Set cells of every mask, (image, concept)."""
    words = map_dataset(path, "masks")[0]
    return count(np.asarray(words).view(np.uint8).reshape(-1, 8 * words.shape[-1])).reshape(words.shape[:2])


if __name__ == "__main__":
    main()

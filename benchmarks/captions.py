"""A vocabulary of a million captions: listed, encoded, searched; against one matrix product over the whole of it.

    python benchmarks/captions.py [--captions 1000000] [--images 400] [--dim 512] [--k 5] [--parts 4] [--threads 2]

Captions are texts of five to twelve words, a tenth of them twice; their vectors for the search are random unit vectors
(no structure that would leave few candidates: the k-th best of a million random ones lies close to the next). Measured
in one run, on the same machine: listing; the demo encoder's text side; the search, streamed and exact, on one thread
and on `--threads` Dask workers; and what a plain script does: all vectors in memory, `images @ vectors.T`, argpartition
(the scores of that are rounded float32, its ties and close pairs an accident). The floor: the multiplications of the
float32 product at the speed of a product that stays in the cache. Memory: the largest of the process, before and after.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from threadpoolctl import threadpool_limits

from conceptatlas.encoders.loaded import load_encoder
from conceptatlas.naming import shard_bounds
from conceptatlas.vocabularies.caption_file import CaptionWriter, fixed_sum
from conceptatlas.vocabularies.listing import list_vocabulary
from conceptatlas.vocabularies.retrieval import nearest_captions

Array = np.ndarray[Any, Any]

ENCODER = Path(__file__).resolve().parents[1] / "resources" / "demo_encoder" / "encoder.safetensors"


def write_text(path: Path, n: int) -> None:
    """Captions of random words; every tenth says again what an earlier one says."""
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(20_000)])
    with path.open("w") as file:
        for begin in range(0, n, 100_000):
            size = min(100_000, n - begin)
            drawn, lengths = words[rng.integers(0, len(words), (size, 12))], rng.integers(5, 13, size)
            lines = [" ".join(row[:length]) for row, length in zip(drawn, lengths, strict=True)]
            lines[9::10] = lines[4::10][: len(lines[9::10])]
            file.write("\n".join(lines) + "\n")


def write_parts(folder: Path, n: int, dim: int, n_parts: int) -> list[Path]:
    """Part files of random unit vectors, written a few at a time."""
    parts = []
    for part in range(n_parts):
        start, stop = shard_bounds(n, n_parts, part)
        parts.append(folder / f"{part:03d}.h5")
        rng = np.random.default_rng(part)
        with h5py.File(parts[-1], "w") as file:
            stored = file.create_dataset("embeddings", (stop - start, dim), np.float32)
            total = np.zeros(dim, dtype=np.int64)
            writer = CaptionWriter(file)
            for begin in range(0, stop - start, 50_000):
                vectors = unit(rng.standard_normal((min(50_000, stop - start - begin), dim), dtype=np.float32))
                stored[begin : begin + len(vectors)] = vectors
                total += fixed_sum(vectors)
                writer.append([b"x"] * len(vectors))
            file["sum"] = total
    return parts


def unit(vectors: Array) -> Array:
    """Rows brought to length 1."""
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def peak_mb() -> float:
    """Largest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def timed(function: Any) -> tuple[Any, float, float]:
    """Result, seconds on the clock and of processor time (of this process and of workers that ended)."""
    cpu = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    begin = time.perf_counter()
    result = function()
    wall = time.perf_counter() - begin
    after = sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return result, wall, after - cpu


def cached_flops() -> float:
    """Multiply-adds a second of a float32 product that stays in the cache, one core."""
    a, b = (np.random.default_rng(s).standard_normal((256, 512), dtype=np.float32) for s in (0, 1))
    best = np.inf
    with threadpool_limits(1):
        for _ in range(60):
            begin = time.process_time()
            a @ b.T
            best = min(best, time.process_time() - begin)
    return 256 * 256 * 512 / best


def plain(images: Array, parts: list[Path], k: int) -> Array:
    """What a script does: everything in memory."""
    vectors = np.concatenate([h5py.File(part)["embeddings"][:] for part in parts])
    scores = images @ vectors.T
    best = np.argpartition(-scores, k, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
    return np.take_along_axis(best, order, axis=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (
        ("captions", 1_000_000),
        ("images", 400),
        ("dim", 512),
        ("k", 5),
        ("parts", 4),
        ("threads", 2),
    ):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--encoded", type=int, default=100_000, help="captions that the demo encoder reads")
    parser.add_argument("--folder", default=None, help="for the files, 2.1 GB; default: a temporary one")
    given = parser.parse_args()
    n = given.captions
    with tempfile.TemporaryDirectory(dir=given.folder) as scratch:
        folder = Path(scratch)
        write_text(folder / "captions.txt", n)
        row = {"vocabulary": "v", "path": str(folder / "captions.txt"), "options": ""}
        before = peak_mb()
        _, wall, cpu = timed(lambda: list_vocabulary(row, captions=folder / "l.h5", manifest=folder / "l.json"))
        print(f"list: {wall:.1f} s wall, {cpu:.1f} s processor, {1e6 * cpu / n:.2f} us a caption")
        print(f"  peak {peak_mb():.0f} MB (before {before:.0f})")
        encoder = load_encoder({"encoder": "e", "source": "demo", "weights": str(ENCODER)}, device="cpu", batch=256)
        texts = [f"a red car and a blue boat {i}" for i in range(given.encoded)]
        with threadpool_limits(1):
            _, wall, cpu = timed(lambda: encoder.encode_texts(texts))
        print(f"encode: {wall:.1f} s wall, {given.encoded / cpu:,.0f} captions a second of processor time")
        parts = write_parts(folder, n, given.dim, given.parts)
        images = unit(np.random.default_rng(99).standard_normal((given.images, given.dim), dtype=np.float32))
        nearest_captions(images[:4], parts[:1], k=given.k)  # compiles
        before = peak_mb()
        with threadpool_limits(1):
            found, wall, cpu = timed(lambda: nearest_captions(images, parts, k=given.k))
        own = cpu
        print(
            f"search, 1 thread: {wall:.1f} s wall, {cpu:.1f} s processor, peak {peak_mb():.0f} MB (before {before:.0f})"
        )
        spread, wall, cpu = timed(
            lambda: nearest_captions(images, parts, k=given.k, threads=given.threads, mem_mb=4000)
        )
        children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        print(f"search, {given.threads} workers: {wall:.1f} s, {cpu:.1f} s processor, largest worker {children:.0f} MB")
        print("the same to the last bit:", all(np.array_equal(a, b) for a, b in zip(found, spread, strict=True)))
        with threadpool_limits(1):
            whole, wall, cpu = timed(lambda: plain(images, parts, given.k))
        agree = float((whole == found.indices).mean())
        print(f"plain: {wall:.1f} s wall, {cpu:.1f} s processor, peak {peak_mb():.0f} MB; same places {agree:.4f}")
        floor = n * given.images * given.dim / cached_flops()
        print(f"floor {floor:.1f} s; search {own / floor:.2f} of it, plain {cpu / floor:.2f}")
        print(f"search / plain {own / cpu:.2f}")


if __name__ == "__main__":
    main()

"""The nearest captions of images: exact top k of cosines, streamed over the parts of a vocabulary in bounded memory.

The score of an image x and a caption y is the sum of x_i y_i over i = 1..d in that order, in float64 (products of two
float32 are exact there), so it depends on these two vectors alone: on no block, part, number of workers or library.
Computing all scores so would be slow. A float32 matrix product a of a block of captions and images selects candidates:
whatever order it adds in, |a - x.y| <= g |x| |y| with g = d u / (1 - d u), u = 2^-24 (Higham 2002, section 3.1), and
the score differs from x.y by as little as 2^-53 in the place of u. A caption of the final top k has a score of at least
t, the k-th best of any captions seen, so its a is at least t minus both bounds: only captions at or above that are
scored. Ties go to the lower index.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numba
import numpy as np

from conceptatlas.files import scratch_beside
from conceptatlas.parallel import parallel_each
from conceptatlas.vocabularies.caption_file import Array, mean_vector, part_bounds

BLOCK = 4096
"""Captions of one matrix product."""
IMAGES = 1024
"""Images of one matrix product: 16 MB of products with a block of captions."""
CAPTIONS_PER_TASK = 1 << 17


class Retrieved(NamedTuple):
    """indices int64 (image, k) of captions, best first; scores float32 (image, k), their cosines."""

    indices: Array
    scores: Array


class _Task(NamedTuple):
    part: str
    start: int
    stop: int
    first: int
    """Index of the part's first caption."""


def nearest_captions(
    embeddings: Array,
    parts: Sequence[str | Path],
    *,
    k: int,
    centre: bool = False,
    threads: int = 1,
    mem_mb: int = 2000,
    block: int = BLOCK,
    captions_per_task: int = CAPTIONS_PER_TASK,
) -> Retrieved:
    """The k captions with the largest cosine to each image.

    Parameters
    ----------
    embeddings : float32 (image, dim), rows of length 1.
    parts : part files of one vocabulary (see `caption_file`), in their order.
    k : how many; at most the number of captions.
    centre : take the mean of the vocabulary's vectors from each of them and bring it back to length 1. Text vectors of
        CLIP share a large common component, which makes all captions alike; images are taken as they are.
    threads, mem_mb : Dask workers and their memory together (see `parallel.dask_client`).
    block, captions_per_task : captions at a time and of a task; no result depends on them.

    Returns
    -------
    Retrieved
        the same to the last bit for any number of parts, workers, and size of blocks; equal scores in the order of
        their captions.

    Raises
    ------
    ValueError
        for embeddings of another form, another dim than the vocabulary's, and k beyond its size.
    """
    embeddings = np.ascontiguousarray(embeddings)
    if embeddings.dtype != np.float32 or embeddings.ndim != 2:
        raise ValueError(f"embeddings must be float32 (image, dim), got {embeddings.dtype} {embeddings.shape}")
    if not np.isfinite(embeddings).all():
        raise ValueError("embeddings hold values that are not finite")
    bounds = part_bounds(parts)
    if not 1 <= k <= bounds[-1]:
        raise ValueError(f"k is {k}, the vocabulary has {bounds[-1]} captions: expected 1 to {bounds[-1]}")
    with h5py.File(parts[0], "r") as file:
        dim = file["embeddings"].shape[1]
    if embeddings.shape[1] != dim:
        raise ValueError(f"embeddings have {embeddings.shape[1]} components, the vocabulary's vectors have {dim}")
    mean = mean_vector(parts) if centre else None
    tasks = [
        _Task(str(part), start, min(start + captions_per_task, n), first)
        for part, first, n in zip(parts, bounds, np.diff(bounds).tolist(), strict=False)
        for start in range(0, n, captions_per_task)
    ]
    found = _Best(len(embeddings), k)
    with scratch_beside(Path(parts[0])) as folder:
        np.save(folder / "embeddings.npy", embeddings)
        run = functools.partial(_run, embeddings=str(folder / "embeddings.npy"), k=k, mean=mean, block=block)
        for _, (indices, scores) in parallel_each(
            run, tasks, threads=threads, mem_mb=mem_mb, description="nearest captions"
        ):
            found.merge(indices, scores)
    return Retrieved(found.indices, found.scores.astype(np.float32))


class _Best:
    """The best k (score, index) of every image so far: float64 and int64 (image, k), -inf and the largest index where
    fewer have been seen."""

    def __init__(self, n_images: int, k: int) -> None:
        self.k = k
        self.scores = np.full((n_images, k), -np.inf)
        self.indices = np.full((n_images, k), np.iinfo(np.int64).max)

    def merge(self, indices: Array, scores: Array) -> None:
        """Add the best k of other captions."""
        self._keep(slice(None), np.hstack([self.scores, scores]), np.hstack([self.indices, indices]))

    def add(self, images: Array, indices: Array, scores: Array) -> None:
        """Add single captions: image, index and score of each, sorted by image."""
        rows, begins, counts = np.unique(images, return_index=True, return_counts=True)
        width = int(counts.max())
        place = np.arange(len(images)) - np.repeat(begins, counts)
        row = np.repeat(np.arange(len(rows)), counts)
        more = np.full((len(rows), width), -np.inf)
        index = np.full((len(rows), width), np.iinfo(np.int64).max)
        more[row, place], index[row, place] = scores, indices
        self._keep(rows, np.hstack([self.scores[rows], more]), np.hstack([self.indices[rows], index]))

    def _keep(self, rows: Any, scores: Array, indices: Array) -> None:
        order = np.lexsort((indices, -scores), axis=1)[:, : self.k]
        self.scores[rows] = np.take_along_axis(scores, order, axis=1)
        self.indices[rows] = np.take_along_axis(indices, order, axis=1)


def _run(task: _Task, *, embeddings: str, k: int, mean: Array | None, block: int) -> tuple[Array, Array]:
    vectors = np.load(embeddings, mmap_mode="r")
    found = _Best(len(vectors), k)
    _search(vectors, task, found, mean=mean, block=block)
    return found.indices, found.scores


def _search(embeddings: Array, task: _Task, found: _Best, *, mean: Array | None, block: int) -> None:
    """Put the captions of a task to the best ones."""
    dim = embeddings.shape[1]
    bound32, bound64 = (dim * u / (1 - dim * u) for u in (2.0**-24, 2.0**-53))
    with h5py.File(task.part, "r") as file:
        stored = file["embeddings"]
        for start in range(task.start, task.stop, block):
            captions = stored[start : min(start + block, task.stop)].astype(np.float32, copy=False)
            if mean is not None:
                captions = centred(captions, mean)
            longest = float(np.sqrt(np.einsum("ij,ij->i", captions, captions, dtype=np.float64).max()))
            for begin in range(0, len(embeddings), IMAGES):
                images = np.ascontiguousarray(embeddings[begin : begin + IMAGES])
                lengths = np.sqrt(np.einsum("ij,ij->i", images, images, dtype=np.float64))
                slack = (bound32 + bound64) * (1 + 1e-6) * lengths * longest + 1e-30
                _select(images, captions, slack, found, begin=begin, first=task.first + start)


def _select(images: Array, captions: Array, slack: Array, found: _Best, *, begin: int, first: int) -> None:
    """Select candidates of one block by a float32 product and add their exact scores."""
    product = images @ captions.T
    worst = found.scores[begin : begin + len(images), -1]
    floor = worst - slack
    n_new = min(found.k, product.shape[1])
    unfilled = ~np.isfinite(worst)
    if unfilled.any():
        # at least k captions of this block have an exact score of at least the k-th largest product minus the slack
        if product.shape[1] > found.k:
            kth = np.partition(product[unfilled], -n_new, axis=1)[:, -n_new].astype(np.float64)
            floor[unfilled] = kth - 2 * slack[unfilled]
        else:
            floor[unfilled] = -np.inf
    # rounded down: a product that equals the floor in float32 must not be lost
    floor32 = np.nextafter(floor.astype(np.float32), np.float32(-np.inf))
    rows, columns = np.nonzero(product >= floor32[:, None])
    for at in range(0, len(rows), 1 << 20):
        row, column = rows[at : at + (1 << 20)], columns[at : at + (1 << 20)]
        found.add(begin + row, first + column, _scores(images, captions, row, column))


def centred(captions: Array, mean: Array) -> Array:
    """Vectors minus a mean, brought back to length 1: float32 (caption, dim), each from itself and the mean alone.

    A vector that equals the mean has no direction and becomes zeros: its cosine is 0 with everything.
    """
    result = np.empty_like(captions)
    _centre(np.ascontiguousarray(captions), np.ascontiguousarray(mean, dtype=np.float64), result)
    return result


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _centre(captions: Array, mean: Array, result: Array) -> None:
    for n in range(captions.shape[0]):
        total = 0.0
        for i in range(captions.shape[1]):
            difference = np.float64(captions[n, i]) - mean[i]
            total += difference * difference
        length = np.sqrt(total)
        for i in range(captions.shape[1]):
            difference = np.float64(captions[n, i]) - mean[i]
            result[n, i] = np.float32(difference / length) if length > 0.0 else np.float32(0.0)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _scores(images: Array, captions: Array, rows: Array, columns: Array) -> Array:
    """Scores of (image, caption) pairs, float64: the sum over components in their order."""
    scores = np.empty(len(rows), dtype=np.float64)
    for n in range(len(rows)):
        total = 0.0
        for i in range(images.shape[1]):
            total += np.float64(images[rows[n], i]) * np.float64(captions[columns[n], i])
        scores[n] = total
    return scores

"""A seeded sample of a layer's positions: the rows (position, unit) in which concepts are looked for.

Every fit image gives the same number of positions, drawn from its cells that are not padding by a generator named after
the image: neither shards nor workers nor the other images decide which.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.activations.store import Shard, stored_dtype
from conceptatlas.datasets.padding import counted_cells, read_ignore
from conceptatlas.parallel import parallel_map
from conceptatlas.seeds import generator, unit_interval

Array = np.ndarray[Any, Any]


class _Task(NamedTuple):
    shard: Shard
    images: Array
    ids: list[str]
    starts: Array
    annotations: list[str]
    size: int
    seed: int
    out: Path


def sample_positions(
    path: Path, shards: list[Shard], images: Array, ids: list[str], annotations: list[str], *, size: int,
    at_most: int, seed: int, threads: int = 1, mem_mb: int = 2000,
) -> Array:  # fmt: skip
    """Check every shard against its manifest and write the sampled rows of the fit images.

    path : .npy to write, (position, unit) in the type the layer is stored in; beside it, the image of every row.

    images : int64, image_index of the fit images, ascending. ids : image_id of every image of the data set. size : S of
    the masks (padding). at_most : rows of the sample.

    Returns the image_index of every row, int64 (position,), ascending.

    Raises
    ------
    DamagedFileError
        for a shard that is not what its manifest says.
    """
    n_units, height, width = shards[0].shape
    n_cells = height * width
    if len(images) > at_most:  # one position each of those with the smallest hash
        order = np.argsort([unit_interval(seed, "image to find concepts on", ids[i]) for i in images], kind="stable")
        images = np.sort(images[order[:at_most]])
    each = min(n_cells, at_most // max(len(images), 1))
    ignore = read_ignore(annotations, images)
    counted = np.full(len(images), n_cells, dtype=np.int64)
    if ignore is not None:
        counted = counted_cells(ignore, n_images=len(images), shape=(height, width), size=size).sum(axis=1)
    rows = np.minimum(counted, each)
    starts = np.concatenate([[0], np.cumsum(rows)]).astype(np.int64)
    shape = (int(starts[-1]), n_units)
    new_array(path, shape, stored_dtype(shards[0]))
    tasks = []
    for shard in shards:
        first, last = (int(i) for i in np.searchsorted(images, [shard.start, shard.stop]))
        mine = images[first:last]
        tasks.append(
            _Task(shard, mine, [ids[i] for i in mine], starts[first : last + 1], annotations, size, seed, path)
        )
    parallel_map(_write_rows, tasks, threads=threads, mem_mb=mem_mb, description="positions to find concepts on")
    image = np.repeat(images, rows)
    np.save(_beside(path), image)
    return image


def new_array(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    """A .npy file of zeros for tasks to fill; an empty array cannot be mapped and is saved as it is."""
    if 0 in shape:
        np.save(path, np.zeros(shape, dtype=dtype))
    else:
        np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape).flush()


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}-image.npy")


def read_image_of_rows(path: Path) -> Array:
    """The image_index of every row of a sample, int64 (position,), ascending."""
    image: Array = np.load(_beside(path))
    return image


def _write_rows(task: _Task) -> None:
    """Check a shard and write the rows of its fit images; rows of different tasks are disjoint."""
    task.shard.verify()
    if len(task.images) == 0 or task.starts[-1] == task.starts[0]:
        return
    n_units, height, width = task.shard.shape
    maps = task.shard.activations()
    ignore = read_ignore(task.annotations, task.images)
    counted = counted_cells(ignore, n_images=len(task.images), shape=(height, width), size=task.size)
    out = np.load(task.out, mmap_mode="r+")
    for n, image in enumerate(task.images):
        start, stop = int(task.starts[n]), int(task.starts[n + 1])
        if stop > start:
            cells = np.flatnonzero(counted[n])
            rng = generator(task.seed, "positions to find concepts on", task.ids[n])
            chosen = np.sort(rng.permutation(cells)[: stop - start])
            out[start:stop] = np.asarray(maps[image - task.shard.start]).reshape(n_units, -1)[:, chosen].T
    out.flush()


def resample_images(image: Array, *, seed: int, number: int) -> Array:
    """How often each row counts when images are drawn with replacement: int64 (position,).

    image : int64 (position,), the image of every row.
    """
    images, of = np.unique(image, return_inverse=True)
    rng = generator(seed, "images drawn again", number)
    drawn = np.bincount(rng.integers(0, max(len(images), 1), size=len(images)), minlength=len(images))
    return drawn[of].astype(np.int64)


def fewer_rows(n_rows: int, *, at_most: int, seed: int) -> Array:
    """Rows of a smaller seeded sample, int64, ascending; all where there are no more than `at_most`."""
    if n_rows <= at_most:
        return np.arange(n_rows)
    return np.sort(generator(seed, "rows of refits").permutation(n_rows)[:at_most])

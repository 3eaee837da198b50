"""The tally job of a layer that is not stored: counts of all shards added up, and the null of their packed masks.

What comes out is the ``tally.h5`` that stored maps give (`dissection.tally`), to the last integer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.counting import read_levels
from conceptatlas.activations.mask_file import verify_counts
from conceptatlas.activations.store import Shard, open_shards
from conceptatlas.datasets.labelled_images import read_images, read_vocabulary
from conceptatlas.dissection.null import CountedMasks
from conceptatlas.dissection.tally import write_counts
from conceptatlas.files import read_json
from conceptatlas.masks.tally import Tally, TallySum
from conceptatlas.naming import CATEGORIES
from conceptatlas.parallel import parallel_map

Array = np.ndarray[Any, Any]


def tally_counts(
    *,
    layer: str,
    shards: list[str],
    manifests: list[str],
    statistics: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    dataset: str | Path,
    out: str | Path,
    n_permutations: int,
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Add up what the second pass counted and write ``tally.h5``, the null beside it.

    shards, manifests : of the second pass. Other arguments : as `dissection.tally.tally_layer`.

    Raises
    ------
    DamagedFileError
        if a file is not what its manifest says.
    ValueError
        if the shards do not cover the data set.
    """
    counted = open_shards(shards, manifests, layer)
    about = read_json(dataset)
    if counted[0].start != 0 or counted[-1].stop != about["n_images"]:
        raise ValueError(
            f"counts of layer {layer} cover images {counted[0].start}..{counted[-1].stop}, the data set has "
            f"{about['n_images']}"
        )
    levels = read_levels(statistics)
    n_units = len(next(iter(levels.values())))
    vocabulary = read_vocabulary(concepts)
    parallel_map(verify_counts, counted, threads=threads, mem_mb=mem_mb, description=f"digests of {layer}")

    def tally(tau: str) -> Tally:
        total = TallySum(n_units, vocabulary.n_concepts, len(CATEGORIES))
        for shard in counted:
            total.add(_read_tally(shard, tau))
        return total.result()

    write_counts(
        out,
        list(levels),
        tally,
        CountedMasks(counted, n_units),
        annotations=annotations,
        images=read_images(index),
        primary_category=vocabulary.primary_category,
        n_pixels=int(about["mask_size"]) ** 2,
        n_permutations=n_permutations,
        seed=seed,
        threads=threads,
        mem_mb=mem_mb,
    )


def _read_tally(shard: Shard, tau: str) -> Tally:
    with h5py.File(shard.path, "r") as file:
        group = file[f"{shard.layer}/tally/{tau}"]
        return Tally(**{name: group[name][()] for name in Tally.__dataclass_fields__})

"""What labels found in noise would score: images permuted, the label searched again, its held-out correlation.

Each permutation takes all activations of an image to another image, of the chosen and the held-out ones together, so
units keep their distribution and their correlations with each other, and lose what ties them to the pictures. Images
change places within their source: what tells one member of a composite from another is no finding.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.files import scratch_beside
from conceptatlas.open_vocabulary.simulation import paired_correlations
from conceptatlas.open_vocabulary.soft_wpmi import (
    Constants,
    best_concepts,
    concept_shares,
    soft_wpmi,
    term_table,
    top_images,
)
from conceptatlas.parallel import parallel_map
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]


class Null(NamedTuple):
    """Correlations float64 (permutation, unit): of the label searched again, and of a label that was given."""

    searched: Array
    given: Array


def permuted_labels(
    activations: Array,
    cosines: Array,
    selecting: Array,
    sources: Array,
    given: Array,
    *,
    constants: Constants,
    n_permutations: int,
    seed: int,
    name: str,
    scratch: str | Path,
    threads: int,
    mem_mb: int,
) -> Null:
    """Correlations of labels under permuted images.

    Parameters
    ----------
    activations : float32 (image, unit). cosines : float32 (image, concept). selecting : bool (image,), images on which
        labels are chosen; the others are held out.
    sources : int (image,), between which no image moves.
    given : float64 (image, unit): the profile of another label of each unit, NaN for none; permuted, not searched.
    name : whose permutations these are (with `seed`). scratch : a file beside which arrays may lie for the workers.
    """
    n_units = activations.shape[1]
    if not n_permutations:
        return Null(np.empty((0, n_units)), np.empty((0, n_units)))
    with scratch_beside(scratch) as folder:
        arrays = {"activations": activations, "cosines": cosines, "selecting": selecting, "given": given}
        arrays["sources"] = sources
        for key, array in arrays.items():
            np.save(folder / f"{key}.npy", array)
        run = functools.partial(_run, folder=str(folder), constants=constants, seed=seed, name=name)
        size = max(1, -(-n_permutations // (4 * max(threads, 1))))
        tasks = [(at, min(at + size, n_permutations)) for at in range(0, n_permutations, size)]
        results = parallel_map(run, tasks, threads=threads, mem_mb=mem_mb, description="labels of permuted images")
    return Null(np.vstack([found.searched for found in results]), np.vstack([found.given for found in results]))


def _run(task: tuple[int, int], *, folder: str, constants: Constants, seed: int, name: str) -> Null:
    activations, cosines, selecting, sources, given = (
        np.load(Path(folder, f"{key}.npy")) for key in ("activations", "cosines", "selecting", "sources", "given")
    )
    shares = concept_shares(cosines[selecting], scale=constants.scale)
    table = term_table(shares, constants)
    held_out = ~selecting
    profiles, of_given = cosines[held_out], given[held_out]
    searched, permuted = [], []
    for permutation in range(*task):
        moved = activations[_within(sources, generator(seed, name, "permuted images", permutation))]
        scores = soft_wpmi(shares, top_images(moved[selecting], constants.top_images), constants, table=table)
        labels = best_concepts(scores, 1)[:, 0]
        searched.append(paired_correlations(moved[held_out], profiles[:, labels]))
        permuted.append(paired_correlations(moved[held_out], of_given))
    return Null(np.stack(searched), np.stack(permuted))


def _within(sources: Array, rng: np.random.Generator) -> Array:
    """A permutation of the images that leaves each in its source."""
    order = np.arange(len(sources))
    for source in np.unique(sources):
        places = np.flatnonzero(sources == source)
        order[places] = rng.permutation(places)
    return order

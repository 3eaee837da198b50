"""Concept vectors of a layer: the weights that segment or classify a concept, one vector an initialisation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Array = np.ndarray[Any, Any]

TASKS = ("segmentation", "classification")


@dataclass(frozen=True)
class ConceptVectors:
    """What segmentation.h5 or classification.h5 hold of the learned concepts.

    concept_index : int64 (concept,), rows of concepts.parquet. weights : float32 (concept, repeat, unit); repeat 0 is
    the one that is reported. bias : float32 (concept, repeat). task : segmentation or classification.
    """

    concept_index: Array
    weights: Array
    bias: Array
    task: str

    @property
    def n_units(self) -> int:
        """Units of the layer."""
        return int(self.weights.shape[2])


def read_vectors(path: str | Path) -> ConceptVectors:
    """Read the concept vectors of a layer and task; a layer where nothing was learned has none.

    Raises
    ------
    ValueError
        naming the file, if it does not open or holds something else.
    """
    try:
        with h5py.File(path, "r") as file:
            task = str(file.attrs["task"])
            n_units = int(file.attrs["n_units"])
            index, weights, bias = file["concept_index"][()], file["weights"][()], file["bias"][()]
    except (OSError, KeyError) as error:
        if not Path(path).exists():
            raise
        raise ValueError(f"{path}: not a file of concept vectors ({error}); delete it and run again") from None
    if weights.shape != (len(index), *bias.shape[1:], n_units):
        raise ValueError(
            f"{path}: weights have shape {weights.shape}, bias {bias.shape}, concept_index {index.shape}; expected "
            f"(concept, repeat, {n_units} units), (concept, repeat), (concept,)"
        )
    return ConceptVectors(index, weights, bias, task)


def unit_length(weights: Array) -> Array:
    """w / ||w|| along the last axis, float64 (Net2Vec, section 5.3); NaN where w is all zero or not finite.

    >>> unit_length(np.array([3.0, 4.0])).tolist()
    [0.6, 0.8]
    """
    w = np.asarray(weights, dtype=np.float64)
    # the largest entry first: squares of tiny or huge weights would leave the range of float64
    size = np.abs(w).max(axis=-1, keepdims=True, initial=0)
    sound = np.isfinite(size) & (size > 0)
    w = np.where(sound, w, np.nan) / np.where(sound, size, 1)
    length: Array = np.linalg.norm(w, axis=-1, keepdims=True)
    return w / length

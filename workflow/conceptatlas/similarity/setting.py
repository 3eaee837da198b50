"""How layers are compared, and what all pairs of a data set share: blocks, sources and resamples of its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.inference.bootstrap import MINIMUM_BLOCKS, block_weights
from conceptatlas.similarity.nulls import Chance

Array = np.ndarray[Any, Any]

N_BLOCKS = 32


@dataclass(frozen=True)
class Comparing:
    """What the comparison of any two layers needs besides their files.

    blocks, sources : int64 (image,) of all images of the data set. n_permutations, n_bootstrap, confidence, seed : of
    the study.
    """

    blocks: Array
    sources: Array
    n_permutations: int
    n_bootstrap: int
    confidence: float
    seed: int

    def weights(self) -> Array:
        """How often each block is drawn: int64 (replicate, block)."""
        return block_weights(N_BLOCKS, self.n_bootstrap, seed=self.seed)

    def limits(self, resampled: Array, blocks: Array) -> tuple[float, float]:
        """Percentile interval of a resampled number, (replicate,); NaN where the images lie in fewer than 8 blocks or
        at most half of the replicates are defined. blocks : of the images it was measured on."""
        if len(np.unique(blocks)) < MINIMUM_BLOCKS or not len(resampled) or np.isfinite(resampled).mean() <= 0.5:
            return float("nan"), float("nan")
        tail = 100 * (1 - self.confidence) / 2
        low, high = np.nanpercentile(resampled, [tail, 100 - tail])
        return float(low), float(high)


class Measured(NamedTuple):
    """One measure of a pair, the columns of the table of pairs after the two layers. n_concepts : None where it has
    none."""

    measure: str
    threshold: float
    value: float
    low: float
    high: float
    null_mean: float
    null_high: float
    p: float
    n_images: int
    n_concepts: int | None
    n_undefined: int
    n_permutations: int
    reason: str


def measured(
    measure: str,
    value: float,
    limits: tuple[float, float],
    chance: Chance,
    *,
    n_images: int,
    n_concepts: int | None = None,
    n_undefined: int | None = None,
    threshold: float = float("nan"),
    n_permutations: int = 0,
    reason: str = "",
) -> Measured:
    """A row. n_undefined : default 1 where the value is undefined. reason : why it would be, kept only where it is."""
    missing = bool(np.isnan(value))
    low, high = (float("nan"), float("nan")) if missing else limits
    undefined = int(missing) if n_undefined is None else n_undefined
    return Measured(
        measure, threshold, value, low, high, chance.null_mean, chance.null_high, chance.p, n_images, n_concepts,
        undefined, n_permutations, reason if missing else "",
    )  # fmt: skip

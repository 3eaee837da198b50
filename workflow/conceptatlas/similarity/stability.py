"""How stable discovered concepts are: found again on resampled images, and from other random initialisations.

Refits are matched one to one to the study's own components (Hungarian method on the cosine); a concept's stability is
its cosine to its match. Refits use at most `REFIT_POSITIONS` rows of the sample, a limit of time: with fewer rows than
the study's own fit they vary more, so that stability is understated rather than overstated.

A resample of images counts the rows of an image as often as it was drawn.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from conceptatlas.similarity.factorisation import Factors, find_components, load_rows
from conceptatlas.similarity.sampled_positions import fewer_rows, read_image_of_rows, resample_images

Array = np.ndarray[Any, Any]

REFIT_POSITIONS = 50_000


class Fit(NamedTuple):
    """A factorisation to make: the study's own (kind "own"), or a refit on resampled "images" or from other "seeds".

    rows : .npy of sampled rows. number : of the refit, from 1.
    """

    rows: Path
    method: str
    n_concepts: int
    seed: int
    kind: str = "own"
    number: int = 0


def fits(own: Fit, *, n_stability: int) -> list[Fit]:
    """The study's own factorisation and its refits; pca has no random initialisation to vary."""
    kinds = ("images",) if own.method == "pca" else ("images", "seeds")
    return [own, *(own._replace(kind=kind, number=r) for kind in kinds for r in range(1, n_stability + 1))]


def make_fit(fit: Fit) -> Factors:
    """Factorise the rows that a fit names."""
    if fit.kind == "own":
        return find_components(load_rows(fit.rows), fit.method, n_concepts=fit.n_concepts, seed=fit.seed)
    image = read_image_of_rows(fit.rows)
    take = fewer_rows(len(image), at_most=REFIT_POSITIONS, seed=fit.seed)
    counts = None
    if fit.kind == "images":
        counts = resample_images(image, seed=fit.seed, number=fit.number)[take]
    return find_components(
        load_rows(fit.rows, take), fit.method, n_concepts=fit.n_concepts, seed=fit.seed,
        initialisation=fit.number if fit.kind == "seeds" else 0, counts=counts,
    )  # fmt: skip


def matched_cosines(own: Array, again: Array, *, both_signs: bool = False) -> Array:
    """Cosine of every component to its match among those of a refit, float64 (concept,).

    own, again : (concept, unit), length 1 or zeros. both_signs : a component and its negative are the same (pca). NaN
    where the study itself has no component; 0 where the refit has none left to match.
    """
    cosines = own.astype(np.float64) @ again.astype(np.float64).T
    if both_signs:
        cosines = np.abs(cosines)
    rows, columns = linear_sum_assignment(-cosines)
    out = np.zeros(len(own))
    out[rows] = cosines[rows, columns]
    out[~own.any(axis=1)] = np.nan
    return np.clip(out, -1, 1)


def stability_columns(kind: str, cosines: list[Array], *, n_concepts: int) -> dict[str, Array]:
    """Mean, smallest and largest matched cosine over refits, a column each; NaN without refits."""
    name = f"stability_{kind}"
    if not cosines:
        return {column: np.full(n_concepts, np.nan) for column in (name, f"{name}_low", f"{name}_high")}
    found = np.array(cosines)
    return {name: found.mean(axis=0), f"{name}_low": found.min(axis=0), f"{name}_high": found.max(axis=0)}

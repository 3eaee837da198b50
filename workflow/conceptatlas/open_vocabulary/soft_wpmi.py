"""soft-WPMI of units and concepts (CLIP-Dissect, Oikarinen & Weng 2023, section 3 and the authors' published code).

P[i, m] = softmax over the concepts m of a * cos(image i, concept m). For the images i_1, i_2, ... with the largest
activations of unit k, l[k, m] = sum over j of log(1 + p_j (P[i_j, m] - 1) + eps), where p_j, how surely image j is an
example, falls from p_start by (p_start - p_end) / n with each of the n images (the last one stays a step above p_end).
The score is l[k, m] - lam (logsumexp over units k of l[k, m] - log K): what fits every unit counts little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


LARGEST_TABLE = 256e6  # bytes


@dataclass(frozen=True)
class Constants:
    """Constants of soft-WPMI; defaults are the authors'.

    top_images : n, images with the largest activation. scale : a. p_start, p_end : see the module. eps : keeps the
    logarithm finite. lam : weight of what a concept says of all units.
    """

    top_images: int = 100
    scale: float = 10.0
    p_start: float = 0.998
    p_end: float = 0.97
    eps: float = 1e-7
    lam: float = 1.0

    @property
    def weights(self) -> Array:
        """p_j, float64 (top_images,)."""
        steps = np.arange(self.top_images) / self.top_images
        weights: Array = self.p_start - steps * (self.p_start - self.p_end)
        return weights


def concept_shares(cosines: Array, *, scale: float) -> Array:
    """P: softmax of scale * cosines over concepts; float64 (image, concept), rows sum to 1."""
    exponents = scale * np.asarray(cosines, dtype=np.float64)
    exponents -= exponents.max(axis=1, keepdims=True)
    np.exp(exponents, out=exponents)
    exponents /= exponents.sum(axis=1, keepdims=True)
    return exponents


def top_images(activations: Array, n: int) -> Array:
    """Positions of the images with the largest activations of every unit, best first, ties by position: (n, unit)."""
    order: Array = np.argsort(-activations, axis=0, kind="stable")[:n]
    return order


def term_table(shares: Array, constants: Constants) -> Array | None:
    """All terms log(1 + p_j (P - 1) + eps), float64 (top_images, image, concept), for scores that are computed over and
    over; None where they would take more than 256 MB."""
    if shares.size * constants.top_images * 8 > LARGEST_TABLE:
        return None
    table = np.empty((constants.top_images, *shares.shape))
    for j, weight in enumerate(constants.weights):
        table[j] = _terms(shares, weight, constants.eps)
    return table


def _terms(shares: Array, weights: Any, eps: float) -> Array:
    terms: Array = shares - 1
    terms *= weights
    terms += 1 + eps
    np.log(terms, out=terms)
    return terms


def soft_wpmi(shares: Array, chosen: Array, constants: Constants, *, table: Array | None = None) -> Array:
    """Scores float64 (unit, concept).

    shares : float64 (image, concept), see `concept_shares`. chosen : int64 (top_images, unit), see `top_images`.
    table : `term_table` of the shares; the scores are the same to the last bit with and without it.

    Raises
    ------
    ValueError
        if there are fewer images than `top_images`.
    """
    if len(chosen) != constants.top_images:
        raise ValueError(
            f"soft-WPMI looks at the {constants.top_images} images with the largest activations and got {len(chosen)}: "
            "ask for fewer (open_vocabulary.top_images)"
        )
    weights, places = constants.weights[:, None], np.arange(constants.top_images)
    fits = np.empty((chosen.shape[1], shares.shape[1]))
    for unit in range(chosen.shape[1]):
        own = chosen[:, unit]
        terms = _terms(shares[own], weights, constants.eps) if table is None else table[places, own]
        fits[unit] = terms.sum(axis=0)
    largest = fits.max(axis=0)
    overall = largest + np.log(np.exp(fits - largest).sum(axis=0)) - np.log(len(fits))
    scores: Array = fits - constants.lam * overall
    return scores


def best_concepts(scores: Array, n: int) -> Array:
    """Concepts with the largest scores of every unit, best first, ties by position: int64 (unit, n)."""
    order: Array = np.argsort(-scores, axis=1, kind="stable")[:, :n]
    return order

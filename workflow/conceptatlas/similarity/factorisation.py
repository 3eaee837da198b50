"""Concepts of a layer as components of its activations: NMF (ICE), k-means or PCA of sampled positions.

Source: ICE (Zhang et al., AAAI 2021), which the comparison of layers builds on: NMF of the activations
after a ReLU, rows of the second factor are the concepts. Each runs on one thread: sums over several would depend on
their number.

nmf      scikit-learn's coordinate descent from NNDSVD (seeded); values below 0 are set to 0 first
kmeans   centroids of the unit-length rows (rows of zeros left out), Lloyd from seeded k-means++, best of 4
pca      principal directions of the centred rows, the sign so that the largest loading is positive

Rows are divided by their overall root mean square first, so that a common scale changes nothing (NNDSVD cuts at 1e-6).
Components have length 1 and are sorted by what they hold of the sample.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from conceptatlas.naming import unknown
from conceptatlas.seeds import derive_seed

Array = np.ndarray[Any, Any]

METHODS = ("nmf", "kmeans", "pca")
MOST_ITERATIONS = 400
_N_INIT = 4
_ROWS_AT_ONCE = 16384
_NO_VARIANCE = 1e-10


@dataclass(frozen=True)
class Factors:
    """Components of a sample.

    components : float64 (concept, unit), length 1, or zeros where `reasons` says why there is none. offset : float64
    (unit,), what is subtracted before components are applied. share : float64 (concept,), what each holds of the sample
    (nmf: sum of squares of its term over that of the rows; kmeans: rows; pca: variance). reasons : a text a concept,
    empty where there is a component. negative : the rows hold values below 0. iterations : -1 for pca.
    """

    components: Array
    offset: Array
    share: Array
    reasons: list[str]
    negative: bool
    iterations: int
    converged: bool


class _Found(NamedTuple):
    components: Array
    share: Array
    offset: Array
    iterations: int
    converged: bool


def find_components(
    rows: Array, method: str, *, n_concepts: int, seed: int, initialisation: int = 0, counts: Array | None = None
) -> Factors:
    """Factorise rows (position, unit) of any float type.

    n_concepts : components wanted; fewer are found where there are fewer units, rows or directions. initialisation : 0
    for the study's own; another number starts nmf from random values (init="random") and kmeans from other seeds.
    counts : int64 (position,), how often each row counts (a resample of images); default once.

    Raises
    ------
    ValueError
        for an unknown method.
    """
    if method not in METHODS:
        raise unknown("method", method, METHODS, where="similarity.unsupervised")
    if counts is not None:
        rows, counts = rows[counts > 0], counts[counts > 0]
    n_units = rows.shape[1]
    negative = bool((rows < 0).any())
    weights = np.ones(len(rows)) if counts is None else counts.astype(np.float64)
    scaled, rms = _scaled(rows, relu=method == "nmf")
    if method == "kmeans":
        scaled, weights = _unit_rows(scaled, weights)
    alive = len(scaled) > 0 and bool(scaled.any())
    n_found = min(n_concepts, n_units, len(scaled)) if alive else 0
    found = _Found(np.zeros((0, n_units)), np.zeros(0), np.zeros(n_units), -1, True)
    if n_found:
        state = derive_seed(seed, "concepts of a layer", method, initialisation) % 2**32
        with threadpool_limits(1):
            found = _BY_METHOD[method](scaled, weights, n_found, state, initialisation)
    why = f"{n_units} units and {len(scaled)} positions hold no more components"
    if not alive:
        why = "the layer is 0 at all sampled positions" if len(rows) else "no position to find concepts on"
    return _tidy(found, why, n_concepts=n_concepts, rms=rms, negative=negative)


def _scaled(rows: Array, *, relu: bool) -> tuple[Array, float]:
    """Rows as float32 after the ReLU where one is asked for, divided by their root mean square; and that."""
    out = np.empty(rows.shape, dtype=np.float32)
    for part in _parts(len(rows)):
        out[part] = np.maximum(rows[part], 0) if relu else rows[part]
    total = _squares(out)
    if not total > 0:
        return out, 1.0
    rms = float(np.sqrt(total / out.size))
    for part in _parts(len(rows)):
        out[part] = out[part] / rms
    return out, rms


def _parts(n_rows: int) -> Iterator[slice]:
    for first in range(0, n_rows, _ROWS_AT_ONCE):
        yield slice(first, first + _ROWS_AT_ONCE)


def _squares(rows: Array) -> float:
    """Sum of squares in float64, block by block: a float64 copy of all rows would be twice their size."""
    return float(sum(float(np.square(rows[part], dtype=np.float64).sum()) for part in _parts(len(rows))))


def _unit_rows(rows: Array, weights: Array) -> tuple[Array, Array]:
    length = np.linalg.norm(rows, axis=1)
    keep = length > 0
    return rows[keep] / length[keep, None], weights[keep]


def _nmf(rows: Array, weights: Array, n: int, state: int, initialisation: int) -> _Found:
    """A row that counts m times weighs as one that is sqrt(m) times as large: the loss is a sum of squares."""
    from sklearn.decomposition import non_negative_factorization

    if (weights != 1).any():
        rows = rows * np.sqrt(weights).astype(np.float32)[:, None]
    init = "random" if initialisation else "nndsvd"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the limit was reached is said in the table
        # the function, not the class: that would make W H, as large as the rows, to report its error
        w, h, n_iterations = non_negative_factorization(
            rows, n_components=n, init=init, max_iter=MOST_ITERATIONS, random_state=state
        )
    held = np.square(w, dtype=np.float64).sum(axis=0) * np.square(h, dtype=np.float64).sum(axis=1)
    iterations = int(n_iterations)
    return _Found(h, held / _squares(rows), np.zeros(rows.shape[1]), iterations, iterations < MOST_ITERATIONS)


def _kmeans(rows: Array, weights: Array, n: int, state: int, initialisation: int) -> _Found:
    from sklearn.cluster import KMeans

    model = KMeans(n_clusters=n, n_init=_N_INIT, random_state=state, algorithm="lloyd")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # fewer distinct rows than clusters: equal centroids are left out below
        labels = model.fit_predict(rows, sample_weight=weights)
    share = np.bincount(labels, weights=weights, minlength=n) / weights.sum()
    centres = np.where((share > 0)[:, None], model.cluster_centers_, 0)
    n_iterations = int(model.n_iter_)
    return _Found(centres, share, np.zeros(rows.shape[1]), n_iterations, n_iterations < model.max_iter)


def _pca(rows: Array, weights: Array, n: int, state: int, initialisation: int) -> _Found:
    """Eigenvectors of the covariance; float64, block by block."""
    total, products = np.zeros(rows.shape[1]), np.zeros((rows.shape[1], rows.shape[1]))
    for part in _parts(len(rows)):
        block = rows[part].astype(np.float64)
        weighted = block * weights[part, None]
        total += weighted.sum(axis=0)
        products += weighted.T @ block
    mean = total / weights.sum()
    values, vectors = np.linalg.eigh(products / weights.sum() - np.outer(mean, mean))
    values, vectors = values[::-1], vectors[:, ::-1].T
    sizes = np.clip(values, 0, None)
    largest = np.abs(vectors).argmax(axis=1)
    vectors = vectors * np.where(vectors[np.arange(len(vectors)), largest] < 0, -1.0, 1.0)[:, None]
    share = sizes / sizes.sum() if sizes.sum() > 0 else sizes
    present = sizes[:n] > _NO_VARIANCE * max(float(sizes[0]), float(mean @ mean), np.finfo(float).tiny)
    return _Found(np.where(present[:, None], vectors[:n], 0), share[:n], mean, -1, True)


_BY_METHOD = {"nmf": _nmf, "kmeans": _kmeans, "pca": _pca}


def _tidy(found: _Found, why_fewer: str, *, n_concepts: int, rms: float, negative: bool) -> Factors:
    """Unit length, sorted by share, zeros and a reason where nothing was found."""
    components, share = np.zeros((n_concepts, len(found.offset))), np.zeros(n_concepts)
    length = np.linalg.norm(found.components.astype(np.float64), axis=1)
    order = [int(i) for i in np.argsort(-np.where(length > 0, found.share, -1), kind="stable")]
    reasons = [why_fewer] * n_concepts
    for place, i in enumerate(order):
        if length[i] > 0:
            components[place] = found.components[i] / length[i]
            share[place] = found.share[i]
            reasons[place] = ""
        else:
            reasons[place] = "the factorisation left the component empty"
    return Factors(components, found.offset.astype(np.float64) * rms, share, reasons, negative, found.iterations,
                   found.converged)  # fmt: skip


def load_rows(path: Path, take: Array | None = None) -> Array:
    """Sampled rows from their file: mapped, or a copy of some."""
    rows = np.load(path, mmap_mode="r")
    return np.asarray(rows) if take is None or len(take) == len(rows) else np.asarray(rows[take])

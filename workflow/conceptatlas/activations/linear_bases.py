"""Linear bases of a layer: the units, random rotations, PCA, NMF, k-means, a user's matrix.

All are deterministic by (study seed, row seed, name of the basis) and do not depend on the number of shards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.activations.store import Shard
from conceptatlas.naming import unknown
from conceptatlas.seeds import derive_seed, generator
from conceptatlas.sheets import Row

Array = np.ndarray[Any, Any]

KINDS = ("units", "random", "pca", "nmf", "kmeans", "file")
SAMPLED_POSITIONS = 200_000


class Basis(NamedTuple):
    """Directions of a layer: matrix float32 (direction, unit), offset float32 (unit,) subtracted first."""

    matrix: Array
    offset: Array


def fit_basis(row: Row, shards: list[Shard], *, seed: int) -> Basis:
    """The directions of a row of bases.tsv, deterministic by (study seed, row seed, name of the basis).

    units     the identity
    random    a Haar-distributed rotation Q in SO(K) (rows are directions)
    pca       principal directions of the centred activations over all positions, largest variance first
    nmf       components of a non-negative factorisation of a seeded sample of positions, unit length
    kmeans    centres of a seeded sample, minus the mean, unit length
    file      a matrix (direction, unit) from a .npy file

    Raises
    ------
    ValueError
        for an unknown kind, a matrix of the wrong shape, more components than units, or NMF of negative activations.
    """
    n_units = shards[0].shape[0]
    n_components = int(row["n_components"] or n_units)
    kind, name = str(row["kind"]), str(row["basis"])
    no_offset = np.zeros(n_units, dtype=np.float32)
    rng_seed = derive_seed(seed, "basis", name, str(row["seed"]))
    if kind not in KINDS:
        raise unknown("kind of basis", kind, KINDS, where=f"basis {name!r}")
    if kind in ("random", "pca") and n_components > n_units:
        raise ValueError(f"basis {name!r}: {n_components} components asked for, the layer has {n_units} units")
    if kind == "units":
        return Basis(np.eye(n_units, dtype=np.float32), no_offset)
    if kind == "random":
        return Basis(random_rotation(n_units, seed=rng_seed)[:n_components].astype(np.float32), no_offset)
    if kind == "file":
        return Basis(read_matrix(row["path"], n_units=n_units), no_offset)
    if kind == "pca":
        mean, covariance = _covariance(shards)
        _, vectors = np.linalg.eigh(covariance)
        directions = vectors[:, ::-1][:, :n_components].T
        return Basis(_fix_sign(directions).astype(np.float32), mean.astype(np.float32))
    sample = sample_positions(shards, seed=rng_seed)
    if kind == "nmf":
        return Basis(_nmf(sample, n_components, seed=rng_seed, name=name), no_offset)
    mean = sample.mean(axis=0)
    return Basis(_kmeans(sample - mean, n_components, seed=rng_seed), mean.astype(np.float32))


def random_rotation(n: int, *, seed: int) -> Array:
    """A rotation drawn from the Haar measure on SO(n): QR with positive diagonal, one column negated if det < 0.

    Without the sign convention QR is not Haar; with det < 0 the matrix has no real power.
    """
    q, r = np.linalg.qr(generator(seed, "rotation").standard_normal((n, n)))
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    if np.linalg.det(q) < 0:
        q[:, 0] = -q[:, 0]
    return q


def read_matrix(path: str | Path, *, n_units: int) -> Array:
    """A user's matrix (direction, unit) as float32; ValueError for a wrong shape or values that are not finite."""
    try:
        matrix = _load(Path(path))
    except (OSError, ValueError) as error:
        raise ValueError(f"basis matrix {path}: cannot be read as .npy or .safetensors ({error})") from None
    if matrix.ndim != 2 or matrix.shape[1] != n_units:
        raise ValueError(f"basis matrix {path} has shape {matrix.shape}, expected (directions, {n_units} units)")
    if not np.isfinite(matrix).all():
        raise ValueError(f"basis matrix {path} holds values that are not finite")
    return matrix.astype(np.float32)


def _load(path: Path) -> Array:
    """The matrix of a .npy file, or the only tensor of a .safetensors file."""
    if path.suffix != ".safetensors":
        return np.asarray(np.load(path, allow_pickle=False))
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    try:
        tensors = load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    if len(tensors) != 1:
        raise ValueError(f"it holds {len(tensors)} tensors ({', '.join(sorted(tensors)[:5])}), expected one")
    return np.asarray(next(iter(tensors.values())))


def sample_positions(shards: list[Shard], *, seed: int, at_most: int = SAMPLED_POSITIONS) -> Array:
    """Activation vectors at seeded positions, float32 (position, unit).

    The same number of positions from every valid image, drawn by image index: any number of shards gives the same.
    """
    n_images = sum(int(shard.valid.sum()) for shard in shards)
    n_units, height, width = shards[0].shape
    each = max(1, min(height * width, at_most // max(n_images, 1)))
    chosen = set(generator(seed, "sampled images").permutation(n_images)[:at_most].tolist())
    rows = []
    counted = 0
    for shard in shards:
        maps = shard.activations()
        for n in np.flatnonzero(shard.valid):
            if counted in chosen:
                rng = generator(seed, "positions", shard.start + int(n))
                positions = np.sort(rng.choice(height * width, size=each, replace=False))
                rows.append(maps[n].reshape(n_units, -1)[:, positions].T.astype(np.float32))
            counted += 1
    return np.concatenate(rows)


def _covariance(shards: list[Shard]) -> tuple[Array, Array]:
    """Mean and covariance of the units over all positions of valid images, float64, image by image."""
    n_units = shards[0].shape[0]
    total, products, n = np.zeros(n_units), np.zeros((n_units, n_units)), 0
    for shard in shards:
        maps = shard.activations()
        for i in np.flatnonzero(shard.valid):
            values = maps[i].reshape(n_units, -1).astype(np.float64)
            total += values.sum(axis=1)
            products += values @ values.T
            n += values.shape[1]
    mean = total / n
    return mean, products / n - np.outer(mean, mean)


def _fix_sign(directions: Array) -> Array:
    """Directions with their largest loading positive: T_k is one-sided, so the sign matters and must be decided."""
    largest = np.abs(directions).argmax(axis=1)
    return directions * np.where(directions[np.arange(len(directions)), largest] < 0, -1.0, 1.0)[:, None]


def _nmf(sample: Array, n_components: int, *, seed: int, name: str) -> Array:
    from sklearn.decomposition import NMF

    if sample.min() < 0:
        raise ValueError(f"basis {name!r}: NMF needs non-negative activations; choose a layer after a ReLU, or pca")
    model = NMF(n_components=n_components, init="nndsvda", random_state=seed % 2**32, max_iter=400)
    model.fit(sample)
    return _unit_length(model.components_)


def _kmeans(sample: Array, n_components: int, *, seed: int) -> Array:
    from sklearn.cluster import KMeans

    model = KMeans(n_clusters=n_components, n_init=4, random_state=seed % 2**32)
    model.fit(sample)
    return _unit_length(model.cluster_centers_)


def _unit_length(directions: Array) -> Array:
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    return (directions / np.where(length > 0, length, 1)).astype(np.float32)

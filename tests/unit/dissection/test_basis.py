"""Bases: what they are, and that a basis of units gives the units."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptatlas.activations.linear_bases import fit_basis, random_rotation, read_matrix, sample_positions
from conceptatlas.activations.maps import ProjectedMaps, pooling
from conceptatlas.activations.store import open_shards
from conceptatlas.activations.summary import stored_blocks
from conceptatlas.activations.thresholds import measure_units
from conceptatlas.dissection.basis import _blocks, projected_histogram
from tiny_stores import write_store

Array = np.ndarray[Any, Any]
ROW = {"basis": "b", "kind": "units", "n_components": "", "seed": 0, "path": ""}


@pytest.fixture
def maps() -> Array:
    values = np.random.default_rng(1).normal(size=(20, 6, 3, 5)).astype(np.float16)
    return np.maximum(values, np.float16(-0.5))


def opened(folder: Path, maps: Array, n_shards: int = 2, valid: Array | None = None) -> Any:
    store = write_store(folder, maps, n_shards=n_shards, valid=valid)
    return open_shards(store.shards, store.manifests, "layer")


def test_the_basis_of_units_measures_like_the_units(tmp_path: Path, maps: Array) -> None:
    shards = opened(tmp_path, maps)
    basis = fit_basis(ROW, shards, seed=0)
    projected = ProjectedMaps(shards, basis.matrix, basis.offset)
    histogram = projected_histogram(projected)
    found = measure_units(histogram, lambda: _blocks(projected), taus=["0.05"], definition="order_statistic")
    for k in range(maps.shape[1]):
        ordered = np.sort(maps[:, k].ravel())[::-1]
        assert found["thresholds"][0, k] == ordered[15]  # floor(0.05 * 300) = 15, so the 16th largest
    direct = np.concatenate([block for block, _ in stored_blocks(shards)])
    through = np.concatenate([block for block, _ in _blocks(projected)])
    np.testing.assert_array_equal(direct, through)


@pytest.mark.parametrize("n", [1, 2, 7, 40])
def test_rotations_are_orthogonal_with_determinant_1(n: int) -> None:
    q = random_rotation(n, seed=3)
    np.testing.assert_allclose(q @ q.T, np.eye(n), atol=1e-12)
    assert np.linalg.det(q) == pytest.approx(1.0)


def test_rotations_are_haar_distributed_in_their_first_entry() -> None:
    # the first column of a Haar matrix is uniform on the sphere: E q_11^2 = 1/n, E q_11 = 0
    entries = np.array([random_rotation(5, seed=s)[1, 1] for s in range(2000)])
    assert abs(entries.mean()) < 0.04
    assert (entries**2).mean() == pytest.approx(0.2, abs=0.02)


def test_pca_finds_the_planted_direction_and_its_sign(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    direction = np.array([0.1, -0.2, 0.9, 0.3])
    direction /= np.linalg.norm(direction)
    strength = rng.normal(size=(30, 1, 4, 4)) * 5
    maps = (strength * direction[None, :, None, None] + rng.normal(size=(30, 4, 4, 4)) * 0.1 + 3).astype(np.float16)
    basis = fit_basis({**ROW, "kind": "pca", "n_components": 2}, opened(tmp_path, maps), seed=0)
    assert basis.matrix.shape == (2, 4)
    np.testing.assert_allclose(basis.matrix[0], direction, atol=0.01)
    np.testing.assert_allclose(basis.offset, maps.mean(axis=(0, 2, 3), dtype=np.float64), atol=1e-4)


@pytest.mark.parametrize("kind", ["random", "pca", "nmf", "kmeans"])
def test_bases_do_not_depend_on_the_number_of_shards(tmp_path: Path, maps: Array, kind: str) -> None:
    values = np.abs(maps)
    row = {**ROW, "kind": kind, "n_components": 3}
    one = fit_basis(row, opened(tmp_path / "one", values, 1), seed=5)
    four = fit_basis(row, opened(tmp_path / "four", values, 4), seed=5)
    np.testing.assert_array_equal(one.matrix, four.matrix)
    np.testing.assert_array_equal(one.offset, four.offset)
    assert one.matrix.shape == (3, 6)
    other = fit_basis({**row, "basis": "another"}, opened(tmp_path / "again", values, 1), seed=5)
    if kind == "random":
        assert not np.allclose(one.matrix, other.matrix)  # the seed follows the name


def test_projection_is_the_matrix_product_rounded_to_the_storage_type(tmp_path: Path, maps: Array) -> None:
    shards = opened(tmp_path, maps)
    rng = np.random.default_rng(0)
    matrix, offset = rng.normal(size=(4, 6)).astype(np.float32), rng.normal(size=6).astype(np.float32)
    values, maximum = ProjectedMaps(shards, matrix, offset).read(shards[1], 2, 7, units=slice(1, 3))
    centred = maps[12:17].astype(np.float32) - offset[:, None, None]
    expected = np.einsum("dk,nkhw->ndhw", matrix[1:3], centred)
    assert values.dtype == np.float16
    np.testing.assert_allclose(values.astype(np.float32), expected, rtol=2e-3, atol=2e-3)
    np.testing.assert_array_equal(maximum, values.astype(np.float32).max(axis=(2, 3)))


def test_quarantined_images_are_in_no_sample_and_no_histogram(tmp_path: Path, maps: Array) -> None:
    valid = np.ones(20, dtype=bool)
    valid[[0, 13]] = False
    shards = opened(tmp_path, maps, 2, valid)
    assert len(sample_positions(shards, seed=0)) == 18 * 15
    basis = fit_basis({**ROW, "kind": "random"}, shards, seed=0)
    assert projected_histogram(ProjectedMaps(shards, basis.matrix, basis.offset)).n_values == 18 * 15


def test_mistakes_are_named(tmp_path: Path, maps: Array) -> None:
    shards = opened(tmp_path, maps)
    with pytest.raises(ValueError, match="did you mean 'kmeans'"):
        fit_basis({**ROW, "kind": "k-means"}, shards, seed=0)
    with pytest.raises(ValueError, match="9 components asked for, the layer has 6 units"):
        fit_basis({**ROW, "kind": "pca", "n_components": 9}, shards, seed=0)
    with pytest.raises(ValueError, match="NMF needs non-negative activations"):
        fit_basis({**ROW, "kind": "nmf", "n_components": 2}, shards, seed=0)
    np.save(tmp_path / "wrong.npy", np.zeros((3, 5)))
    with pytest.raises(ValueError, match=r"has shape \(3, 5\), expected \(directions, 6 units\)"):
        read_matrix(tmp_path / "wrong.npy", n_units=6)
    np.save(tmp_path / "nan.npy", np.full((3, 6), np.nan))
    with pytest.raises(ValueError, match="not finite"):
        read_matrix(tmp_path / "nan.npy", n_units=6)
    with pytest.raises(ValueError, match="cannot be read as"):
        read_matrix(tmp_path / "absent.npy", n_units=6)


def test_pooling_averages_areas(tmp_path: Path) -> None:
    np.testing.assert_allclose(pooling(2, 3), [[2 / 3, 1 / 3, 0], [0, 1 / 3, 2 / 3]])
    np.testing.assert_allclose(pooling(7, 13).sum(axis=1), 1, rtol=1e-6)
    maps = np.random.default_rng(0).integers(0, 8, size=(4, 2, 6, 6)).astype(np.float16)
    shards = opened(tmp_path, maps)
    projected = ProjectedMaps(shards, np.eye(2, dtype=np.float32), np.zeros(2, dtype=np.float32), pooled_to=3)
    values, _ = projected.read(shards[0], 0, 2)
    expected = maps[:2].astype(np.float32).reshape(2, 2, 3, 2, 3, 2).mean(axis=(3, 5))
    np.testing.assert_array_equal(values, expected.astype(np.float16))
    assert projected.map_shape == (3, 3)

"""Concept maps are the exact solution at every position, whatever stands beside it; sums are those of the maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.optimize import nnls

from conceptatlas.activations.store import open_shards
from conceptatlas.similarity.projecting import (
    Basis,
    Projected,
    concept_maps,
    maps_of_rows,
    project_images,
    reconstruct,
)
from tiny_similarity import directions
from tiny_stores import write_store

Array = np.ndarray[Any, Any]

N_IMAGES, N_UNITS, SHAPE = 12, 16, (4, 5)


def basis(*, method: str = "nmf", projection: str = "nnls", n: int = 3) -> Basis:
    if method == "pca":
        axes = np.linalg.qr(np.random.default_rng(0).normal(size=(N_UNITS, N_UNITS)))[0]
        return Basis(axes[:n], np.full(N_UNITS, 0.25), "pca", projection, rectify=False)
    return Basis(directions(n, N_UNITS), np.zeros(N_UNITS), method, projection, rectify=method == "nmf")


def layer(dtype: str = "float16") -> Array:
    return np.random.default_rng(1).normal(size=(N_IMAGES, N_UNITS, *SHAPE)).astype(dtype)


def test_maps_are_scipys_solution_of_every_position() -> None:
    of, maps = basis(), layer()
    found = concept_maps(of, maps)
    for n, i, j in [(0, 0, 0), (3, 2, 1), (11, 3, 4)]:
        x = np.maximum(maps[n, :, i, j].astype(np.float64), 0)
        np.testing.assert_allclose(found[n, :, i, j], nnls(of.components.T, x)[0], atol=1e-10)


def test_dot_products_cut_at_zero() -> None:
    of, maps = basis(method="kmeans", projection="dot"), layer()
    wanted = np.maximum(np.einsum("ck,nkhw->nchw", of.components, maps.astype(np.float64)), 0)
    np.testing.assert_allclose(concept_maps(of, maps), wanted, atol=1e-12)


@pytest.mark.parametrize("projection", ["nnls", "dot"])
def test_pca_keeps_the_positive_side_for_maps_and_both_for_the_layer(projection: str) -> None:
    of, maps = basis(method="pca", projection=projection, n=N_UNITS), layer("float32")
    scores = np.einsum("ck,nkhw->nchw", of.components, maps.astype(np.float64) - 0.25)
    np.testing.assert_allclose(concept_maps(of, maps), np.maximum(scores, 0), atol=1e-12)
    np.testing.assert_allclose(reconstruct(of, maps), maps, atol=1e-6)  # all directions: nothing is lost


def test_what_is_made_of_concepts_comes_back() -> None:
    weights = np.random.default_rng(2).gamma(0.5, size=(N_IMAGES, 3, *SHAPE))
    maps = np.einsum("nchw,ck->nkhw", weights, directions(3, N_UNITS))
    np.testing.assert_allclose(concept_maps(basis(), maps), weights, atol=1e-9)
    np.testing.assert_allclose(reconstruct(basis(), maps), maps, atol=1e-9)


def test_rows_give_the_same_maps() -> None:
    of, maps = basis(), layer()
    rows = maps.transpose(0, 2, 3, 1).reshape(-1, N_UNITS)
    wanted = concept_maps(of, maps).transpose(0, 2, 3, 1).reshape(-1, 3)
    np.testing.assert_allclose(maps_of_rows(of, rows), wanted, rtol=1e-6, atol=1e-12)


def project(
    folder: Path, maps: Array, of: Basis, images: Array, counted: Array, *, n_shards: int = 1, noise: Any = 0.0
) -> Any:
    folder.mkdir()
    store = write_store(folder / "store", maps, n_shards=n_shards)
    np.save(folder / "counted.npy", counted)
    shards = open_shards(store.shards, store.manifests, "layer")
    noise = np.full(len(of.components), noise)
    found = project_images(folder / "maps.npy", shards, images, folder / "counted.npy", of, noise=noise)
    return found, np.load(folder / "maps.npy")


@pytest.mark.parametrize("method", ["nmf", "kmeans", "pca"])
def test_sums_are_those_of_the_maps(tmp_path: Path, method: str) -> None:
    of, maps = basis(method=method), layer("float32")
    images = np.array([0, 3, 4, 9, 11])
    counted = np.random.default_rng(3).random((5, 20)) < 0.7
    found, written = project(tmp_path / "a", maps, of, images, counted)
    np.testing.assert_array_equal(written, concept_maps(of, maps[images]).astype(np.float32))
    values = written.reshape(5, 3, -1)
    np.testing.assert_array_equal(found.active, ((values > 0) & counted[:, None]).sum(axis=2))
    np.testing.assert_array_equal(found.maxima, np.where(counted[:, None], values, 0).max(axis=2))
    np.testing.assert_array_equal(found.cells, counted.sum(axis=1))
    prepared = np.array([of.prepare(m.reshape(N_UNITS, -1)) for m in maps[images]])
    again = reconstruct(of, maps[images]).reshape(5, N_UNITS, -1) - of.offset[:, None]
    np.testing.assert_allclose(found.squares, (np.square(prepared).sum(axis=1) * counted).sum(axis=1))
    np.testing.assert_allclose(found.error, (np.square(prepared - again).sum(axis=1) * counted).sum(axis=1))
    for c in range(3):
        rest = np.delete(of.components, c, axis=0)
        less = Basis(rest, of.offset, of.method, of.projection, of.rectify)
        again = reconstruct(less, maps[images]).reshape(5, N_UNITS, -1) - of.offset[:, None]
        wanted = (np.square(prepared - again).sum(axis=1) * counted).sum(axis=1)
        np.testing.assert_allclose(found.error_without[:, c], wanted)
    assert found.negative.all()


def test_maps_do_not_know_of_shards_or_of_other_images(tmp_path: Path) -> None:
    of, maps, images = basis(), layer(), np.arange(N_IMAGES)
    everything = np.ones((N_IMAGES, 20), dtype=bool)
    one, written = project(tmp_path / "one", maps, of, images, everything)
    many, again = project(tmp_path / "many", maps, of, images, everything, n_shards=5)
    np.testing.assert_array_equal(written, again)
    for a, b in zip(one, many, strict=True):
        np.testing.assert_array_equal(a, b)
    some, few = project(tmp_path / "few", maps, of, images[2::3], everything[2::3])
    np.testing.assert_array_equal(few, written[2::3])
    np.testing.assert_array_equal(some.error, one.error[2::3])


def test_values_within_the_noise_are_zero(tmp_path: Path) -> None:
    of, maps, images = basis(), layer(), np.arange(N_IMAGES)
    found, written = project(tmp_path / "a", maps, of, images, np.ones((N_IMAGES, 20), dtype=bool), noise=0.5)
    wanted = concept_maps(of, maps)
    np.testing.assert_array_equal(written, np.where(wanted > 0.5, wanted, 0).astype(np.float32))
    np.testing.assert_array_equal(found.active, (wanted > 0.5).sum(axis=(2, 3)))


def test_no_images_are_no_error(tmp_path: Path) -> None:
    found, written = project(tmp_path / "a", layer(), basis(), np.zeros(0, dtype=np.int64), np.zeros((0, 20), bool))
    assert written.shape == (0, 3, *SHAPE)
    assert isinstance(found, Projected)
    assert found.error_without.shape == (0, 3)


def test_wrong_bases_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown projection 'dots'.*'dot'"):
        basis(projection="dots")
    with pytest.raises(ValueError, match="33 concepts; at most 32"):
        Basis(np.eye(33), np.zeros(33), "nmf", "nnls", rectify=True)

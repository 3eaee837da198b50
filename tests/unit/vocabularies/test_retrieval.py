"""Nearest captions: exact, ties to the lower index, and the same for every way of cutting the work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptatlas.vocabularies.caption_file import captions_of, mean_vector
from conceptatlas.vocabularies.retrieval import Retrieved, centred, nearest_captions
from tiny_vocabularies import unit_vectors, write_parts

Array = np.ndarray[Any, Any]


def slow(images: Array, captions: Array, k: int) -> Retrieved:
    """Every score in float64, one component after the other; sorted by score, then index."""
    scores = np.zeros((len(images), len(captions)))
    for i in range(images.shape[1]):
        scores += images[:, i, None].astype(np.float64) * captions[None, :, i].astype(np.float64)
    order = np.stack([np.lexsort((np.arange(len(captions)), -row)) for row in scores])[:, :k]
    return Retrieved(order, np.take_along_axis(scores, order, axis=1).astype(np.float32))


def assert_same(found: Retrieved, expected: Retrieved) -> None:
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_hand_made(tmp_path: Path) -> None:
    captions = np.array([[1, 0], [0, 1], [0.6, 0.8], [0, 1]], dtype=np.float32)
    parts = write_parts(tmp_path, captions, 2)
    found = nearest_captions(np.array([[0, 1]], dtype=np.float32), parts, k=3)
    assert found.indices.tolist() == [[1, 3, 2]]
    assert found.scores[0].tolist() == [1, 1, np.float32(0.8)]
    assert captions_of(parts, found.indices) == ["caption 1", "caption 3", "caption 2"]


@pytest.mark.parametrize("n_parts", [1, 3, 7])
@pytest.mark.parametrize(("block", "per_task"), [(5, 20), (64, 50), (4096, 1 << 17)])
def test_equals_the_slow_twin_for_any_cut(tmp_path: Path, n_parts: int, block: int, per_task: int) -> None:
    captions = unit_vectors(300, 24)
    captions[50:80] = captions[40]  # ties across parts and blocks
    images = np.concatenate([unit_vectors(20, 24, seed=1), captions[40:42]])
    parts = write_parts(tmp_path, captions, n_parts)
    found = nearest_captions(images, parts, k=6, block=block, captions_per_task=per_task)
    assert_same(found, slow(images, captions, 6))


def test_near_ties_are_resolved_beyond_float32(tmp_path: Path) -> None:
    """Vectors whose cosines differ by less than a float32 product can tell are ranked by their exact score."""
    rng = np.random.default_rng(0)
    base = unit_vectors(1, 512)[0]
    captions = np.repeat(base[None], 500, axis=0)
    flips = rng.integers(0, 512, 500)
    captions[np.arange(500), flips] = np.nextafter(captions[np.arange(500), flips], np.float32(2))
    images = unit_vectors(4, 512, seed=3)
    expected = slow(images, captions, 10)
    for n_parts, block in ((1, 4096), (4, 33)):
        parts = write_parts(tmp_path / str(n_parts), captions, n_parts)
        assert_same(nearest_captions(images, parts, k=10, block=block), expected)


def test_centred_vectors_do_not_depend_on_parts(tmp_path: Path) -> None:
    captions = unit_vectors(101, 16) * 0.2 + 0.5
    captions /= np.linalg.norm(captions, axis=1, keepdims=True)
    images = unit_vectors(7, 16, seed=2)
    results = []
    for n_parts in (1, 5):
        parts = write_parts(tmp_path / str(n_parts), captions, n_parts)
        mean = mean_vector(parts)
        np.testing.assert_allclose(mean, captions.astype(np.float64).mean(axis=0), atol=1e-9)
        results.append(nearest_captions(images, parts, k=4, centre=True, block=10 * n_parts))
    assert_same(results[0], results[1])
    assert_same(results[0], slow(images, centred(captions, mean), 4))


def test_a_vector_that_is_the_mean_has_no_direction() -> None:
    captions = np.array([[1, 0], [1, 0]], dtype=np.float32)
    assert not centred(captions, np.array([1.0, 0.0])).any()


def test_half_precision_is_read_as_stored(tmp_path: Path) -> None:
    captions = unit_vectors(60, 8).astype(np.float16)
    images = unit_vectors(5, 8, seed=1)
    found = nearest_captions(images, write_parts(tmp_path, captions, 3), k=5)
    assert_same(found, slow(images, captions.astype(np.float32), 5))


@pytest.mark.parametrize(
    ("embeddings", "k", "message"),
    [
        (np.zeros((2, 4), np.float64), 1, "must be float32"),
        (np.zeros((2, 3), np.float32), 1, "3 components, the vocabulary's vectors have 4"),
        (np.zeros((2, 4), np.float32), 9, "has 5 captions"),
        (np.full((2, 4), np.nan, np.float32), 1, "not finite"),
    ],
)
def test_refusals(tmp_path: Path, embeddings: Array, k: int, message: str) -> None:
    parts = write_parts(tmp_path, unit_vectors(5, 4), 1)
    with pytest.raises(ValueError, match=message):
        nearest_captions(embeddings, parts, k=k)


def test_an_index_that_no_caption_has(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="caption 5: the vocabulary has 5"):
        captions_of(write_parts(tmp_path, unit_vectors(5, 4), 2), np.array([5]))


@pytest.mark.long
def test_workers_change_nothing(tmp_path: Path) -> None:
    captions = unit_vectors(2000, 32)
    images = unit_vectors(30, 32, seed=1)
    parts = write_parts(tmp_path, captions, 3)
    one = nearest_captions(images, parts, k=5)
    assert_same(nearest_captions(images, parts, k=5, threads=2, captions_per_task=300), one)

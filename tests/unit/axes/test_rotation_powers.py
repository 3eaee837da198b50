"""Powers of rotations: identities, inverses, edge cases of the eigenvalues."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conceptatlas.activations.linear_bases import random_rotation
from conceptatlas.axes.rotation_powers import Planes, planes_of, power, turn

Array = np.ndarray[Any, Any]


def plane(degrees: float) -> Array:
    angle = np.deg2rad(degrees)
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def block_diagonal(*blocks: Array) -> Array:
    n = sum(len(block) for block in blocks)
    out, at = np.zeros((n, n)), 0
    for block in blocks:
        out[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return out


@settings(max_examples=25, deadline=None)
@given(n=st.integers(1, 24), seed=st.integers(0, 10**6), alpha=st.floats(0, 1))
def test_powers_are_rotations_and_add_up(n: int, seed: int, alpha: float) -> None:
    q = random_rotation(n, seed=seed)
    planes = planes_of(q)
    part, rest = power(planes, alpha), power(planes, 1 - alpha)
    np.testing.assert_allclose(part @ part.T, np.eye(n), atol=1e-12)
    assert np.linalg.det(part) == pytest.approx(1)
    np.testing.assert_allclose(part @ rest, q, atol=1e-11)
    np.testing.assert_allclose(power(planes, 1.0), q, atol=1e-12)


def test_power_zero_is_the_identity_exactly() -> None:
    np.testing.assert_array_equal(power(planes_of(random_rotation(9, seed=3)), 0), np.eye(9))


def test_powers_agree_with_the_complex_eigenvalues() -> None:
    """Slow twin: the principal power through eigenvectors of a normal matrix."""
    q = random_rotation(7, seed=5)
    values, vectors = np.linalg.eig(q)
    expected = (vectors * np.exp(0.3j * np.angle(values))) @ np.linalg.inv(vectors)
    assert np.abs(expected.imag).max() < 1e-12
    np.testing.assert_allclose(power(planes_of(q), 0.3), expected.real, atol=1e-12)


@pytest.mark.parametrize("degrees", [0.0, 1e-6, 30.0, 90.0, 179.999999, 180.0, -120.0])
def test_a_known_angle_is_divided(degrees: float) -> None:
    mixer = random_rotation(5, seed=1)
    q = mixer @ block_diagonal(plane(degrees), np.eye(3)) @ mixer.T
    half = power(planes_of(q), 0.5)
    np.testing.assert_allclose(half @ half, q, atol=1e-9)
    assert np.trace(half) == pytest.approx(3 + 2 * np.cos(np.deg2rad(degrees) / 2), abs=1e-7)


@pytest.mark.parametrize("n_flipped", [2, 4, 6])
def test_eigenvalues_of_minus_one_are_paired(n_flipped: int) -> None:
    mixer = random_rotation(7, seed=2)
    q = mixer @ np.diag([-1.0] * n_flipped + [1.0] * (7 - n_flipped)) @ mixer.T
    planes = planes_of(q)
    assert (np.abs(planes.angles) > np.pi - 1e-6).sum() == n_flipped // 2
    half = power(planes, 0.5)
    np.testing.assert_allclose(half @ half.T, np.eye(7), atol=1e-12)
    np.testing.assert_allclose(half @ half, q, atol=1e-8)


@pytest.mark.parametrize("q", [np.eye(4), -np.eye(4), np.eye(1)])
def test_diagonal_rotations(q: Array) -> None:
    np.testing.assert_allclose(power(planes_of(q), 1), q, atol=1e-12)


def test_what_is_no_rotation_is_refused() -> None:
    with pytest.raises(ValueError, match="no real power"):
        planes_of(np.diag([1.0, 1.0, -1.0]))
    with pytest.raises(ValueError, match="not orthogonal"):
        planes_of(np.diag([1.0, 2.0]))
    with pytest.raises(ValueError, match="not orthogonal"):
        planes_of(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="square"):
        planes_of(np.ones((2, 3)))


def test_planes_are_saved_and_loaded(tmp_path: Path) -> None:
    planes = planes_of(random_rotation(6, seed=0))
    planes.save(tmp_path / "planes.npz")
    np.testing.assert_array_equal(power(Planes.load(tmp_path / "planes.npz"), 0.4), power(planes, 0.4))


def test_turns() -> None:
    np.testing.assert_array_equal(turn(4, 1, 3, 90) @ np.arange(4), [0, -3, 2, 1])  # direction 1 is minus unit 3
    np.testing.assert_array_equal(np.linalg.matrix_power(turn(4, 1, 3, 90), 4), np.eye(4))
    np.testing.assert_array_equal(turn(4, 1, 3, -90), turn(4, 1, 3, 90).T)
    np.testing.assert_array_equal(turn(4, 1, 3, 360), np.eye(4))
    np.testing.assert_allclose(turn(3, 0, 1, 30) @ turn(3, 0, 1, 60), turn(3, 0, 1, 90), atol=1e-15)
    for i, j in ((0, 0), (0, 4), (-1, 2)):
        with pytest.raises(ValueError, match="two different axes"):
            turn(4, i, j, 90)

"""Motion between pictures: known warps and known local motions of demo pictures are found again."""

from __future__ import annotations

import functools

import cv2
import numpy as np
import pytest

from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.quantification.matching import SiftMatcher, find_matcher
from conceptatlas.quantification.motion import (
    MOTIONS,
    affine_values,
    fit_affine,
    kind_of,
    measure_motion,
    overlay,
    refine,
)

FINER = 4
"""Warps are drawn this much finer, so that the truth is not blurred by the warp itself."""


def known_affine(size, *, degrees=3.0, scale=1.05, shift=(1.5, -2.0)):
    """Rotation and scale about the centre, then a shift; pixels of a picture of that size."""
    a, middle = np.deg2rad(degrees), np.full(2, (size - 1) / 2)
    linear = scale * np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return np.column_stack([linear, middle - linear @ middle + np.array(shift)])


@functools.cache
def pair(index, size, local=(0.0, 0.0)):
    """A demo picture, and the same with its middle moved by `local` and then everything by `known_affine`."""
    fine = render(draw_scene(0, index), min(FINER * size, 512)).picture
    n = len(fine)
    factor = n / size
    y, x = np.mgrid[:n, :n].astype(np.float32)
    inside = np.clip((0.3 * n - np.hypot(x - n / 2, y - n / 2)) / (0.1 * n), 0, 1).astype(np.float32)
    moved = cv2.remap(
        fine, x - np.float32(local[0] * factor) * inside, y - np.float32(local[1] * factor) * inside, cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    larger = np.array([[factor, 0, (factor - 1) / 2], [0, factor, (factor - 1) / 2], [0, 0, 1]])
    affine = (larger @ np.vstack([known_affine(size), [0, 0, 1]]) @ np.linalg.inv(larger))[:2]
    warped = cv2.warpAffine(moved, affine, (n, n), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return tuple(cv2.resize(each, (size, size), interpolation=cv2.INTER_AREA) for each in (fine, warped))


def mean_error(found, truth, size):
    """Mean distance of where the two maps take the pixels of a picture."""
    y, x = np.mgrid[:size, :size]
    grid = np.stack([x.ravel(), y.ravel(), np.ones(size * size)])
    return np.linalg.norm((found - truth) @ grid, axis=0).mean()


@pytest.mark.parametrize("size", [64, 256])
def test_a_known_warp_is_found_within_a_tenth_of_a_pixel(size):
    for index in range(5 if size == 64 else 3):
        motion = measure_motion(*pair(index, size), matcher=SiftMatcher())
        assert motion.reason == ""
        assert mean_error(motion.affine, known_affine(size), size) < 0.1
        assert motion.values["translation_x"] == pytest.approx(1.5, abs=0.1)
        assert motion.values["rotation"] == pytest.approx(3.0, abs=0.2)
        assert motion.values["log_scale"] == pytest.approx(np.log(1.05), abs=0.005)


@pytest.mark.parametrize("size", [64, 256])
def test_a_known_local_motion_is_found_within_half_a_pixel(size):
    """The field is that of what remains: the affine motion around it is gone."""
    y, x = np.mgrid[:size, :size]
    distance = np.hypot(x - size / 2, y - size / 2)
    for index in range(5 if size == 64 else 3):
        motion = measure_motion(*pair(index, size, (3.0, -2.0)), matcher=SiftMatcher())
        middle = motion.flow[distance < 0.18 * size]
        assert np.median(np.linalg.norm(middle - [3.0, -2.0], axis=1)) < 0.5
        around = motion.flow[(distance > 0.36 * size) & motion.inside]
        assert np.median(np.linalg.norm(around, axis=1)) < 0.5
        assert 0.1 < motion.values["share_moved"] < 0.6


def test_the_field_is_built_after_the_alignment():
    """A global motion alone leaves nothing; the field of the unaligned pictures would hold all of it."""
    original, _ = pair(0, 256)
    shifted = np.roll(original, (0, 12), axis=(0, 1))
    motion = measure_motion(original, shifted, matcher=SiftMatcher())
    assert motion.values["translation_x"] == pytest.approx(12, abs=0.1)
    assert np.median(np.abs(motion.flow[motion.inside])) < 0.05
    assert motion.values["residual_mean"] < 0.5
    assert not motion.inside[:, -8:].any()  # what left the picture is not looked for


def test_too_few_matches_leave_the_identity_and_the_reason():
    plain = np.full((64, 64, 3), 90, dtype=np.uint8)
    motion = measure_motion(plain, plain, matcher=SiftMatcher())
    assert motion.reason == "too few matches: 0, 6 needed"
    assert kind_of(motion.reason) == 0
    assert kind_of("") == -1
    np.testing.assert_array_equal(motion.affine, [[1, 0, 0], [0, 1, 0]])
    assert np.isnan(motion.values["translation_x"])
    assert motion.values["residual_mean"] == 0
    noise = np.random.default_rng(0).uniform(0, 64, (40, 4))
    affine, n, reason = fit_affine(noise)
    assert kind_of(reason) in (1, 2)
    assert n < 40
    np.testing.assert_array_equal(affine, [[1, 0, 0], [0, 1, 0]])


def test_a_map_that_folds_the_picture_is_refused():
    rng = np.random.default_rng(1)
    places = rng.uniform(0, 64, (30, 2))
    mirrored = np.column_stack([places, 63 - places[:, 0], places[:, 1]])
    assert "folds" in fit_affine(mirrored)[2]


def test_numbers_of_a_map_by_hand():
    values = affine_values(known_affine(65, degrees=10, scale=2, shift=(3, 4)), (65, 65))
    assert set(values) < set(MOTIONS)
    expected = {"translation_x": 3, "translation_y": 4, "rotation": 10, "log_scale": np.log(2), "shear": 0}
    for name, number in expected.items():
        assert values[name] == pytest.approx(number, abs=1e-9)


def test_a_matcher_of_the_users_own(tmp_path):
    """Any function that gives points: here it knows the shift."""
    path = tmp_path / "mine.py"
    path.write_text(
        "import numpy as np\n"
        "def shifted(a, b):\n"
        "    p = np.random.default_rng(0).uniform(0, 60, (12, 2))\n"
        "    return np.column_stack([p, p + [2.0, 1.0]])\n"
        "def wrong(a, b):\n"
        "    return np.zeros((3, 2))\n"
    )
    original, _ = pair(0, 64)
    shifted = np.roll(original, (1, 2), axis=(0, 1))
    motion = measure_motion(original, shifted, matcher=find_matcher(f"{path}:shifted"))
    assert motion.values["translation_x"] == pytest.approx(2, abs=0.02)
    assert motion.n_inliers == 12
    with pytest.raises(ValueError, match=r"shape \(3, 2\); expected finite"):
        find_matcher(f"{path}:wrong")(original, original)


def test_dense_matches_correct_a_map_that_is_a_little_wrong():
    original, warped = pair(0, 64)
    truth = known_affine(64)
    wrong = truth + np.array([[0, 0, 0.8], [0.01, 0, -0.6]])
    assert mean_error(refine(original, warped, wrong), truth, 64) < 0.1 < 0.8 < mean_error(wrong, truth, 64)


def test_pictures_of_two_sizes_are_refused():
    with pytest.raises(ValueError, match="expected one size"):
        measure_motion(np.zeros((8, 8, 3), np.uint8), np.zeros((9, 9, 3), np.uint8), matcher=SiftMatcher())


def test_the_original_is_searched_once():
    original, warped = pair(0, 64)
    matcher = SiftMatcher()
    first = matcher(original, warped)
    kept = matcher._original
    np.testing.assert_array_equal(matcher(original, warped), first)
    assert matcher._original is kept


def test_overlay_is_grey_where_pictures_agree():
    original, _ = pair(0, 64)
    both = overlay(original, original)
    assert (both[..., 0] == both[..., 1]).all()
    assert (both[..., 1] == both[..., 2]).all()

"""Perturbations as mathematics: identities, inverses, exact turns, and pictures that move as their masks do."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.robustness.moving import move_masks
from conceptatlas.robustness.perturbations import (
    PerturbedFrames,
    identity,
    nearest_cells,
    patch_sources,
    perturbation_of,
    rotated_centres,
    sample_bilinear,
)


def level(kind, amount, *, options="", seed=0, name="l", signs=None):
    row = {"level": name, "kind": kind, "amount": amount, "seed": seed, "options": options}
    return perturbation_of(row, study_seed=0, signs=signs)


def frame(size=24, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)


@pytest.mark.parametrize("kind", ["none", "noise", "rotation"])
def test_amount_zero_is_the_identity(kind):
    made = level(kind, 0)
    picture = made.picture(frame(), "a")
    assert picture.dtype == np.float32
    np.testing.assert_array_equal(picture, frame())
    assert made.move("a", size=12, frame_size=24).is_identity


def test_one_patch_is_the_identity():
    made = level("patches", 1)
    np.testing.assert_array_equal(made.picture(frame(), "a"), frame())
    assert made.move("a", size=12, frame_size=24).is_identity


def test_noise_has_the_stated_range_and_mean():
    grey = np.full((64, 64, 3), 100, dtype=np.uint8)
    plain = level("noise", 10).picture(grey, "a") - 100
    assert plain.min() >= 0
    assert plain.max() <= 10
    assert abs(plain.mean() - 5) < 0.1  # U[0, s] brightens by s/2
    centred = level("noise", 10, options="centred=yes").picture(grey, "a") - 100
    assert abs(centred.mean()) < 0.1
    np.testing.assert_allclose(centred, plain - 5, atol=1e-4)
    assert level("noise", 10).move("a", size=8, frame_size=64).is_identity


def test_a_step_along_the_gradient_by_hand():
    signs = {"a": np.random.default_rng(0).integers(-1, 2, (24, 24, 3)).astype(np.int8)}
    grey = np.full((24, 24, 3), 100, dtype=np.uint8)
    np.testing.assert_array_equal(level("fgsm", 2.5, signs=signs).picture(grey, "a"), 100 + 2.5 * signs["a"])
    np.testing.assert_array_equal(level("fgsm", 0, signs=signs).picture(frame(), "a"), frame())
    assert level("fgsm", 2.5, signs=signs).move("a", size=8, frame_size=24).is_identity
    black = np.zeros((24, 24, 3), dtype=np.uint8)
    assert level("fgsm", 4, signs=signs).picture(black, "a").min() == 0
    assert level("fgsm", 4, signs=signs, options="clip=no").picture(black, "a").min() == -4
    with pytest.raises(ValueError, match="level l: fgsm is made of the signs"):
        level("fgsm", 1)


def test_weak_noise_does_not_vanish_by_rounding():
    picture = level("noise", 1).picture(np.full((16, 16, 3), 7, dtype=np.uint8), "a")
    assert len(np.unique(picture)) > 600


def test_noise_is_clipped_unless_asked_not_to():
    bright = np.full((16, 16, 3), 250, dtype=np.uint8)
    assert level("noise", 100).picture(bright, "a").max() == 255
    assert level("noise", 100, options="clip=no").picture(bright, "a").max() > 300


def test_what_is_drawn_depends_on_names_only():
    one = level("noise", 5).picture(frame(), "a")
    np.testing.assert_array_equal(one, level("noise", 5).picture(frame(), "a"))
    for other in (level("noise", 5).picture(frame(), "b"), level("noise", 5, seed=1).picture(frame(), "a"),
                  level("noise", 5, name="m").picture(frame(), "a")):  # fmt: skip
        assert (one != other).any()


@pytest.mark.parametrize("quarters", [1, 2, 3, 4, -1])
@pytest.mark.parametrize("size", [6, 7])
def test_quarter_turns_are_exact(quarters, size):
    made = level("rotation", 90 * quarters)
    picture = frame(size)
    np.testing.assert_array_equal(made.picture(picture, "a"), np.rot90(picture, quarters))
    move = made.move("a", size=size, frame_size=size)
    mask = picture[..., 0] > 100
    np.testing.assert_array_equal(move_masks(mask, move), np.rot90(mask, quarters))
    np.testing.assert_array_equal(move.inverse[move.source], np.arange(size**2))


@pytest.mark.parametrize("degrees", [10, 45, 200])
def test_rotation_by_hand(degrees):
    """Every pixel: where it came from, from complex numbers; outside is black, and ignored in the mask."""
    size, picture = 12, frame(12)
    rows, columns = rotated_centres(size, degrees)
    turned = level("rotation", degrees).picture(picture, "a")
    source = nearest_cells(size, degrees).reshape(size, size)
    n_outside = 0
    for r in range(size):
        for c in range(size):
            place = complex(c + 0.5 - size / 2, -(r + 0.5 - size / 2)) * np.exp(-1j * np.radians(degrees))
            y, x = size / 2 - place.imag - 0.5, place.real + size / 2 - 0.5
            assert rows[r, c] == pytest.approx(y)
            assert columns[r, c] == pytest.approx(x)
            if not (-0.5 <= y < size - 0.5 and -0.5 <= x < size - 0.5):
                n_outside += 1
                assert (turned[r, c] == 0).all()
                assert source[r, c] == -1
                continue
            assert source[r, c] == round(y) * size + round(x)
            y, x = min(max(y, 0), size - 1), min(max(x, 0), size - 1)
            top, left = min(int(y), size - 2), min(int(x), size - 2)
            expected = sum(
                picture[top + i, left + j] * (1 - abs(y - top - i)) * (1 - abs(x - left - j))
                for i in (0, 1) for j in (0, 1)
            )  # fmt: skip
            np.testing.assert_allclose(turned[r, c], expected, atol=1e-3)
    assert n_outside > 0


def test_bilinear_sampling_keeps_constant_pictures():
    rows, columns = rotated_centres(9, 33)
    sampled = sample_bilinear(np.full((9, 9, 3), 5, dtype=np.float32), rows, columns)
    assert set(np.unique(np.round(sampled, 5))) <= {0.0, 5.0}


@pytest.mark.parametrize("cells", [2, 3, 4, 12])
def test_patches_are_a_permutation_of_cells_and_undone_exactly(cells):
    made = level("patches", cells)
    picture = frame(24)
    move = made.move("a", size=24, frame_size=24)
    assert sorted(move.source) == list(range(24 * 24))
    np.testing.assert_array_equal(move.inverse[move.source], np.arange(24 * 24))
    shuffled = made.picture(picture, "a").astype(np.uint8)
    np.testing.assert_array_equal(shuffled.reshape(-1, 3)[move.inverse].reshape(picture.shape), picture)
    side = 24 // cells
    blocks = {shuffled[i : i + side, j : j + side].tobytes() for i in range(0, 24, side) for j in range(0, 24, side)}
    assert blocks == {
        picture[i : i + side, j : j + side].tobytes() for i in range(0, 24, side) for j in range(0, 24, side)
    }


def test_patches_of_unequal_size_show_the_nearest_cell():
    """7 cells cut at 0, 2, 4, 7 (floor(i 7 / 3)); patch 0 filled with patch 8."""
    order = np.array([8, 1, 2, 3, 4, 5, 6, 7, 0])
    source = patch_sources(order, 3, 7).reshape(7, 7)
    assert source[0, 0] == 4 * 7 + 4
    assert source[1, 1] == 6 * 7 + 6
    np.testing.assert_array_equal(source[4:, 4:] // 7, [[0] * 3, [1] * 3, [1] * 3])
    np.testing.assert_array_equal(source[2:4, 2:4], np.arange(49).reshape(7, 7)[2:4, 2:4])
    assert (source >= 0).all()


def test_every_image_has_its_own_permutation_and_the_mask_has_the_picture_s():
    made = level("patches", 4)
    moves = [made.move(name, size=16, frame_size=32).source for name in "abc"]
    assert (moves[0] != moves[1]).any()
    assert (moves[1] != moves[2]).any()
    picture = np.arange(16).reshape(4, 4).repeat(8, 0).repeat(8, 1).astype(np.uint8)[..., None].repeat(3, 2)
    shown = made.picture(picture, "a")[::2, ::2, 0]
    np.testing.assert_array_equal(
        move_masks(picture[::2, ::2, 0] == 3, made.move("a", size=16, frame_size=32)), shown == 3
    )


def test_patches_in_pixels():
    a = level("patches", 8, options="patch_px=yes")
    b = level("patches", 4)
    np.testing.assert_array_equal(a.picture(frame(32), "i"), b.picture(frame(32), "i"))
    np.testing.assert_array_equal(
        a.move("i", size=16, frame_size=32).source, b.move("i", size=16, frame_size=32).source
    )


@pytest.mark.parametrize(
    ("kind", "amount"), [("noise", 5), ("rotation", 10), ("rotation", 45), ("rotation", 90), ("patches", 4)]
)
def test_a_bright_object_stays_under_its_label(kind, amount):
    """Object in the picture, mask of the label: both are moved apart and meet again."""
    label = np.zeros((32, 32), dtype=bool)
    label[9:21, 14:25] = True
    picture = np.where(label.repeat(2, 0).repeat(2, 1)[..., None], 200, 40).astype(np.uint8).repeat(3, 2)
    made = level(kind, amount)
    move = made.move("a", size=32, frame_size=64)
    seen = made.picture(picture, "a").reshape(32, 2, 32, 2, 3).mean(axis=(1, 3, 4)) > 120
    moved = move_masks(label, move)
    iou = (seen & moved).sum() / (seen | moved).sum()
    assert iou == 1 if kind != "rotation" or amount == 90 else iou > 0.9
    back = move_masks(seen, type(move)(move.inverse, move.source))
    assert (back & label).sum() / (back | label).sum() > (0.85 if kind == "rotation" else 0.999)


def test_perturbed_frames_are_a_view():
    frames = np.stack([frame(seed=i) for i in range(5)])
    made = level("patches", 2)
    view = PerturbedFrames(frames, list("abcde"), made)
    assert len(view) == 5
    assert view[1:3].dtype == np.float32
    np.testing.assert_array_equal(view[1:3][1], made.picture(frames[2], "c"))
    with pytest.raises(ValueError, match="5 frames, 4 image ids"):
        PerturbedFrames(frames, list("abcd"), made)


def test_identity():
    assert identity(5).is_identity
    assert not level("rotation", 90).move("a", size=5, frame_size=5).is_identity

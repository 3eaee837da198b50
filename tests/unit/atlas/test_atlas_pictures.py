"""Masks of top images, thumbnails, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from conceptatlas.activations.store import open_shards
from conceptatlas.atlas.masks_of_top import stored_masks
from conceptatlas.atlas.pictures import DIMMED, Sheet, picture_path, write_pictures
from conceptatlas.masks.upsample import make_grid, unit_mask
from tiny_shards import write_frames
from tiny_stores import write_store


def test_masks_are_those_that_are_counted(tmp_path: Path) -> None:
    """One call a unit and image gives the same; images of several shards, ranks without an image."""
    rng = np.random.default_rng(1)
    maps = rng.random((9, 4, 5, 5)).astype(np.float16)
    store = write_store(tmp_path, maps, n_shards=3)
    grid = make_grid((5, 5), 16, upsample="half_pixel", order="upsample_then_threshold", padding="clamp")
    top = np.array([[8, 0, 3], [3, 3, -1], [1, 2, 0], [7, -1, -1]])
    thresholds = np.array([0.5, 0.6, 0.7, 0.8], dtype=np.float32)
    found = {}
    for unit, rank, mask in stored_masks(open_shards(*store, "layer"), top, thresholds, grid):
        assert (unit, rank) not in found
        found[unit, rank] = mask
    assert set(found) == {(int(u), int(r)) for u, r in zip(*np.nonzero(top >= 0), strict=True)}
    for (unit, rank), mask in found.items():
        expected = unit_mask(maps[top[unit, rank], unit].astype(np.float32), thresholds[unit], grid)
        np.testing.assert_array_equal(mask, expected)


def test_a_sheet_puts_units_in_their_places(tmp_path: Path) -> None:
    sheet = Sheet(10, 2, 24)
    white, mask = np.full((24, 24, 3), 255, dtype=np.uint8), np.zeros((6, 6), dtype=bool)
    mask[:, :3] = True
    sheet.add(9, 1, white, mask)
    assert sheet.write(tmp_path, quality=100) == 1
    picture = np.asarray(Image.open(tmp_path / "sheet-0.webp").convert("RGB")).astype(int)
    assert picture.shape == (2 * 24, 8 * 2 * 24, 3)
    own = picture[24:, 48 + 24 : 96]  # second row, second unit, second image
    assert abs(own[:, :10] - 255).max() < 12
    assert abs(own[:, 14:] - 255 * DIMMED).max() < 12
    assert picture[:24].max() < 12


def test_pictures_of_valid_frames_only(tmp_path: Path) -> None:
    pictures = np.full((3, 40, 40, 3), 100, dtype=np.uint8)
    files = write_frames(tmp_path / "frames", pictures, valid=np.array([True, False, True]))
    frames = [str(path) for path in sorted((tmp_path / "frames").rglob("*.h5"))]
    assert files
    assert write_pictures(tmp_path / "out", frames, size=32, quality=90) == 2
    assert Image.open(tmp_path / "out" / picture_path(2)).size == (32, 32)
    assert not (tmp_path / "out" / picture_path(1)).exists()
    assert picture_path(1234) == "pictures/2/1234.jpg"

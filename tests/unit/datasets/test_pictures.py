"""Decoding: what a picture or mask file becomes, and which files are refused."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from conceptatlas.datasets.pictures import read_coded_numbers, read_indices, read_picture, stored_size
from tiny_datasets import picture, save_coded, save_indices


def test_rgb_png_is_returned_as_stored(tmp_path):
    pixels = picture(7, 11)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels)


def test_grey_becomes_three_equal_channels(tmp_path):
    grey = np.arange(60, dtype=np.uint8).reshape(6, 10)
    Image.fromarray(grey).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), np.repeat(grey[:, :, None], 3, axis=2))


def test_cmyk_jpeg_is_converted_not_inverted(tmp_path):
    pixels = np.full((16, 16, 3), (200, 40, 40), dtype=np.uint8)
    Image.fromarray(pixels).convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    found = read_picture(tmp_path / "a.jpg")
    assert found.shape == (16, 16, 3)
    assert np.abs(found.astype(int) - pixels).max() <= 6


def test_sixteen_bit_keeps_the_high_byte(tmp_path):
    values = np.array([[0, 255, 256], [32768, 65279, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png")[..., 0], [[0, 0, 1], [128, 254, 255]])


def test_values_beyond_sixteen_bits_and_floats_are_refused(tmp_path):
    Image.fromarray(np.array([[0, 70000]], dtype=np.int32)).save(tmp_path / "a.tif")
    with pytest.raises(ValueError, match="expected 0 to 65535"):
        read_picture(tmp_path / "a.tif")
    Image.fromarray(np.zeros((2, 2), dtype=np.float32)).save(tmp_path / "b.tif")
    with pytest.raises(ValueError, match="floating-point"):
        read_picture(tmp_path / "b.tif")


def test_transparency_is_laid_on_white(tmp_path):
    pixels = np.zeros((1, 3, 4), dtype=np.uint8)
    pixels[0] = [(255, 0, 0, 255), (0, 0, 0, 0), (0, 0, 0, 128)]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found = read_picture(tmp_path / "a.png")[0]
    np.testing.assert_array_equal(found[:2], [(255, 0, 0), (255, 255, 255)])
    assert found[2] == pytest.approx(127, abs=1)


def test_palette_picture_shows_its_colours_and_transparency(tmp_path):
    image = Image.frombytes("P", (2, 1), bytes([0, 1]))
    image.putpalette([10, 20, 30, 40, 50, 60])
    image.save(tmp_path / "a.png", transparency=1)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png")[0], [(10, 20, 30), (255, 255, 255)])


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(1, lambda p: p), (3, lambda p: p[::-1, ::-1]), (6, lambda p: np.rot90(p, -1)), (8, lambda p: np.rot90(p, 1))],
)
def test_exif_rotation_is_applied(tmp_path, orientation, turn):
    pixels = picture(6, 9)
    image = Image.fromarray(pixels)
    exif = image.getexif()
    exif[274] = orientation
    image.save(tmp_path / "a.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), turn(pixels))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_damaged_exif_block_is_ignored(tmp_path):
    Image.fromarray(picture(16, 16)).save(tmp_path / "a.jpg", exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff")
    assert read_picture(tmp_path / "a.jpg").shape == (16, 16, 3)


def test_first_frame_of_an_animation(tmp_path):
    first, second = (Image.new("RGB", (4, 4), colour) for colour in ((0, 0, 0), (255, 255, 255)))
    first.save(tmp_path / "a.gif", save_all=True, append_images=[second])
    assert read_picture(tmp_path / "a.gif").max() == 0


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_truncated_file_is_an_error(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"a{suffix}: cannot be decoded"):
        read_picture(path)


def test_text_and_missing_and_empty_files_are_errors_with_a_name(tmp_path):
    (tmp_path / "text.jpg").write_text("not a picture")
    (tmp_path / "empty.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"text\.jpg: cannot be decoded"):
        read_picture(tmp_path / "text.jpg")
    with pytest.raises(ValueError, match=r"empty\.png: cannot be decoded"):
        read_picture(tmp_path / "empty.png")
    with pytest.raises(ValueError, match=r"none\.jpg: no such file"):
        read_picture(tmp_path / "none.jpg")


def test_palette_mask_gives_indices_not_colours(tmp_path):
    indices = np.array([[0, 1, 2], [7, 200, 255]])
    save_indices(tmp_path / "a.png", indices)
    np.testing.assert_array_equal(read_indices(tmp_path / "a.png"), indices)


def test_sixteen_bit_index_mask(tmp_path):
    indices = np.array([[0, 300], [65535, 1]], dtype=np.uint16)
    Image.fromarray(indices).save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_indices(tmp_path / "a.png"), indices)


def test_colour_file_is_no_index_mask(tmp_path):
    Image.fromarray(picture(4, 4)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="has 3"):
        read_indices(tmp_path / "a.png")


def test_coded_numbers_use_all_channels(tmp_path):
    numbers = np.array([[0, 255, 256], [65535, 65536, 0xFFFFFF]])
    save_coded(tmp_path / "a.png", numbers)
    found = read_coded_numbers(tmp_path / "a.png")
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, numbers)


def test_grey_file_holds_no_coded_numbers(tmp_path):
    Image.fromarray(np.zeros((4, 4), dtype=np.uint8)).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="expected an RGB mask"):
        read_coded_numbers(tmp_path / "a.png")


def test_the_stored_size_needs_only_the_head_of_a_file(tmp_path):
    path = tmp_path / "a.jpg"
    turned = Image.Exif()
    turned[0x0112] = 6  # shown, its sides change places
    Image.fromarray(picture(20, 30)).save(path, exif=turned)
    assert read_picture(path).shape == (30, 20, 3)
    assert stored_size(path) == (20, 30)
    path.write_bytes(path.read_bytes()[:-20])
    assert stored_size(path) == (20, 30)
    path.write_bytes(b"no picture")
    with pytest.raises(ValueError, match="cannot be decoded"):
        stored_size(path)
    with pytest.raises(ValueError, match="no such file"):
        stored_size(tmp_path / "gone.jpg")

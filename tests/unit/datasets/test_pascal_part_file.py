"""One .mat of PASCAL-Part, whole and broken."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.io import savemat

from conceptatlas.datasets.pascal_part_file import read_things
from tiny_parts import block, save_annotation


@pytest.fixture
def file(tmp_path):
    return tmp_path / "2008_000001.mat"


def test_objects_and_their_parts_in_order(file):
    whole, head = block(slice(0, 9), slice(0, 9)), block(slice(0, 3), slice(0, 3))
    save_annotation(file, [("dog", whole, [("head", head), ("lear", 2 * head)]), ("chair", head, [])])
    things = read_things(file)
    assert [(thing.name, thing.part) for thing in things] == [
        ("dog", ""),
        ("dog", "head"),
        ("dog", "lear"),
        ("chair", ""),
    ]
    for thing, mask in zip(things, [whole, head, head, head], strict=True):
        assert thing.mask.dtype == bool
        np.testing.assert_array_equal(thing.mask, mask > 0)


def test_an_image_of_one_row_keeps_its_shape(file):
    save_annotation(file, [("dog", np.ones((1, 5), dtype=np.uint8), [])])
    assert read_things(file)[0].mask.shape == (1, 5)


def test_no_objects(file):
    save_annotation(file, [])
    assert read_things(file) == []


def test_masks_of_several_sizes(file):
    save_annotation(file, [("dog", np.ones((4, 5)), [("head", np.ones((5, 4)))])])
    with pytest.raises(ValueError, match=r"2008_000001.mat: masks of 4 x 5 and 5 x 4 pixels in one annotation"):
        read_things(file)


def test_missing(file):
    with pytest.raises(ValueError, match=r"2008_000001.mat: no such file"):
        read_things(file)


def test_truncated_anywhere(file):
    """Never a shorter list of masks: what is cut is refused, unless nothing of the annotation was cut."""
    noise = np.random.default_rng(0).integers(0, 2, (40, 40))
    save_annotation(file, [("dog", noise, [("head", noise)])])
    data = file.read_bytes()
    refusals = []
    for length in range(0, len(data), 7):
        file.write_bytes(data[:length])
        try:
            things = read_things(file)
        except ValueError as error:
            refusals.append(str(error))
            continue
        assert length > 0.7 * len(data)
        for thing in things:
            np.testing.assert_array_equal(thing.mask, noise > 0)
        assert len(things) == 2
    assert all("2008_000001.mat: not an annotation of PASCAL-Part" in refusal for refusal in refusals)


def one_object(name, mask, parts):
    return {"anno": {"objects": {"class": name, "mask": mask, "parts": parts}}}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"other": 1}, "no 'anno'"),
        ({"anno": 5}, "not an annotation of PASCAL-Part"),
        ({"anno": {"objects": np.zeros((3, 3))}}, "not an annotation of PASCAL-Part"),
        (one_object("dog", np.zeros((2, 2, 3)), []), r"a mask is float64 of shape \(2, 2, 3\)"),
        (one_object("dog", "dog", []), "a mask is <U3"),
        (one_object("", np.zeros((2, 2)), []), "a name is empty or no text"),
        (one_object(5, np.zeros((2, 2)), []), "a name is empty or no text"),
        (one_object("dog", np.zeros((2, 2)), [3, 4]), "parts of 'dog' are no list of parts"),
    ],
)
def test_other_contents(file, content, message):
    savemat(file, content)
    with pytest.raises(ValueError, match=message):
        read_things(file)


VERSION_7_3 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + bytes(384) + b"\x89HDF\r\n\x1a\n" + bytes(600)


@pytest.mark.parametrize("content", [b"", b"MATLAB 5.0 MAT-file", bytes(range(256)) * 4, VERSION_7_3])
def test_files_that_scipy_cannot_read(file, content):
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"2008_000001.mat: not an annotation of PASCAL-Part"):
        read_things(file)

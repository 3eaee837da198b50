"""Files of word vectors: what is kept, in which forms they come, and what a broken one says."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from conceptatlas.net2vec.word_files import npy_words, read_npy, read_text, text_words
from tiny_words import write_npy_vectors, write_text_vectors

VECTORS = {"the": [0.0, 1.0, 2.0], "dog": [1.0, -0.5, 0.25], "Traffic_light": [3.0, 4.0, 5.0], "cat": [1e-3, 7.0, -8.0]}
WANTED = {"cat", "dog", "traffic light", "zebra"}


@pytest.mark.parametrize("header", [False, True], ids=["glove", "word2vec"])
def test_only_wanted_words_are_kept_in_the_order_of_the_file(tmp_path, header):
    read = read_text(write_text_vectors(tmp_path / "v.txt", VECTORS, header=header), wanted=WANTED)
    assert read.words == ["dog", "Traffic_light", "cat"]
    assert read.vectors.dtype == np.float32
    np.testing.assert_array_equal(read.vectors, np.float32([VECTORS[word] for word in read.words]))


def test_forms_of_one_text_file_agree(tmp_path):
    plain = write_text_vectors(tmp_path / "v.txt", VECTORS)
    text = plain.read_text()
    forms = {
        "spaces at the end": text.replace("\n", " \n"),  # as word2vec writes
        "windows": text.replace("\n", "\r\n"),
        "tabs": text.replace(" ", "\t"),
        "runs of spaces": text.replace(" ", "   "),
        "no last line end": text.rstrip("\n"),
        "empty line at the end": text + "\n",
        "byte-order mark": "\ufeff" + text,
    }
    expected = read_text(plain, wanted=WANTED)
    for name, form in forms.items():
        (tmp_path / "form.txt").write_text(form, encoding="utf-8", newline="")
        read = read_text(tmp_path / "form.txt", wanted=WANTED)
        assert read.words == expected.words, name
        np.testing.assert_array_equal(read.vectors, expected.vectors, err_msg=name)
    (tmp_path / "v.txt.gz").write_bytes(gzip.compress(text.encode()))
    np.testing.assert_array_equal(read_text(tmp_path / "v.txt.gz", wanted=WANTED).vectors, expected.vectors)


def test_words_may_hold_spaces_and_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "v.txt"
    path.write_bytes(
        b"the 1 2\n. . . 3 4\nhot dog 5 6\ncaf\xe9 7 8\nna\xc3\xafve\xc2\xa0x 9 10\n"
    )  # GloVe 840B has such
    read = read_text(path, wanted={"hot dog", "..."})
    assert (read.words, read.vectors.tolist()) == (["hot dog"], [[5, 6]])
    assert list(text_words(path)) == ["the", ". . .", "hot dog", "caf\ufffd", "naïve\xa0x"]


def test_no_wanted_word_gives_an_empty_array_of_the_right_width(tmp_path):
    read = read_text(write_text_vectors(tmp_path / "v.txt", VECTORS), wanted={"zebra"})
    assert (read.words, read.vectors.shape) == ([], (0, 3))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("the 1 2 3\ndog 1 2\n", r"line 2: 3 fields, expected a word and 3 numbers"),
        ("2 3\nthe 1 2 3\ndog 1\n", r"line 3: 2 fields"),
        ("the 1 2 3\n\ndog 1 x 3\n", r"line 3, word 'dog': .*'x'.*expected 3 numbers"),
        ("the 1 2 3\ndog 1 nan 3\n", r"line 2, word 'dog': expected 3 finite numbers"),
        ("the 1 2 3\ndog 1 1e39 3\n", r"line 2, word 'dog': expected 3 finite numbers"),
        ("4 3\nthe 1 2 3\ndog 1 2 3\n", r"promises 4 words, the file holds 2: is it complete"),
        ("", "holds no words"),
        ("3 300\n", "holds no words"),
        ("the\n", r"line 1: 1 field, expected a word and its numbers"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path, text, message):
    (tmp_path / "v.txt").write_text(text)
    with pytest.raises(ValueError, match=message) as error:
        read_text(tmp_path / "v.txt", wanted=WANTED)
    assert "v.txt" in str(error.value)


def test_a_bad_number_of_an_unwanted_word_is_not_looked_at(tmp_path):
    (tmp_path / "v.txt").write_text("the 1 x 3\ndog 1 2 3\n")
    assert read_text(tmp_path / "v.txt", wanted=WANTED).words == ["dog"]


def test_binary_files_are_refused_without_reading_them_into_memory(tmp_path):
    path = tmp_path / "v.bin"
    path.write_bytes(b"2 3\nthe " + bytes(range(1, 10)) + b"\x0adog 1 2 3\n")
    with pytest.raises(ValueError, match="binary files must be turned into text"):
        read_text(path, wanted=WANTED)
    path.write_bytes(b"9" * (3 << 20))
    with pytest.raises(ValueError, match="line 1: longer than"):
        read_text(path, wanted=WANTED)
    (tmp_path / "v.txt.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="not a readable gzip"):
        read_text(tmp_path / "v.txt.gz", wanted=WANTED)


def test_a_missing_file_is_named_with_its_neighbour(tmp_path):
    write_text_vectors(tmp_path / "glove.6B.txt", VECTORS)
    with pytest.raises(ValueError, match=r"glove.6b.tx: no such file; kind text .*there is glove\.6B\.txt"):
        read_text(tmp_path / "glove.6b.tx", wanted=WANTED)
    with pytest.raises(ValueError, match="a folder, not a file"):
        read_text(tmp_path, wanted=WANTED)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_an_array_with_names(tmp_path, dtype):
    files = write_npy_vectors(tmp_path / "m.npy", VECTORS, dtype=dtype)
    read = read_npy(**files, wanted=WANTED)
    assert read.words == ["dog", "Traffic_light", "cat"]
    assert read.vectors.dtype == np.float32
    expected = np.array([VECTORS[word] for word in read.words], dtype=dtype)
    np.testing.assert_array_equal(read.vectors, expected.astype(np.float32))
    assert list(npy_words(files["names"])) == list(VECTORS)


def test_empty_lines_at_the_end_of_names_do_not_count(tmp_path):
    files = write_npy_vectors(tmp_path / "m.npy", VECTORS)
    names = tmp_path / "m.txt"
    names.write_text(names.read_text() + "\n\n")
    assert read_npy(**files, wanted={"cat"}).words == ["cat"]
    names.write_text("the\n\ndog\nTraffic_light\ncat\n")
    with pytest.raises(ValueError, match=r"m\.txt, line 2: empty"):
        read_npy(**files, wanted={"cat"})


def test_another_number_of_names_is_refused(tmp_path):
    files = write_npy_vectors(tmp_path / "m.npy", VECTORS)
    (tmp_path / "m.txt").write_text("the\ndog\n")
    with pytest.raises(ValueError, match=r"m\.txt: 2 names, but .*m\.npy has 4 rows"):
        read_npy(**files, wanted={"dog"})


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (np.zeros(4), r"float64 of shape \(4,\); expected an array of floats"),
        (np.zeros((4, 3), dtype=np.int64), r"int64 of shape \(4, 3\)"),
        (np.array([[0.0, 1], [np.nan, 0], [0, 0], [1, 1]]), r"row 1 \('dog'\) holds a number that is not finite"),
        (np.array([[0.0, 1], [1e39, 0], [0, 0], [1, 1]]), r"row 1 \('dog'\) holds a number that is not finite"),
        (np.array([{"a": 1}], dtype=object), "not a readable .npy array"),
    ],
)
def test_an_array_of_another_kind_is_refused(tmp_path, matrix, message):
    files = write_npy_vectors(tmp_path / "m.npy", VECTORS)
    np.save(tmp_path / "m.npy", matrix, allow_pickle=True)
    with pytest.raises(ValueError, match=message):
        read_npy(**files, wanted={"dog"})


def test_archives_and_missing_names_are_refused(tmp_path):
    files = write_npy_vectors(tmp_path / "m.npy", VECTORS)
    with pytest.raises(ValueError, match="needs `names`"):
        read_npy(files["path"], names=tmp_path / "n.txt", wanted={"dog"})
    np.savez(tmp_path / "a.npz", a=np.zeros((4, 3)))
    with pytest.raises(ValueError, match="an archive of arrays"):
        read_npy(tmp_path / "a.npz", names=files["names"], wanted={"dog"})

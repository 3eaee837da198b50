"""A WordNet of nine synsets: closures by hand, senses, and files that are not what they should be."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.net2vec.wordnet import read_wordnet, wordnet_words
from tiny_words import SYNSETS, write_wordnet


@pytest.fixture
def folder(tmp_path):
    return write_wordnet(tmp_path / "wordnet")


def closures(read):
    """Word -> number of synsets of its vector."""
    return dict(zip(read.words, read.vectors.sum(axis=1).astype(int).tolist(), strict=True))


def test_vectors_are_the_synsets_above_a_word(folder):
    read = read_wordnet(folder, wanted={"dog", "cat", "traffic light", "unicorn"})
    assert read.words == ["cat", "dog", "traffic_light"]
    # thing, animal, pet, hound, feline, device, lights are met, in the order of the database; firedogs are not
    expected = [[1, 1, 1, 0, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0], [1, 0, 0, 0, 0, 1, 1]]
    np.testing.assert_array_equal(read.vectors, np.float32(expected))
    unit = read.vectors / np.linalg.norm(read.vectors, axis=1, keepdims=True)
    assert unit[0] @ unit[1] == pytest.approx(3 / 4)  # thing, animal, pet of four each
    assert unit[1] @ unit[2] == pytest.approx(1 / np.sqrt(12))  # thing only


def test_a_sense_can_be_asked_for(folder):
    read = read_wordnet(folder, wanted={"dog", "dog#1", "dog#2"})
    assert read.words == ["dog", "dog#1", "dog#2"]
    np.testing.assert_array_equal(read.vectors[0], read.vectors[1])
    assert closures(read) == {"dog": 4, "dog#1": 4, "dog#2": 3}
    for sense in ("dog#3", "dog#0"):
        with pytest.raises(ValueError, match="'dog' has 2 noun senses, #1 to #2"):
            read_wordnet(folder, wanted={sense})


def test_single_things_stand_below_their_kind(folder):
    assert closures(read_wordnet(folder, wanted={"fido", "dog"})) == {"dog": 4, "fido": 5}


def test_other_pointers_are_not_followed(tmp_path):
    synsets = dict(SYNSETS) | {"tail": (["tail"], [("#p", "hound"), ("%p", "device"), ("~", "feline")])}
    folder = write_wordnet(tmp_path / "w", synsets)
    assert closures(read_wordnet(folder, wanted={"tail"})) == {"tail": 1}


def test_two_ways_up_count_once_and_a_circle_ends(tmp_path):
    synsets = {
        "top": (["top"], []),
        "left": (["left"], [("@", "top")]),
        "right": (["right"], [("@", "top")]),
        "both": (["both"], [("@", "left"), ("@", "right")]),
        "chicken": (["chicken"], [("@", "egg")]),
        "egg": (["egg"], [("@", "chicken")]),
    }
    read = read_wordnet(write_wordnet(tmp_path / "w", synsets, {}), wanted={"both", "egg"})
    assert closures(read) == {"both": 4, "egg": 2}


def test_nothing_wanted_gives_an_empty_array(folder):
    read = read_wordnet(folder, wanted={"unicorn"})
    assert (read.words, read.vectors.shape) == ([], (0, 0))


def test_all_lemmas_are_listed(folder):
    assert list(wordnet_words(folder))[:4] == ["animal", "beast", "canis_familiaris", "cat"]


def test_a_folder_without_the_files_says_where_they_are(tmp_path):
    with pytest.raises(ValueError, match=r"data\.noun: no such file; .*wordnet-base"):
        read_wordnet(tmp_path, wanted={"dog"})
    write_wordnet(tmp_path).joinpath("index.noun").rename(tmp_path / "index.nouns")
    with pytest.raises(ValueError, match=r"index\.noun: no such file; .*there is index\.nouns"):
        read_wordnet(tmp_path, wanted={"dog"})


def test_changed_line_ends_are_noticed(folder):
    data = folder / "data.noun"
    data.write_bytes(data.read_bytes().replace(b"\n", b"\r\n"))
    with pytest.raises(ValueError, match=r"data\.noun: no synset at byte \d+: .*line ends"):
        read_wordnet(folder, wanted={"dog"})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("dog n 2 0 2 0 00000100", r"line 1: 'dog' promises 2 noun synsets, 1 are there"),
        ("dog v 1 0 1 0 00000100", r"line 1: 'dog' promises 1 noun synsets"),
        ("dog", "line 1: not a line of WordNet's index.noun"),
        ("dog 0.1 0.2 0.3 0.4", "line 1: not a line of WordNet's index.noun"),
    ],
)
def test_a_bad_line_of_the_index_is_named(folder, line, message):
    (folder / "index.noun").write_text(line + "\n")
    with pytest.raises(ValueError, match=message):
        read_wordnet(folder, wanted={"dog"})

"""Concepts find their words: in which order, what is recorded, and which mistakes of the config stop the run."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from conceptatlas.files import read_json
from conceptatlas.net2vec.arithmetic import read_expressions
from conceptatlas.net2vec.word_matching import Vocabulary, bare, fold, match, wanted_words
from conceptatlas.net2vec.words import match_words
from conceptatlas.tables import read_definitions, read_table
from tiny_words import write_concepts, write_npy_vectors, write_text_vectors, write_wordnet

CONCEPTS = {
    "dog": "object", "cat": "object", "traffic light": "object", "sky-other-merged": "object", "street-s": "scene",
    "red-c": "color", "floor-wood": "object", "wood-c": "object", "unicorn": "object",
}  # fmt: skip
VECTORS = {
    "dog": [1, 0, 0], "cat": [0, 1, 0], "Traffic_Light": [0, 0, 1], "sky": [1, 1, 0], "street": [1, 0, 1],
    "red": [0, 1, 1], "floor": [2, 0, 0], "wood": [0, 4, 0], "horse": [1, 2, 3],
}  # fmt: skip


def job(folder, spaces, *, concepts=CONCEPTS, aliases=None, arithmetic=()):
    out = {"vectors": folder / "words.h5", "table": folder / "words.parquet", "expressions": folder / "sums.json"}
    match_words(
        dataset="d", concepts=write_concepts(folder / "concepts.parquet", concepts), word_spaces=list(spaces),
        aliases=aliases or {}, arithmetic=list(arithmetic), **out,
    )  # fmt: skip
    return out


@pytest.fixture
def glove(tmp_path):
    return {"name": "glove", "kind": "text", "path": str(write_text_vectors(tmp_path / "glove.txt", VECTORS))}


def found(out, space):
    rows = read_table(out["table"])
    rows = rows[rows["space"] == space]
    return {row.concept: (row.word, row.how) for row in rows.itertuples()}


def vectors(out, space, concepts=CONCEPTS):
    with h5py.File(out["vectors"]) as file:
        index, values = file[space]["concept_index"][()], file[space]["vectors"][()]
    assert index.dtype == np.int64
    assert values.dtype == np.float32
    return {list(concepts)[i]: values[at].tolist() for at, i in enumerate(index)}


@pytest.mark.parametrize("kind", ["text", "npy"])
def test_every_way_of_matching(tmp_path, kind):
    if kind == "text":
        files = {"path": str(write_text_vectors(tmp_path / "v.txt", VECTORS))}
    else:
        files = write_npy_vectors(tmp_path / "v.npy", VECTORS)
    out = job(tmp_path, [{"name": "s", "kind": kind, **files}], aliases={"cat": "horse"})
    assert found(out, "s") == {
        "dog": ("dog", "name"),
        "cat": ("horse", "alias"),
        "traffic light": ("Traffic_Light", "folded"),
        "sky-other-merged": ("sky", "folded"),
        "street-s": ("street", "folded"),
        "red-c": ("red", "folded"),
        "floor-wood": ("floor + wood", "words"),
        "wood-c": ("", ""),  # no colour: -c is part of the name, and there is no word c
        "unicorn": ("", ""),
    }
    got = vectors(out, "s")
    assert list(got) == [concept for concept in CONCEPTS if concept not in ("wood-c", "unicorn")]
    assert got["cat"] == [1, 2, 3]
    assert got["floor-wood"] == [1, 2, 0]
    assert [column.name for column in read_definitions(out["table"])][:3] == ["dataset", "space", "concept_index"]


def test_a_taxonomy_takes_no_means_and_drops_synsets_that_no_concept_took(tmp_path):
    synsets = {
        "thing": (["thing"], []), "floor": (["floor"], [("@", "thing")]), "wood": (["wood"], [("@", "thing")]),
        "pet": (["pet"], [("@", "thing")]), "hound": (["dog"], [("@", "pet")]), "andiron": (["dog"], [("@", "floor")]),
        "cat": (["cat"], [("@", "thing")]),
    }  # fmt: skip
    path = write_wordnet(tmp_path / "w", synsets, {"dog": ["hound", "andiron"]})
    space = {"name": "wordnet", "kind": "wordnet", "path": str(path)}
    out = job(tmp_path, [space], aliases={"dog": "dog#2"})
    ways = found(out, "wordnet")
    assert (ways["dog"], ways["cat"], ways["floor-wood"]) == (("dog#2", "alias"), ("cat", "name"), ("", ""))
    # thing, floor, andiron, cat: what the second sense of dog and cat meet; pet and hound lie above the first sense
    assert vectors(out, "wordnet") == {"dog": [1, 1, 1, 0], "cat": [1, 0, 0, 1]}


def test_spaces_keep_the_order_of_the_config(tmp_path, glove):
    spaces = [glove | {"name": name} for name in ("z", "a", "m")]
    out = job(tmp_path, spaces)
    with h5py.File(out["vectors"]) as file:
        assert {name: int(group.attrs["position"]) for name, group in file.items()} == {"z": 0, "a": 1, "m": 2}
        assert {group.attrs["kind"] for group in file.values()} == {"text"}
    assert read_table(out["table"])["space"].drop_duplicates().tolist() == ["z", "a", "m"]


def test_without_spaces_the_files_are_there_and_empty(tmp_path):
    out = job(tmp_path, [], aliases={"dog": "hound"})
    with h5py.File(out["vectors"]) as file:
        assert list(file) == []
    assert len(read_table(out["table"])) == 0
    assert read_json(out["expressions"]) == []


def test_a_space_without_any_concept_warns(tmp_path, glove, caplog):
    out = job(tmp_path, [glove], concepts=["zebra", "yak"])
    assert "no concept has a vector" in caplog.text
    assert vectors(out, "glove", ["zebra", "yak"]) == {}


def test_expressions_are_parsed_before_anything_is_learned(tmp_path, glove):
    texts = ["dog + red-c - sky-other-merged", "cat - traffic light"]
    out = job(tmp_path, [glove], arithmetic=texts)
    assert read_json(out["expressions"]) == [
        {"expression": texts[0], "terms": [[1, "dog"], [1, "red-c"], [-1, "sky-other-merged"]]},
        {"expression": texts[1], "terms": [[1, "cat"], [-1, "traffic light"]]},
    ]
    assert read_expressions(out["expressions"]) == texts
    with pytest.raises(ValueError, match=r"unknown concept 'dogs'.*did you mean 'dog'"):
        job(tmp_path, [glove], arithmetic=["dogs + cat"])


def test_an_alias_of_an_unknown_concept_is_refused(tmp_path, glove):
    with pytest.raises(
        ValueError, match=r"unknown concept 'traffic lihgt' in net2vec.aliases, data set d; did you mean 't"
    ):
        job(tmp_path, [glove], aliases={"traffic lihgt": "dog"})


def test_an_alias_must_be_a_word_of_some_space(tmp_path, glove):
    wordnet = {"name": "wordnet", "kind": "wordnet", "path": str(write_wordnet(tmp_path / "w"))}
    with pytest.raises(
        ValueError, match=r"unknown word 'hors' in the word spaces glove, wordnet.*'unicorn'; did you mean"
    ):
        job(tmp_path, [glove, wordnet], aliases={"unicorn": "hors"})
    # a word of one space is enough; the other one takes the concept's name
    out = job(tmp_path, [glove, wordnet], aliases={"dog": "firedog"})
    assert found(out, "wordnet")["dog"] == ("firedog", "alias")
    assert found(out, "glove")["dog"] == ("dog", "name")
    # the sense of a taxonomy is no part of a word of text
    out = job(tmp_path, [glove, wordnet], aliases={"unicorn": "dog#2"})
    assert found(out, "wordnet")["unicorn"] == ("dog#2", "alias")
    assert found(out, "glove")["unicorn"] == ("dog", "alias")


def test_an_alias_of_several_words_may_be_a_mean(tmp_path, glove):
    out = job(tmp_path, [glove], aliases={"dog": "red street"})
    assert found(out, "glove")["dog"] == ("red + street", "words")
    assert vectors(out, "glove")["dog"] == [0.5, 0.5, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "txt"}, "unknown kind 'txt' in word space 'glove'; did you mean 'text'"),
        ({"kind": "npy"}, "word space 'glove', kind npy: needs `names`"),
        ({"path": ""}, "word space 'glove', kind text: needs `path`"),
        ({"path": "/nowhere/glove.txt"}, "/nowhere/glove.txt: no such file"),
        ({"name": "glove 6B"}, "word space 'glove 6B': a name may hold"),
    ],
)
def test_a_space_that_cannot_be_read_says_so(tmp_path, glove, change, message):
    with pytest.raises(ValueError, match=message):
        job(tmp_path, [glove | change])


def test_names_of_spaces_differ(tmp_path, glove):
    with pytest.raises(ValueError, match="'glove' is given twice"):
        job(tmp_path, [glove, glove])


def test_paths_may_hold_variables(tmp_path, glove, monkeypatch):
    monkeypatch.setenv("VECTORS", str(tmp_path))
    out = job(tmp_path, [glove | {"path": "$VECTORS/glove.txt"}])
    assert found(out, "glove")["dog"] == ("dog", "name")


def test_of_several_spellings_the_closest_is_found_then_the_first():
    words = Vocabulary(["DOG", "Hot_Dog", "dog", "hot-dog", "Bus", "BUS", "hot dog"])
    spelled = {"dog": "dog", "DOG": "DOG", "Dog": "dog", "hot_dog": "hot dog", "hot-dog": "hot-dog", "bus": "Bus"}
    assert {name: words.words[words.find(name)] for name in spelled} == spelled
    assert words.find("cat") is None


def test_names_lose_what_data_sets_add():
    assert fold(" Hot_dog-stand ") == "hot dog stand"
    names = {"door-stuff": "door", "floor-other-merged": "floor", "-other": "-other", "t-shirt": "t-shirt"}
    assert {name: bare(name, "object") for name in names} == names
    assert (bare("red-c", "color"), bare("red-c", "scene"), bare("zoo-s", "scene")) == ("red", "red-c", "zoo")


def test_a_mean_needs_all_words_and_the_wanted_words_hold_all_that_is_looked_for():
    words = Vocabulary(["hot", "floor", "wood"])
    assert match("hot-floor-wood", words, category="object").rows == (0, 1, 2)
    assert match("hot-potato", words, category="object").rows == ()
    assert match("hot-floor", words, category="object", means=False).rows == ()
    assert wanted_words("floor-wood-merged", category="object", alias="Parquet_floor#2", means=True) >= {
        "floor", "wood", "floor wood", "floor wood merged", "parquet", "parquet floor", "parquet floor#2",
    }  # fmt: skip
    assert wanted_words("floor-wood", category="object", alias="", means=False) == {"floor wood"}

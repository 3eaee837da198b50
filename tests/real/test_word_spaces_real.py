"""Real word spaces against real concept names: `pytest -m real --real-data FOLDER`.

CLIP's vectors of texts "a <name>" for the names of four data sets, and COCO's panoptic concepts. WordNet's database is
looked for in `wordnet` of the folder and where Debian's wordnet-base puts it.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import h5py
import numpy as np
import pytest

from conceptatlas.net2vec.distances import compare_embeddings
from conceptatlas.net2vec.wordnet import read_wordnet
from conceptatlas.net2vec.words import match_words
from conceptatlas.tables import read_table
from tiny_words import write_concepts

pytestmark = pytest.mark.real

FILES = {"coco": "coco_clip_a+cname", "lvis": "lvis_v1_clip_a+cname", "o365": "o365_clip_a+cnamefix",
         "oid": "oid_clip_a+cname"}  # fmt: skip


@pytest.fixture(scope="module")
def concepts(real_data):
    table = real_data / "coco128_panoptic/panoptic_segmentation/annotations/panoptic_val2017.json"
    if not table.is_file():
        pytest.skip(f"{real_data} has no folder coco128_panoptic")
    return [category["name"] for category in json.loads(table.read_text())["categories"]]


@pytest.fixture(scope="module")
def clip(real_data):
    folder = real_data / "clip_vitb32_text_embeddings"
    if not folder.is_dir():
        pytest.skip(f"{real_data} has no folder clip_vitb32_text_embeddings")
    return {name: (folder / f"{stem}.npy", folder / f"{name}_names.txt") for name, stem in FILES.items()}


@pytest.fixture(scope="module")
def matched(concepts, clip, tmp_path_factory):
    """Every data set's names as a space, and all of them together as `clip`."""
    folder = tmp_path_factory.mktemp("words")
    np.save(folder / "all.npy", np.concatenate([np.load(path) for path, _ in clip.values()]))
    (folder / "all.txt").write_text("".join(names.read_text().rstrip("\n") + "\n" for _, names in clip.values()))
    files = {"clip": (folder / "all.npy", folder / "all.txt"), **clip}
    match_words(
        dataset="coco", concepts=write_concepts(folder / "concepts.parquet", concepts), vectors=folder / "words.h5",
        table=folder / "words.parquet", expressions=folder / "expressions.json", aliases={"couch": "sofa"},
        word_spaces=[
            {"name": name, "kind": "npy", "path": str(path), "names": str(names)}
            for name, (path, names) in files.items()
        ],
        arithmetic=["grass-merged + sea - sand", "tree-merged - wall-wood"],
    )  # fmt: skip
    return folder


def ways(matched, space):
    rows = read_table(matched / "words.parquet")
    return Counter(rows.loc[rows["space"] == space, "how"])


def cosines_of(matched, space, concepts):
    with h5py.File(matched / "words.h5") as file:
        index, vectors = file[space]["concept_index"][()], file[space]["vectors"][()].astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return [concepts[i] for i in index], unit @ unit.T


def nearest(matched, space, concepts, concept):
    names, gram = cosines_of(matched, space, concepts)
    order = np.argsort(-gram[names.index(concept)])
    return [names[i] for i in order if names[i] != concept]


def test_most_panoptic_names_have_a_word(matched):
    """34 of the 133 names (most of them stuff: sky, sea, grass) are in none of the four vocabularies."""
    assert ways(matched, "clip") == {"name": 84, "folded": 14, "alias": 1, "": 34}
    assert ways(matched, "coco") == {"name": 80, "": 53}  # the alias sofa is not there, so the couch is itself
    assert ways(matched, "oid")["folded"] == 80  # `Traffic light`, `Dog`


def test_what_stands_for_concepts(matched):
    rows = read_table(matched / "words.parquet").set_index(["space", "concept"])
    found = {
        (space, concept): tuple(rows.loc[(space, concept), ["word", "how"]])
        for space, concept in (
            ("clip", "dog"), ("oid", "traffic light"), ("lvis", "traffic light"), ("clip", "tree-merged"),
            ("clip", "window-blind"), ("clip", "couch"), ("clip", "sky-other-merged"),
        )
    }  # fmt: skip
    assert list(found.values()) == [
        ("dog", "name"), ("Traffic light", "folded"), ("traffic_light", "folded"), ("Tree", "folded"),
        ("Window blind", "folded"), ("sofa", "alias"), ("", ""),
    ]  # fmt: skip


def test_neighbours_in_words_are_sensible(matched, concepts):
    assert nearest(matched, "clip", concepts, "dog")[0] == "cat"
    assert set(nearest(matched, "clip", concepts, "car")[:3]) <= {"truck", "bus", "motorcycle", "boat", "train"}
    assert nearest(matched, "clip", concepts, "fork")[0] in {"spoon", "knife"}
    names, gram = cosines_of(matched, "clip", concepts)
    above = gram[np.triu_indices(len(names), k=1)]
    assert above.min() > 0.5  # vectors of texts share a direction: distances need their null


def test_one_model_of_texts_is_one_space_whatever_the_list_of_names(matched, concepts):
    out = {name: matched / f"{name}.parquet" for name in ("spaces", "distances", "concept_distances")}
    compare_embeddings(
        dataset="coco", concepts=matched / "concepts.parquet", tables=[], vectors=[], places=[],
        words=matched / "words.h5", options={"include_small": False, "n_permutations": 99}, seed=0, **out,
    )  # fmt: skip
    rows = read_table(out["distances"])
    assert len(rows) == 10
    assert rows["n_concepts"].unique().tolist() == [read_table(out["spaces"])["n_shared"].iloc[0]]
    assert rows["n_concepts"].iloc[0] >= 30
    assert (rows["p"] == 0.01).all()
    assert (rows["mean_square"] < 0.1 * rows["null_low"]).all()  # `a dog` and `a Dog` are almost one text
    assert (rows["correlation"] > 0.9).all()


@pytest.fixture(scope="module")
def wordnet(real_data):
    folders = [real_data / "wordnet", Path("/usr/share/wordnet")]
    found = [folder for folder in folders if (folder / "data.noun").is_file()]
    if not found:
        pytest.skip("no WordNet: install Debian's wordnet-base, or link its folder as `wordnet` in the real data")
    return found[0]


def test_wordnet_knows_what_a_dog_is(wordnet):
    wanted = ["dog", "dog#7", "cat", "person", "car", "truck", "animal", "entity", "einstein", "physicist"]
    read = read_wordnet(wordnet, wanted=set(wanted))
    of = dict(zip(read.words, read.vectors, strict=True))
    assert sorted(of) == sorted(wanted)
    for below, above in (("dog", "animal"), ("cat", "animal"), ("dog", "entity"), ("einstein", "physicist")):
        assert (of[below] >= of[above]).all(), (below, above)
    assert of["entity"].sum() == 1
    assert not (of["dog#7"] >= of["animal"]).all()  # the firedog

    def cosine(a, b):
        return of[a] @ of[b] / np.sqrt((of[a] @ of[a]) * (of[b] @ of[b]))

    assert cosine("dog", "cat") > cosine("dog", "person") > cosine("dog", "car")
    assert cosine("car", "truck") > 0.9 > cosine("car", "person")


def test_most_panoptic_names_are_in_wordnet(wordnet, concepts, tmp_path):
    match_words(
        dataset="coco", concepts=write_concepts(tmp_path / "concepts.parquet", concepts), arithmetic=[],
        vectors=tmp_path / "words.h5", table=tmp_path / "words.parquet", expressions=tmp_path / "expressions.json",
        aliases={"mouse": "mouse#4"}, word_spaces=[{"name": "wordnet", "kind": "wordnet", "path": str(wordnet)}],
    )  # fmt: skip
    rows = read_table(tmp_path / "words.parquet").set_index("concept")
    assert (rows["how"] != "").sum() >= 120
    assert rows.loc["sky-other-merged", "word"] == "sky"
    assert rows.loc["mouse", "word"] == "mouse#4"
    assert rows.loc["sports ball", "how"] == ""  # no mean of synsets

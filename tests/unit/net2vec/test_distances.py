"""The job that compares spaces: which concepts count, which pairs there are, and what the tables say."""

from __future__ import annotations

import h5py
import numpy as np
import pytest
from scipy.stats import ortho_group

from conceptatlas.net2vec.classification_tables import CLASSIFICATION_COLUMNS
from conceptatlas.net2vec.distances import compare_embeddings
from conceptatlas.net2vec.segmentation_tables import SEGMENTATION_COLUMNS
from conceptatlas.net2vec.space_distance import cosines, distance
from conceptatlas.tables import read_definitions, read_table, write_table
from tiny_net2vec import classification_table, segmentation_table, write_vectors
from tiny_words import write_concepts

NAMES = [f"concept {i}" for i in range(16)]
CATEGORIES = {name: ("part" if i % 4 == 3 else "object") for i, name in enumerate(NAMES)}
KINDS = {
    "segmentation": (segmentation_table, SEGMENTATION_COLUMNS),
    "classification": (classification_table, CLASSIFICATION_COLUMNS),
}


def vectors(seed, n=16, d=9):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


class Study:
    """Files of some spaces; `run` compares them."""

    def __init__(self, folder):
        self.folder = folder
        self.tables, self.vectors, self.places = [], [], []
        self.words = {}
        self.concepts = write_concepts(folder / "concepts.parquet", CATEGORIES)

    def learn(self, layer, weights, *, task="segmentation", learned=None, shuffle=None, **columns):
        """A layer where the concepts of `learned` (all) have the rows of `weights`."""
        learned = list(range(16)) if learned is None else learned
        make, defined = KINDS[task]
        reasons = ["" if i in learned else "too few" for i in range(16)]
        table, path = self.folder / f"{layer}-{task}.parquet", self.folder / f"{layer}-{task}.h5"
        write_table(table, make(CATEGORIES, **({"reason": reasons} | columns)), columns=defined)
        order = np.arange(len(learned)) if shuffle is None else np.random.default_rng(shuffle).permutation(len(learned))
        rows = weights if len(weights) == len(learned) else weights[learned]
        write_vectors(path, task, np.array(learned)[order], np.stack([rows[order], 0 * rows], axis=1))
        self.tables.append(table)
        self.vectors.append(path)
        self.places.append(["net", layer, task])
        return self

    def word_space(self, name, values, *, concepts=None):
        self.words[name] = (list(range(16)) if concepts is None else concepts, values)
        return self

    def run(self, *, seed=0, **options):
        with h5py.File(self.folder / "words.h5", "w") as file:
            for position, (name, (index, values)) in enumerate(self.words.items()):
                group = file.create_group(name)
                group["concept_index"] = np.array(index, dtype=np.int64)
                group["vectors"] = values
                group.attrs["position"] = position
        out = {name: self.folder / f"{name}.parquet" for name in ("spaces", "distances", "concept_distances")}
        compare_embeddings(
            dataset="d", concepts=self.concepts, tables=self.tables, vectors=self.vectors, places=self.places,
            words=self.folder / "words.h5", options={"include_small": False, "n_permutations": 19} | options,
            seed=seed, **out,
        )  # fmt: skip
        return {name: read_table(path) for name, path in out.items()}


def test_all_pairs_in_the_order_given(tmp_path):
    study = Study(tmp_path).learn("conv2", vectors(1)).learn("conv1", vectors(2), task="classification")
    tables = study.word_space("z", vectors(3, d=5)).word_space("a", vectors(4)).run()
    names = ["net/conv2/segmentation", "net/conv1/classification", "z", "a"]
    assert tables["spaces"]["space"].tolist() == names
    pairs = tables["distances"]
    expected = [(a, b) for i, a in enumerate(names) for b in names[i + 1 :]]
    assert list(zip(pairs["space_a"], pairs["space_b"], strict=True)) == expected
    assert pairs.iloc[0][["model_a", "layer_a", "task_a", "layer_b", "task_b"]].tolist() == [
        "net", "conv2", "segmentation", "conv1", "classification",
    ]  # fmt: skip
    assert pairs.iloc[5][["model_a", "layer_a", "task_a", "task_b"]].tolist() == ["", "", "words", "words"]
    assert set(pairs["n_concepts"]) == {16}
    assert set(pairs["reason"]) == {""}
    assert read_definitions(tmp_path / "distances.parquet")[-1].definition.startswith("why there is no distance")


def test_numbers_are_those_of_the_mathematics_on_the_first_initialisation(tmp_path):
    first, second = vectors(1), vectors(2, d=30)
    tables = Study(tmp_path).learn("conv1", first).word_space("words", second).run()
    expected = distance(cosines(first), cosines(second))
    row = tables["distances"].iloc[0]
    assert row["distance"] == pytest.approx(expected.distance, rel=1e-6)
    assert row["mean_square"] == pytest.approx(expected.distance / 256, rel=1e-6)
    assert row["standard_error"] == pytest.approx(expected.standard_error, rel=1e-6)
    by_concept = tables["concept_distances"]
    assert by_concept["concept"].tolist() == NAMES
    assert by_concept["category"].tolist() == list(CATEGORIES.values())
    np.testing.assert_allclose(by_concept["distance"], expected.by_concept, rtol=1e-6)
    assert by_concept["distance"].sum() == pytest.approx(row["distance"], rel=1e-12)


def test_a_turned_space_is_at_distance_zero_and_an_unrelated_one_in_the_null(tmp_path):
    first = vectors(1, d=12)
    turned = (first @ ortho_group.rvs(12, random_state=0)).astype(np.float32)
    tables = Study(tmp_path).learn("conv1", first).learn("conv2", turned).word_space("noise", vectors(9)).run()
    same, noise = tables["distances"].iloc[0], tables["distances"].iloc[1]
    assert same["distance"] < 1e-10
    assert same["correlation"] == pytest.approx(1, abs=1e-6)
    assert same["p"] == 1 / 20
    assert noise["p"] > 0.05
    assert noise["null_low"] < noise["null_mean"]
    assert abs(noise["correlation"]) < 0.35


def test_the_order_of_the_spaces_and_of_rows_in_files_changes_no_number(tmp_path):
    for folder in ("a", "b", "c"):
        (tmp_path / folder).mkdir()
    one = Study(tmp_path / "a").learn("conv1", vectors(1)).learn("conv2", vectors(2)).word_space("w", vectors(3)).run()
    shuffled = Study(tmp_path / "b").learn("conv2", vectors(2), shuffle=1).learn("conv1", vectors(1), shuffle=2)
    other = shuffled.word_space("w", vectors(3)).run()
    numbers = ["distance", "mean_square", "standard_error", "correlation", "null_mean", "null_low", "p"]
    by_names = [
        {
            frozenset(row[:2]): row[2:]
            for row in t["distances"][["space_a", "space_b", *numbers]].itertuples(index=False)
        }
        for t in (one, other)
    ]
    assert by_names[0].keys() == by_names[1].keys()
    for pair, row in by_names[0].items():
        assert by_names[1][pair] == pytest.approx(row, rel=1e-9), pair
    # nor does another space that holds the same concepts
    more = Study(tmp_path / "c").learn("conv0", vectors(7)).learn("conv1", vectors(1)).learn("conv2", vectors(2)).run()
    kept = more["distances"].iloc[2]
    assert kept[["space_a", "space_b"]].tolist() == ["net/conv1/segmentation", "net/conv2/segmentation"]
    assert kept[numbers].tolist() == pytest.approx(one["distances"].iloc[0][numbers].tolist(), rel=1e-9)


def test_only_concepts_that_all_spaces_hold_are_compared(tmp_path):
    first, second, words = vectors(1), vectors(2), vectors(3)
    words[5] = 0  # a vector without direction: the concept is missing there
    study = Study(tmp_path).learn("conv1", first, learned=[i for i in range(16) if i not in (0, 1, 2)])
    study.learn("conv2", second, n_train=[5 if i == 9 else 40 for i in range(16)])
    tables = study.word_space("words", words[2:], concepts=list(range(2, 16))).run()
    spaces = tables["spaces"].set_index("space")
    assert spaces["n_vectors"].tolist() == [13, 15, 13]
    assert set(spaces["n_shared"]) == {11}
    assert spaces["n_shared_without"].tolist() == [12, 12, 12]  # 2, 9 and 5 are lost to one space alone
    missing = {space: list(names) for space, names in spaces["missing"].items()}
    assert missing == {
        "net/conv1/segmentation": ["concept 2", "concept 0", "concept 1"],  # what only this space lacks comes first
        "net/conv2/segmentation": ["concept 9"],
        "words": ["concept 5", "concept 0", "concept 1"],
    }
    kept = [i for i in range(16) if i not in (0, 1, 2, 5, 9)]
    expected = distance(cosines(first[kept]), cosines(second[kept])).distance
    assert tables["distances"]["distance"].iloc[0] == pytest.approx(expected, rel=1e-6)
    assert tables["concept_distances"]["concept"].iloc[:11].tolist() == [NAMES[i] for i in kept]
    # small concepts count where they are asked for
    assert set(study.run(include_small=True)["distances"]["n_concepts"]) == {12}


def test_at_most_twenty_missing_concepts_are_named(tmp_path):
    study = Study(tmp_path)
    study.concepts = write_concepts(tmp_path / "concepts.parquet", [f"concept {i}" for i in range(60)])
    tables = study.learn("conv1", vectors(1)).run()
    assert len(tables["spaces"]["missing"].iloc[0]) == 20


def test_too_few_shared_concepts_give_a_reason(tmp_path, caplog):
    study = Study(tmp_path).learn("conv1", vectors(1), learned=[0, 1, 2, 3])
    tables = study.word_space("words", vectors(2, n=3), concepts=[2, 3, 4]).run()
    row = tables["distances"].iloc[0]
    assert row["n_concepts"] == 2
    assert np.isnan(
        row[["distance", "mean_square", "standard_error", "correlation", "null_mean", "p"]].astype(float)
    ).all()
    assert row["reason"].startswith("2 concepts in all 2 spaces, at least 3 are needed")
    assert "2 concepts in all 2 spaces" in caplog.text
    assert len(tables["concept_distances"]) == 0
    assert tables["spaces"]["n_shared"].tolist() == [2, 2]


def test_a_layer_where_nothing_was_learned_leaves_nothing_to_compare(tmp_path):
    study = Study(tmp_path).learn("conv1", np.zeros((0, 9), dtype=np.float32), learned=[]).learn("conv2", vectors(1))
    tables = study.run()
    assert tables["spaces"]["n_vectors"].tolist() == [0, 16]
    assert tables["spaces"]["n_shared_without"].tolist() == [16, 0]
    assert tables["distances"]["reason"].iloc[0].startswith("0 concepts in all 2 spaces")


@pytest.mark.parametrize("n_spaces", [0, 1])
def test_without_a_pair_the_tables_have_no_rows_but_their_types(tmp_path, n_spaces):
    study = Study(tmp_path)
    if n_spaces:
        study.learn("conv1", vectors(1))
    tables = study.run()
    assert [len(tables[name]) for name in ("spaces", "distances", "concept_distances")] == [n_spaces, 0, 0]
    full = Study(tmp_path).learn("conv1", vectors(1)).learn("conv2", vectors(2)).run()
    assert (tables["distances"].dtypes == full["distances"].dtypes).all()
    assert (tables["concept_distances"].dtypes == full["concept_distances"].dtypes).all()


def test_without_permutations_there_is_no_null(tmp_path):
    row = (
        Study(tmp_path).learn("conv1", vectors(1)).learn("conv2", vectors(2)).run(n_permutations=0)["distances"].iloc[0]
    )
    assert np.isnan(row[["null_mean", "null_low", "p"]].astype(float)).all()
    assert row["distance"] > 0


def test_the_null_depends_on_the_seed(tmp_path):
    study = Study(tmp_path).learn("conv1", vectors(1)).learn("conv2", vectors(2))
    means = [study.run(seed=seed)["distances"]["null_mean"].iloc[0] for seed in (0, 0, 1)]
    assert means[0] == means[1] != means[2]


def test_lists_that_do_not_belong_together_are_refused(tmp_path):
    study = Study(tmp_path).learn("conv1", vectors(1)).learn("conv2", vectors(2))
    study.places[1] = study.places[0]
    with pytest.raises(ValueError, match="several embedding spaces are called 'net/conv1/segmentation'"):
        study.run()
    study.places[1] = ["net", "conv2", "classification"]
    with pytest.raises(ValueError, match="vectors of segmentation, expected those of classification"):
        study.run()
    study.places.pop()
    with pytest.raises(ValueError, match="2 tables and 2 files of vectors for 1 places"):
        study.run()

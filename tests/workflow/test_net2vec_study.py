"""Net2Vec in the workflow: off costs no job, on its own; what reruns is counted; mistakes are told before the DAG."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import pyarrow.parquet as pq
import pytest
import yaml

from conceptatlas.tables import read_table
from workspace import REPOSITORY, WITHOUT_ATLAS, Workspace

pytestmark = pytest.mark.workflow

SECTION: dict[str, Any] = {
    "datasets": ["scenes"],
    "min_train_images": 2,
    "repeats": 2,
    "n_bootstrap": 10,
    "n_permutations": 19,
    "layers_for_subsets": ["conv5"],
    "arithmetic": ["grass + blue - green"],
    "subsets": {"segmentation": [1, 4], "classification": [1, 4]},
    "segmentation": {"epochs": 2},
    "classification": {"epochs": 2},
}
"""Three layers: conv3 and conv5 of `plain`, conv5 of `plain_random`."""

LEARNING = {"learn_segmentation": 3, "learn_classification": 3}
RELATING = {"relate_concepts": 3, "join_net2vec": 1, "compare_embeddings": 1}
DRAWING = {"plot_net2vec": 2, "plot_net2vec_models": 1}
RECORD = {"write_run_record": 1, "all": 1}
STUDY = {"estimate_study": 1, "write_run_config": 1}
DISSECTION = {"join_dissection": 1, "plot_detectors": 1}


def long(*values: Any) -> Any:
    """A case of a parametrised test for `make test-long` only."""
    return pytest.param(*values, marks=pytest.mark.long)


def configure(workspace: Workspace, net2vec: dict[str, Any], **sections: Any) -> Workspace:
    config = yaml.safe_load(workspace.config.read_text())
    workspace.config.write_text(yaml.safe_dump({**config, "net2vec": net2vec, **sections}, sort_keys=False))
    return workspace


@pytest.fixture(scope="module")
def learned_once(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny study with Net2Vec on, run; do not change it (`learned` is a copy to change)."""
    workspace = configure(finished.copied(tmp_path_factory.mktemp("learned") / "run"), SECTION)
    done = workspace.snakemake("--cores", "2", *WITHOUT_ATLAS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return workspace


@pytest.fixture
def learned(learned_once: Workspace, tmp_path: Path) -> Workspace:
    return learned_once.copied(tmp_path / "learned")


# What it costs ----------------------------------------------------------------------------------------------------


def test_off_costs_nothing_and_on_its_own_jobs(fresh: Workspace) -> None:
    before = fresh.planned()
    assert not [rule for rule in before if "net2vec" in rule or rule.startswith("learn_")]
    more = configure(fresh, SECTION).planned()
    added = {rule: n for rule, n in more.items() if before.get(rule) != n and rule != "total"}
    assert added == LEARNING | RELATING | DRAWING | {"match_words": 1}


def test_a_task_that_is_off_costs_nothing(fresh: Workspace) -> None:
    planned = configure(fresh, SECTION | {"tasks": ["classification"]}).planned()
    assert planned["learn_classification"] == planned["relate_concepts"] == 3
    assert "learn_segmentation" not in planned


def test_it_needs_no_dissection(fresh: Workspace) -> None:
    """Only what is learned in is extracted: of `plain_random` nothing is."""
    planned = configure(fresh, SECTION | {"models": ["plain"]}, dissection={"datasets": []}).planned("net2vec")
    assert planned["learn_segmentation"] == planned["summarise_layer"] == 2
    assert planned["extract_activations"] == 2
    assert not {"tally_layer", "dissect_layer", "calibrate_model"} & set(planned)


def test_a_gpu_is_asked_for_where_masks_are_learned(fresh: Workspace) -> None:
    done = configure(fresh, SECTION | {"device": "cuda"}).snakemake("-n", "net2vec")
    assert (done.stdout + done.stderr).count(" gpu=1") == 3


# What it makes ----------------------------------------------------------------------------------------------------


def test_it_runs_to_its_figures(learned_once: Workspace) -> None:
    results = learned_once.results()
    table = read_table(results / "net2vec/scenes/plain/conv5/segmentation.parquet")
    assert (table["reason"] == "").any()
    assert len(table) == len(read_table(results / "datasets/scenes/concepts.parquet"))  # a row for every concept
    summary = read_table(results / "net2vec/scenes/summary.parquet")
    assert set(zip(summary["model"], summary["layer"], strict=True)) == {
        ("plain", "conv3"),
        ("plain", "conv5"),
        ("plain_random", "conv5"),
    }
    subsets = read_table(results / "net2vec/scenes/plain/conv3/segmentation_subsets.parquet")
    assert set(subsets["n_filters"]) == {1}  # more in layers_for_subsets only
    subsets = read_table(results / "net2vec/scenes/plain/conv5/segmentation_subsets.parquet")
    assert set(subsets["n_filters"]) == {1, 4}
    spaces = read_table(results / "net2vec/scenes/spaces.parquet")
    assert len(spaces) == 6
    for folder in ("plain", "plain_random", "models"):
        assert (results / "figures/net2vec/scenes" / folder / "figures.json").is_file()
    assert learned_once.planned() == {"all": 1}  # the atlas alone, which was left out


def test_docs_name_every_column_and_array(learned_once: Workspace) -> None:
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", (REPOSITORY / "docs" / "files.md").read_text()))
    missing = set()
    for path in (learned_once.results() / "net2vec").rglob("*.parquet"):
        names = pq.read_schema(path).names
        missing |= {f"{path.name}: {name}" for name in names if not name.startswith("__") and name not in words}
    for path in (learned_once.results() / "net2vec").rglob("*.h5"):
        with h5py.File(path) as file:
            missing |= {f"{path.name}: {name}" for name in file if name not in words}
    assert not missing


# What reruns ------------------------------------------------------------------------------------------------------


def test_a_new_model_runs_alone(learned: Workspace) -> None:
    learned.add_row("models", "second_random", "demo", "plain", "random", "1", "64", "plain", "floor")
    learned.add_row("layers", "second_random", "conv5", "conv5")
    own = {"check_model": 1, "calibrate_model": 1, "extract_activations": 2, "summarise_layer": 1, "tally_layer": 1}
    own |= {"dissect_layer": 1, "plot_dissection": 1}
    own |= {"learn_segmentation": 1, "learn_classification": 1, "relate_concepts": 1, "plot_net2vec": 1}
    joins = {"join_net2vec": 1, "compare_embeddings": 1, "plot_net2vec_models": 1}
    assert learned.planned() == own | joins | DISSECTION | RECORD | STUDY


def test_a_new_layer_runs_alone(learned: Workspace) -> None:
    text = learned.sheet("layers").read_text().replace("model\tlayer\tmodule", "model\tlayer\tmodule\tgroup", 1)
    learned.sheet("layers").write_text(text)
    learned.add_row("layers", "plain", "conv4", "conv4", "later")
    own = {"check_model": 1, "extract_activations": 2, "summarise_layer": 1, "tally_layer": 1, "dissect_layer": 1}
    own |= {"plot_dissection": 1}
    own |= {"learn_segmentation": 1, "learn_classification": 1, "relate_concepts": 1, "plot_net2vec": 1}
    joins = {"join_net2vec": 1, "compare_embeddings": 1, "plot_net2vec_models": 1}
    assert learned.planned() == own | joins | DISSECTION | RECORD | STUDY


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"segmentation": {"epochs": 3}}, {"learn_segmentation": 3} | RELATING | DRAWING),
        ({"classification": {"epochs": 3}}, {"learn_classification": 3} | RELATING | DRAWING),
        (
            {"subsets": {"segmentation": [1, 8], "classification": [1, 4]}},
            {"learn_segmentation": 2} | RELATING | DRAWING | {"relate_concepts": 2},
        ),
        (
            {"arithmetic": ["grass + blue - green", "tree - wood"]},
            {"match_words": 1} | RELATING | DRAWING,
        ),
        ({"n_permutations": 29}, {"compare_embeddings": 1, "plot_net2vec_models": 1}),
        long({"device": "auto"}, {"learn_segmentation": 3} | RELATING | DRAWING),
        long({"repeats": 1}, LEARNING | RELATING | DRAWING),
        long({"layers_for_subsets": ["conv3"]}, LEARNING | RELATING | DRAWING),
        long({"neighbours": 3}, {"relate_concepts": 3, "join_net2vec": 1} | DRAWING),
        long({"include_small": True}, RELATING | DRAWING),
        long({"tasks": ["classification", "segmentation"]}, {}),
    ],
    ids=lambda given: next(iter(given), "nothing"),
)
def test_changed_options_rerun_what_follows(learned: Workspace, change: dict[str, Any], rules: dict[str, int]) -> None:
    assert configure(learned, SECTION | change).planned() == rules | RECORD | STUDY


def test_how_a_model_was_trained_concerns_the_join_only(learned: Workspace) -> None:
    lines = learned.sheet("models").read_text().splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("model\t"))
    lines[start] += "\tsupervision"
    lines[start + 1] += "\t\t\tlabels"  # empty cells: twin_of, twin_role
    learned.sheet("models").write_text("\n".join(lines) + "\n")
    assert learned.planned() == {"join_net2vec": 1, "plot_net2vec_models": 1} | RECORD | STUDY


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("net2vec/classification.py", {"learn_classification": 3} | RELATING | DRAWING),
        ("net2vec/distances.py", {"compare_embeddings": 1, "plot_net2vec_models": 1}),
        long("net2vec/segmentation.py", {"learn_segmentation": 3} | RELATING | DRAWING),
        long("net2vec/relating.py", {"relate_concepts": 3, "join_net2vec": 1} | DRAWING),
        long("figures/net2vec_figures.py", DRAWING),
    ],
)
def test_changed_code_reruns_what_reaches_it(
    learned: Workspace, checkout: Path, module: str, rules: dict[str, int]
) -> None:
    with (checkout / "workflow" / "conceptatlas" / module).open("a") as handle:
        handle.write("\nADDED = 1\n")
    assert Workspace(learned.folder, checkout).planned() == rules | RECORD


def test_another_file_of_word_vectors_is_noticed(learned: Workspace) -> None:
    vectors = learned.folder / "vectors.txt"
    vectors.write_text("".join(f"{word} {n} 1\n" for n, word in enumerate(("grass", "sky", "tree", "car", "dog"))))
    spaces = [{"name": "glove", "kind": "text", "path": str(vectors)}]
    once = {"match_words": 1, "net2vec": 1} | RELATING
    assert configure(learned, SECTION | {"word_spaces": spaces}).planned("net2vec") == once
    done = learned.snakemake("--cores", "2", "net2vec")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    assert "glove" in set(read_table(learned.results() / "net2vec/scenes/spaces.parquet")["space"])
    vectors.touch()
    assert learned.planned("net2vec") in ({}, {"net2vec": 1})
    vectors.write_text(vectors.read_text() + "cat 3 2\n")
    assert learned.planned("net2vec") == once


# Mistakes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ({"datasets": ["scene"]}, "unknown dataset 'scene' in net2vec.datasets; did you mean 'scenes'"),
        ({"datasets": ["scenes"], "word_spaces": [{"name": "a", "kind": "text", "path": "no.txt"}]}, "no.txt"),
    ],
)
def test_mistakes_are_told(fresh: Workspace, section: dict[str, Any], told: str) -> None:
    done = configure(fresh, section).snakemake("-n")
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_sum_with_an_unknown_concept_is_told_with_the_nearest(fresh: Workspace) -> None:
    configure(fresh, SECTION | {"arithmetic": ["gras + blue"]})
    done = fresh.snakemake("--cores", "2", "results/tiny/net2vec/scenes/expressions.json")
    assert done.returncode != 0
    assert "did you mean 'grass'" in done.stdout + done.stderr

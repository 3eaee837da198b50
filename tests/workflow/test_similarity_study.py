"""Similarity in the workflow: off costs no job, on its own; reruns are counted; mistakes are told before the DAG."""

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
    "n_permutations": 19,
    "n_bootstrap": 10,
    "unsupervised": {"n_concepts": 4, "n_stability": 1},
    "supervised": {"n_repeats": 2, "n_random": 5, "min_images": 2, "min_images_sfss": 2},
}
"""Three layers: conv3 and conv5 of `plain`, conv5 of `plain_random`."""

LAYERS = {"discover_concepts": 3, "profile_concepts": 3, "measure_geometry": 3}
PAIRS = {"compare_models": 2}
ANSWERS = {"respond_to_concepts": 2}
JOINS = {"join_similarity": 1, "plot_similarity_models": 1}
DRAWING = {"plot_similarity": 2}
RECORD = {"write_run_record": 1, "all": 1}
STUDY = {"estimate_study": 1, "write_run_config": 1}


def long(*values: Any) -> Any:
    """A case of a parametrised test for `make test-long` only."""
    return pytest.param(*values, marks=pytest.mark.long)


def configure(workspace: Workspace, similarity: dict[str, Any], **sections: Any) -> Workspace:
    config = yaml.safe_load(workspace.config.read_text())
    workspace.config.write_text(yaml.safe_dump({**config, "similarity": similarity, **sections}, sort_keys=False))
    return workspace


def changed(**sections: Any) -> dict[str, Any]:
    """The section with some keys of its subsections replaced."""
    return {key: {**SECTION.get(key, {}), **new} if isinstance(new, dict) else new for key, new in sections.items()}


@pytest.fixture(scope="module")
def compared_once(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny study with similarity on, run; do not change it (`compared` is a copy to change)."""
    workspace = configure(finished.copied(tmp_path_factory.mktemp("compared") / "run"), SECTION)
    done = workspace.snakemake("--cores", "2", *WITHOUT_ATLAS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return workspace


@pytest.fixture
def compared(compared_once: Workspace, tmp_path: Path) -> Workspace:
    return compared_once.copied(tmp_path / "compared")


# What it costs ----------------------------------------------------------------------------------------------------


def test_off_costs_nothing_and_on_its_own_jobs(fresh: Workspace) -> None:
    before = fresh.planned()
    assert not set(LAYERS | PAIRS | ANSWERS | JOINS | DRAWING) & set(before)
    more = configure(fresh, SECTION).planned()
    added = {rule: n for rule, n in more.items() if before.get(rule) != n and rule != "total"}
    assert added == LAYERS | PAIRS | ANSWERS | JOINS | DRAWING


def test_parts_that_are_off_cost_nothing(fresh: Workspace) -> None:
    off = SECTION | {"reference": {"measures": []}, "responses": {"kinds": []}}
    planned = configure(fresh, off).planned("similarity")
    assert planned["compare_models"] == 2
    assert not {"measure_geometry", "respond_to_concepts"} & set(planned)


def test_it_needs_no_dissection(fresh: Workspace) -> None:
    """Only what is compared is extracted: of `plain_random` nothing is."""
    planned = configure(fresh, SECTION | {"models": ["plain"]}, dissection={"datasets": []}).planned("similarity")
    assert planned["discover_concepts"] == planned["summarise_layer"] == planned["extract_activations"] == 2
    assert planned["compare_models"] == 1
    assert not {"tally_layer", "dissect_layer", "calibrate_model"} & set(planned)


def test_distances_of_net2vec_take_part_where_both_are_on(fresh: Workspace) -> None:
    """The joins wait for Net2Vec's; with one of the two off they do not."""
    net2vec = {"datasets": ["scenes"], "tasks": ["classification"]}
    planned = configure(fresh, SECTION, net2vec=net2vec).planned("similarity")
    assert planned["compare_embeddings"] == 1
    assert not {"plot_net2vec", "plot_net2vec_models"} & set(planned)
    elsewhere = net2vec | {"models": ["plain"], "layers": ["conv3"]}  # one layer of those compared: no distance
    assert "compare_embeddings" not in configure(fresh, SECTION, net2vec=elsewhere).planned("similarity")


def test_two_data_sets_are_compared_with_each_other(fresh: Workspace) -> None:
    """A comparison a model, its figures and pages; with one data set there is none."""
    fresh.add_row("datasets", "others", "demo", "squash", "64", "32", "30", "1")
    one = configure(fresh, SECTION).planned("similarity", "figures")
    assert not {"compare_datasets", "plot_compared_datasets"} & set(one)
    two = configure(fresh, SECTION | {"datasets": None}).planned("similarity", "figures")
    assert two["compare_datasets"] == two["plot_compared_datasets"] == 2
    assert two["discover_concepts"] == 6
    fresh.add_row("models", "second_random", "demo", "plain", "random", "1", "64", "plain", "floor")
    fresh.add_row("layers", "second_random", "conv5", "conv5")
    three = fresh.planned(atlas=True)
    assert three["compare_datasets"] == three["build_atlas_across"] == 3


# What it makes ----------------------------------------------------------------------------------------------------


def test_it_runs_to_its_figures(compared_once: Workspace) -> None:
    results = compared_once.results()
    table = read_table(results / "similarity/scenes/plain/conv5/discovered.parquet")
    assert len(table) == 4
    profiles = read_table(results / "similarity/scenes/plain/conv5/profiles.parquet")
    assert len(profiles) == len(read_table(results / "datasets/scenes/concepts.parquet"))  # a row for every concept
    pairs = {model: read_table(results / f"similarity/scenes/{model}.parquet") for model in ("plain", "plain_random")}
    names = ["model_a", "layer_a", "model_b", "layer_b"]
    found = {model: {tuple(row) for row in of[names].to_numpy()} for model, of in pairs.items()}
    assert found["plain"] == {
        ("plain", "conv3", "plain", "conv3"),
        ("plain", "conv3", "plain", "conv5"),
        ("plain", "conv5", "plain", "conv5"),
    }
    assert found["plain_random"] == {
        ("plain", "conv3", "plain_random", "conv5"),
        ("plain", "conv5", "plain_random", "conv5"),
        ("plain_random", "conv5", "plain_random", "conv5"),
    }
    alone = pairs["plain"][(pairs["plain"]["layer_a"] == "conv5") & (pairs["plain"]["measure"] == "cka")]
    assert alone["value"].to_numpy() == pytest.approx(1)
    assert (alone["depth_a"] == alone["depth_b"]).all()
    assert alone["depth_a"].between(0.5, 1).all()
    for folder in ("plain", "plain_random", "models"):
        assert (results / "figures/similarity/scenes" / folder / "figures.json").is_file()
    assert compared_once.planned() == {"all": 1}  # the atlas alone, which was left out


def test_docs_name_every_column_and_array(compared_once: Workspace) -> None:
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", (REPOSITORY / "docs" / "files.md").read_text()))
    missing = set()
    for path in (compared_once.results() / "similarity").rglob("*.parquet"):
        names = [name for name in pq.read_schema(path).names if not name.startswith(("__", "n_empty_"))]
        missing |= {f"{path.name}: {name}" for name in names if name not in words}
    for path in (compared_once.results() / "similarity").rglob("*.h5"):
        with h5py.File(path) as file:
            names = [name for name in file if "~" not in name]
            missing |= {f"{path.name}: {name}" for name in names if name not in words}
    assert not missing


# What reruns ------------------------------------------------------------------------------------------------------


def test_a_model_at_the_end_costs_its_own_layers_one_comparison_and_the_joins(compared: Workspace) -> None:
    compared.add_row("models", "second_random", "demo", "plain", "random", "1", "64", "plain", "floor")
    compared.add_row("layers", "second_random", "conv5", "conv5")
    own = {"check_model": 1, "calibrate_model": 1, "extract_activations": 2, "summarise_layer": 1, "tally_layer": 1}
    own |= {"dissect_layer": 1, "plot_dissection": 1}
    own |= {"discover_concepts": 1, "profile_concepts": 1, "measure_geometry": 1, "compare_models": 1}
    own |= {"respond_to_concepts": 1, "plot_similarity": 1}
    joins = JOINS | {"join_dissection": 1, "plot_detectors": 1}
    assert compared.planned() == own | joins | RECORD | STUDY


@pytest.mark.parametrize(
    ("change", "rules"),
    [
        ({"unsupervised": {"n_concepts": 5}}, {"discover_concepts": 3} | PAIRS | ANSWERS | JOINS | DRAWING),
        ({"supervised": {"correlation": "spearman"}}, PAIRS | JOINS | DRAWING),
        ({"simple_concepts": ["blue"]}, {"plot_similarity_models": 1}),
        ({"scatter_pairs": [["plain/conv3", "plain/conv5"]]}, {"plot_similarity_models": 1}),
        ({"responses": {"max_classes": 3}}, ANSWERS | DRAWING),
        long({"supervised": {"n_repeats": 3}}, {"profile_concepts": 3} | PAIRS | ANSWERS | JOINS | DRAWING),
        long({"reference": {"ridge": 0.01}}, {"measure_geometry": 3} | PAIRS | JOINS | DRAWING),
        long({"n_permutations": 29}, PAIRS | JOINS | DRAWING),
        long({"train_share": 0.6}, LAYERS | PAIRS | ANSWERS | JOINS | DRAWING),
    ],
    ids=lambda given: next(iter(given)),
)
def test_changed_options_rerun_what_follows(compared: Workspace, change: dict[str, Any], rules: dict[str, int]) -> None:
    assert configure(compared, SECTION | changed(**change)).planned() == rules | RECORD | STUDY


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("similarity/sfss.py", PAIRS | JOINS | DRAWING),
        long("similarity/factorisation.py", {"discover_concepts": 3} | PAIRS | ANSWERS | JOINS | DRAWING),
        long("similarity/tcav.py", ANSWERS | DRAWING),
        long("similarity/joining.py", JOINS),
    ],
)
def test_changed_code_reruns_what_reaches_it(
    compared: Workspace, checkout: Path, module: str, rules: dict[str, int]
) -> None:
    with (checkout / "workflow" / "conceptatlas" / module).open("a") as handle:
        handle.write("\nADDED = 1\n")
    assert Workspace(compared.folder, checkout).planned() == rules | RECORD


# Mistakes ---------------------------------------------------------------------------------------------------------


def test_mistakes_are_told(fresh: Workspace) -> None:
    done = configure(fresh, SECTION | {"layers": ["conv6"]}).snakemake("-n")
    assert done.returncode != 0
    assert "unknown layer 'conv6' in similarity.layers; did you mean 'conv5'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    named = SECTION | {"scatter_pairs": [["plain/conv3", "plain/conv6"]]}
    done = configure(fresh, named).snakemake("-n")
    assert "unknown layer 'plain/conv6' in similarity.scatter_pairs; did you mean" in done.stdout + done.stderr
    fresh.add_row("datasets", "across", "demo", "squash", "64", "32", "30", "1")
    done = configure(fresh, SECTION | {"datasets": None}).snakemake("-n")
    assert "data set 'across': tables that compare data sets take this name" in done.stdout + done.stderr

"""Labels in words in the workflow: off costs no job, on its own; what a new row reruns."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from conceptatlas.tables import read_table
from workspace import REPOSITORY, WITHOUT_ATLAS, Workspace

pytestmark = pytest.mark.workflow

SECTION: dict[str, Any] = {
    "datasets": ["scenes"],
    "models": ["plain"],
    "layers": ["conv5"],
    "vocabularies": ["concepts", "words"],
    "top_images": 4,
    "n_permutations": 9,
    "n_bootstrap": 10,
}
ENCODER = "encoder\tsource\tweights\nwords\tdemo\t$CONCEPTATLAS_HOME/resources/demo_encoder/encoder.safetensors\n"
OWN = {"check_encoder": 1, "encode_images": 2, "list_concepts": 1, "list_vocabulary": 1, "encode_vocabulary": 3}
OWN |= {"label_units": 2, "plot_open_vocabulary": 1}


def configure(workspace: Workspace, section: dict[str, Any] | None = None, *, shards: int = 2) -> Workspace:
    config = yaml.safe_load(workspace.config.read_text())
    config["sheets"] |= {"encoders": "encoders.tsv", "vocabularies": "vocabularies.tsv"}
    config |= {"open_vocabulary": section} if section else {}
    workspace.config.write_text(yaml.safe_dump(config, sort_keys=False))
    words = workspace.folder / "study" / "words.txt"
    words.write_text("red car\nblue boat\nstriped cat\nred car\nsnow\n")
    workspace.sheet("encoders").write_text(ENCODER)
    # relative to the folder of the run, so that a copy of the study is the same study
    workspace.sheet("vocabularies").write_text(f"vocabulary\tpath\tshards\nwords\tstudy/words.txt\t{shards}\n")
    return workspace


@pytest.fixture(scope="module")
def labelled_once(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny study with labels in words, run; do not change it."""
    workspace = configure(finished.copied(tmp_path_factory.mktemp("labelled") / "run"), SECTION)
    done = workspace.snakemake("--cores", "2", *WITHOUT_ATLAS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return workspace


@pytest.fixture
def labelled(labelled_once: Workspace, tmp_path: Path) -> Workspace:
    return labelled_once.copied(tmp_path / "labelled")


def test_off_costs_nothing_and_on_its_own_jobs(fresh: Workspace) -> None:
    before = configure(fresh).planned()
    assert not set(OWN) & set(before)
    more = configure(fresh, SECTION).planned()
    assert {rule: n for rule, n in more.items() if before.get(rule) != n and rule != "total"} == OWN


def test_it_needs_no_dissection(fresh: Workspace) -> None:
    config = yaml.safe_load(fresh.config.read_text())
    fresh.config.write_text(yaml.safe_dump(config | {"dissection": {"datasets": []}}, sort_keys=False))
    planned = configure(fresh, SECTION).planned("open_vocabulary")
    assert planned["label_units"] == 2
    assert not {"tally_layer", "dissect_layer", "calibrate_model"} & set(planned)


def test_it_runs_to_its_figures_and_every_column_is_listed(labelled_once: Workspace) -> None:
    results = labelled_once.results()
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", (REPOSITORY / "docs" / "files.md").read_text()))
    folder = results / "open_vocabulary" / "scenes" / "plain" / "conv5" / "words"
    for vocabulary in ("concepts", "words"):
        for table in ("labels", "masks", "summary"):
            names = pq.read_schema(folder / vocabulary / f"{table}.parquet").names
            assert not set(names) - words, f"{table}.parquet: docs/files.md does not name all columns"
    concepts = set(read_table(folder / "words" / "labels.parquet")["concept"])
    assert concepts <= {"red car", "blue boat", "striped cat", "snow", ""}
    drawn = results / "figures" / "open_vocabulary" / "scenes" / "plain"
    assert (drawn / "open_vocabulary_scores_conv5.png").exists()
    assert (drawn / "open_vocabulary_gallery_conv5~2.png").exists()
    assert labelled_once.planned() == {"all": 1}  # the atlas alone, which was left out


def test_a_new_model_labels_its_own(labelled: Workspace) -> None:
    labelled.add_row("models", "second_random", "demo", "plain", "random", "1", "64", "plain", "floor")
    labelled.add_row("layers", "second_random", "conv5", "conv5")
    planned = configure(labelled, SECTION | {"models": ["plain", "second_random"]}).planned()
    assert (planned["label_units"], planned["plot_open_vocabulary"]) == (2, 1)
    assert not {"encode_images", "encode_vocabulary", "list_vocabulary", "check_encoder"} & set(planned)


def test_a_vocabulary_in_more_parts_is_encoded_again_and_nothing_else(labelled: Workspace) -> None:
    planned = configure(labelled, SECTION, shards=3).planned("open_vocabulary")
    assert planned["encode_vocabulary"] == 3
    assert planned["label_units"] == 1
    assert not {"list_vocabulary", "encode_images", "extract_activations"} & set(planned)


def test_its_code_reruns_only_its_jobs(labelled: Workspace, checkout: Path) -> None:
    module = checkout / "workflow" / "conceptatlas" / "open_vocabulary" / "soft_wpmi.py"
    module.write_text(module.read_text().replace("p_start: float = 0.998", "p_start: float = 0.997"))
    planned = Workspace(labelled.folder, checkout).planned("open_vocabulary", "figures")
    assert set(planned) <= {"label_units", "plot_open_vocabulary", "open_vocabulary", "figures", "total"}
    assert planned["label_units"] == 2

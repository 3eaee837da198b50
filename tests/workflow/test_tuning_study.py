"""Tuning in the workflow: off costs no job, on its own; reruns are counted; mistakes are told before the DAG."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from test_linking_study import SECTION, changed, configure

from conceptatlas.tables import read_table
from workspace import REPOSITORY, Workspace

pytestmark = pytest.mark.workflow

TUNING = {"n_seeds": 2, "parts": 2, "n_flips": 9, "n_bootstrap": 9, "n_shown": 2}
QUANTIFICATION: dict[str, Any] = {
    "masks": ["masks.py:halves_labels"],
    "metrics": {"redness": "masks.py:redness"},
    "size": 32,
    "min_area": 8,
    "motion": {"n_seeds": 1},
}
TUNED = SECTION | {"tuning": TUNING, "quantification": QUANTIFICATION, "counterfactuals": {"pairs": []}}
JOINED = {"join_tuning": 1, "show_units": 1, "plot_tuning": 1, "linking": 1}
OWN = {"tune_units": 2} | JOINED


def configure_tuned(workspace: Workspace) -> Workspace:
    shutil.copy(REPOSITORY / "tests" / "tiny_masks.py", workspace.folder / "masks.py")
    return configure(workspace, TUNED)


@pytest.fixture(scope="module")
def tuned_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A study of tuning alone, run; do not change it (`tuned` is a copy to change)."""
    from workspace import new_workspace

    workspace = configure_tuned(new_workspace(tmp_path_factory.mktemp("tuned") / "run"))
    done = workspace.snakemake("linking", "--cores", "2")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return workspace


@pytest.fixture
def tuned(tuned_once: Workspace, tmp_path: Path) -> Workspace:
    copy = tuned_once.copied(tmp_path / "tuned")
    for name in ("mine.py", "masks.py"):
        shutil.copy(tuned_once.folder / name, copy.folder / name)
    return copy


def test_off_costs_nothing(fresh: Workspace) -> None:
    before = configure_tuned(fresh).planned("linking")
    assert before["tune_units"] == 2
    after = changed(fresh, tuning={"n_seeds": 0}).planned("linking")
    assert not {"learn_head", "tune_units", "join_tuning", "show_units", "plot_tuning"} & set(after)


def test_it_leaves_its_files_and_then_nothing_to_do(tuned: Workspace) -> None:
    assert tuned.planned("linking") == {}
    folder = tuned.results() / "linking" / "stripes" / "halves"
    assert set(read_table(folder / "effects.parquet")["label"]) == {"left", "right"}
    assert (tuned.results() / "figures" / "linking" / "stripes" / "halves" / "tuning" / "causal_check.png").exists()
    words = (REPOSITORY / "docs" / "files.md").read_text()
    for name in ("effects", "motion", "units", "map", "clusters", "label_pairs", "selective", "cycle", "agreement"):
        for column in read_table(folder / f"{name}.parquet").columns:
            assert column in words, f"docs/files.md does not name {column} of {name}.parquet"


def test_options_rerun_what_depends_on_them(tuned: Workspace) -> None:
    assert changed(tuned, tuning=TUNING | {"cluster_cut": 0.5}).planned("linking") == JOINED
    shown = changed(tuned, tuning=TUNING | {"n_pictures": 1}).planned("linking")
    assert shown == {"show_units": 1, "plot_tuning": 1, "linking": 1}
    again = changed(tuned, tuning=TUNING, quantification=QUANTIFICATION | {"min_area": 9}).planned("linking")
    assert again == OWN


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("quantification/motion.py", OWN),
        ("linking/encoding.py", JOINED),
        ("figures/linking_map.py", {"plot_tuning": 1, "linking": 1}),
        ("linking/head_training.py", {}),
        ("linking/counterfactual_search.py", {}),
    ],
)
def test_changed_code_reruns_what_reaches_it(
    tuned: Workspace, checkout: Path, module: str, rules: dict[str, int]
) -> None:
    with (checkout / "workflow" / "conceptatlas" / module).open("a") as handle:
        handle.write("\nADDED = 1\n")
    assert Workspace(tuned.folder, checkout).planned("linking") == rules


def test_functions_of_the_user_count(tuned: Workspace) -> None:
    with (tuned.folder / "masks.py").open("a") as handle:
        handle.write("\nADDED = 1\n")
    assert tuned.planned("linking") == OWN


def test_mistakes_are_told_before_the_dag(fresh: Workspace) -> None:
    done = changed(configure_tuned(fresh), tuning=TUNING | {"metric": "aera"}).snakemake("-n")
    assert done.returncode
    assert "unknown metric 'aera' in linking.tuning.metric; did you mean 'area'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr

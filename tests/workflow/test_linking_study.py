"""Linking in the workflow: off costs no job, on its own; reruns are counted; mistakes are told before the DAG."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from conceptatlas.tables import read_table
from workspace import REPOSITORY, Workspace

pytestmark = pytest.mark.workflow

SECTION: dict[str, Any] = {
    "generators": ["stripes"],
    "models": ["halves"],
    "n_train": 20,
    "n_test": 6,
    "parts": 2,
    "n_cycled": 6,
    "n_permutations": 3,
    "n_bootstrap": 10,
    "clusters": {"n_repeats": 2, "n_examples": 5, "n_inits": 1},
    "tuning": {"n_seeds": 0},
    "counterfactuals": {"n_images": 1, "n_inits": 1, "steps": 30, "learning_rate": 0.05},
}
LINK = {"link_spaces": 1, "find_counterfactuals": 1, "plot_link": 1, "linking": 1}
ALL = {"check_model": 1, "sample_pairs": 2} | LINK


def configure(workspace: Workspace, section: dict[str, Any]) -> Workspace:
    """The study with a generator, a classifier for it, and the section; the pictures are stripes of 8 x 8 pixels."""
    shutil.copy(REPOSITORY / "tests" / "tiny_generators.py", workspace.folder / "mine.py")
    config = yaml.safe_load(workspace.config.read_text())
    config["sheets"]["generators"] = "generators.tsv"
    config["dissection"] = {**config.get("dissection", {}), "models": []}
    workspace.config.write_text(yaml.safe_dump({**config, "linking": section}, sort_keys=False))
    workspace.sheet("generators").write_text(
        "generator\tsource\tarchitecture\nstripes\tuser\tmine.py:stripes\nothers\tuser\tmine.py:stripes\n"
    )
    workspace.sheet("models").write_text(
        "model\tsource\tarchitecture\nhalves\tuser\tmine.py:halves_model\nagain\tuser\tmine.py:halves_model\n"
    )
    workspace.sheet("layers").write_text("model\tlayer\tmodule\nhalves\trelu\trelu\nagain\trelu\trelu\n")
    return workspace


def changed(workspace: Workspace, **keys: Any) -> Workspace:
    config = yaml.safe_load(workspace.config.read_text())
    config["linking"].update(keys)
    workspace.config.write_text(yaml.safe_dump(config, sort_keys=False))
    return workspace


@pytest.fixture(scope="module")
def linked_once(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A study of linking alone, run; do not change it (`linked` is a copy to change)."""
    from workspace import new_workspace

    workspace = configure(new_workspace(tmp_path_factory.mktemp("linked") / "run"), SECTION)
    done = workspace.snakemake("linking", "--cores", "2")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return workspace


@pytest.fixture
def linked(linked_once: Workspace, tmp_path: Path) -> Workspace:
    copy = linked_once.copied(tmp_path / "linked")
    shutil.copy(linked_once.folder / "mine.py", copy.folder / "mine.py")
    return copy


def test_off_costs_nothing_and_on_its_own_jobs(fresh: Workspace) -> None:
    before = fresh.planned()
    assert not {"sample_pairs", "link_spaces", "find_counterfactuals", "plot_link"} & set(before)
    assert configure(fresh, SECTION).planned("linking") == ALL
    assert changed(fresh, counterfactuals={"pairs": []}).planned("linking") == {
        rule: n for rule, n in ALL.items() if rule != "find_counterfactuals"
    }


def test_it_leaves_its_files_and_then_nothing_to_do(linked: Workspace) -> None:
    assert linked.planned("linking") == {}
    folder = linked.results() / "linking" / "stripes" / "halves"
    assert read_table(folder / "link.parquet")["value"].notna().all()
    assert len(read_table(folder / "counterfactuals.parquet")) == 6
    assert (linked.results() / "figures" / "linking" / "stripes" / "halves" / "link" / "trajectories.png").exists()


def test_a_new_generator_or_model_runs_alone(linked: Workspace) -> None:
    more = {"sample_pairs": 2} | LINK
    assert changed(linked, generators=["stripes", "others"]).planned("linking") == more
    assert (
        changed(linked, generators=["stripes"], models=["halves", "again"]).planned("linking")
        == {"check_model": 1} | more
    )


def test_options_rerun_what_depends_on_them(linked: Workspace) -> None:
    assert changed(linked, ridges=[0, 0.5]).planned("linking") == LINK
    assert (
        changed(linked, ridges=[0, 0.0001, 0.001, 0.01, 0.1, 1], n_train=21).planned("linking")
        == {"sample_pairs": 2} | LINK
    )
    changed(linked, n_train=20, counterfactuals={**SECTION["counterfactuals"], "steps": 31})
    assert linked.planned("linking") == {"find_counterfactuals": 1, "plot_link": 1, "linking": 1}


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("linking/counterfactual_search.py", {"find_counterfactuals": 1, "plot_link": 1, "linking": 1}),
        ("linking/congruence.py", LINK),
        ("figures/link_quality.py", {"plot_link": 1, "linking": 1}),
        ("linking/slots.py", {"sample_pairs": 2} | LINK),
        ("similarity/rsa.py", {}),
        ("generators/demo.py", {}),
        ("generators/user.py", {"sample_pairs": 2} | LINK),
    ],
)
def test_changed_code_reruns_what_reaches_it(
    linked: Workspace, checkout: Path, module: str, rules: dict[str, int]
) -> None:
    with (checkout / "workflow" / "conceptatlas" / module).open("a") as handle:
        handle.write("\nADDED = 1\n")
    assert Workspace(linked.folder, checkout).planned("linking") == rules


def test_the_user_s_own_code_counts(linked: Workspace) -> None:
    with (linked.folder / "mine.py").open("a") as handle:
        handle.write("\nADDED = 1\n")
    assert linked.planned("linking") == ALL


def test_mistakes_are_told_before_the_dag(fresh: Workspace) -> None:
    done = configure(fresh, SECTION | {"generators": ["strips"]}).snakemake("-n")
    assert done.returncode
    assert "unknown generator 'strips' in linking.generators; did you mean 'stripes'" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr

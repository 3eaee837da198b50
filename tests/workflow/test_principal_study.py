"""Principal directions in the workflow: off costs no job, on costs three, mistakes are told before the DAG."""

from __future__ import annotations

import pytest

from conceptatlas.tables import read_table
from workspace import Workspace

pytestmark = pytest.mark.workflow

SECTION = """
principal:
  datasets: [scenes]
  models: [plain]
  layers: [conv5]
  min_images: 2
  n_permutations: 19
  n_bootstrap: 5
"""


def switch_on(workspace: Workspace, section: str = SECTION) -> None:
    workspace.config.write_text(workspace.config.read_text() + section)


def test_off_costs_nothing_and_on_three_jobs(fresh: Workspace) -> None:
    before = fresh.planned()
    assert not [rule for rule in before if "principal" in rule]
    switch_on(fresh)
    more = fresh.planned()
    added = {rule: n for rule, n in more.items() if before.get(rule) != n and rule != "total"}
    assert added == {
        "find_principal_directions": 1,
        "join_principal_directions": 1,
        "plot_principal_directions": 1,
    }


def test_it_runs_to_its_figures(tiny: Workspace) -> None:
    switch_on(tiny)
    folder = tiny.results().relative_to(tiny.folder)
    wanted = (f"{folder}/axes/scenes/principal_summary.parquet", f"{folder}/figures/axes/scenes/plain/principal")
    done = tiny.snakemake("--cores", "2", *wanted)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    table = read_table(tiny.results() / "axes/scenes/plain/conv5/principal.parquet")
    assert (table["reason"] == "").any()
    assert set(table["is_class"]) == {"yes", "no"}  # the demo's classes are in the model's report
    assert (tiny.results() / "figures/axes/scenes/plain/principal/figures.json").exists()


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("principal: {datasets: [scene]}\n", "did you mean 'scenes'"),
        ("principal: {datasets: [scenes], layers: [conv55]}\n", "did you mean 'conv5'"),
        ("principal: {datasets: [scenes], models: [plain_random], layers: [conv3]}\n", "none of the models named"),
        ("principal: {n_permutations: 5}\n", "19"),
        ("principal: {center: concept}\n", "centre"),
    ],
)
def test_mistakes_are_told(fresh: Workspace, section: str, told: str) -> None:
    switch_on(fresh, section)
    done = fresh.snakemake("-n")
    assert done.returncode != 0
    assert told in done.stdout + done.stderr

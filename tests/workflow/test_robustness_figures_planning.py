"""Figures of robustness in the workflow: planned with a sheet of levels, one job a model, the twin's tables beside."""

from __future__ import annotations

import re

import pytest

from workspace import Workspace

pytestmark = pytest.mark.workflow


def list_levels(workspace: Workspace, *rows: tuple[str, ...]) -> None:
    """Give the study a sheet of perturbations with these rows."""
    lines = ["level\tkind\tamount\tseed", *("\t".join(row) for row in rows)]
    workspace.sheet("perturbations").write_text("\n".join(lines) + "\n")
    config = workspace.config.read_text()
    workspace.config.write_text(config.replace("sheets:", "sheets:\n  perturbations: perturbations.tsv", 1))


def test_nothing_is_planned_without_levels(fresh: Workspace) -> None:
    assert "plot_robustness" not in fresh.planned()
    list_levels(fresh)  # a sheet without rows
    assert "plot_robustness" not in fresh.planned()


def test_a_job_a_model_reads_its_layers_and_those_of_its_random_twin(fresh: Workspace) -> None:
    list_levels(fresh, ("turned", "rotation", "90", "0"))
    assert fresh.planned()["plot_robustness"] == 2
    printed = fresh.snakemake("-n", "results/tiny/figures/robustness/scenes/plain").stdout
    job = re.search(r"^rule plot_robustness:\n(.*?)\n\n", printed, flags=re.DOTALL | re.MULTILINE)
    assert job, printed[-3000:]
    inputs = re.findall(r"robustness/scenes/(\w+/\w+/\w+\.\w+)", job.group(1).split("output:")[0])
    tables = ("units.parquet", "summary.parquet", "concepts.parquet", "examples.h5")
    own = [f"plain/{layer}/{table}" for table in tables for layer in ("conv3", "conv5")]
    assert inputs == [*own, "plain_random/conv5/summary.parquet"]

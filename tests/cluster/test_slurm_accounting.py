"""A SLURM with accounting: the profile's way of asking for jobs works there as well as without."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from slurm_fixtures import Background, Slurm, environment, snakemake_on_slurm

from workspace import new_workspace

pytestmark = [pytest.mark.slurm, pytest.mark.workflow]

TARGET = "results/tiny/datasets/scenes/listing.parquet"


def test_a_job_cancelled_from_outside_is_seen_and_run_again(slurm_with_accounting: Slurm, tmp_path: Path) -> None:
    """With the plugin's default, sacct, this run would wait for ever: it does not know "CANCELLED by 0"."""
    workspace = new_workspace(tmp_path / "run")
    run = Background(
        snakemake_on_slurm(workspace, TARGET, "--default-resources", "slurm_account=lab", "mem_mb=1000", "runtime=5"),
        workspace.folder,
        tmp_path / "printed.txt",
    )

    def running() -> list[str]:
        return [job.job_id for job in slurm_with_accounting.jobs("list_dataset") if job.state == "RUNNING"]

    try:
        run.wait_for(running)
        subprocess.run(["scancel", *running()], check=True)
        assert run.finish(timeout_s=150) == 0, run.printed()[-6000:]
    finally:
        run.stop()
    assert (workspace.folder / TARGET).is_file()
    accounts = subprocess.run(
        ["sacct", "-X", "--noheader", "--parsable2", "--format=State,Account"],
        env=environment(), capture_output=True, text=True, check=True,
    ).stdout.split("\n")  # fmt: skip
    assert accounts[:2] == ["CANCELLED by 0|lab", "COMPLETED|lab"]

"""The tiny study through profiles/slurm on a real SLURM: same results as a local run, whatever happens on the way.

One run meets everything: a job over its memory, a job that is cancelled from outside, and Ctrl-C half-way; a second run
finishes it. The tests then look at what was left. The atlas is left out (a run in a bucket makes it): every step of a
chain waits for the plugin's next look at the queue.
"""

from __future__ import annotations

import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from slurm_fixtures import Background, Job, Slurm, environment, snakemake_on_slurm
from study_digests import digests

from workspace import REPOSITORY, WITHOUT_ATLAS, Workspace, new_workspace

pytestmark = [pytest.mark.slurm, pytest.mark.workflow]

TOO_LITTLE_FIRST = "list_dataset:mem_mb=100+2000*(attempt-1)"
"""The processes of Snakemake around a job alone take more than 100 MB."""
WITH_GPU = "extract_activations:gpu=1"
STRUCK = "rule_extract_activations_wildcards_scenes_plain_main_000"
OF_A_LAYER = "rule_layer_"
"""Begin of the comment of a job that makes the steps of one layer."""


@dataclass
class Course:
    """A run with accidents, and the run that finishes it."""

    workspace: Workspace
    first: str  # what the first run printed
    second: str
    status: tuple[int, int]
    before: list[Job]  # SLURM's jobs after Ctrl-C
    after: list[Job]  # those of the second run
    left_running: list[Job]
    planned: dict[str, int]  # jobs that were left to do


@pytest.fixture(scope="module")
def course(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Course:
    folder = tmp_path_factory.mktemp("slurm_run")
    workspace = new_workspace(folder / "run")
    options = ["--set-resources", TOO_LITTLE_FIRST, WITH_GPU, *WITHOUT_ATLAS]
    run = Background(snakemake_on_slurm(workspace, *options), workspace.folder, folder / "first.txt")
    try:
        running = run.wait_for(lambda: [job for job in slurm.jobs(STRUCK) if job.state == "RUNNING"], timeout_s=280)
        assert isinstance(running, list)
        slurm.cancel(running[0])
        run.wait_for(lambda: [job for job in slurm.jobs(OF_A_LAYER) if job.state == "RUNNING"], timeout_s=280)
        run.interrupt()
        first_status = run.finish(timeout_s=90)
    finally:
        run.stop()
    before = slurm.jobs("rule_")
    left = [job for job in before if job.state in {"PENDING", "RUNNING", "SUSPENDED"}]
    planned = workspace.planned()
    again = Background(snakemake_on_slurm(workspace, *options), workspace.folder, folder / "second.txt")
    try:
        second_status = again.finish()
    finally:
        again.stop()
    known = {job.job_id for job in before}
    after = [job for job in slurm.jobs("rule_") if job.job_id not in known]
    return Course(
        workspace, run.printed(), again.printed(), (first_status, second_status), before, after, left, planned
    )


def states(jobs: list[Job], comment: str) -> list[str]:
    return [job.state for job in jobs if comment in job.comment]


def test_the_results_are_those_of_a_local_run(course: Course, finished: Workspace) -> None:
    assert course.status[1] == 0, course.second[-6000:]
    expected = {name: digest for name, digest in digests(finished.results()).items() if not name.startswith("atlas/")}
    assert digests(course.workspace.results()) == expected


def test_a_job_over_its_memory_gets_more_and_finishes(course: Course) -> None:
    tries = [job for job in course.before if "rule_list_dataset" in job.comment]
    assert [job.mem for job in tries] == ["100M", "2100M"]
    assert tries[0].state in {"FAILED", "OUT_OF_MEMORY"}
    assert tries[1].state == "COMPLETED"


def test_a_job_cancelled_from_outside_is_run_again(course: Course) -> None:
    tries = [job for job in course.before if job.comment == STRUCK]
    assert [job.state for job in tries] == ["CANCELLED", "COMPLETED"]
    first, second = (int(job.mem.removesuffix("M")) for job in tries)
    assert second == int(first * 1.5)


def test_ctrl_c_leaves_no_job_behind_and_the_next_run_continues(course: Course) -> None:
    assert course.status[0] != 0
    assert course.left_running == []
    assert "CANCELLED" in states(course.before, OF_A_LAYER)
    assert 0 < course.planned["dissect_layer"] <= 3
    assert not {"list_dataset", "frame_images", "index_dataset", "check_model"} & set(course.planned)
    repeated = Counter(job.comment for job in course.after)
    assert not [comment for comment in repeated if "frame_images" in comment or "plain_main" in comment]


def test_only_jobs_that_ask_for_a_gpu_get_one(course: Course) -> None:
    for job in course.before + course.after:
        assert ("gpu" in job.gpus) == ("extract_activations" in job.comment), job


def test_steps_of_a_layer_queue_once(course: Course) -> None:
    finished = [job.comment for job in course.before + course.after if job.state == "COMPLETED"]
    of_layers = [comment for comment in finished if comment.startswith(OF_A_LAYER)]
    others = [comment for comment in finished if not comment.startswith(OF_A_LAYER)]
    assert len(of_layers) == 3
    assert len(others) == len(set(others)) == 13  # 22 jobs are submitted without groups
    assert not [comment for comment in others if "tally" in comment or "dissect_layer" in comment]


def test_the_log_of_a_failed_job_is_kept_and_named(course: Course) -> None:
    cancelled = next(job for job in course.before if job.comment == STRUCK)
    log = course.workspace.folder / "logs" / "slurm" / "rule_extract_activations" / "scenes_plain_main_000"
    kept = log / f"{cancelled.job_id}.log"
    assert kept.is_file()
    assert str(kept) in course.first
    assert "CANCELLED" in kept.read_text(errors="replace")
    assert [path.name for path in log.iterdir()] == [kept.name]  # that of the second try, which went well, is gone


def test_devices_are_visible_to_gpu_jobs_only(slurm: Slurm, tmp_path: Path) -> None:
    asked = ["sbatch", "--wait", "--ntasks=1", f"--output={tmp_path}/out.txt", "--wrap=env"]
    subprocess.run([*asked, "--gpus=1"], check=True, env=environment(), capture_output=True)
    assert "CUDA_VISIBLE_DEVICES=0" in (tmp_path / "out.txt").read_text()
    subprocess.run(asked, check=True, env=environment(), capture_output=True)
    assert "CUDA_VISIBLE_DEVICES" not in (tmp_path / "out.txt").read_text()


def test_extraction_on_cuda_asks_for_a_gpu_and_nothing_else_does(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "cuda")
    workspace.config.write_text(workspace.config.read_text().replace("device: cpu", "device: cuda"))
    done = workspace.snakemake("-n", "--cores", "4")
    assert done.returncode == 0, done.stderr
    printed = (done.stdout + done.stderr).split("\nrule ")[1:]
    asking = {part.split(":")[0] for part in printed if "gpu=1" in part}
    assert asking == {"extract_activations"}


def test_time_grows_with_the_memory(tmp_path: Path) -> None:
    """Every rule that is submitted asks for more time, too, when it is tried again."""
    for path in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        text = path.read_text()
        assert text.count("mem_mb=grow(") == text.count("runtime=grow("), path.name

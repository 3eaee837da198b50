"""What wraps every job: log, code check, refusal, and how failures end; progress in logs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from conceptatlas.jobs import job, planned_code
from conceptatlas.progress import progress

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPT = REPOSITORY / "workflow" / "scripts" / "write_run_config.py"


@pytest.fixture(autouse=True)
def handlers_restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers, root.level = handlers, level
    logging.captureWarnings(False)


def test_a_job_logs_to_its_file(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "job.log"
    with job(script=SCRIPT, log=log, code=planned_code(SCRIPT, [])):
        logging.getLogger("conceptatlas.somewhere").info("half way")
    text = log.read_text()
    assert "half way" in text
    assert "write_run_config: done in" in text


def test_a_mistake_ends_the_job_with_its_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "job.log"
    with pytest.raises(SystemExit), job(script=SCRIPT, log=log, code=planned_code(SCRIPT, [])):
        raise ValueError("unknown layer 'conv6'; did you mean 'conv5'?")
    printed = capsys.readouterr().err
    assert "did you mean 'conv5'?" in printed
    assert "Traceback" not in printed
    assert "Traceback" in log.read_text()


def test_a_fault_of_ours_shows_its_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), job(script=SCRIPT, log=tmp_path / "job.log", code=planned_code(SCRIPT, [])):
        raise KeyError("nothing")
    assert "Traceback" in capsys.readouterr().err


def test_other_code_stops_the_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = planned_code(SCRIPT, []) | {"digest": "of another machine"}
    ran = False
    with pytest.raises(SystemExit), job(script=SCRIPT, log=tmp_path / "job.log", code=code):
        ran = True
    assert not ran
    assert "the code here is not the code the run was planned with" in capsys.readouterr().err


def test_a_refused_study_stops_the_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refusal = tmp_path / "refused.txt"
    code = planned_code(SCRIPT, [])
    with job(script=SCRIPT, log=tmp_path / "job.log", code=code, refusal=refusal):
        pass
    refusal.write_text("this study does not fit:\n- disk: ...\n")
    with pytest.raises(SystemExit), job(script=SCRIPT, log=tmp_path / "job.log", code=code, refusal=refusal):
        pass
    assert "this study does not fit" in capsys.readouterr().err


def test_named_entries_are_part_of_the_code() -> None:
    assert planned_code(SCRIPT, []) != planned_code(SCRIPT, ["conceptatlas.naming"])


def test_progress_writes_lines_to_a_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="conceptatlas"):
        assert list(progress(range(3), description="tally", unit="shard", every_s=0)) == [0, 1, 2]
    assert [record.getMessage().split(",")[0] for record in caplog.records] == [
        "tally: 1 of 3 (33 %) shards",
        "tally: 2 of 3 (67 %) shards",
        "tally: 3 of 3 (100 %) shards",
        "tally: 3 of 3 (100 %) shards",
    ]


def test_progress_without_a_description_is_silent(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="conceptatlas"):
        list(progress(iter("ab"), every_s=0))
    assert not caplog.records

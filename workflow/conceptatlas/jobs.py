"""What every job does first and last: logging to its file, the check of its code, and errors that reach the log.

A script under workflow/scripts is a shell around one function of the library; this is the rest of it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conceptatlas.provenance import check_code, code_digest

logger = logging.getLogger(__name__)

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@contextlib.contextmanager
def job(
    *, script: str | Path, log: str | Path, code: Mapping[str, Any], refusal: str | Path | None = None
) -> Iterator[None]:
    """Run the body of a script as a job of the workflow.

    Log records go to the log file and to stderr; the code on this machine is compared with the code the run was
    planned with; an exception is written to the log with its traceback and ends the job with its message.

    Parameters
    ----------
    script : the script's own file; its name is the rule's.
    log : the rule's log file.
    code : the param made by `planned_code`: digest, and the entry modules named besides those the script imports.
    refusal : a file that the preflight leaves when the study cannot fit: the job then stops with what it says.
    """
    script = Path(script)
    logging_to(log)
    started = time.monotonic()
    try:
        entries = [str(entry) for entry in code["entries"]]
        found = planned_code(script, entries)["digest"]
        check_code(str(code["digest"]), str(found), rule=script.stem)
        if refusal is not None and Path(refusal).exists():
            raise ValueError(Path(refusal).read_text(encoding="utf-8").strip())
        yield
    except Exception as error:
        logger.debug("traceback of the failure", exc_info=True)
        expected = isinstance(error, ValueError | OSError)  # mistakes of input: the message is the answer
        logger.error("%s", error if expected else f"{type(error).__name__}: {error}", exc_info=not expected)
        raise SystemExit(1) from None
    logger.info("%s: done in %.1f s", script.stem, time.monotonic() - started)


def planned_code(script: str | Path, entries: list[str]) -> dict[str, Any]:
    """The digest of the code behind a script, as a param of its rule.

    script : a file in workflow/scripts; the lock file lies in envs/ beside workflow/.
    entries : modules reached by a name in a sheet (the reader of a format, the loader of a model source), which an
        import closure does not show.
    """
    script = Path(script).resolve()
    lock = script.parents[2] / "envs" / "requirements.txt"
    digest = code_digest(*entries, scripts=[script], lock=lock if lock.exists() else None)
    return {"digest": digest, "entries": entries}


def logging_to(log: str | Path) -> None:
    """Send the library's log records to `log` (everything) and to stderr (warnings; everything when run by hand)."""
    log = Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
    to_file = logging.FileHandler(log, mode="w", encoding="utf-8")
    to_terminal = logging.StreamHandler(sys.stderr)
    to_terminal.setLevel(os.environ.get("CONCEPTATLAS_LOG_LEVEL", "WARNING"))
    for handler in (to_file, to_terminal):
        handler.setFormatter(logging.Formatter(FORMAT))
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.getLogger("conceptatlas").setLevel(logging.DEBUG)
    for noisy in ("matplotlib", "distributed", "PIL", "numba"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(True)

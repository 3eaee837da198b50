"""What a study was asked to do, and what it was made with: run_config.yaml and run_record.json."""

from __future__ import annotations

import csv
import hashlib
import json
import logging
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from conceptatlas.bucket import fetch_folder
from conceptatlas.files import atomic_path, write_json
from conceptatlas.provenance import versions

logger = logging.getLogger(__name__)


def write_run_config(out: str | Path, **study: Any) -> None:
    """Write config and sheets (`Study.plain`) as YAML that can be read back and run again."""
    with atomic_path(out) as part:
        part.write_text(yaml.safe_dump(study, sort_keys=False, allow_unicode=True), encoding="utf-8")


def write_run_record(
    out: str | Path,
    *,
    run_config: str | Path,
    benchmarks: str | Path,
    script: str | Path,
    storage: Mapping[str, str | None] | None = None,
) -> None:
    """Write versions, commit, digest of the config, and jobs, time and memory per rule.

    benchmarks : folder of Snakemake's benchmark files, one folder a rule. script : a file of the repository.
    storage : where the study lies if not on this disk: `prefix`, `endpoint` and `region` of `bucket.fetch_folder`.
    """
    write_json(
        out,
        {
            "versions": versions(),
            "commit": git_commit(Path(script).resolve().parent),
            "config_sha256": hashlib.sha256(Path(run_config).read_bytes()).hexdigest(),
            "rules": time_per_rule(benchmarks) if storage is None else _time_in_bucket(str(benchmarks), storage),
        },
    )


def _time_in_bucket(benchmarks: str, storage: Mapping[str, str | None]) -> dict[str, Mapping[str, float]]:
    """`time_per_rule` of a study in a bucket; nothing, with a warning, where the bucket cannot be read."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            fetch_folder(
                benchmarks,
                folder,
                prefix=str(storage["prefix"]),
                endpoint=storage["endpoint"],
                region=storage["region"],
            )
        except Exception as error:  # a finished study is not failed for its timings
            logger.warning("times per rule are left out: %s in %s: %s", benchmarks, storage["prefix"], error)
            return {}
        return time_per_rule(folder)


def git_commit(folder: Path) -> str:
    """The commit checked out in `folder`, with ``+changes`` if files differ from it; "" outside of git."""
    git = shutil.which("git")
    if git is None:
        return ""

    def run(*arguments: str) -> str:
        done = subprocess.run([git, "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    commit = run("rev-parse", "HEAD")
    return f"{commit}+changes" if commit and run("status", "--porcelain", "--untracked-files=no") else commit


def time_per_rule(benchmarks: str | Path) -> dict[str, Mapping[str, float]]:
    """Jobs, total and longest seconds, and the largest resident memory (MB) of every rule with benchmark files.

    benchmarks : a folder with one file, or one folder of files, a rule.
    """
    rules: dict[str, Mapping[str, float]] = {}
    for place in sorted(Path(benchmarks).iterdir()):
        rows = [
            row for file in sorted([place] if place.is_file() else place.rglob("*.tsv")) for row in _benchmark(file)
        ]
        if rows:
            seconds = [row.get("s", 0.0) for row in rows]
            rules[place.stem] = {
                "jobs": len(rows),
                "total_s": round(sum(seconds), 3),
                "longest_s": round(max(seconds), 3),
                "max_rss_mb": round(max(row.get("max_rss", 0.0) for row in rows), 1),
            }
    return rules


def _benchmark(file: Path) -> list[dict[str, float]]:
    with file.open(encoding="utf-8", newline="") as handle:
        return [
            {name: float(value) for name, value in row.items() if name and _is_number(value)}
            for row in csv.DictReader(handle, delimiter="\t")
        ]


def _is_number(text: str | None) -> bool:
    try:
        number = json.loads(text or "")
    except json.JSONDecodeError:
        return False
    return isinstance(number, int | float)

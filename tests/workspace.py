"""Snakemake in a subprocess: run a study, and count the jobs that a dry run plans."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

REPOSITORY = Path(__file__).resolve().parents[1]
TINY = REPOSITORY / "tests" / "studies" / "tiny"


ATLAS = ("build_atlas_dataset", "build_atlas_model", "build_atlas_across", "build_atlas_figures", "build_atlas")
WITHOUT_ATLAS = ("--omit-from", *ATLAS)
"""Options of a run for tests of a method: the atlas follows whatever is added, and is no part of the method."""


@dataclass(frozen=True)
class Workspace:
    """A folder in which a study runs: its sheets (to edit), the checkout whose code runs, and the results."""

    folder: Path
    checkout: Path = REPOSITORY

    @property
    def config(self) -> Path:
        return self.folder / "study" / "config.yaml"

    def sheet(self, name: str) -> Path:
        return self.folder / "study" / f"{name}.tsv"

    def add_row(self, name: str, *cells: str) -> None:
        with self.sheet(name).open("a") as handle:
            handle.write("\t".join(cells) + "\n")

    def results(self) -> Path:
        return self.folder / "results" / "tiny"

    def snakemake(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", self.checkout / "Snakefile"]
        command += ["--workflow-profile", REPOSITORY / "profiles" / "default", "--directory", self.folder]
        command += ["--configfile", self.config]
        return subprocess.run(
            command,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", **environment},
            cwd=self.folder,
            capture_output=True,
            text=True,
            check=False,
        )

    def planned(self, *arguments: str, atlas: bool = False) -> dict[str, int]:
        """Rule -> number of jobs that a dry run would start.

        atlas : with the jobs of the atlas, which follow whatever changes (tests/workflow/test_atlas_study.py).
        """
        done = self.snakemake(*arguments, "-n", "--quiet", "rules")
        assert done.returncode == 0, done.stdout + done.stderr
        printed = done.stdout + done.stderr
        table = re.search(r"^job +count\n-+ +-+\n(.*?)^total", printed, flags=re.DOTALL | re.MULTILINE)
        if table is None:
            return {}
        jobs = {rule: int(count) for rule, count in (line.split() for line in table.group(1).splitlines() if line)}
        return {rule: count for rule, count in jobs.items() if atlas or not rule.startswith("build_atlas")}

    def copied(self, folder: Path) -> Workspace:
        """A copy of study, results and Snakemake's records, in a folder of its own."""
        folder.mkdir(parents=True)
        shutil.copytree(self.folder / "study", folder / "study")
        shutil.copytree(self.folder / "results", folder / "results")
        shutil.copytree(self.folder / ".snakemake" / "metadata", folder / ".snakemake" / "metadata")
        return Workspace(folder, self.checkout)


def new_workspace(folder: Path) -> Workspace:
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(TINY, folder / "study")
    return Workspace(folder)


def finished_study(folder: Path) -> Workspace:
    """The tiny study, finished: run by local processes if `folder` is not there, by one of all who ask for it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{folder.name}.lock")):
        if not folder.is_dir():
            unfinished = new_workspace(folder.with_name(f"{folder.name}-unfinished"))
            done = unfinished.snakemake("--cores", "2")
            assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
            unfinished.folder.rename(folder)
    return Workspace(folder)

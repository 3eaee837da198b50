"""Files outside the study that a row names (weights, matrices), for jobs on machines that cannot open them.

They are copied into the study on the machine that can, travel as inputs like everything else, and the row is read with
the copies' places in it. Sheets and code of the user's own travel otherwise: Snakemake sends what git knows.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from conceptatlas.files import atomic_path
from conceptatlas.sheets import Row


def bring_files(files: Sequence[str], folder: str | Path) -> None:
    """Copy files into a folder, under their own names.

    Raises
    ------
    ValueError
        for a file that is not there, and for two of one name.
    """
    names = [Path(file).name for file in files]
    for file, name in zip(files, names, strict=True):
        if not Path(file).is_file():
            raise ValueError(f"{file}: no such file on the machine that runs Snakemake")
        if names.count(name) > 1:
            raise ValueError(f"{' and '.join(files)}: files that travel together need different names")
        with atomic_path(Path(folder, name)) as part:
            shutil.copyfile(file, part)


def relocated(row: Row, files: Sequence[str], folders: Sequence[str]) -> Row:
    """The row with its files where `bring_files` put them.

    files : as the (expanded) row names them. folders : the folder they were brought to; empty if they were not.

    >>> relocated({"model": "mine", "weights": "/data/mine.pth"}, ["/data/mine.pth"], ["results/outside/mine"])
    {'model': 'mine', 'weights': 'results/outside/mine/mine.pth'}
    """
    for folder in folders:
        for file in files:
            place = str(Path(folder, Path(file).name))
            row = {key: cell.replace(file, place) if isinstance(cell, str) else cell for key, cell in row.items()}
    return row


def unknown_to_git(files: Sequence[str | Path], folder: str | Path = ".") -> list[str]:
    """Those of some files that Snakemake would not send to machines without a shared disk.

    It sends what ``git ls-files`` lists below the folder it runs in: added files, committed or not. Outside of a
    repository, or without git, all are unknown.

    files : relative to `folder`, or absolute.
    """
    folder = Path(folder).resolve()
    try:
        done = subprocess.run(["git", "ls-files", "-z", "."], cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return [str(file) for file in files]
    known = {folder / name for name in done.stdout.split("\0") if name} if done.returncode == 0 else set()
    return [str(file) for file in files if (folder / file).resolve() not in known]

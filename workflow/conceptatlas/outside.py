"""Files outside the study that a row names (weights, matrices), for jobs on machines that cannot open them.

They are copied into the study on the machine that can, travel as inputs like everything else, and the row is read with
the copies' places in it.
"""

from __future__ import annotations

import shutil
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

"""What lies in a folder: its folders, and the pictures below it. Hidden files and folders are never seen."""

from __future__ import annotations

import os
from pathlib import Path

from conceptatlas.datasets.pictures import PICTURE_SUFFIXES


def pictures_below(folder: str | Path) -> list[str]:
    """The pictures in a folder, at any depth, relative to it, in no order; links to folders are followed."""
    found: list[str] = []
    for parent, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        place = Path(parent).relative_to(folder).as_posix()
        prefix = "" if place == "." else f"{place}/"
        found.extend(f"{prefix}{name}" for name in files if _is_picture(name))
    return found


def entries(folder: str | Path) -> tuple[list[str], list[str]]:
    """Names of the folders, and of the pictures, directly in a folder; both sorted."""
    with os.scandir(folder) as found:
        met = [(entry.name, entry.is_dir()) for entry in found if not entry.name.startswith(".")]
    folders = sorted(name for name, is_folder in met if is_folder)
    return folders, sorted(name for name, is_folder in met if not is_folder and _is_picture(name))


def holds_only_folders(folder: str | Path) -> bool:
    """Whether a folder holds folders, and no picture of its own."""
    folders, pictures = entries(folder)
    return bool(folders) and not pictures


def _is_picture(name: str) -> bool:
    return not name.startswith(".") and Path(name).suffix.lower() in PICTURE_SUFFIXES

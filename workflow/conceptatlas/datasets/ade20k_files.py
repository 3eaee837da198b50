"""Where the files of ADE20K lie: the folder of the splits, and for every picture what lies beside it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from conceptatlas.datasets.ade20k_annotations import ATR_SUFFIX, JSON_SUFFIX

SPLITS = {"training": "train", "validation": "val"}
"""Folder -> split."""

_INSIDE = ("images/ADE", "images", "")
_PARTS = re.compile(r"(?P<stem>.+)_parts_(?P<level>[1-9]\d*)\.png")


@dataclass(frozen=True)
class ImageFiles:
    """A picture and what lies beside it.

    path, text : picture and text file below the folder of the splits; the text file may be missing.
    levels : the levels of parts that have a PNG, in order.
    """

    path: str
    text: str
    levels: tuple[int, ...]

    @property
    def stem(self) -> str:
        """The name that its files begin with."""
        return Path(self.path).stem

    @property
    def scene_folder(self) -> str:
        """The scene by the folders: without the split, and without the kind of place (2021: ``urban/street``) or the
        initial (2016: ``s/street``) that come first."""
        folders = self.path.split("/")[1:-1]
        return "/".join(folder for folder in folders[1:] or folders if len(folder) > 1)


def folder_of_splits(root: Path) -> Path:
    """The folder that holds ``training`` and ``validation``, in the folder of a release or one above.

    Raises
    ------
    ValueError
        where there is none, or several releases.
    """
    if not root.is_dir():
        raise ValueError(f"{root}: no such folder")
    own = _splits_in(root)
    if own is not None:
        return own
    found = [folder for release in sorted(root.iterdir()) if (folder := _splits_in(release)) is not None]
    if len(found) > 1:
        names = ", ".join(str(folder) for folder in found)
        raise ValueError(f"{root}: {len(found)} folders that look like ADE20K: {names}; path names one")
    if not found:
        raise ValueError(f"{root}: neither images/ADE/training nor images/training; path names the folder of ADE20K")
    return found[0]


def _splits_in(release: Path) -> Path | None:
    folders = [release / inside for inside in _INSIDE]
    return next((folder for folder in folders if any((folder / split).is_dir() for split in SPLITS)), None)


def scan_images(base: Path) -> list[ImageFiles]:
    """All pictures of both splits, in the order of their paths; ValueError where there is none."""
    folders = [split for split in SPLITS if (base / split).is_dir()]
    images = sorted((image for folder in folders for image in _scan(base, folder)), key=lambda image: image.path)
    if not images:
        raise ValueError(f"{base}: no .jpg below {' or '.join(folders)}")
    return images


def _scan(base: Path, folder: str) -> Iterator[ImageFiles]:
    with os.scandir(base / folder) as entries:
        found = {entry.name: entry.is_dir() for entry in entries if not entry.name.startswith(".")}
    pictures = {name[:-4]: name for name, is_folder in found.items() if not is_folder and name.lower().endswith(".jpg")}
    levels: dict[str, list[int]] = {}
    for name in found:
        if match := _PARTS.fullmatch(name):
            levels.setdefault(match["stem"], []).append(int(match["level"]))
    for name, is_folder in found.items():
        if is_folder and name not in pictures:  # X/ beside X.jpg holds the instances of X: most of all files
            yield from _scan(base, f"{folder}/{name}")
    for stem, name in pictures.items():
        texts = [stem + suffix for suffix in (JSON_SUFFIX, ATR_SUFFIX) if stem + suffix in found]
        text = texts[0] if texts else stem + JSON_SUFFIX
        yield ImageFiles(f"{folder}/{name}", f"{folder}/{text}", tuple(sorted(levels.get(stem, []))))

"""Registered weights of torchvision: which entry a row names, and where its file lies on this machine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision

from conceptatlas.files import file_sha256
from conceptatlas.models.rows import RANDOM, SHUFFLED, looks_like_path, text_cell
from conceptatlas.naming import unknown


def registry_entry(row: dict[str, Any], architecture: str) -> Any:
    """The registry entry that the row's weights (shuffled or not) name; None for files of the user's own and `random`.

    A local file that is a registered one, by the digest that is part of the registered name, counts as that entry: who
    has no network fetches it elsewhere, and gets the same model.
    """
    weights = text_cell(row, "weights").removeprefix(SHUFFLED)
    if not weights or weights == RANDOM:
        return None
    registry = torchvision.models.get_model_weights(architecture)
    if looks_like_path(weights):
        path = Path(weights)
        sha256 = file_sha256(path) if path.is_file() else ""
        return next((entry for entry in registry if sha256 and sha256.startswith(_digest(entry.url))), None)
    if weights not in registry.__members__:
        raise unknown("weights", weights, registry.__members__, where=f"torchvision's {architecture}")
    return registry[weights]


def _digest(url: str) -> str:
    """The beginning of the sha256 that torchvision puts into file names; "-" where it does not."""
    found = re.search(r"-([0-9a-f]{8,})\.[a-z]+$", url)
    return found.group(1) if found else "-"


def registry_file(architecture: str, weights: str, *, model: str) -> Path:
    """Path of registered weights in torch's cache, downloaded (and checked by torchvision's hash) if needed."""
    entry = torchvision.models.get_model_weights(architecture)[weights]
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(entry.url).name
    if not path.is_file():
        try:
            entry.get_state_dict(progress=False, check_hash=True)
        except (URLError, OSError) as error:
            raise ValueError(
                f"model {model!r}: weights {weights!r} of {architecture} are not on this machine and cannot be "
                f"downloaded ({error}). Fetch {entry.url} elsewhere and give its path in column `weights` of the sheet"
            ) from None
    return path

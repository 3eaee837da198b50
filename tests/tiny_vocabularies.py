"""Vocabularies of a few captions with vectors drawn from a seed, in any number of parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.encoders.encoder import unit_rows
from conceptatlas.naming import shard_bounds
from conceptatlas.vocabularies.caption_file import CaptionWriter, fixed_sum


def unit_vectors(n: int, dim: int, *, seed: int = 0) -> np.ndarray[Any, Any]:
    return unit_rows(np.random.default_rng(seed).standard_normal((n, dim)), where="drawn")


def write_part(path: Path, vectors: np.ndarray[Any, Any], captions: list[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        file["embeddings"] = vectors
        file["sum"] = fixed_sum(vectors)
        CaptionWriter(file).append([caption.encode() for caption in captions])
    return path


def write_parts(folder: Path, vectors: np.ndarray[Any, Any], n_parts: int) -> list[Path]:
    captions = [f"caption {i}" for i in range(len(vectors))]
    parts = []
    for part in range(n_parts):
        start, stop = shard_bounds(len(vectors), n_parts, part)
        parts.append(write_part(folder / f"{part:03d}.h5", vectors[start:stop], captions[start:stop]))
    return parts

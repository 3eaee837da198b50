"""Frames on disk without a data set, and the extraction of their shards: what tests of room 3 run."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.activations.extraction import extract_shard
from conceptatlas.datasets.frame_file import FrameWriter
from conceptatlas.files import write_json
from conceptatlas.naming import shard_bounds, shard_names

Array = np.ndarray[Any, Any]
Row = dict[str, Any]


class Files(NamedTuple):
    """Files by role, in the order of the images."""

    frames: list[str]
    frame_manifests: list[str]
    shards: list[str]
    manifests: list[str]


def write_frames(folder: Path, pictures: Array, *, n_shards: int = 1, valid: Array | None = None) -> Files:
    """Frame files of pictures (image, size, size, 3), as framing writes them; where activations would go."""
    valid = np.ones(len(pictures), dtype=bool) if valid is None else valid
    (folder / "frames").mkdir(parents=True, exist_ok=True)
    files = Files([], [], [], [])
    for number, name in enumerate(shard_names(n_shards)):
        start, stop = shard_bounds(len(pictures), n_shards, number)
        path = folder / "frames" / f"{name}.h5"
        writer = FrameWriter(path, start=start, stop=stop, size=pictures.shape[1])
        with writer:
            for n in range(start, stop):
                frame, reason = (pictures[n], "") if valid[n] else (None, "broken")
                writer.add(frame, width=9, height=9, sha256="", reason=reason)
        write_json(path.with_suffix(".json"), {"start": start, "stop": stop, "arrays": writer.digests})
        store = folder / "activations" / f"{name}.h5"
        for paths, value in zip(
            files, (path, path.with_suffix(".json"), store, store.with_suffix(".json")), strict=True
        ):
            paths.append(str(value))
    return files


def extract(
    files: Files, report: Path, layers: list[Row], *, batch: int = 4, architecture: str = "tiny_models:user_net"
) -> Files:
    """Run the extraction job over every shard of a network of `tiny_models`, one thread."""
    model = {"model": "tiny", "source": "user", "architecture": architecture, "weights": "random", "seed": 3,
             "input_size": 32, "mean": "", "std": "", "weights_sha256": ""}  # fmt: skip
    for shard in range(len(files.shards)):
        extract_shard(
            model=model,
            layers=layers,
            report=report,
            frames=files.frames[shard],
            frames_manifest=files.frame_manifests[shard],
            calibration=None,
            store=files.shards[shard],
            manifest=files.manifests[shard],
            batch=batch,
            threads=1,
            device="cpu",
        )
    return files

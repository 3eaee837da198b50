"""examples.h5: a few units with the held-out images that activate them most, and both profiles, for figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.files import atomic_path
from conceptatlas.open_vocabulary.layer_images import Layer

Array = np.ndarray[Any, Any]

PICTURES = 5


def write_examples(
    path: str | Path,
    labels: pd.DataFrame,
    *,
    layer: Layer,
    cosines: Array,
    names: Sequence[str],
    frames: Sequence[str | Path],
    options: Mapping[str, Any],
) -> None:
    """Write the units with the largest held-out correlations, each label once before any comes twice.

    Datasets: `units` int64 (unit,); `pictures` uint8 (unit, 5, F, F, 3), held-out images with the largest activation;
    `images` int64 (unit, 5), their image_index; `activations` and `profiles` float32 (unit, held-out image): the
    activation, and the cosine with the unit's label.
    """
    first = labels[(labels["rank"] == 1) & labels["correlation"].notna()]
    first = first.sort_values(["correlation", "unit"], ascending=[False, True], kind="stable")
    repeated = first.groupby("concept", sort=False).cumcount()
    chosen = first.assign(_again=repeated).sort_values("_again", kind="stable").head(options["gallery_units"])
    units = chosen["unit"].to_numpy(np.int64)
    number = {name: i for i, name in enumerate(names)}
    held_out = np.flatnonzero(~layer.selecting)
    activations = layer.activations[held_out][:, units]
    columns = [number[name] for name in chosen["concept"]]
    order = np.argsort(-activations, axis=0, kind="stable")[:PICTURES].T
    images = layer.images[held_out][order] if len(units) else np.empty((0, PICTURES), dtype=np.int64)
    with atomic_path(path) as part, h5py.File(part, "w") as file:
        file["units"] = units
        file["images"] = images
        file["activations"] = activations.T.astype(np.float32)
        file["profiles"] = cosines[held_out][:, columns].T.astype(np.float32)
        file["pictures"] = _pictures(frames, images)


def _pictures(frames: Sequence[str | Path], images: Array) -> Array:
    """Frames of some images, uint8 (..., F, F, 3)."""
    shards = [map_frames(path)[0] for path in frames]
    starts = np.cumsum([0, *map(len, shards)])
    size = shards[0].shape[1]
    pictures = np.zeros((*images.shape, size, size, 3), dtype=np.uint8)
    for place in np.ndindex(images.shape):
        shard = int(np.searchsorted(starts, images[place], side="right")) - 1
        pictures[place] = shards[shard][images[place] - starts[shard]]
    return pictures

"""A few scenes through the jobs of FALCON: a demo classifier, an encoder of mean colours, a vocabulary of colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.encoders.encoder import unit_rows
from conceptatlas.falcon.cropping import crop_groups
from conceptatlas.falcon.selecting import select_features
from conceptatlas.files import write_json
from conceptatlas.models.check import check_model
from conceptatlas.models.index import load_model
from conceptatlas.models.preprocessing import prepare
from conceptatlas.seeds import image_block
from conceptatlas.sheets import expand_row
from tiny_shards import write_frames

N_IMAGES, SIZE = 24, 64
WEIGHTS = "$CONCEPTATLAS_HOME/resources/demo_models/plain.safetensors"
MODEL = {"model": "plain", "source": "demo", "architecture": "plain", "weights": WEIGHTS, "input_size": SIZE}
LAYER = {"model": "plain", "layer": "conv5", "module": "conv5", "dtype": "float32"}
ENCODER = {"encoder": "colours", "source": "user", "architecture": "tiny_falcon:colours"}
SELECTION = {"rule": "top_n", "sds": 5, "quantile": 0.9, "top_n": 8}
GROUPING = {"by": "common", "max_size": 2, "min_images": 5, "max_groups": 4, "max_singles": 6}
LOW = {"epsilon": None, "beta": 0.1, "n_low": 3}


class Colours:
    """An image-text encoder: the mean colour of a picture, centred."""

    dim = 4

    def encode_images(self, pictures: Any) -> Any:
        mean = pictures.reshape(len(pictures), -1, 3).mean(axis=1) / 255 - 0.5
        return np.hstack([mean, np.full((len(mean), 1), 0.1)])


def colours() -> Colours:
    return Colours()


class Place(NamedTuple):
    """Files of the scenes and of the layer's features."""

    frames: list[str]
    manifests: list[str]
    index: Path
    statistics: Path
    report: Path


def scenes(folder: Path, *, n_shards: int = 1) -> Place:
    """Frames, index, features and report, as the jobs before FALCON leave them."""
    pictures = np.stack([render(draw_scene(5, i), SIZE).picture for i in range(N_IMAGES)])
    files = write_frames(folder, pictures, n_shards=n_shards)
    ids = [f"scene-{i}" for i in range(N_IMAGES)]
    index = pd.DataFrame(
        {"image_index": range(N_IMAGES), "image_id": ids, "valid": True, "split": "",
         "block": [image_block(name) for name in ids]}
    )  # fmt: skip
    index.to_parquet(folder / "index.parquet")
    import torch

    model = load_model(expand_row(MODEL))
    net: Any = model.module
    with torch.no_grad():
        pooled = net.features(prepare(pictures, model)).numpy()
    with h5py.File(folder / "layer.h5", "w") as file:
        file["mean_pooled"] = pooled
    write_json(folder / "report.json", check_model(expand_row(MODEL), [LAYER]))
    index_file, report = folder / "index.parquet", folder / "report.json"
    return Place(files.frames, files.frame_manifests, index_file, folder / "layer.h5", report)


def selected(folder: Path, place: Place) -> dict[str, Path]:
    """What `select_features` writes."""
    outputs = {name: folder / f"{name}.parquet" for name in ("features", "groups", "members")}
    select_features(
        dataset="scenes", model="plain", layer="conv5", statistics=place.statistics, index=place.index, **outputs,
        selection=SELECTION, grouping=GROUPING, low=LOW,
    )  # fmt: skip
    return outputs


def cropped(folder: Path, place: Place, chosen: dict[str, Path], *, batch: int = 8) -> tuple[Path, Path]:
    """What `crop_groups` writes."""
    crop_groups(
        dataset="scenes", model=expand_row(MODEL), layer=LAYER, encoder=ENCODER, report=place.report, calibration=None,
        frames=place.frames, frames_manifests=place.manifests, index=place.index, groups=chosen["groups"],
        members=chosen["members"], table=folder / "crops.parquet", crops=folder / "crops.h5", cut=0.6, n_images=10,
        seed=0, batch=batch, device="cpu",
    )  # fmt: skip
    return folder / "crops.parquet", folder / "crops.h5"


def unit(rows: Any) -> Any:
    return unit_rows(np.asarray(rows), where="test")

"""Batch-norm statistics for networks that were never trained, so that a floor is a floor and not an underflow.

A freshly initialised MobileNetV2 keeps running statistics of mean 0 and variance 1, shrinks its activations layer by
layer, and ends with 1280 of 1280 units constant in float16. Statistics re-estimated on pictures of the data set make
it alive; weights are left alone. Networks without batch normalisation (SqueezeNet, transformers) get an empty state.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.files import read_json
from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.models.calibration_file import BUFFERS, save_calibration
from conceptatlas.models.index import load_model
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare
from conceptatlas.models.weights import State
from conceptatlas.seeds import generator

logger = logging.getLogger(__name__)

CALIBRATION_IMAGES = 256
CALIBRATION_BATCH = 32


def calibration_rows(valid: np.ndarray[Any, Any], *, n: int = CALIBRATION_IMAGES, seed: int = 0) -> list[int]:
    """The seeded sample of images used for calibration: up to `n` rows where `valid`, sorted.

    valid : bool (image,).
    """
    rows = np.flatnonzero(np.asarray(valid, dtype=bool))
    if len(rows) > n:
        rows = generator(seed, "calibration").choice(rows, size=n, replace=False)
    return sorted(int(row) for row in rows)


def calibrate(
    model: LoadedModel,
    frames: np.ndarray[Any, Any],
    *,
    batch: int = CALIBRATION_BATCH,
    device: torch.device | str = "cpu",
) -> State:
    """Estimate the statistics of every batch-norm layer on some pictures.

    Parameters
    ----------
    model : left as it was, on `device`.
    frames : uint8 (image, size, size, 3), at least 2; see `calibration_rows`. Cut into batches of one size, and the
        rest left over is not used, so that every batch weighs the same.
    batch : images a forward pass, at least 2.

    Returns
    -------
    state : buffer name -> float32 (unit,): the plain averages over the batches of the mean and the variance of each
        layer's input, the network running in training mode of its batch-norm layers only (dropout stays off). Layers
        that no picture reaches (behind a detector's backbone) keep what they have.

    Raises
    ------
    ValueError
        for fewer than 2 pictures, statistics that are not finite, and frozen batch-norm layers, which cannot learn.
    """
    norms = {name: layer for name, layer in model.module.named_modules() if isinstance(layer, _BatchNorm)}
    frozen = [
        name for name, layer in model.module.named_modules() if type(layer).__name__.startswith("FrozenBatchNorm")
    ]
    if frozen:
        raise ValueError(
            f"model {model.name!r}: {frozen[0]} ({len(frozen)} such layers) is frozen batch normalisation, whose "
            "statistics cannot be estimated; build the random twin with BatchNorm2d layers"
        )
    norms = {name: layer for name, layer in norms.items() if layer.running_mean is not None}
    if not norms:
        return {}
    batch = min(batch, len(frames))
    if batch < 2:
        raise ValueError(f"model {model.name!r}: calibration needs at least 2 pictures, got {len(frames)}")
    before = {name: (layer.momentum, _copies(layer)) for name, layer in norms.items()}
    model.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    try:
        for layer in norms.values():
            layer.reset_running_stats()
            layer.momentum = None  # cumulative average
            layer.training = True  # of this module alone: timm's hold dropout and activation inside
        with torch.inference_mode(), exact_arithmetic():
            for start in range(0, len(frames) - batch + 1, batch):
                model.module(prepare(frames[start : start + batch], model, device=device))
        reached = {name for name, layer in norms.items() if int(layer.num_batches_tracked or 0) > 0}
        state = {
            f"{name}.{b}": (getattr(layer, b) if name in reached else before[name][1][b]).detach().cpu().clone()
            for name, layer in norms.items()
            for b in BUFFERS
        }
    finally:
        for name, layer in norms.items():
            layer.training = False
            layer.momentum, buffers = before[name]
            for buffer, values in buffers.items():
                getattr(layer, buffer).copy_(values)
    for name, values in state.items():
        if not bool(torch.isfinite(values).all()):
            raise ValueError(f"model {model.name!r}: {name} is not finite after calibration; its weights explode")
    return state


def calibrate_model(
    row: dict[str, Any],
    *,
    frames: Sequence[str | Path],
    manifests: Sequence[str | Path],
    out: str | Path,
    threads: int = 1,
    device: str = "cpu",
) -> None:
    """Estimate the statistics of a random or shuffled model on a data set's frames, and write them to `out`.

    row : of models.tsv. frames, manifests : the shards' files, in any order. threads : for the forward passes.

    The images are the same for all models of a data set and do not depend on its shards (`calibration_rows`).
    """
    torch.set_num_threads(threads)
    shards = sorted(zip(manifests, frames, strict=True), key=lambda pair: int(read_json(pair[0])["start"]))
    mapped = [map_frames(path, manifest=manifest) for manifest, path in shards]
    valid = np.concatenate([keep for _, keep in mapped])
    rows = calibration_rows(valid)
    starts = np.cumsum([0, *(len(keep) for _, keep in mapped)])
    homes = np.searchsorted(starts, rows, side="right") - 1
    pictures = np.stack([mapped[home][0][index - starts[home]] for home, index in zip(homes, rows, strict=True)])
    model = load_model(row)
    state = calibrate(model, pictures, device=device)
    about = {"model": model.name, "weights_sha256": model.weights_sha256, "n_images": str(len(pictures))}
    save_calibration(out, state, about=about)
    logger.info("model %s: statistics of %d layers from %d images", model.name, len(state) // 2, len(pictures))


def _copies(layer: nn.Module) -> dict[str, torch.Tensor]:
    names = (*BUFFERS, "num_batches_tracked")
    return {name: getattr(layer, name).detach().clone() for name in names if getattr(layer, name) is not None}

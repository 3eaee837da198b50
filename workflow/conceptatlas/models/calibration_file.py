"""The file that holds re-estimated batch-norm statistics of a random or shuffled model."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch.nn.modules.batchnorm import _BatchNorm

from conceptatlas.files import atomic_path, file_sha256
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.weights import State
from conceptatlas.naming import nearest

logger = logging.getLogger(__name__)

BUFFERS = ("running_mean", "running_var")


def save_calibration(path: str | Path, state: State, *, about: dict[str, str] | None = None) -> None:
    """Write the state as safetensors, atomically; `about` goes into the file's metadata, as JSON under one key.

    The same state and `about` give the same bytes: safetensors itself writes several keys in random order.
    """
    content = json.dumps({"n_layers": len(state) // 2} | (about or {}), sort_keys=True)
    with atomic_path(path) as part:
        save_file({name: tensor.contiguous() for name, tensor in state.items()}, part, metadata={"about": content})


def apply_calibration(model: LoadedModel, path: str | Path) -> None:
    """Put the statistics of a calibration file into a model and record the file's sha256.

    Raises
    ------
    ValueError
        for a missing or damaged file, or one that was made for another network.
    """
    path = Path(path)
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
    except (SafetensorError, FileNotFoundError) as error:
        raise ValueError(f"calibration file {path} cannot be read ({error}); delete it and run again") from None
    own = {
        f"{name}.{buffer}": getattr(layer, buffer)
        for name, layer in model.module.named_modules()
        if isinstance(layer, _BatchNorm) and layer.running_mean is not None
        for buffer in BUFFERS
    }
    strangers = sorted(set(own) ^ set(state))
    strangers += [name for name in own if name in state and own[name].shape != state[name].shape]
    if strangers:
        close = nearest(strangers[0], own)
        raise ValueError(
            f"calibration file {path} was made for another network than model {model.name!r}: {strangers[0]} does not "
            f"agree ({len(strangers)} such entries)" + (f"; nearest: {', '.join(close)}" if close else "")
        )
    with torch.no_grad():
        for name, values in state.items():
            own[name].copy_(values)
    model.calibration_sha256 = file_sha256(path)
    logger.info("model %s: batch-norm statistics of %d layers from %s", model.name, len(own) // 2, path)

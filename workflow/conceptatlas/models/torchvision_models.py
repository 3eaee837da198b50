"""Model source `torchvision`: classifiers by name, with registry weights, a local file, or none (twins).

Registry weights are downloaded by torchvision on first use; everything else works offline.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import torch
import torchvision
from torch import nn

from conceptatlas.models.loaded import IMAGENET_MEAN, IMAGENET_STD, LoadedModel
from conceptatlas.models.rows import SHUFFLED, integer_cell, looks_like_path, text_cell, triple_cell
from conceptatlas.models.weights import State, weighted
from conceptatlas.naming import unknown

DEFAULT_INPUT_SIZE = 224


def load(row: dict[str, Any]) -> LoadedModel:
    """Load a torchvision classifier (see `models.index.load_model` for the row and the errors)."""
    architecture = text_cell(row, "architecture")
    name = text_cell(row, "model", "?")
    known = torchvision.models.list_models(module=torchvision.models)
    if architecture not in known:
        raise unknown("architecture", architecture, known, where=f"model {name!r} (source torchvision)")
    entry = _entry(row, architecture)
    module, sha256 = weighted(
        row,
        lambda: torchvision.models.get_model(architecture, weights=None),
        registry=lambda weights: _download(architecture, weights, model=name),
        fit=lambda state: _fitted(architecture, state, like=entry),
    )
    mean, std, size, origin = IMAGENET_MEAN, IMAGENET_STD, DEFAULT_INPUT_SIZE, "default (ImageNet)"
    if entry is not None:
        transform = entry.transforms()
        mean, std, size = tuple(transform.mean), tuple(transform.std), int(transform.crop_size[0])
        origin = f"weights {entry}"
    if text_cell(row, "mean") or text_cell(row, "std"):
        origin = "sheet"
    return LoadedModel(
        name=name,
        module=module,
        input_size=integer_cell(row, "input_size", size),
        mean=triple_cell(row, "mean", mean),
        std=triple_cell(row, "std", std),
        weights_sha256=sha256,
        classes=list(entry.meta["categories"]) if entry is not None and "categories" in entry.meta else None,
        preprocessing={"normalisation": origin},
        source={
            "source": "torchvision",
            "architecture": architecture,
            "weights": text_cell(row, "weights"),
            "seed": integer_cell(row, "seed", 0),
            "torchvision": torchvision.__version__,
        },
    )


def _entry(row: dict[str, Any], architecture: str) -> Any:
    """The registry entry that the row's weights (shuffled or not) name; None for files and random weights."""
    weights = text_cell(row, "weights").removeprefix(SHUFFLED)
    if not weights or weights == "random" or looks_like_path(weights):
        return None
    registry = torchvision.models.get_model_weights(architecture)
    if weights not in registry.__members__:
        raise unknown("weights", weights, registry.__members__, where=f"torchvision's {architecture}")
    return registry[weights]


def _download(architecture: str, weights: str, *, model: str) -> Path:
    """Path of the registry weights in torch's cache, downloaded (and checked by torchvision's hash) if needed."""
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


def _fitted(architecture: str, state: State, *, like: Any) -> nn.Module:
    """The network with as many classes as the state dict has outputs (a fine-tuned file may differ from 1000).

    Two architectures take their input differently with registry weights: those are built as torchvision builds them.
    """
    options: dict[str, Any] = {}
    if like is not None and architecture in {"googlenet", "inception_v3"}:
        options["transform_input"] = True
    module = torchvision.models.get_model(architecture, weights=None, **options)
    heads = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
    bias = state.get(f"{heads[-1]}.bias")
    if bias is not None and bias.shape != module.get_parameter(f"{heads[-1]}.bias").shape:
        options["num_classes"] = int(bias.shape[0])
        module = torchvision.models.get_model(architecture, weights=None, **options)
    return module

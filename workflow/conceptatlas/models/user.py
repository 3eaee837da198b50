"""Model source `user`: a function of your own that builds the network, `module:function` or `path/to/file.py:function`.

The function is called with those of the keyword arguments ``weights`` (path or None) and ``seed`` that it accepts. It
returns a `torch.nn.Module`, or a pair of one and a dictionary with any of: classes (list of str), input_size, mean,
std, channel_last (dotted modules whose output is (image, height, width, unit)), prefix_tokens (int).
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from conceptatlas.files import file_sha256
from conceptatlas.models.loaded import IMAGENET_MEAN, IMAGENET_STD, LoadedModel
from conceptatlas.models.randomise import seeded_build, shuffle_parameters
from conceptatlas.models.rows import RANDOM, SHUFFLED, integer_cell, text_cell, triple_cell
from conceptatlas.models.weights import check_sha256, load_state, read_state, state_sha256
from conceptatlas.naming import unknown

DETAILS = ("classes", "input_size", "mean", "std", "channel_last", "prefix_tokens")


def load(row: dict[str, Any]) -> LoadedModel:
    """Load a network from the user's function (see `models.index.load_model` for the row and the errors)."""
    name = text_cell(row, "model", "?")
    architecture = text_cell(row, "architecture")
    weights, seed = text_cell(row, "weights"), integer_cell(row, "seed", 0)
    function = find_function(architecture, model=name)
    path = _existing(weights, model=name)
    accepted = _accepted(function)
    offered = {"weights": None if path is None else str(path), "seed": seed}
    given = {key: value for key, value in offered.items() if key in accepted}
    result: Any = None

    def build() -> nn.Module:
        nonlocal result
        result = function(**given)
        module = result[0] if isinstance(result, tuple) and len(result) == 2 else result
        if not isinstance(module, nn.Module):
            raise ValueError(
                f"model {name!r}: {architecture} returned a {type(result).__name__}, expected a torch.nn.Module or a "
                "pair (torch.nn.Module, dict)"
            )
        return module

    module = seeded_build(build, seed=seed)
    details = _details(result, model=name, architecture=architecture)
    if path is not None and "weights" not in given:
        load_state(module, read_state(path), where=f"model {name!r}: weights file {path}")
    module.float()
    if weights.startswith(SHUFFLED):
        shuffle_parameters(module, seed=seed)
    unchanged = path is not None and not weights.startswith(SHUFFLED)
    sha256 = file_sha256(path) if unchanged and path is not None else state_sha256(module.state_dict())
    check_sha256(row, sha256)
    stated = bool(text_cell(row, "mean") or text_cell(row, "std"))
    return LoadedModel(
        name=name,
        module=module,
        input_size=integer_cell(row, "input_size", int(details.get("input_size", 224))),
        mean=triple_cell(row, "mean", tuple(details.get("mean", IMAGENET_MEAN))),
        std=triple_cell(row, "std", tuple(details.get("std", IMAGENET_STD))),
        weights_sha256=sha256,
        classes=list(details["classes"]) if details.get("classes") is not None else None,
        preprocessing={
            "normalisation": "sheet" if stated else "function" if "mean" in details else "default (ImageNet)"
        },
        channel_last=frozenset(details.get("channel_last", ())),
        prefix_tokens=details.get("prefix_tokens"),
        source={"source": "user", "architecture": architecture, "weights": weights, "seed": seed},
    )


def find_function(architecture: str, *, model: str) -> Callable[..., Any]:
    """The function that a cell `architecture` names; ValueError where there is none (with near matches)."""
    place, colon, name = architecture.rpartition(":")
    if not colon or not place or not name:
        raise ValueError(
            f"model {model!r}: architecture {architecture!r}, expected `module:function` or `path/to/file.py:function`"
        )
    if place.endswith(".py"):
        path = Path(place)
        if not path.is_file():
            raise ValueError(f"model {model!r}: file {place} does not exist (relative to where the workflow runs)")
        # named by its content's place: two files called models.py must not be taken for each other
        key = f"conceptatlas_user_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:12]}"
        spec = importlib.util.spec_from_file_location(key, path)
        if spec is None or spec.loader is None:
            raise ValueError(f"model {model!r}: file {place} cannot be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[key] = module  # dataclasses and pickles look their module up there
        spec.loader.exec_module(module)
    else:
        try:
            module = importlib.import_module(place)
        except ModuleNotFoundError as error:
            if error.name is None or not (place == error.name or place.startswith(f"{error.name}.")):
                raise  # the user's module is there; what it imports is not
            raise ValueError(
                f"model {model!r}: module {place!r} cannot be imported ({error}); install it, or give the path of a "
                "file as `path/to/file.py:function`"
            ) from None
    function = getattr(module, name, None)
    if not callable(function):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise unknown("function", name, known, where=place)
    return function


def _existing(weights: str, *, model: str) -> Path | None:
    """The weights file; None for `random` and for an empty cell (the function brings its own weights)."""
    origin = weights.removeprefix(SHUFFLED)
    if origin in ("", RANDOM):
        return None
    path = Path(origin)
    if not path.is_file():
        raise ValueError(f"model {model!r}: weights file {origin} does not exist (relative to where the workflow runs)")
    return path


def _accepted(function: Callable[..., Any]) -> set[str]:
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return {"weights", "seed"}
    return {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}


def _details(result: Any, *, model: str, architecture: str) -> dict[str, Any]:
    details = result[1] if isinstance(result, tuple) else {}
    if not isinstance(details, dict):
        raise ValueError(f"model {model!r}: the second value of {architecture} is no dictionary")
    for key in details:
        if key not in DETAILS:
            raise unknown("detail", str(key), DETAILS, where=f"what {architecture} returned")
    return details

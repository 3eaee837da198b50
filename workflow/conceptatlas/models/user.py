"""Model source `user`: a function of your own that builds the network, `module:function` or `path/to/file.py:function`.

The function is called with those of the keyword arguments ``weights`` (path or None) and ``seed`` that it accepts, and
with the options of the row. It returns a `torch.nn.Module`, or a pair of one and a dictionary with any of: classes
(list of str), input_size, mean, std, channel_last (dotted modules whose output is (image, height, width, unit)),
prefix_tokens (int).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import nn

from conceptatlas.files import file_sha256
from conceptatlas.models.key_map import check_targets, read_key_map, rename_keys
from conceptatlas.models.loaded import IMAGENET_MEAN, IMAGENET_STD, LoadedModel
from conceptatlas.models.options import builder_options
from conceptatlas.models.randomise import seeded_build, shuffle_parameters
from conceptatlas.models.rows import KEY_MAP, RANDOM, SHUFFLED, integer_cell, options_cell, text_cell, triple_cell
from conceptatlas.models.weights import check_sha256, load_state, read_state, state_sha256
from conceptatlas.naming import unknown
from conceptatlas.plugins import find_callable

DETAILS = ("classes", "input_size", "mean", "std", "channel_last", "prefix_tokens")


def load(row: dict[str, Any]) -> LoadedModel:
    """Load a network from the user's function (see `models.index.load_model` for the row and the errors)."""
    name = text_cell(row, "model", "?")
    architecture = text_cell(row, "architecture")
    weights, seed = text_cell(row, "weights"), integer_cell(row, "seed", 0)
    function = find_callable(architecture, where=f"model {name!r}")
    path = _existing(weights, model=name)
    accepted = _accepted(function)
    offered = {"weights": None if path is None else str(path), "seed": seed}
    given: dict[str, Any] = {key: value for key, value in offered.items() if key in accepted}
    known = None if "**" in accepted else sorted(accepted - set(offered))
    given |= builder_options(row, known=known, refused=dict.fromkeys(offered, "it is a column"))
    modules = _key_map(row, path=path, own="weights" in given)
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
    check_targets(modules, module, where=f"model {name!r}: key map")
    details = _details(result, model=name, architecture=architecture)
    if path is not None and "weights" not in given:
        state = rename_keys(read_state(path), modules, where=f"model {name!r}: key map")
        load_state(module, state, where=f"model {name!r}: weights file {path}")
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
        source={
            "source": "user",
            "architecture": architecture,
            "weights": weights,
            "seed": seed,
            "options": options_cell(row),
        },
    )


def _existing(weights: str, *, model: str) -> Path | None:
    """The weights file; None for `random` and for an empty cell (the function brings its own weights)."""
    origin = weights.removeprefix(SHUFFLED)
    if origin in ("", RANDOM):
        return None
    path = Path(origin)
    if not path.is_file():
        raise ValueError(f"model {model!r}: weights file {origin} does not exist (relative to where the workflow runs)")
    return path


def _key_map(row: dict[str, Any], *, path: Path | None, own: bool) -> dict[str, str]:
    """The pairs of the row's key map; refused where there is no file that this project reads and renames."""
    key_map = options_cell(row).get(KEY_MAP)
    if key_map is None:
        return {}
    if path is None or own:
        why = "the function reads its weights itself" if own and path is not None else "there is no weights file"
        raise ValueError(f"model {row.get('model', '?')!r}: {KEY_MAP} has nothing to rename: {why}")
    return read_key_map(str(key_map))


def _accepted(function: Callable[..., Any]) -> set[str]:
    """Names of the function's keyword arguments; "**" among them where it takes any."""
    parameters = inspect.signature(function).parameters.values()
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters):
        return {"weights", "seed", "**"}
    return {p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)}


def _details(result: Any, *, model: str, architecture: str) -> dict[str, Any]:
    details = result[1] if isinstance(result, tuple) else {}
    if not isinstance(details, dict):
        raise ValueError(f"model {model!r}: the second value of {architecture} is no dictionary")
    for key in details:
        if key not in DETAILS:
            raise unknown("detail", str(key), DETAILS, where=f"what {architecture} returned")
    return details

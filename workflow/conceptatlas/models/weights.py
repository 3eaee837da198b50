"""Weights from files, safely: safetensors or a state dict that runs no code, loaded strictly or refused by name.

Also what every source does with the `weights` cell of a row (`weighted`): a file, `random`, `shuffled:<...>`, or a name
that the source's own registry knows.
"""

from __future__ import annotations

import hashlib
import logging
import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from conceptatlas.files import file_sha256
from conceptatlas.models.key_map import check_targets, read_key_map, rename_keys
from conceptatlas.models.randomise import seeded_build, shuffle_parameters
from conceptatlas.models.rows import KEY_MAP, RANDOM, SHUFFLED, integer_cell, looks_like_path, options_cell, text_cell
from conceptatlas.naming import nearest

logger = logging.getLogger(__name__)

State = dict[str, torch.Tensor]
_COUNTER = "num_batches_tracked"  # of batch norm; no number depends on it in evaluation mode
_WRAPPERS = ("state_dict", "model_state_dict", "model")  # keys under which training scripts keep the state dict


def read_state(path: str | Path) -> State:
    """Tensors of a weights file by parameter name; floating-point ones as float32, a ``module.`` prefix removed.

    path : ``.safetensors``, or a file of `torch.save` that holds a state dict (or a checkpoint with one under
        ``state_dict``, ``model_state_dict`` or ``model``).

    Raises
    ------
    ValueError
        for a missing or damaged file, one that would run code when unpickled, or one that holds no state dict.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"weights file {path} does not exist; give a path relative to where the workflow runs")
    state = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    names = list(state)
    if names and all(name.startswith("module.") for name in names):  # torch.nn.DataParallel
        state = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    state = {name: t.float() if t.is_floating_point() else t for name, t in state.items()}
    for name, tensor in state.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ValueError(f"weights file {path}: {name} holds values that are not finite")
    return state


def _read_safetensors(path: Path) -> State:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(f"weights file {path} is not a whole safetensors file ({error})") from None


def _read_torch(path: Path) -> State:
    try:
        content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"weights file {path} would run code when it is read, or is damaged, and is refused. Save the state dict "
            "alone (torch.save(model.state_dict(), ...)) or as safetensors, or build the model in a function of your "
            f"own (source `user`). torch says: {str(error).splitlines()[0]}"
        ) from None
    except (RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"weights file {path} cannot be read: {error}") from None
    for key in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
            break
    if not isinstance(content, Mapping) or not content:
        raise ValueError(f"weights file {path} holds a {type(content).__name__}, expected a state dict")
    strangers = [str(name) for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if strangers:
        raise ValueError(
            f"weights file {path} holds more than tensors ({', '.join(strangers[:5])}); expected a state dict, or a "
            f"checkpoint with one under {', '.join(_WRAPPERS)}"
        )
    return {str(name): tensor for name, tensor in content.items()}


def load_state(module: nn.Module, state: State, *, where: str) -> None:
    """Load a state dict strictly; only `num_batches_tracked` counters may be missing or too many (old files have none).

    Names of older versions that the network's own classes rename while they load are theirs to rename.

    Raises
    ------
    ValueError
        listing missing and unexpected names, each with its nearest match, and tensors of another shape.
    """
    own = module.state_dict()
    shapes = [name for name in own if name in state and own[name].shape != state[name].shape]
    missing = [name for name in own if name not in state]
    unexpected = [name for name in state if name not in own]
    if not shapes:
        try:
            missing, unexpected = map(list, module.load_state_dict(state, strict=False))
        except RuntimeError as error:  # shapes that show only after the network's own renaming
            raise ValueError(f"{where} does not fit {type(module).__name__}: {error}") from None
    missing, unexpected = ([name for name in names if not name.endswith(_COUNTER)] for names in (missing, unexpected))
    problems = []
    if missing:
        problems.append("missing: " + _listed(missing, unexpected))
    if unexpected:
        problems.append("unexpected: " + _listed(unexpected, missing))
    if shapes:
        shown = [f"{name} {tuple(state[name].shape)} instead of {tuple(own[name].shape)}" for name in shapes[:5]]
        problems.append("other shape: " + ", ".join(shown) + _more(len(shapes) - 5))
    if problems:
        raise ValueError(f"{where} does not fit {type(module).__name__}: " + "; ".join(problems))


def fits(module: nn.Module, state: State) -> bool:
    """Whether a state dict has the names and shapes of a network, but for counters."""
    own, given = (
        {name: tensor.shape for name, tensor in tensors.items() if not name.endswith(_COUNTER)}
        for tensors in (module.state_dict(), state)
    )
    return own == given


def _listed(names: list[str], others: list[str]) -> str:
    shown = []
    for name in names[:5]:
        close = nearest(name, others, n=1)
        shown.append(name + (f" (nearest: {close[0]})" if close else ""))
    return ", ".join(shown) + _more(len(names) - 5)


def _more(n: int) -> str:
    return f", ... and {n} more" if n > 0 else ""


def state_sha256(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 over names, dtypes, shapes and bytes of a state dict, as hex: the identity of weights without a file."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def check_sha256(row: dict[str, Any], found: str) -> None:
    """Raise ValueError unless the row's `weights_sha256` (where given) is `found`."""
    expected = text_cell(row, "weights_sha256").lower()
    if expected and expected != found:
        raise ValueError(
            f"model {row.get('model', '?')!r}: weights {row.get('weights', '')!r} have sha256 {found}, "
            f"the sheet says {expected}"
        )


def weighted(
    row: dict[str, Any],
    build: Callable[[], nn.Module],
    *,
    registry: Callable[[str], Path] | None = None,
    fit: Callable[[State], nn.Module] | None = None,
    convert: Callable[[nn.Module, State], State] | None = None,
) -> tuple[nn.Module, str]:
    """The network of a row with its weights, and their sha256.

    Parameters
    ----------
    row : cells `model`, `weights`, `seed`, `weights_sha256` and the option `key_map` are used.
    build : makes the network with PyTorch's own initialisation.
    registry : path of the file for a name that is no path (it may download); raises ValueError for unknown names.
    fit : makes the network for a state dict (another number of classes, say); default: `build`.
    convert : (network, state dict) -> state dict with the network's names, for files of other versions or libraries.

    Notes
    -----
    ``random``: `build` under a generator seeded by (seed, "init"). ``shuffled:<file or name>``: trained weights,
    the entries of every parameter permuted (`randomise.shuffle_parameters`). The sha256 is the file's; the tensors'
    for ``random`` and ``shuffled:`` weights, which are the tensors that run. A key map renames what was read before
    anything else looks at it.
    """
    name, seed = text_cell(row, "model", "?"), integer_cell(row, "seed", 0)
    weights = text_cell(row, "weights")
    key_map = options_cell(row).get(KEY_MAP)
    if weights == RANDOM:
        if key_map is not None:
            raise ValueError(f"model {name!r}: {KEY_MAP} renames what a weights file holds; weights are `random`")
        module = seeded_build(build, seed=seed)
        sha256 = state_sha256(module.state_dict())
        check_sha256(row, sha256)
        return module, sha256
    shuffled = weights.startswith(SHUFFLED)
    origin = weights.removeprefix(SHUFFLED)
    if not origin:
        raise ValueError(
            f"model {name!r}: no weights given; expected a file, `random`, `shuffled:<file>`"
            + (" or a registry name" if registry else "")
        )
    if registry is not None and not looks_like_path(origin):
        path = registry(origin)
    else:
        path = Path(origin)
    state = read_state(path)
    modules = read_key_map(str(key_map)) if key_map is not None else {}
    place = f"model {name!r}: key map {key_map}"
    state = rename_keys(state, modules, where=place)
    module = seeded_build(lambda: fit(state) if fit else build(), seed=seed)
    check_targets(modules, module, where=place)
    if convert is not None:
        state = convert(module, state)
    load_state(module, state, where=f"model {name!r}: weights file {path}")
    if shuffled:
        shuffle_parameters(module, seed=seed)
    sha256 = state_sha256(module.state_dict()) if shuffled else file_sha256(path)
    check_sha256(row, sha256)
    logger.info("model %s: weights %s, sha256 %s", name, weights, sha256)
    return module, sha256

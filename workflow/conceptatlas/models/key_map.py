"""Names of a weights file as a network has them: the option ``key_map`` of a model row.

The same tensors lie in files under the names of the library that wrote them. A key map is a JSON object, module of the
file -> module of the network; what a module holds (weight, bias, running_mean ...) is called the same everywhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from torch import nn

from conceptatlas.naming import unknown

T = TypeVar("T")


def read_key_map(path: str | Path) -> dict[str, str]:
    """The pairs of a key map: module of the weights file -> module of the network.

    Raises
    ------
    ValueError
        for a missing file, and one that is no JSON object of text to text.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"key map {path} does not exist; give a path relative to where the workflow runs")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"key map {path} is no JSON file: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(
            f"key map {path} holds a {type(content).__name__}, expected an object, module in the file -> module of the "
            "network"
        )
    for source, target in content.items():
        if not isinstance(target, str):
            raise ValueError(f"key map {path}: {source!r} -> {target!r}, expected the name of a module as text")
    return content


def rename_keys(state: Mapping[str, T], modules: Mapping[str, str], *, where: str) -> dict[str, T]:
    """A state dict under the names that a key map gives it; modules that it does not name keep theirs.

    >>> rename_keys({"features.0.weight": 1, "head.bias": 2}, {"features.0": "stem"}, where="key map")
    {'stem.weight': 1, 'head.bias': 2}

    Raises
    ------
    ValueError
        where two names become one.
    """
    origins: dict[str, str] = {}
    for name in state:
        module, dot, own = name.rpartition(".")
        new = f"{modules.get(module, module)}{dot}{own}"
        if new in origins:
            raise ValueError(f"{where}: {origins[new]} and {name} both become {new}")
        origins[new] = name
    return {new: state[name] for new, name in origins.items()}


def check_targets(modules: Mapping[str, str], network: nn.Module, *, where: str) -> None:
    """Raise ValueError, with the nearest names, for a target of a key map that is no module of the network."""
    known = [name for name, _ in network.named_modules(remove_duplicate=False)]
    for target in modules.values():
        if target not in known:
            raise unknown("module", target, known, where=f"{where} (its targets are modules of the network)")

"""Generator source `user`: a function of your own, `module:function` or `path/to/file.py:function`.

It is called with those of the keyword arguments ``name``, ``weights`` (list of the paths in the cell, separated by
``;``) and ``device`` that it accepts, and with the options of the row. It returns an object with the names of
`generator.Generator`.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import torch

from conceptatlas.generators.rows import row_options, weights_files
from conceptatlas.naming import unknown
from conceptatlas.plugins import find_callable


def load(row: dict[str, Any], *, device: torch.device) -> Any:
    """What the user's function returns (`loaded.load_generator` checks it).

    Raises
    ------
    ValueError
        for weights that are not there, and options that the function does not take, with the nearest.
    """
    place = f"generator {row.get('generator', '?')!r}"
    function = find_callable(str(row.get("architecture", "")), where=place)
    weights = weights_files(row)
    for path in weights:
        if not Path(path).is_file():
            raise ValueError(f"{place}: weights file {path} does not exist (relative to where the workflow runs)")
    parameters = inspect.signature(function).parameters.values()
    any_key = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    accepted = [p.name for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    offered = {"name": str(row.get("generator", "")), "weights": weights, "device": device}
    given: dict[str, Any] = {key: value for key, value in offered.items() if any_key or key in accepted}
    for key, value in row_options(row).items():
        if key in offered:
            raise ValueError(f"{place}: option {key!r} is not for the sheet: it is a column, or the workflow's own")
        if not any_key and key not in accepted:
            raise unknown("option", key, [name for name in accepted if name not in offered], where=f"{place}'s options")
        given[key] = value
    return function(**given)

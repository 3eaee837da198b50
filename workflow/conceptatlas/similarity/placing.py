"""Where in its model a layer stands: its relative depth, read from the reports of the models."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from conceptatlas.files import read_json


def with_depths(places: Iterable[Sequence[str]], reports: Iterable[str | Path]) -> list[list[Any]]:
    """[model, layer, relative depth] of every [model, layer], in the same order.

    reports : model reports (`conceptatlas.models.check`). Relative depth : share of the calls of a model's innermost
    modules that have run when the layer is done, 0 to 1.

    Raises
    ------
    ValueError
        if a layer stands in none of the reports.
    """
    depths: dict[tuple[str, str], float] = {}
    for path in reports:
        report = read_json(path)
        depths |= {(report["model"], layer): about["depth"] for layer, about in report["layers"].items()}
    out: list[list[Any]] = []
    for model, layer in places:
        if (model, layer) not in depths:
            raise ValueError(f"layer {model} {layer} stands in none of the {len(depths)} layers of the model reports")
        out.append([model, layer, float(depths[model, layer])])
    return out

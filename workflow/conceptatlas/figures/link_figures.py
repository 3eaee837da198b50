"""The figure job of a link, and ``figures.json``, which lists the figures."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py

from conceptatlas.figures.counterfactual_matrix import success_matrix
from conceptatlas.figures.counterfactual_trajectories import read_trajectories, trajectories
from conceptatlas.figures.drawn import Drawn, write_figures
from conceptatlas.figures.link_pictures import cycled_pictures
from conceptatlas.figures.link_quality import link_quality
from conceptatlas.figures.style import plain
from conceptatlas.figures.trajectory_changes import trajectory_changes
from conceptatlas.files import read_json
from conceptatlas.tables import read_table

SHOWS = {
    "link_quality": "R^2 of the link, congruence of the two spaces and the circle, with intervals and nulls",
    "cycled_pictures": "held-out pictures above their copies through classifier, link and generator",
    "success_matrix": "success and length of counterfactuals by pair of classes",
    "trajectories": "generated pictures on the way from one class to another, with logits",
    "trajectory_changes": "areas of the labels that change most on the way from one class to another",
}


def plot_link(
    *,
    generator: str,
    model: str,
    table: str | Path,
    record: str | Path,
    cycled: str | Path,
    counterfactuals: Sequence[str],
    changes: str | Path | None,
    options: Mapping[str, Any],
    folder: str | Path,
) -> None:
    """Draw everything about a link into a folder.

    table, record, cycled : link.parquet, link.json, cycled.h5. counterfactuals : table, rates and trajectories, or
    none. changes : trajectories.parquet, or None. options : config section `figures`.
    """
    place = f"generator {plain(generator)}, classifier {plain(model)}"
    source = f"Pictures: made by generator {plain(generator)}."

    def figures() -> Iterator[Drawn]:
        yield Drawn("link_quality", "", 1, link_quality(read_table(table), read_json(record)))
        with h5py.File(cycled, "r") as store:
            pictures, classes, answers, errors = (store[name][:] for name in ("pictures", "class", "answer", "rmse"))
            names = json.loads(store.attrs["classes"])
        shown = cycled_pictures(pictures, classes, answers, errors, names, place=place, source=source)
        yield Drawn("cycled_pictures", "", 1, shown)
        if counterfactuals:
            rows, rates = read_table(counterfactuals[0]), read_table(counterfactuals[1])
            yield Drawn("success_matrix", "", 1, success_matrix(rates, rows, place=place))
            found = read_trajectories(counterfactuals[2])
            yield Drawn("trajectories", "", 1, trajectories(found, rows, place=place, source=source))
        if changes is not None:
            yield Drawn("trajectory_changes", "", 1, trajectory_changes(read_table(changes), place=place))

    write_figures(figures(), folder, dataset="", model=model, shows=SHOWS, options=options)

"""The figure job that compares all models of a data set by Net2Vec, and ``figures.json``, which lists its figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from conceptatlas.figures.net2vec_distances import distance_by_category, distance_matrix
from conceptatlas.figures.net2vec_facts import TASKS
from conceptatlas.figures.net2vec_figures import Drawn, write_figure
from conceptatlas.figures.net2vec_models import correlated, equal_or_better, models
from conceptatlas.files import write_json
from conceptatlas.tables import read_table

SHOWS = {
    "equal_or_better": "share of concepts for which all filters are equal to or better than one, every layer and task",
    "models": "mean scores of one filter and of all by category, every layer of every model",
    "correlated": "share of concepts whose weights correlate with the IoU of single filters, every layer",
    "distance_matrix": "distances between the embedding spaces of layers, tasks and words",
    "distance_by_category": "distances of concepts between chosen spaces, by category",
}


def plot_net2vec_models(
    *,
    dataset: str,
    summary: str | Path,
    spaces: str | Path,
    distances: str | Path,
    concept_distances: str | Path,
    folder: str | Path,
    options: dict[str, Any],
) -> None:
    """Write the comparison of all models of a data set into a folder.

    Parameters
    ----------
    summary, spaces, distances, concept_distances : the tables of the data set.
    folder : where the figures go: ``{figure}.png``, ``{figure}~2.png``.
    options : config section `figures` (dpi, formats).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = _figures(summary, spaces, distances, concept_distances)
    entries = [write_figure(figure, folder, options, SHOWS) for figure in drawn]
    write_json(folder / "figures.json", {"dataset": dataset, "figures": entries})


def _figures(
    summary: str | Path, spaces: str | Path, distances: str | Path, concept_distances: str | Path
) -> Iterator[Drawn]:  # fmt: skip
    joined = read_table(summary)
    yield Drawn("equal_or_better", "", 1, equal_or_better(joined))
    tasks = [task for task in TASKS if (joined["task"] == task).any()]
    for page, task in enumerate(tasks, start=1):
        yield Drawn("models", "", page, models(joined, task=task))
    if "segmentation" in tasks:
        yield Drawn("correlated", "", 1, correlated(joined))
    of_spaces = read_table(spaces)
    yield Drawn("distance_matrix", "", 1, distance_matrix(of_spaces, read_table(distances)))
    yield Drawn("distance_by_category", "", 1, distance_by_category(of_spaces, read_table(concept_distances)))

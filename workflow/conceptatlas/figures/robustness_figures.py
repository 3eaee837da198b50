"""The figure job of detector robustness: all figures of a model, and ``figures.json``, which lists them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from conceptatlas.figures import robustness_categories, robustness_examples
from conceptatlas.figures.drawn import Drawn, one_file_a_layer, write_figures
from conceptatlas.figures.reading import read_perturbed
from conceptatlas.figures.robustness_concepts import robust_concepts
from conceptatlas.figures.robustness_curves import robustness_curves
from conceptatlas.figures.robustness_examples import LayerExamples
from conceptatlas.figures.robustness_fates import robustness_fates
from conceptatlas.tables import read_table

SHOWS = {
    "robustness": "detectors kept, IoU retained and agreement of masks against the level of each perturbation",
    "robustness_by_category": "IoU retained by category against the level of each perturbation",
    "robustness_fates": "detectors kept, relabelled and lost at every level",
    "robustness_examples": "pictures of a unit of each layer, original against every level, with the mask",
    "robust_concepts": "the most and the least robust concepts of a layer, with intervals",
}


def plot_robustness(
    *,
    dataset: str,
    model: str,
    layers: list[str],
    units: list[str],
    summaries: list[str],
    concepts: list[str],
    examples: list[str],
    twin: str,
    twin_summaries: list[str],
    folder: str | Path,
    options: dict[str, Any],
    embed_images: bool,
) -> None:
    """Write every figure of a model's robustness into a folder.

    Parameters
    ----------
    layers : names, in the order of the sheet. units, summaries, concepts, examples : their files, in the same order.
    twin, twin_summaries : the model's random twin and its summaries; empty if there is none.
    folder : where the figures go: ``{figure}.png``, ``{figure}_{layer}.png``, ``{figure}~2.png``.
    options : config section `figures` (dpi, formats).
    embed_images : whether pictures of the data set may be shown; otherwise grids show the masks alone.

    Raises
    ------
    ValueError
        if the lists are not one file a layer.
    """
    files = {"units": units, "summaries": summaries, "concepts": concepts, "examples": examples}
    one_file_a_layer(layers, files, place=f"figures of {model} on {dataset}")
    twin_summary = _joined(twin_summaries) if twin_summaries else None
    drawn = _figures(
        layers, units, summaries, concepts, examples, twin=twin, twin_summary=twin_summary, embed_images=embed_images
    )
    write_figures(drawn, folder, dataset=dataset, model=model, shows=SHOWS, options=options)


def _figures(
    layers: list[str],
    units: list[str],
    summaries: list[str],
    concepts: list[str],
    examples: list[str],
    *,
    twin: str,
    twin_summary: pd.DataFrame | None,
    embed_images: bool,
) -> Iterator[Drawn]:
    """Figures of the model, then of its layers; one figure is held in memory at a time."""
    summary = _joined(summaries)
    yield Drawn("robustness", "", 1, robustness_curves(summary, twin=twin_summary, twin_name=twin))
    for page in range(robustness_categories.n_pages(summary)):
        figure = robustness_categories.robustness_by_category(summary, page=page)
        yield Drawn("robustness_by_category", "", page + 1, figure)
    yield Drawn("robustness_fates", "", 1, robustness_fates(summary))
    parts = [
        LayerExamples(layer, read_table(unit), read_perturbed(example))
        for layer, unit, example in zip(layers, units, examples, strict=True)
    ]
    for page in range(robustness_examples.n_pages(parts)):
        figure = robustness_examples.robustness_examples(parts, summary=summary, page=page, embed_images=embed_images)
        yield Drawn("robustness_examples", "", page + 1, figure)
    for layer, own, path in zip(layers, concepts, summaries, strict=True):
        figure = robust_concepts(read_table(own), summary=read_table(path), layer=layer)
        yield Drawn("robust_concepts", layer, 1, figure)


def _joined(paths: list[str]) -> pd.DataFrame:
    return pd.concat([read_table(path) for path in paths], ignore_index=True)

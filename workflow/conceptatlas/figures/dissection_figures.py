"""The figure jobs of Network Dissection: all figures of a model, and the comparison of a data set's models."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from conceptatlas.figures.activation_distributions import activation_distributions, choose_units
from conceptatlas.figures.drawn import Drawn, one_file_a_layer, write_figures
from conceptatlas.figures.iou_null import iou_against_null
from conceptatlas.figures.label_bars import label_bars
from conceptatlas.figures.label_scores import label_scores
from conceptatlas.figures.layer_graph import layer_graph
from conceptatlas.figures.reading import read_distributions, read_gallery
from conceptatlas.figures.saving import DPI, save_figure
from conceptatlas.figures.tau_sensitivity import tau_sensitivity
from conceptatlas.figures.twins import twin_figure
from conceptatlas.figures.unique_detectors import unique_detectors
from conceptatlas.figures.unit_gallery import n_pages, unit_gallery
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import read_table

logger = logging.getLogger(__name__)

SHOWS = {
    "layer_graph": "detectors of every category against depth",
    "unique_detectors": "detectors and unique detectors of every layer, with interval and null",
    "tau_sensitivity": "detectors and unique detectors against tau",
    "unit_gallery": "top images of the best units with their masks",
    "label_bars": "labels of the detectors and how many units carry each",
    "iou_null": "best IoU of every unit against permuted labels",
    "label_scores": "IoU against F1, Pearson, cosine and AUPRC of the same labels",
    "activation_distributions": "distributions of activations with the threshold",
}


class _Layer(NamedTuple):
    name: str
    labels: str
    units: str
    summary: str
    gallery: str
    statistics: str


def plot_model(
    *,
    dataset: str,
    model: str,
    layers: list[str],
    labels: list[str],
    units: list[str],
    summaries: list[str],
    galleries: list[str],
    statistics: list[str],
    folder: str | Path,
    options: dict[str, Any],
    embed_images: bool,
) -> None:
    """Write every figure of a dissected model into a folder.

    Parameters
    ----------
    layers : names, in the order of the sheet. labels, units, summaries, galleries, statistics : their files, in the
        same order.
    folder : where the figures go: ``{figure}.png``, ``{figure}_{layer}.png``, ``unit_gallery_{layer}~2.png``.
    options : config section `figures` (dpi, formats).
    embed_images : whether pictures of the data set may be shown; otherwise galleries show the masks alone.

    Raises
    ------
    ValueError
        if the lists are not one file a layer.
    """
    files = {
        "labels": labels,
        "units": units,
        "summaries": summaries,
        "galleries": galleries,
        "statistics": statistics,
    }
    one_file_a_layer(layers, files, place=f"figures of {model} on {dataset}")
    parts = [_Layer(*row) for row in zip(layers, labels, units, summaries, galleries, statistics, strict=True)]
    drawn = _figures(parts, embed_images=embed_images)
    write_figures(drawn, folder, dataset=dataset, model=model, shows=SHOWS, options=options)


def plot_detectors(
    *,
    summary: str | Path,
    detectors: list[str],
    positions: list[str],
    twins: list[dict[str, str]],
    options: dict[str, Any] | None = None,
) -> None:
    """Write the comparison of all models dissected on a data set.

    Parameters
    ----------
    summary : the joined summary. detectors, positions : paths of the two figures, one a format.
    twins : rows of models.tsv that are twins (model, twin_of, twin_role); may be empty.
    options : config section `figures`.
    """
    table = _table(summary)
    dpi = int((options or {}).get("dpi", DPI))
    roles = {twin["model"]: f"{twin['twin_role']} of {twin['twin_of']}" for twin in twins}
    save_figure(unique_detectors(table, roles=roles), detectors, dpi=dpi)
    save_figure(twin_figure(table, twins=twins), positions, dpi=dpi)


def _figures(layers: list[_Layer], *, embed_images: bool) -> Iterator[Drawn]:
    """Figures of the model, then layer by layer; one figure is held in memory at a time."""
    joined = pd.concat([_table(layer.summary) for layer in layers], ignore_index=True)
    yield Drawn("layer_graph", "", 1, layer_graph(joined))
    yield Drawn("unique_detectors", "", 1, unique_detectors(joined))
    yield Drawn("tau_sensitivity", "", 1, tau_sensitivity(joined))
    for layer in layers:
        labels, units, summary = _table(layer.labels), _table(layer.units), _table(layer.summary)
        gallery = read_gallery(layer.gallery)
        for page in range(n_pages(gallery)):
            figure = unit_gallery(
                gallery, units=units, labels=labels, summary=summary, page=page, embed_images=embed_images
            )
            yield Drawn("unit_gallery", layer.name, page + 1, figure)
        yield Drawn("label_bars", layer.name, 1, label_bars(units, summary=summary))
        yield Drawn("iou_null", layer.name, 1, iou_against_null(units, summary=summary))
        yield Drawn("label_scores", layer.name, 1, label_scores(labels, summary=summary))
        chosen = read_distributions(layer.statistics, choose_units(units))
        yield Drawn("activation_distributions", layer.name, 1, activation_distributions(units, chosen, summary=summary))


def _table(path: str | Path) -> pd.DataFrame:
    frame = read_table(path)
    if "category" in frame:
        unheard = set(frame["category"].dropna()) - {"", *CATEGORIES}
        if unheard:
            logger.warning("%s: categories without a colour of their own: %s", path, ", ".join(sorted(unheard)))
    return frame

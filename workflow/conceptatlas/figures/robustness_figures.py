"""The figure job of detector robustness: all figures of a model, and ``figures.json``, which lists them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures import robustness_categories, robustness_examples
from conceptatlas.figures.reading import read_perturbed
from conceptatlas.figures.robustness_concepts import robust_concepts
from conceptatlas.figures.robustness_curves import robustness_curves
from conceptatlas.figures.robustness_examples import LayerExamples
from conceptatlas.figures.robustness_fates import robustness_fates
from conceptatlas.figures.saving import save_figure
from conceptatlas.files import write_json
from conceptatlas.tables import read_table

logger = logging.getLogger(__name__)

SHOWS = {
    "robustness": "detectors kept, IoU retained and agreement of masks against the level of each perturbation",
    "robustness_by_category": "IoU retained by category against the level of each perturbation",
    "robustness_fates": "detectors kept, relabelled and lost at every level",
    "robustness_examples": "pictures of a unit of each layer, original against every level, with the mask",
    "robust_concepts": "the most and the least robust concepts of a layer, with intervals",
}


class Drawn(NamedTuple):
    """A figure with its name; layer is empty for figures of the whole model, page counts from 1."""

    name: str
    layer: str
    page: int
    figure: Figure


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
    wrong = [f"{len(paths)} {name}" for name, paths in files.items() if len(paths) != len(layers)]
    if wrong or not layers:
        raise ValueError(f"figures of {model} on {dataset}: {len(layers)} layers, but {', '.join(wrong) or 'no layer'}")
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    twin_summary = _joined(twin_summaries) if twin_summaries else None
    for drawn in _figures(
        layers, units, summaries, concepts, examples, twin=twin, twin_summary=twin_summary, embed_images=embed_images
    ):
        stem = f"{drawn.name}_{drawn.layer}" if drawn.layer else drawn.name
        stem += f"~{drawn.page}" if drawn.page > 1 else ""  # no layer's name holds a ~
        paths = save_figure(
            drawn.figure, [folder / f"{stem}.{suffix}" for suffix in options["formats"]], dpi=options["dpi"]
        )
        entry = drawn._asdict() | {"figure": drawn.name, "shows": SHOWS[drawn.name]}
        entries.append(
            {key: entry[key] for key in ("figure", "layer", "page", "shows")} | {"files": [p.name for p in paths]}
        )
        logger.info("drew %s", stem)
    write_json(folder / "figures.json", {"dataset": dataset, "model": model, "figures": entries})


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

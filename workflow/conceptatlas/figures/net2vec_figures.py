"""The figure job of Net2Vec: all figures of a model on a data set, and ``figures.json``, which lists them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures import net2vec_examples, net2vec_images, net2vec_shared_filters, net2vec_weights
from conceptatlas.figures.net2vec_combination import single_against_combination
from conceptatlas.figures.net2vec_concepts import concept_scores
from conceptatlas.figures.net2vec_facts import TASKS, shown_concepts
from conceptatlas.figures.net2vec_failures import failures
from conceptatlas.figures.net2vec_failures import n_pages as failure_pages
from conceptatlas.figures.net2vec_map import concept_map, tasks_of_map
from conceptatlas.figures.net2vec_neighbours import (
    concept_arithmetic,
    n_arithmetic_pages,
    n_pages,
    nearest_concepts,
)
from conceptatlas.figures.net2vec_reading import (
    read_concept_examples,
    read_shown_vectors,
    read_validation_images,
)
from conceptatlas.figures.net2vec_sharing import concepts_per_filter
from conceptatlas.figures.net2vec_subsets import has_subsets, score_against_filters
from conceptatlas.figures.saving import save_figure
from conceptatlas.files import write_json
from conceptatlas.tables import read_table

logger = logging.getLogger(__name__)

SHOWS = {
    "single_against_combination": "mean scores of one filter and of all, by category, layer and task",
    "failures": "gain of all filters against training images and concept size",
    "concepts_per_filter": "number of concepts for which a filter is the best",
    "score_against_filters": "mean score against the number of filters, critical numbers of filters",
    "concepts": "scores of every concept with one filter and with all, with intervals",
    "iou_per_image": "distribution of the IoU of single images for chosen concepts",
    "deciles": "an example at each decile of the IoU, single filter over all filters",
    "best_examples": "images with the highest IoU, of the single filter and of all filters",
    "shared_filters": "filters that are the best of several concepts: top images, images of these concepts",
    "weights_against_iou": "weights against the IoU of single filters for chosen concepts",
    "nearest_concepts": "nearest concepts by cosine, both tasks",
    "arithmetic": "sums and differences of concepts and the concepts nearest to them",
    "concept_map": "t-SNE of concept vectors with clusters",
}


class Drawn(NamedTuple):
    """A figure with its name; layer is empty for figures of the whole model, page counts from 1."""

    name: str
    layer: str
    page: int
    figure: Figure


class _Layer(NamedTuple):
    """A layer's tables by task, and its files; a file is empty where its task is off."""

    name: str
    tables: dict[str, pd.DataFrame]
    subsets: dict[str, str]
    images: str
    vectors: str
    examples: str
    filters: pd.DataFrame | None
    neighbours: str
    arithmetic: str
    map: str


def plot_net2vec(
    *,
    dataset: str,
    model: str,
    layers: list[str],
    segmentation: list[str],
    segmentation_subsets: list[str],
    segmentation_images: list[str],
    segmentation_vectors: list[str],
    segmentation_examples: list[str],
    classification: list[str],
    classification_subsets: list[str],
    filters: list[str],
    neighbours: list[str],
    arithmetic: list[str],
    maps: list[str],
    folder: str | Path,
    options: dict[str, Any],
    embed_images: bool,
    include_small: bool = False,
) -> None:
    """Write every figure of a model's concepts into a folder.

    Parameters
    ----------
    layers : names, in the order of the sheet. The lists of files are in the same order; those of a task that is off are
        empty.
    folder : where the figures go: ``{figure}.png``, ``{figure}_{layer}.png``, ``{figure}_{layer}~2.png``.
    options : config section `figures` (dpi, formats).
    embed_images : whether pictures of the data set may be shown; otherwise grids show the masks alone.
    include_small : small concepts count in means (config section `net2vec`).

    Raises
    ------
    ValueError
        if a list is neither empty nor one file a layer, or both tasks are off.
    """
    files = {
        "segmentation": segmentation, "segmentation_subsets": segmentation_subsets,
        "segmentation_images": segmentation_images, "segmentation_vectors": segmentation_vectors,
        "segmentation_examples": segmentation_examples, "classification": classification,
        "classification_subsets": classification_subsets, "filters": filters, "neighbours": neighbours,
        "arithmetic": arithmetic, "maps": maps,
    }  # fmt: skip
    wrong = [f"{len(paths)} {name}" for name, paths in files.items() if len(paths) not in (0, len(layers))]
    if wrong or not layers or not (segmentation or classification):
        raise ValueError(
            f"figures of Net2Vec, {model} on {dataset}: {len(layers)} layers, but "
            f"{', '.join(wrong) or 'neither segmentation nor classification'}"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    parts = [_layer(name, {key: paths[i] if paths else "" for key, paths in files.items()})
             for i, name in enumerate(layers)]  # fmt: skip
    entries = []
    place = {"dataset": dataset, "model": model}
    for drawn in _figures(parts, place, embed_images=embed_images, include_small=include_small):
        entries.append(write_figure(drawn, folder, options, SHOWS))
    write_json(folder / "figures.json", {"dataset": dataset, "model": model, "figures": entries})


def write_figure(drawn: Drawn, folder: Path, options: dict[str, Any], shows: dict[str, str]) -> dict[str, Any]:
    """Save a figure in the formats of the config; its entry of ``figures.json``."""
    stem = f"{drawn.name}_{drawn.layer}" if drawn.layer else drawn.name
    stem += f"~{drawn.page}" if drawn.page > 1 else ""  # no layer's name holds a ~
    paths = save_figure(
        drawn.figure, [folder / f"{stem}.{suffix}" for suffix in options["formats"]], dpi=options["dpi"]
    )
    logger.info("drew %s", stem)
    return {
        "figure": drawn.name,
        "layer": drawn.layer,
        "page": drawn.page,
        "shows": shows[drawn.name],
        "files": [path.name for path in paths],
    }


def _layer(name: str, files: dict[str, str]) -> _Layer:
    return _Layer(
        name=name,
        tables={task: read_table(files[task]) for task in TASKS if files[task]},
        subsets={task: files[f"{task}_subsets"] for task in TASKS if files[f"{task}_subsets"]},
        images=files["segmentation_images"],
        vectors=files["segmentation_vectors"],
        examples=files["segmentation_examples"],
        filters=read_table(files["filters"]) if files["filters"] else None,
        neighbours=files["neighbours"],
        arithmetic=files["arithmetic"],
        map=files["maps"],
    )


def _figures(
    layers: list[_Layer], place: dict[str, str], *, embed_images: bool, include_small: bool
) -> Iterator[Drawn]:  # fmt: skip
    """Figures of the model, then of its layers; one figure is held in memory at a time."""
    tables = {task: {part.name: part.tables[task] for part in layers if task in part.tables} for task in TASKS}
    yield Drawn("single_against_combination", "", 1,
                single_against_combination(tables, **place, include_small=include_small))  # fmt: skip
    for page in range(failure_pages(tables)):
        yield Drawn("failures", "", page + 1, failures(tables, **place, page=page))
    filters = {part.name: part.filters for part in layers if part.filters is not None}
    if filters:
        yield Drawn("concepts_per_filter", "", 1, concepts_per_filter(filters, **place))
    for part in layers:
        here = place | {"layer": part.name}
        yield from _scores(part, here, include_small=include_small)
        if "segmentation" in part.tables:
            yield from _segmentation(part, here, embed_images=embed_images, include_small=include_small)
        yield from _relations(part, here)


def _scores(part: _Layer, here: dict[str, str], *, include_small: bool) -> Iterator[Drawn]:
    subsets = {task: read_table(path) for task, path in part.subsets.items() if task in part.tables}
    subsets = {task: table for task, table in subsets.items() if has_subsets(table)}
    if subsets:
        units = {} if part.filters is None else part.filters.groupby("task")["unit"].nunique().to_dict()
        figure = score_against_filters(
            subsets, part.tables, n_units={str(task): int(n) for task, n in units.items()}, **here,
            include_small=include_small,
        )  # fmt: skip
        yield Drawn("score_against_filters", part.name, 1, figure)
    yield Drawn("concepts", part.name, 1, concept_scores(part.tables, **here))


def _segmentation(part: _Layer, here: dict[str, str], *, embed_images: bool, include_small: bool) -> Iterator[Drawn]:
    table = part.tables["segmentation"]
    shown = [int(concept) for concept in shown_concepts(table)["concept_index"]]
    if part.images:
        images = read_validation_images(part.images, shown)
        for page in range(net2vec_images.n_pages(table)):
            figure = net2vec_images.iou_per_image(images, table, **here, page=page)
            yield Drawn("iou_per_image", part.name, page + 1, figure)
    if part.vectors:
        vectors = read_shown_vectors(part.vectors, shown)
        for page in range(net2vec_weights.n_pages(vectors)):
            figure = net2vec_weights.weights_against_iou(
                vectors, table, **here, page=page, include_small=include_small
            )  # fmt: skip
            yield Drawn("weights_against_iou", part.name, page + 1, figure)
    if not part.examples:
        return
    examples = read_concept_examples(part.examples)
    views: list[tuple[str, Callable[..., Figure], int]] = [
        ("deciles", net2vec_examples.deciles, net2vec_examples.n_decile_pages(examples, table)),
        ("best_examples", net2vec_examples.best_examples, net2vec_examples.n_best_pages(examples, table)),
    ]
    for name, draw, n in views:
        for page in range(n):
            yield Drawn(name, part.name, page + 1, draw(examples, table, **here, page=page, embed_images=embed_images))
    if part.filters is not None:
        for page in range(net2vec_shared_filters.n_pages(examples, part.filters)):
            figure = net2vec_shared_filters.shared_filters(
                examples, part.filters, table, **here, page=page, embed_images=embed_images
            )
            yield Drawn("shared_filters", part.name, page + 1, figure)


def _relations(part: _Layer, here: dict[str, str]) -> Iterator[Drawn]:
    if part.neighbours:
        neighbours = read_table(part.neighbours)
        for page in range(n_pages(neighbours, part.tables)):
            figure = nearest_concepts(neighbours, part.tables, **here, page=page)
            yield Drawn("nearest_concepts", part.name, page + 1, figure)
    arithmetic = read_table(part.arithmetic) if part.arithmetic else pd.DataFrame()
    if len(arithmetic):
        for page in range(n_arithmetic_pages(arithmetic)):
            figure = concept_arithmetic(arithmetic, part.tables, **here, page=page)
            yield Drawn("arithmetic", part.name, page + 1, figure)
    if part.map:
        table = read_table(part.map)
        for page, task in enumerate(tasks_of_map(table), start=1):
            figure = concept_map(table, part.tables.get(task), **here, task=task)
            yield Drawn("concept_map", part.name, page, figure)

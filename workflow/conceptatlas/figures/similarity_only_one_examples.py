"""Pictures of the concepts that a model has and others lack: their top images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_examples import Line, picture_grid
from conceptatlas.figures.net2vec_reading import ConceptExamples
from conceptatlas.figures.similarity_concepts import as_examples
from conceptatlas.figures.similarity_facts import layer_words, look_of
from conceptatlas.figures.similarity_matched import LayerFiles
from conceptatlas.figures.similarity_only_one import listed
from conceptatlas.figures.similarity_reading import read_concept_pictures
from conceptatlas.figures.style import count, empty_figure, number, plain, styled
from conceptatlas.tables import records

CONCEPTS = 8
N_IMAGES = 5


def models_with_own(summary: pd.DataFrame, models: list[str]) -> list[str]:
    """Models, in order, that have a concept which another model lacks."""
    rows = summary[summary["fact"] == "only_in_one"]
    return [model for model in models if (rows["model_a"] == model).any()]


@styled
def only_one_examples(
    summary: pd.DataFrame,
    files: Mapping[tuple[str, str], LayerFiles],
    *,
    model: str,
    models: list[str],
    embed_images: bool = True,
) -> Figure:
    """Draw the top images of a model's concepts that have no partner in the most other models.

    Parameters
    ----------
    summary : summary.parquet (rows `only_in_one`). files : (model, layer) -> its files. models : in order of the sheet.
    embed_images : with False the photographs are left out and only the masks are shown (licences).
    """
    title = f"Concepts of {plain(model)} without a partner in other models"
    own = listed(summary[summary["model_a"] == model], most=len(summary))
    own = own[[(model, layer) in files for layer in own["layer"]]].head(CONCEPTS)
    if not len(own):
        return empty_figure(title, "Every concept has a partner in every other model, or has no picture.")
    colour = look_of(models.index(model))["color"]
    parts: list[ConceptExamples] = []
    lines, start = [], 0
    for row in records(own):
        pictures = read_concept_pictures(files[model, str(row["layer"])].examples)
        found = pictures.of(int(row["concept"])).head(N_IMAGES)
        every = as_examples(pictures)
        take = found.index.to_numpy(dtype=np.int64)
        parts.append(ConceptExamples(found, every.pictures[take], every.masks[take], every.labels[take]))
        lines.append(Line([start + i for i in range(len(take))], _caption(row), colour))
        start += len(take)
    if not start:
        return empty_figure(title, "The concepts have no pictures.")
    grid = ConceptExamples(
        pd.concat([part.rows for part in parts], ignore_index=True).assign(iou=np.nan),
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("pictures", "masks", "labels")),
    )
    n_all = len(listed(summary[summary["model_a"] == model], most=len(summary)))
    note = sentences(
        f"Data set {plain(summary['dataset'].iloc[0])}; {len(own)} of {count(n_all, 'concept')} that at least one "
        "other model lacks in every layer, those that most models lack first",
        "Images with the largest value of the concept map; outline: mask at the first threshold",
        "Beside them the highest UCS of a partner in these models, with its point of chance",
        "" if embed_images else "The pictures of this data set are not shown (embed_images: no)",
    )
    return picture_grid(
        grid,
        lines,
        ["top images", *[""] * (N_IMAGES - 1)],
        title=title,
        note=note,
        embed_images=embed_images,
        left=True,
    )


def _caption(row: dict[str, Any]) -> list[str]:
    others = [plain(name, width=20) for name in row["others"]]
    best = f"best {number(row['value'], digits=2)}, chance {number(row['high'], digits=2)}"
    lacking = [f"not in {name}" for name in others[:2]]
    if len(others) > 2:
        lacking = [f"not in {others[0]}", f"and {count(len(others) - 1, 'other model')}"]
    return [f"{layer_words(row['layer'], width=14)}: {plain(row['concept'], width=5)}", *lacking,
            best if np.isfinite(row["value"]) else "no match"]  # fmt: skip

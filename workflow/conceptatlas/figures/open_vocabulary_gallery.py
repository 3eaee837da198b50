"""Units with the words that foretell them best: held-out images, and the activation against the label's cosine."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.open_vocabulary_facts import note_of, title_of
from conceptatlas.figures.strips import CELL
from conceptatlas.figures.style import (
    BODY_SIZE,
    SMALL_SIZE,
    colour_of,
    empty_figure,
    head,
    new_figure,
    number,
    plain,
    styled,
)

Array = np.ndarray[Any, Any]


class Examples(NamedTuple):
    """examples.h5: units, pictures (unit, 5, F, F, 3), activations and profiles (unit, held-out image)."""

    units: Array
    pictures: Array
    activations: Array
    profiles: Array


def read_examples(path: str | Path) -> Examples:
    """Read examples.h5."""
    with h5py.File(path, "r") as file:
        return Examples(*(file[name][:] for name in Examples._fields))


@styled
def word_gallery(labels: pd.DataFrame, masks: pd.DataFrame, examples: Examples, *, embed_images: bool = True) -> Figure:
    """Draw a row a unit: its label, the held-out images that activate it most, activation against cosine.

    labels, masks : of the layer. embed_images : with False no pictures are shown.
    """
    title = title_of(labels, "Units and the words that foretell them best")
    if not len(examples.units):
        return empty_figure(title, "No unit has a label with a correlation.", note_of(labels))
    rows = labels[labels["rank"] == 1].set_index("unit")
    beside = masks.set_index("unit") if len(masks) else None
    n, shown = len(examples.units), examples.pictures.shape[1] if embed_images else 0
    figure = new_figure(3.2 + shown * CELL + 2.0, 1.3 + n * 1.12)
    spans = [2.9] + [CELL] * shown + [1.5]
    axes = figure.subplots(n, len(spans), squeeze=False, gridspec_kw={"width_ratios": spans})
    for i, unit in enumerate(examples.units.tolist()):
        row = rows.loc[unit]
        text = axes[i, 0]
        text.set_axis_off()
        colour = colour_of(row["category"] or "none")
        text.text(0, 0.95, f"unit {unit}: {plain(row['concept'])}", va="top", fontsize=BODY_SIZE, fontweight="bold",
                  color=colour)  # fmt: skip
        said = f"r = {number(float(row['correlation']), digits=2)}"
        if np.isfinite(row["ci_low"]):
            said += f" ({number(float(row['ci_low']), digits=2)} to {number(float(row['ci_high']), digits=2)})"
        if np.isfinite(row["null_high"]):
            said += f"\nnull 95 %: {number(float(row['null_high']), digits=2)}"
        if beside is not None and unit in beside.index:
            mask = beside.loc[unit]
            said += f"\nmask label: {plain(mask['mask_concept'])}, IoU {number(float(mask['mask_iou']), digits=2)}"
            if np.isfinite(mask["mask_correlation"]):
                said += f", r = {number(float(mask['mask_correlation']), digits=2)}"
        text.text(0, 0.68, said, va="top", fontsize=SMALL_SIZE)
        for j in range(shown):
            axes[i, 1 + j].imshow(examples.pictures[i, j])
            axes[i, 1 + j].set_axis_off()
        ax = axes[i, -1]
        ax.scatter(examples.profiles[i], examples.activations[i], s=5, color=colour, alpha=0.6, linewidths=0)
        ax.tick_params(labelsize=SMALL_SIZE - 1.5)
        ax.locator_params(nbins=3)
        if i == n - 1:
            ax.set_xlabel("cosine with the word", fontsize=SMALL_SIZE)
        ax.set_ylabel(f"{row['pooling']} activation", fontsize=SMALL_SIZE)
    hidden = "" if embed_images else "The pictures of this data set are not shown (embed_images: no)"
    pictures = "Pictures: held-out images, largest activation first" if embed_images else hidden
    note = note_of(
        labels, f"{pictures}. Points: held-out images. r with its 95 % interval over resampled blocks of images"
    )
    head(figure, title, note)
    return figure

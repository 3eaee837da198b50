"""What do a classifier's answers owe to concepts? TCAV scores of a layer's concepts, and fidelity by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.similarity_facts import layer_words
from conceptatlas.figures.style import (
    INK,
    OTHER,
    QUIET,
    SMALL_SIZE,
    count,
    empty_figure,
    grid,
    head,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.similarity.response_tables import ALL, NOTHING, TCAV, WITHOUT
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

LEVEL = 0.05
MOST_CONCEPTS = 24
MOST_CLASSES = 10
COLOURS = "PuOr_r"
ABSENT = "#EEEEEE"
BARS = {ALL: ("all concepts", "#0072B2"), NOTHING: ("no concept", "#8C8C8C")}


@styled
def tcav_scores(table: pd.DataFrame, *, model: str, layer: str) -> Figure:
    """Draw the TCAV scores of a layer's annotated concepts, a column a class that the model answers.

    table : {model}_responses.parquet (RESPONSE_COLUMNS).
    """
    title = f"Which concepts raise which answers? {plain(model)}, {layer_words(layer, width=30)}"
    rows = table[(table["kind"] == TCAV) & (table["layer"] == layer)]
    there = rows[rows["tcav"].notna()]
    if not len(there):
        reasons = [plain(reason, width=140) for reason in rows["reason"].dropna().unique() if reason]
        return empty_figure(title, f"No TCAV score: {'; '.join(reasons[:2]) or 'none was asked for'}.")
    concepts, classes, scores, q = score_matrix(there)
    cell_x, cell_y = 0.62, 0.24
    figure = new_figure(max(6.5, 3.4 + cell_x * len(classes)), 2.7 + cell_y * len(concepts))
    ax = figure.add_subplot()
    image: Any = ax.imshow(np.ma.masked_invalid(scores), cmap=COLOURS, vmin=0, vmax=1, aspect="auto")
    ax.set_facecolor(ABSENT)
    for i, j in zip(*np.nonzero(np.isfinite(scores)), strict=True):
        sure = q[i, j] < LEVEL
        text = f"{scores[i, j]:.2f}".replace("0.", ".", 1)
        dark = abs(scores[i, j] - 0.5) > 0.38
        ax.text(j, i, f"{text}*" if sure else text, ha="center", va="center", fontsize=SMALL_SIZE - 1.5,
                fontweight="bold" if sure else "normal", color="white" if dark else INK)  # fmt: skip
    ax.set_xticks(range(len(classes)), [plain(name, width=18) for name in classes], rotation=40, ha="right",
                  rotation_mode="anchor")  # fmt: skip
    ax.set_yticks(range(len(concepts)), [plain(name, width=24) for name in concepts])
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    bar: Any = figure.colorbar(image, ax=ax, shrink=0.7, pad=0.02)
    bar.set_label("TCAV score")
    bar.outline.set_visible(False)
    head(figure, title, _tcav_note(there, concepts, classes))
    return figure


def score_matrix(rows: pd.DataFrame) -> tuple[list[str], list[str], Array, Array]:
    """Concepts, classes, TCAV scores and their q, (concept, class); NaN where there is none.

    Classes by the number of images that the model gives them; concepts by their smallest q, then by how far a score
    lies from the mean of the null.
    """
    classes = rows.groupby("class_index", sort=False)["n_images"].max().sort_values(ascending=False, kind="stable")
    columns = [int(index) for index in classes.index[:MOST_CLASSES]]
    kept = rows[rows["class_index"].isin(columns)]
    away = (kept["tcav"] - kept["null_mean"].fillna(0.5)).abs()
    order = kept.assign(away=away, q=kept["q"].fillna(1.0)).groupby("concept", sort=False).agg(
        q=("q", "min"), away=("away", "max")
    )  # fmt: skip
    order = order.reset_index().sort_values(["q", "away", "concept"], ascending=[True, False, True])
    concepts = [str(name) for name in order["concept"][:MOST_CONCEPTS]]
    values = np.full((len(concepts), len(columns)), np.nan)
    q = np.full(values.shape, np.nan)
    names = {index: str(index) for index in columns}
    for row in records(kept):
        if row["concept"] in concepts:
            i, j = concepts.index(row["concept"]), columns.index(int(row["class_index"]))
            values[i, j], q[i, j] = row["tcav"], row["q"]
            names[columns[j]] = str(row["class_name"]) or names[columns[j]]
    return concepts, [names[index] for index in columns], values, q


def _tcav_note(rows: pd.DataFrame, concepts: list[str], classes: list[str]) -> str:
    first: dict[str, Any] = records(rows.head(1))[0]
    n_classes, n_concepts = rows["class_index"].nunique(), rows["concept"].nunique()
    tested = rows[rows["q"].notna()]
    sure = int((tested["q"] < LEVEL).sum())
    n_random = int(first["n_random"])
    return sentences(
        f"Data set {plain(first['dataset'])}; {count(len(concepts), 'concept')} of {n_concepts:,}, by q; "
        f"{count(len(classes), 'class', plural='classes')} of {n_classes:,}, by images that the model gives them",
        "TCAV score: share of these images whose class logit rises along the concept's vector; 0.5: neither",
        f"Bold, star: q < {LEVEL:g} (Benjamini-Hochberg over the layer's {count(int(first['n_tests']), 'test')}) "
        f"against {count(n_random, 'vector')} of random labels, smallest attainable p "
        f"{number(first['smallest_p'], digits=3)}: "
        f"{sure:,} of {len(tested):,}"
        if len(tested)
        else "No null: no vectors of random labels were kept",
    )


@styled
def layer_fidelity(table: pd.DataFrame, *, model: str, layers: list[str]) -> Figure:
    """Draw how well a layer's concepts stand for it in the model's answers, layer by layer.

    table : {model}_responses.parquet. layers : in the order of the sheet.
    """
    title = f"Do the concepts carry the answer? {plain(model)}"
    rows = table[table["kind"].isin([ALL, WITHOUT, NOTHING])]
    if not len(rows) or not rows[["score_error", "top_class_stays"]].notna().to_numpy().any():
        reasons = [plain(reason, width=140) for reason in rows["reason"].dropna().unique() if reason]
        return empty_figure(title, f"No layer was replaced: {'; '.join(reasons[:2]) or 'fidelity was not asked for'}.")
    figure = new_figure(9.0, 2.6 + 0.42 * len(layers))
    axes = figure.subplots(1, 2, sharey=True)
    for ax, column, words in zip(
        axes, ("score_error", "top_class_stays"), ("change of the class score", "highest class stays"), strict=True
    ):
        _fidelity(ax, rows, layers, column)
        ax.set_xlabel(words)
        ax.set_xlim(left=0)
        grid(ax, "x")
    axes[1].set_xlim(0, 1.03)
    axes[0].set_yticks(range(len(layers)), [layer_words(layer, width=24) for layer in layers])
    axes[0].set_ylim(len(layers) - 0.4, -0.6)
    handles: list[Any] = [
        Line2D([], [], marker="o", color=colour, label=words, linewidth=1.4) for words, colour in BARS.values()
    ]
    handles.append(Line2D([], [], marker="|", color="#D55E00", linestyle="none", markersize=9, markeredgewidth=1.4,
                          label="without one concept"))  # fmt: skip
    figure.legend(handles=handles, loc="outside upper right", ncols=3)
    first: dict[str, Any] = records(rows.head(1))[0]
    note = sentences(
        f"Data set {plain(first['dataset'])}, {count(int(rows['n_images'].max()), 'validation image')}",
        "The layer is replaced by what its discovered concepts give back, the rest of the network runs on; left: mean "
        "|f(A) - f(A')| / |mean f(A)| over the images that the model gives the class, mean over classes; right: share "
        "of images with the same highest class; lines: intervals over blocks of images",
        "No concept: the layer without all of them, the scale of the others; ticks: all concepts but one",
        "Where values below 0 occurred only the positive part of the layer was replaced"
        if rows["negative_kept"].fillna(False).astype(bool).any()
        else "",
    )
    head(figure, title, note)
    return figure


def _fidelity(ax: Axes, rows: pd.DataFrame, layers: list[str], column: str) -> None:
    for at, layer in enumerate(layers):
        own = rows[rows["layer"] == layer]
        without = own.loc[own["kind"] == WITHOUT, column].dropna()
        ax.plot(without, [at] * len(without), marker="|", color="#D55E00", linestyle="none", markersize=9,
                markeredgewidth=1.2, zorder=1)  # fmt: skip
        for kind, (_, colour) in BARS.items():
            for row in records(own[(own["kind"] == kind) & own[column].notna()]):
                ends = [row[f"{column}_low"], row[f"{column}_high"]]
                if np.isfinite(ends).all():
                    ax.plot(ends, [at, at], color=colour, linewidth=1.4, zorder=2)
                ax.plot([row[column]], [at], marker="o", color=colour, markersize=5.5, zorder=3)
        if not own[column].notna().any():
            why = next((str(reason) for reason in own["reason"].dropna() if reason), "")
            if column == "score_error" and why:
                ax.text(0.02, at, plain(why, width=60), color=QUIET, fontsize=SMALL_SIZE - 1, va="center",
                        transform=ax.get_yaxis_transform())  # fmt: skip
    ax.axvline(0, color=OTHER, linewidth=0.6)

"""Pictures on the way from one class to another, with the logits of both classes."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from conceptatlas.figures.link_pictures import show, stage
from conceptatlas.figures.style import (
    CATEGORY_COLOURS,
    SMALL_SIZE,
    count,
    empty_figure,
    grid,
    head,
    new_figure,
    plain,
    styled,
)

Array = np.ndarray[Any, Any]

MOST_ROWS = 8
FRAMES = 8
CELL = 0.95  # inches
ORIGIN, TARGET = CATEGORY_COLOURS["scene"], CATEGORY_COLOURS["object"]


def read_trajectories(path: str) -> dict[str, Array]:
    """The arrays of counterfactuals.h5."""
    with h5py.File(path, "r") as store:
        return {name: store[name][:] for name in store}


@styled
def trajectories(found: dict[str, Array], rows: pd.DataFrame, *, place: str, source: str) -> Figure:
    """Draw one search a row, the first of each pair of classes.

    found : of `read_trajectories`. rows : counterfactuals.parquet. place : whose they are. source : of the pictures.
    """
    title = f"From one class to another: {place}"
    chosen: dict[tuple[str, str], int] = {}
    for row in dict.fromkeys(found["row"].tolist()):
        chosen.setdefault((rows.iloc[row]["origin"], rows.iloc[row]["target"]), int(row))
    shown = spread_over(list(chosen.values()), MOST_ROWS)
    if not shown:
        return empty_figure(title, "No search started.")
    figure = new_figure(FRAMES * CELL + 4.6, len(shown) * (1.25 * CELL + 0.35) + 1.3)
    axes = figure.subplots(len(shown), 2, squeeze=False, width_ratios=[FRAMES, 2.3])
    for number, (line, row) in enumerate(zip(axes, shown, strict=True)):
        about, frames = rows.iloc[row], np.flatnonzero(found["row"] == row)
        stage(line[0], FRAMES, 1.25)
        for x, frame in enumerate([*frames[:2], *spread_over(frames[2:].tolist(), FRAMES - 2)]):
            show(line[0], found["pictures"][frame], x, 0.25)
            step = int(found["step"][frame])
            words = {-2: "I", -1: "I~"}.get(step, f"step {step}")
            line[0].text(x + 0.5, 0.2, words, ha="center", va="bottom", fontsize=SMALL_SIZE)
        ending = "" if about["success"] else "\n(no success)"
        words = f"{plain(about['origin'], width=14)}\n→ {plain(about['target'], width=14)}{ending}"
        line[0].text(-0.1, 0.7, words, ha="right", va="center", fontsize=SMALL_SIZE)
        ax, steps = line[-1], found["step"][frames[2:]]
        for column, (name, colour) in enumerate((("origin", ORIGIN), ("target", TARGET))):
            ax.plot(steps, found["logits"][frames[2:], column], ".-", color=colour, label=name, markersize=4)
        ax.set_xscale("symlog", linthresh=1)
        top = max(1, int(steps.max()))
        ax.set_xlim(-0.3, top * 1.3)
        grid(ax)
        if not number:
            ax.legend(loc="upper left", title="logit")
        if number == len(shown) - 1:
            ax.set_xlabel("step")
    note = (
        f"{count(len(shown), 'search', plural='searches')} of {len(chosen)} pairs of classes, the first of each. I: "
        "the picture; I~: its copy by the link; then the generated pictures of relu(r - shift) until the classifier "
        f"calls one the target. Logits: what the head says of r - shift. {source}"
    )
    head(figure, title, note)
    return figure


def spread_over(items: list[int], n: int) -> list[int]:
    """At most `n` of some items, spread evenly, first and last among them."""
    if len(items) <= n:
        return items
    return [items[round(i * (len(items) - 1) / (n - 1))] for i in range(n)]

"""Nearest concepts of concepts, and arithmetic with them, as tables (Net2Vec, tables 2 and 3)."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import MOST_SHOWN, TASKS, place_of, shown_concepts
from conceptatlas.figures.style import (
    BODY_SIZE,
    INK,
    OTHER,
    PAGE_WIDTH,
    QUIET,
    SMALL_SIZE,
    category_patches,
    colour_of,
    empty_figure,
    head,
    in_order,
    legend_beside,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

CONCEPTS_A_PAGE = 12
EXPRESSIONS_A_PAGE = 12
RANKS = 5
"""Neighbours printed; the table may hold more."""
COSINES = "In brackets the cosine with its standard deviation over initialisations"


class _Entry(NamedTuple):
    """A line of such a table: what it is about, the task, the neighbours (name, cosine, sd) or why there are none."""

    name: str
    category: str
    task: str
    found: list[tuple[str, float, float]]
    reason: str


def concepts_of(neighbours: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """The shown concepts that have neighbours, of the tasks' lists in turn, at most `MOST_SHOWN`."""
    there = set(neighbours["concept"])
    shown = [shown_concepts(tables[task]).assign(task=at) for at, task in enumerate(TASKS) if task in tables]
    names: dict[str, None] = {}
    if shown:
        joined = pd.concat(shown, ignore_index=True)
        named = joined["shown"] == "config"
        for name in [*joined.loc[named, "concept"], *joined.loc[~named, "concept"]]:
            if name in there:
                names.setdefault(str(name))
    return list(names)[:MOST_SHOWN]


def n_pages(neighbours: pd.DataFrame, tables: Mapping[str, pd.DataFrame]) -> int:
    """Pages of `nearest_concepts`."""
    return max(1, math.ceil(len(concepts_of(neighbours, tables)) / CONCEPTS_A_PAGE))


def n_arithmetic_pages(arithmetic: pd.DataFrame) -> int:
    """Pages of `concept_arithmetic`."""
    return max(1, math.ceil(arithmetic["expression"].nunique() / EXPRESSIONS_A_PAGE))


@styled
def nearest_concepts(
    neighbours: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    *,
    dataset: str,
    model: str,
    layer: str,
    page: int = 0,
) -> Figure:
    """Print the nearest concepts of the shown ones, segmentation over classification.

    Parameters
    ----------
    neighbours : neighbours.parquet of the layer. tables : task -> table of the layer. page : from 0; see `n_pages`.
    """
    title = f"Nearest concepts: {place_of(model, layer)}"
    names = concepts_of(neighbours, tables)
    if not names:
        return empty_figure(title, "No concept has a neighbour: fewer than two were learned.")
    pages = n_pages(neighbours, tables)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    tasks = [task for task in TASKS if (neighbours["task"] == task).any()]
    entries = []
    for name in names[page * CONCEPTS_A_PAGE : (page + 1) * CONCEPTS_A_PAGE]:
        for task in tasks:
            own = neighbours[(neighbours["concept"] == name) & (neighbours["task"] == task)].sort_values("rank")
            found = [(r["neighbour"], r["cosine"], r["cosine_sd"]) for r in records(own.head(RANKS))]
            reason = "" if found else _reason(tables.get(task), name)
            entries.append(_Entry(name, _category(tables, name), task, found, reason))
    n = neighbours.drop_duplicates("task").set_index("task")["n_concepts"].astype(int)
    note = sentences(
        f"Data set {plain(dataset)}; concepts compared: " + ", ".join(f"{task} {n[task]:,}" for task in tasks),
        "Nearest by the cosine of weight vectors over all filters, best first",
        COSINES,
    )
    return _table(entries, tables, len(tasks), title, note)


@styled
def concept_arithmetic(
    arithmetic: pd.DataFrame,
    tables: Mapping[str, pd.DataFrame],
    *,
    dataset: str,
    model: str,
    layer: str,
    page: int = 0,
) -> Figure:
    """Print the concepts nearest to sums and differences of concepts.

    arithmetic : arithmetic.parquet of the layer. tables, page : as for `nearest_concepts`.
    """
    title = f"Arithmetic with concepts: {place_of(model, layer)}"
    expressions = list(dict.fromkeys(arithmetic["expression"].astype(str)))
    if not expressions:
        return empty_figure(title, "No expression is asked for (net2vec.arithmetic).")
    pages = n_arithmetic_pages(arithmetic)
    title += f" (page {page + 1} of {pages})" if pages > 1 else ""
    tasks = [task for task in TASKS if (arithmetic["task"] == task).any()]
    entries = []
    for expression in expressions[page * EXPRESSIONS_A_PAGE : (page + 1) * EXPRESSIONS_A_PAGE]:
        for task in tasks:
            own = arithmetic[(arithmetic["expression"] == expression) & (arithmetic["task"] == task)]
            found = own[own["reason"] == ""].sort_values("rank").head(RANKS)
            entries.append(
                _Entry(
                    expression, "", task, [(r["concept"], r["cosine"], r["cosine_sd"]) for r in records(found)],
                    "; ".join(dict.fromkeys(own.loc[own["reason"] != "", "reason"])) or "not learned",
                )
            )  # fmt: skip
    done = arithmetic[arithmetic["reason"] == ""]
    n = [f"{task} {int(done.loc[done['task'] == task, 'n_concepts'].max()):,}"
         for task in tasks if (done["task"] == task).any()]  # fmt: skip
    note = sentences(
        f"Data set {plain(dataset)}" + (f"; concepts compared: {', '.join(n)}" if n else ""),
        "Operands at unit length, the sum renormalised; nearest by cosine, operands left out",
        COSINES,
    )
    return _table(entries, tables, len(tasks), title, note)


def _category(tables: Mapping[str, pd.DataFrame], name: str) -> str:
    for table in tables.values():
        found = table.loc[table["concept"] == name, "category"]
        if len(found):
            return str(found.iloc[0])
    return ""


def _reason(table: pd.DataFrame | None, name: str) -> str:
    """Why nothing was learned of a concept, as its table says."""
    found = [] if table is None else [reason for reason in table.loc[table["concept"] == name, "reason"] if reason]
    return str(found[0]) if found else "not learned"


_LEFT = 1.95  # inches: where tasks start
_FIRST = 2.95  # where neighbours start


def _table(
    entries: list[_Entry], tables: Mapping[str, pd.DataFrame], n_tasks: int, title: str, note: str
) -> Figure:  # fmt: skip
    """Lines of entries, `n_tasks` of them about one thing."""
    categories = {name: category for table in tables.values()
                  for name, category in zip(table["concept"], table["category"], strict=True)}  # fmt: skip
    column = (PAGE_WIDTH - 1.45 - _FIRST) / RANKS
    figure = new_figure(PAGE_WIDTH, 1.2 + 0.4 * len(entries))
    ax = figure.add_subplot()
    ax.set_axis_off()
    ax.set(xlim=(0, PAGE_WIDTH - 1.45), ylim=(len(entries) - 0.4, -0.9))
    for rank in range(RANKS):
        ax.text(_FIRST + rank * column, -0.6, f"{rank + 1}.", fontsize=SMALL_SIZE, color=QUIET, va="center")
    for y, entry in enumerate(entries):
        if y % n_tasks == 0:
            ax.axhline(y - 0.5, color="#CCCCCC", linewidth=0.6)
            _name(ax, y, entry, n_tasks)
        ax.text(_LEFT, y, TASKS[entry.task].title, fontsize=SMALL_SIZE, color=QUIET, va="center")
        if not entry.found:
            ax.text(_FIRST, y, plain(entry.reason, width=100), fontsize=SMALL_SIZE, color=QUIET, va="center")
        for rank, (name, cosine, sd) in enumerate(entry.found):
            _neighbour(ax, _FIRST + rank * column, y, name, categories.get(name, ""), cosine, sd)
    shown = in_order([categories.get(name, "") for entry in entries for name, _, _ in entry.found])
    legend_beside(ax, category_patches(shown))
    for text in ax.texts:
        text.set_in_layout(False)
    head(figure, title, note)
    return figure


def _name(ax: Axes, y: float, entry: _Entry, n_tasks: int) -> None:
    """The name at the left of its lines, in as many lines of its own as there is room for."""
    lines = textwrap.wrap(plain(entry.name, width=200), 22, max_lines=2 * n_tasks, placeholder="…",
                          break_on_hyphens=False)  # fmt: skip
    colour = colour_of(entry.category) if entry.category else INK
    look: dict[str, Any] = {"fontsize": BODY_SIZE if len(lines) == 1 else SMALL_SIZE, "fontweight": "bold"}
    ax.text(0.02, y - 0.3, "\n".join(lines), color=colour, va="top", linespacing=1.1, **look)


def _neighbour(ax: Axes, x: float, y: float, name: str, category: str, cosine: float, sd: float) -> None:
    colour = colour_of(category) if category else OTHER
    ax.plot([x - 0.07], [y], marker="s", markersize=3.5, color=colour, linestyle="", clip_on=False)
    ax.text(x, y - 0.17, plain(name, width=17), fontsize=SMALL_SIZE, va="center")
    said = f"({number(cosine, digits=2)}" + (f" ± {number(sd, digits=2)})" if np.isfinite(sd) else ")")
    ax.text(x, y + 0.21, said, fontsize=SMALL_SIZE - 1, color=QUIET, va="center")

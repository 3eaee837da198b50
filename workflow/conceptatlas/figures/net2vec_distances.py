"""How far are embedding spaces from each other, and from those of words? (Net2Vec, figure 10)."""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.net2vec_facts import per_cent
from conceptatlas.figures.style import (
    INK,
    PAGE_WIDTH,
    SMALL_SIZE,
    count,
    empty_figure,
    head,
    in_order,
    new_figure,
    number,
    plain,
    styled,
)
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

COLOURS = "viridis"
ABSENT = "#EEEEEE"
WORDS = "words"
MOST_WITH_NUMBERS = 16
"""Spaces up to which every cell prints its distance."""
MOST_PAIRS = 48
"""Rows of the figure by category."""
SIGNIFICANT = 0.05
TITLE = "How far are embedding spaces from each other?"
FORMULA = "D = ‖G_a − G_b‖² (Frobenius), G: cosines between the shared concepts; shown is D / C² for C concepts"


class _Space(NamedTuple):
    name: str
    model: str
    layer: str
    task: str

    @property
    def words(self) -> str:
        """Layer and task, or the name of a word space."""
        if self.task == WORDS:
            return f"{plain(self.name, width=24)} (words)"
        return f"{plain(self.layer, width=16)} {self.task[:3]}"

    @property
    def full(self) -> str:
        """The same with the model before it."""
        return self.words if self.task == WORDS else f"{plain(self.model, width=20)}, {self.words}"


def spaces_in_order(spaces: pd.DataFrame) -> list[_Space]:
    """Spaces with those of a model together, models in the order of the sheet, word spaces last."""
    found = [_Space(str(r["space"]), str(r["model"]), str(r["layer"]), str(r["task"])) for r in records(spaces)]
    models = list(dict.fromkeys(space.model for space in found))
    return sorted(found, key=lambda space: (space.task == WORDS, models.index(space.model)))


def matrix(distances: pd.DataFrame, names: list[str], *, column: str = "mean_square") -> Array:
    """The distances as a symmetric matrix, NaN on the diagonal and where there is none."""
    place = {name: i for i, name in enumerate(names)}
    out = np.full((len(names), len(names)), np.nan)
    for row in records(distances):
        if row["space_a"] in place and row["space_b"] in place:
            a, b = place[row["space_a"]], place[row["space_b"]]
            if a != b:
                out[a, b] = out[b, a] = row[column]
    return out


@styled
def distance_matrix(spaces: pd.DataFrame, distances: pd.DataFrame) -> Figure:
    """Draw the distances between all spaces as a heat map, model by model, word spaces last.

    spaces, distances : spaces.parquet and distances.parquet of a data set.
    """
    order = spaces_in_order(spaces)
    found = matrix(distances, [space.name for space in order])
    why = _why_empty(order, found, distances)
    if why:
        return empty_figure(TITLE, why)
    n = len(order)
    cell = 0.42 if n <= MOST_WITH_NUMBERS else max(0.155, 6.2 / n)
    figure = new_figure(max(6.6, 4.2 + cell * n), max(3.4, 2.8 + cell * n))
    ax = figure.add_subplot()
    values = np.ma.masked_invalid(found)
    image = ax.imshow(values, cmap=COLOURS, vmin=0)
    ax.set_facecolor(ABSENT)
    size = SMALL_SIZE if n <= 26 else max(4.5, cell * 42)
    ax.set_xticks(range(n), [space.words for space in order], rotation=90, fontsize=size)
    ax.set_yticks(range(n), [space.full for space in order], fontsize=size)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    _blocks(ax, order)
    if n <= MOST_WITH_NUMBERS:
        middle = float(np.nanmax(found)) / 2
        for i, j in zip(*np.nonzero(np.isfinite(found)), strict=True):
            ax.text(
                j, i, number(found[i, j], digits=3).lstrip("0") or "0", ha="center", va="center",
                fontsize=SMALL_SIZE - 1.5, color="white" if found[i, j] < middle else INK,
            )  # fmt: skip
    bar = figure.colorbar(image, ax=ax, shrink=0.7, pad=0.02)
    bar.set_label("D / C²")
    bar.outline.set_visible(False)
    head(figure, f"{TITLE} {plain(spaces['dataset'].iloc[0])}", _note(distances, order))
    return figure


def _why_empty(order: list[_Space], found: Array, distances: pd.DataFrame) -> str:
    if len(order) < 2:
        return "There are not two spaces to compare."
    if not np.isfinite(found).any():
        reasons = [reason for reason in dict.fromkeys(distances["reason"].astype(str)) if reason]
        return f"No distance could be taken: {plain('; '.join(reasons), width=200) or 'no concept is shared'}."
    return ""


def _note(distances: pd.DataFrame, order: list[_Space]) -> str:
    done = distances[distances["mean_square"].notna()]
    n_permutations = int(done["n_permutations"].max())
    null = ""
    if n_permutations and done["p"].notna().any():
        close = float((done["p"] <= SIGNIFICANT).mean())
        null = (
            f"Closer than with the concepts of one space permuted (R = {n_permutations:,}), p ≤ {SIGNIFICANT:g}: "
            f"{per_cent(close)} of {count(len(done), 'pair')}; null mean {number(done['null_mean'].mean())}, observed "
            f"mean {number(done['mean_square'].mean())}"
        )
    return sentences(
        f"Data set {plain(distances['dataset'].iloc[0])}, n = {count(int(done['n_concepts'].max()), 'concept')} in all "
        f"{count(len(order), 'space')}",
        FORMULA,
        f"Standard error of D / C² (leaving out one concept at a time): at most {number(done['standard_error'].max())}",
        null,
        "seg, cla: weights of segmentation and classification",
    )


def _blocks(ax: Axes, order: list[_Space]) -> None:
    """White lines between models and their names beside the labels."""
    groups = [space.model if space.task != WORDS else "" for space in order]
    starts = [i for i, group in enumerate(groups) if i == 0 or group != groups[i - 1]]
    for start in starts[1:]:
        ax.axhline(start - 0.5, color="white", linewidth=2.5)
        ax.axvline(start - 0.5, color="white", linewidth=2.5)
    for start, end in zip(starts, [*starts[1:], len(order)], strict=True):
        if groups[start]:
            name = plain(groups[start], width=max(6, min(30, 4 + 6 * (end - start))))
            ax.text(
                start - 0.45, -0.62, name, fontsize=SMALL_SIZE, fontweight="bold", ha="left", va="bottom",
                rotation=0 if end - start > 2 else 35,
            )  # fmt: skip


def select_pairs(spaces: pd.DataFrame) -> list[tuple[str, str]]:
    """The pairs of the figure by category: every space against every word space, those of one word space together;
    without word spaces neighbouring layers of every model and task."""
    order = spaces_in_order(spaces)
    words = [space for space in order if space.task == WORDS]
    others = [space for space in order if space.task != WORDS]
    if words:
        return [(space.name, word.name) for word in words for space in others] + [
            (a.name, b.name) for i, a in enumerate(words) for b in words[i + 1 :]
        ]
    pairs = []
    for model, task in dict.fromkeys((space.model, space.task) for space in others):
        own = [space.name for space in others if (space.model, space.task) == (model, task)]
        pairs += list(itertools.pairwise(own))
    return pairs


def mean_by_category(concept_distances: pd.DataFrame, pairs: list[tuple[str, str]], *, n_concepts: int) -> pd.DataFrame:
    """Mean over concepts of D_c / C, a row a pair, a column a category ("" first, all); pairs without rows are absent.

    concept_distances : space_a, space_b in either order.
    """
    own = concept_distances[["space_a", "space_b", "category", "distance"]]
    turned = own.rename(columns={"space_a": "space_b", "space_b": "space_a"})
    both = pd.concat([own, turned], ignore_index=True)
    wanted = pd.DataFrame(pairs, columns=["space_a", "space_b"])
    both = wanted.merge(both, on=["space_a", "space_b"])
    both = pd.concat([both.assign(category=""), both], ignore_index=True)
    means = both.groupby(["space_a", "space_b", "category"], sort=False)["distance"].mean().div(n_concepts).unstack()
    columns = [name for name in ["", *in_order(concept_distances["category"])] if name in means]
    return means.reindex([pair for pair in pairs if pair in means.index])[columns]


@styled
def distance_by_category(spaces: pd.DataFrame, concept_distances: pd.DataFrame) -> Figure:
    """Draw the mean distance of concepts by category for pairs with a word space, or for neighbouring layers.

    spaces, concept_distances : spaces.parquet and concept_distances.parquet of a data set.
    """
    title = "How far are embedding spaces from each other, by category?"
    title += f" {plain(spaces['dataset'].iloc[0])}" if len(spaces) else ""
    pairs = select_pairs(spaces)
    if not pairs:
        return empty_figure(title, "There is no word space, and no model with two layers.")
    n_concepts = int(spaces["n_shared"].max())
    means = mean_by_category(concept_distances, pairs, n_concepts=max(n_concepts, 1))
    if not len(means):
        return empty_figure(title, "No distance could be taken: too few concepts are in all spaces.")
    n_all, means = len(means), means.iloc[:MOST_PAIRS]
    categories = list(means.columns)
    short = {space.name: space for space in spaces_in_order(spaces)}
    has_words = any(space.task == WORDS for space in short.values())
    figure = new_figure(min(PAGE_WIDTH, 5.4 + 0.62 * len(categories)), 2.3 + 0.22 * len(means))
    ax = figure.add_subplot()
    values = means.to_numpy(dtype=np.float64)
    image = ax.imshow(np.ma.masked_invalid(values), cmap=COLOURS, vmin=0, aspect="auto")
    ax.set_facecolor(ABSENT)
    n_of = concept_distances.drop_duplicates("concept").groupby("category").size().to_dict()
    ax.set_xticks(
        range(len(categories)), [f"{plain(name) or 'all'}\n{n_of.get(name, n_concepts):,}" for name in categories]
    )
    ax.xaxis.tick_top()
    ax.set_yticks(
        range(len(means)), [_pair_words(short[a], short[b]) for a, b in means.index], fontsize=SMALL_SIZE - 0.5
    )
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    groups = [b if has_words else short[a].model + short[a].task for a, b in means.index]
    for i in range(1, len(groups)):
        if groups[i] != groups[i - 1]:
            ax.axhline(i - 0.5, color="white", linewidth=2.5)
    middle = float(np.nanmax(values)) / 2
    for i, j in zip(*np.nonzero(np.isfinite(values)), strict=True):
        ax.text(
            j, i, number(values[i, j]), ha="center", va="center", fontsize=SMALL_SIZE - 1,
            color="white" if values[i, j] < middle else INK,
        )  # fmt: skip
    bar = figure.colorbar(image, ax=ax, shrink=min(0.9, 2.5 / figure.get_figheight() + 0.2), pad=0.02)
    bar.set_label("mean of D_c / C")
    bar.outline.set_visible(False)
    note = sentences(
        f"Data set {plain(spaces['dataset'].iloc[0])}, n = {count(n_concepts, 'concept')} in all spaces; under a "
        "category its concepts",
        "D_c: squared length of the difference of the concept's rows of G_a and G_b, matrices of cosines; mean over "
        "the concepts of the category, divided by C = n",
        "Pairs: every space with every word space" if has_words else "Pairs: neighbouring layers of a model",
        f"{n_all - len(means):,} further pairs are in the table" if n_all > len(means) else "",
    )
    head(figure, title, note)
    return figure


def _pair_words(a: _Space, b: _Space) -> str:
    if b.task == WORDS:
        return f"{a.full} – {plain(b.name, width=18)}"
    return f"{plain(a.model, width=18)} {a.task[:3]}, {plain(a.layer, width=12)} – {plain(b.layer, width=12)}"

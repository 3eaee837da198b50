"""What the figures of FALCON share: which groups are shown, verdicts in words, sentences on definitions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from conceptatlas.figures.style import count, number, plain
from conceptatlas.tables import records

Row = Mapping[str, Any]


class Space(NamedTuple):
    """A layer seen through an encoder and a vocabulary. label : what its figures are called after: the layer, and
    encoder and vocabulary where there are several."""

    dataset: str
    model: str
    layer: str
    encoder: str
    vocabulary: str
    label: str

    @property
    def place(self) -> str:
        """In words."""
        return f"{plain(self.model)}, {plain(self.layer)}"

    @property
    def sources(self) -> str:
        """Data set, encoder and vocabulary as a sentence."""
        return f"Data set {plain(self.dataset)}, encoder {plain(self.encoder)}, vocabulary {plain(self.vocabulary)}"


def shown_groups(explained: pd.DataFrame, *, most: int) -> pd.DataFrame:
    """The groups that galleries show: explained ones first, then those with words above the null, then the others by
    how alike their crops are; at most `most`, and half of them at most of one kind (single features, groups) while the
    other has more."""
    if not len(explained):
        return explained
    order = explained.assign(above=explained["n_above_null"] > 0).sort_values(
        ["explained", "above", "percentile", "similarity", "group"], ascending=[False, False, False, False, True],
        kind="stable",
    )  # fmt: skip
    single = order["n_features"] == 1
    n_single = min(int(single.sum()), max(most // 2, most - int((~single).sum())))
    chosen = pd.concat([order[single].head(n_single), order[~single].head(most - n_single)])
    return order.loc[order.index.isin(chosen.index)].drop(columns="above").reset_index(drop=True)


def group_words(group: Row) -> str:
    """``feature 17`` or ``features 3, 17``."""
    features = str(group["group"]).split("-")
    return f"feature{'s' if len(features) > 1 else ''} {', '.join(features)}"


def verdict(group: Row) -> str:
    """Whether a group is explained, and what it lacks."""
    if group["explained"]:
        return "explained"
    if group["interpretable"]:
        return "interpretable, no word above the null"
    return "not interpretable" + (", words above the null" if group["n_above_null"] else "")


def likeness(group: Row) -> str:
    """Similarity of the crops with its interval, and its place among random groups."""
    interval = f" [{number(group['similarity_low'])}, {number(group['similarity_high'])}]"
    return f"alike {number(group['similarity'])}{interval if pd.notna(group['similarity_low']) else ''}"


def counted(explained: pd.DataFrame) -> str:
    """How many groups there are and how many are explained."""
    single = explained["n_features"] == 1
    parts = []
    for rows, word in ((explained[single], "single feature"), (explained[~single], "group")):
        if len(rows):
            parts.append(f"{int(rows['explained'].sum()):,} of {count(len(rows), word)} explained")
    return ", ".join(parts)


def judged(explained: pd.DataFrame) -> str:
    """What makes a group interpretable and explained, as a sentence."""
    first = records(explained.head(1))[0]
    what = (
        f"mean cosine of its crops at least {first['cut']:g}"
        if first["judged_by"] == "similarity"
        else f"its crops are more alike than those of {first['cut']:g} % of random groups of images"
    )
    return (
        f"Interpretable: {what}; explained: interpretable and a word above the null (R = {int(first['n_random']):,} "
        f"random groups of images, the search for the best word repeated in each, level {first['level']:g})"
    )


def nothing(space: Space, groups: pd.DataFrame, features: pd.DataFrame) -> str:
    """Why there is no group to show."""
    first = records(features.head(1))
    if not first:
        return "The representation has no feature."
    most = int(features["n_high"].max())
    return (
        f"No feature of {space.place} has enough highly activating images: rule {plain(first[0]['rule'])} "
        f"({first[0]['rule_value']:g}) leaves at most {count(most, 'image')} a feature."
    )

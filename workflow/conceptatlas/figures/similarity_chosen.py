"""Which pairs of layers the views of single concepts show: of any two models the one whose concepts match best."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from conceptatlas.figures.similarity_facts import Kind, Place, kinds_of, layer_words, models_of, rows_of
from conceptatlas.figures.style import plain
from conceptatlas.tables import records

MOST_MODEL_PAIRS = 12
"""Pairs of models that have a view of their concepts; the next ones are in the tables."""


class LayerPair(NamedTuple):
    """Two layers of two models, the first one earlier in the sheet.

    share : of the concepts, those with a mutual best match above chance (measure one_to_one; correspondence where the
    table lacks it). ucs : UCS above chance. Both at the first threshold.
    """

    model_a: str
    layer_a: str
    model_b: str
    layer_b: str
    share: float
    ucs: float

    @property
    def words(self) -> str:
        """Both layers, for titles."""
        return f"{self.words_a} – {self.words_b}"

    @property
    def words_a(self) -> str:
        """The first layer."""
        return f"{plain(self.model_a, width=24)}, {layer_words(self.layer_a, width=20)}"

    @property
    def words_b(self) -> str:
        """The second layer."""
        return f"{plain(self.model_b, width=24)}, {layer_words(self.layer_b, width=20)}"


def chosen_pairs(pairs: pd.DataFrame, places: list[Place], *, most: int = MOST_MODEL_PAIRS) -> list[LayerPair]:
    """Of every two models the pair of layers with the largest share of concepts matched one to one, best first.

    Of equal ones that with the higher UCS above chance, then the first in the table. The share of the mutual best
    matches alone (correspondence) would be 1 where a single one is found. pairs : tables of all models.
    """
    kinds = kinds_of(pairs, ("one_to_one", "correspondence"))
    if not kinds:
        return []
    at = {(place.model, place.layer) for place in places}
    rows = rows_of(pairs, kinds[0])
    ucs = {
        (row["model_a"], row["layer_a"], row["model_b"], row["layer_b"]): float(row["value"])
        for row in records(rows_of(pairs, Kind("ucs", kinds[0].threshold)))
    }
    best: dict[tuple[str, str], LayerPair] = {}
    for row in records(rows[rows["value"].notna() & (rows["model_a"] != rows["model_b"])]):
        names = (str(row["model_a"]), str(row["layer_a"]), str(row["model_b"]), str(row["layer_b"]))
        if names[:2] not in at or names[2:] not in at:
            continue
        found = LayerPair(*names, float(row["value"]), ucs.get(names, float("nan")))
        models = (names[0], names[2])
        if models not in best or _rank(found) > _rank(best[models]):
            best[models] = found
    order = models_of(places)
    ranked = sorted(best.values(), key=lambda one: (order.index(one.model_b), order.index(one.model_a)))
    return sorted(ranked, key=_rank, reverse=True)[:most]


def _rank(pair: LayerPair) -> tuple[float, float]:
    return pair.share, pair.ucs if np.isfinite(pair.ucs) else -np.inf


def concept_rows_of(concept_pairs: pd.DataFrame, pair: LayerPair) -> pd.DataFrame:
    """Rows of {m}_concepts.parquet of a pair of layers."""
    same = concept_pairs["model_a"] == pair.model_a
    for name in ("layer_a", "model_b", "layer_b"):
        same &= concept_pairs[name] == getattr(pair, name)
    return concept_pairs[same]


def why_chosen(pair: LayerPair) -> str:
    """Why this pair of layers is shown, for notes."""
    share = f"{pair.share * 100:.0f} %"
    return f"Of these two models the layers with most concepts matched one to one above chance ({share})"

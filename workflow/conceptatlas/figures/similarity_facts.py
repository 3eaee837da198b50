"""What the figures of similarity share: measures in words, layers in their order, matrices of pairs, sentences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.style import count, number, plain
from conceptatlas.similarity.pair_tables import DIRECTED, EMBEDDING_MEASURES, MEASURES
from conceptatlas.tables import records

Array = np.ndarray[Any, Any]

MOST_SHOWN = 32
"""Concepts that a view meant for people holds at most."""
MODEL_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#6A51A3", "#222222")
"""Okabe and Ito (2008); from the ninth model on they begin again, told apart by markers."""
MODEL_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
REGRESSION = "regression"
"""The two directions of the regression as one matrix: row a explains column b."""
WORDS = {
    "ucs": "UCS above chance",
    "ucs_scaled": "UCS between chance and 1",
    "ucs_raw": "UCS of matched concepts",
    "ucs_all": "UCS of all concept pairs",
    "correspondence": "correspondence",
    "one_to_one": "one-to-one concepts",
    "sfss": "SFSS",
    "sfss_gated": "SFSS, recognised concepts",
    "sfss_present": "SFSS, concept present",
    "sfss_absent": "SFSS, concept absent",
    "cka": "CKA",
    "rsa": "RSA",
    "procrustes": "Procrustes",
    "regression_ab": "regression a to b",
    "regression_ba": "regression b to a",
    REGRESSION: "regression",
    "net2vec_segmentation": "Net2Vec, segmentation",
    "net2vec_classification": "Net2Vec, classification",
}
UCS = "UCS: mean over test images of the IoU of two concept masks, images where both are empty left out"


class Place(NamedTuple):
    """A layer of a model and its relative depth, 0 to 1."""

    model: str
    layer: str
    depth: float


class Kind(NamedTuple):
    """A measure at a threshold of concept maps, which is NaN where it has none."""

    measure: str
    threshold: float

    @property
    def words(self) -> str:
        """The measure and its threshold."""
        name = WORDS.get(self.measure, plain(self.measure))
        return name if math.isnan(self.threshold) else f"{name}, BT {self.threshold:g}"


def places_of(places: Sequence[Sequence[Any]]) -> list[Place]:
    """The layers of all models from [model, layer, depth] in the order of the sheets."""
    return [Place(str(model), str(layer), float(depth)) for model, layer, depth in places]


def joined(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Tables of several models under one another; those without rows are left out, unless all are."""
    found = list(tables)
    return pd.concat([table for table in found if len(table)] or found[:1] or [pd.DataFrame()], ignore_index=True)


def kinds_of(pairs: pd.DataFrame, measures: Iterable[str] = tuple(MEASURES)) -> list[Kind]:
    """The measures of a table of pairs at their thresholds, in the order of `measures`."""
    if not len(pairs):
        return []
    there = pairs[["measure", "threshold"]].drop_duplicates()
    found = []
    for measure in measures:
        own = there.loc[there["measure"] == measure, "threshold"].tolist()
        found += [Kind(measure, float(threshold)) for threshold in sorted(own, key=lambda t: (math.isnan(t), t))]
    return found


def rows_of(table: pd.DataFrame, kind: Kind) -> pd.DataFrame:
    """Rows of a measure at a threshold."""
    same = table["threshold"].isna() if math.isnan(kind.threshold) else np.isclose(table["threshold"], kind.threshold)
    return table[(table["measure"] == kind.measure) & same]


def pair_matrix(pairs: pd.DataFrame, places: list[Place], kind: Kind, *, column: str = "value") -> Array:
    """A column of the pairs as a matrix (layer, layer), NaN where there is none; symmetric but for ``regression``,
    where row a and column b hold what a explains of b."""
    at = {(place.model, place.layer): i for i, place in enumerate(places)}
    out = np.full((len(places), len(places)), np.nan)
    directed = kind.measure == REGRESSION
    for measure in DIRECTED if directed else (kind.measure,):
        for row in records(rows_of(pairs, Kind(measure, kind.threshold))):
            i, j = at.get((row["model_a"], row["layer_a"])), at.get((row["model_b"], row["layer_b"]))
            if i is None or j is None:
                continue
            value = np.nan if row[column] is None else float(row[column])
            if not directed:
                out[i, j] = out[j, i] = value
            elif measure == "regression_ab":
                out[i, j] = value
            else:
                out[j, i] = value
    return out


def other_layers(pairs: pd.DataFrame) -> pd.DataFrame:
    """The pairs without those of a layer with itself."""
    return pairs[(pairs["model_a"] != pairs["model_b"]) | (pairs["layer_a"] != pairs["layer_b"])]


def rank_correlation(x: Array, y: Array) -> tuple[float, int]:
    """Spearman correlation over the places where both are defined, and their number; NaN below 3 or without spread."""
    x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    both = np.isfinite(x) & np.isfinite(y)
    x, y = x[both], y[both]
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan"), len(x)
    return float(spearmanr(x, y).statistic), len(x)


def layer_words(layer: str, *, width: int = 18) -> str:
    """A layer's name; of a long one the end is kept, which tells it from its neighbours."""
    text = " ".join(layer.split())
    return plain(text if len(text) <= width else "…" + text[1 - width :], width=width)


def models_of(places: Iterable[Place]) -> list[str]:
    """Models in the order of the sheet."""
    return list(dict.fromkeys(place.model for place in places))


def look_of(number_of_model: int) -> dict[str, Any]:
    """Colour and marker of a model by its place in the sheet."""
    at = number_of_model
    return {"color": MODEL_COLOURS[at % len(MODEL_COLOURS)],
            "marker": MODEL_MARKERS[(at + at // len(MODEL_COLOURS)) % len(MODEL_MARKERS)]}  # fmt: skip


def images_sentence(pairs: pd.DataFrame) -> str:
    """Data set and test images behind a table of pairs."""
    if not len(pairs):
        return ""
    own = pairs[~pairs["measure"].isin(list(EMBEDDING_MEASURES))] if "measure" in pairs else pairs
    place = f"Data set {plain(pairs['dataset'].iloc[0])}"
    if not len(own):  # embeddings of concepts: over training images, by Net2Vec
        return place
    n = sorted({int(n) for n in own["n_images"].dropna()} - {0})
    words = count(n[-1], "test image") if n else "no test image"
    return f"{place}, n = {'up to ' if len(n) > 1 else ''}{words}"


def null_sentence(rows: pd.DataFrame) -> str:
    """Share of pairs above the null's 95 % point, for rows of one measure."""
    done = rows[rows["value"].notna()]
    judged = done[done["null_high"].notna() & (done["n_permutations"] > 0)]
    if not len(judged):
        return "No null: no images were shuffled"
    above = float((judged["value"] > judged["null_high"]).mean())
    fewest = int(judged["n_permutations"].min())
    embedded = "measure" in judged and judged["measure"].isin(list(EMBEDDING_MEASURES)).all()
    what = "concepts of one layer permuted" if embedded else "images of one layer shuffled"
    return (
        f"Null: {what}, R = {fewest:,}; above its 95 % point {above * 100:.0f} % of "
        f"{count(len(judged), 'pair')} of different layers, mean of the null {number(judged['null_mean'].mean())}"
    )


def undefined_sentence(rows: pd.DataFrame) -> str:
    """How many pairs have no value, and why."""
    missing = rows[rows["value"].isna()]
    if not len(missing):
        return ""
    reasons = [str(reason) for reason in missing["reason"].dropna().value_counts().index if reason]
    why = f": {plain('; '.join(reasons), width=120)}" if reasons else ""
    return f"Grey: undefined for {count(len(missing), 'pair')}{why}"


def definition(measure: str) -> str:
    """What a measure is, as a sentence."""
    if measure == REGRESSION:
        return "Row a, column b: " + MEASURES["regression_ab"]
    words = MEASURES.get(measure, "")
    said = f"{WORDS.get(measure, plain(measure))}: {words}" if words else ""
    return sentences(said, UCS).rstrip(".") if measure.startswith(("ucs", "corr", "one_to")) else said

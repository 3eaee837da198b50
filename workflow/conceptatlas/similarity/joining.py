"""All layers and models of a data set in one table: what their similarities come to.

A row a fact; which facts there are, and what their columns mean, says `pair_tables.FACTS`. Correlations over pairs run
over pairs of different layers; pairs share layers, so their number says little about certainty: the test of the
correlation with depth permutes the layers' depths within their models (Mantel 1967).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from conceptatlas.seeds import generator
from conceptatlas.similarity.embeddings import embedding_pairs
from conceptatlas.similarity.pair_tables import SUMMARY_COLUMNS, SUMMARY_TYPES
from conceptatlas.similarity.positions import position_rows
from conceptatlas.tables import read_table, write_table
from conceptatlas.typed_tables import frame_of

Array = np.ndarray[Any, Any]

MINIMUM_PAIRS = 3
PROPAGATED = ("sfss", "sfss_gated")

_NOTHING: dict[str, Any] = {
    **dict.fromkeys(("measure", "other_measure", "model_a", "layer_a", "model_b", "layer_b", "concept", "category",
                     "reason"), ""),
    **dict.fromkeys(("threshold", "other_threshold", "value", "low", "high", "floor", "ceiling", "p"), np.nan),
    **dict.fromkeys(("n", "n_total"), pd.NA),
}  # fmt: skip


def join_similarity(
    *,
    dataset: str,
    tables: list[str],
    concept_tables: list[str],
    sfss_tables: list[str],
    profile_tables: list[str],
    places: list[list[Any]],
    twins: list[dict[str, Any]],
    out: str | Path,
    options: dict[str, Any],
    seed: int,
    distances: str | Path | None = None,
) -> None:
    """Write summary.parquet of a data set.

    tables, concept_tables, sfss_tables : of compare_models, one a model, in the order of the sheet (the means of the
    last stand in `tables`; they are not read). profile_tables : profiles.parquet of each place, or an empty list where
    profiles are off. places : [model, layer, relative depth] of all layers. twins : rows of the sheet of models that
    are twins: model, twin_of, twin_role. options : n_permutations, confidence. distances : distances.parquet of
    Net2Vec's embedding spaces, where the study has them: its layers take part (`embeddings`).

    Raises
    ------
    ValueError
        if there is not one table of profiles a layer.
    """
    if profile_tables and len(profile_tables) != len(places):
        raise ValueError(f"{len(profile_tables)} tables of profiles for {len(places)} layers; expected one a layer")
    embedded = embedding_pairs(distances, places, confidence=float(options["confidence"]))
    pairs = pd.concat([*map(read_table, tables), *([embedded] if len(embedded) else [])], ignore_index=True)
    concepts = pd.concat([read_table(path) for path in concept_tables], ignore_index=True)
    profiles = [read_table(path) for path in profile_tables]
    n_permutations = int(options["n_permutations"])
    rows = [
        *position_rows(pairs, twins),
        *propagation_rows(pairs, places),
        *recognition_rows(profiles, places),
        *agreement_rows(pairs),
        *depth_rows(pairs, n_permutations=n_permutations, seed=seed),
        *only_in_one_rows(concepts),
    ]
    full = [_NOTHING | {"dataset": dataset} | row for row in rows]
    write_table(out, frame_of(full, SUMMARY_COLUMNS, SUMMARY_TYPES), columns=SUMMARY_COLUMNS)


def propagation_rows(pairs: pd.DataFrame, places: list[list[Any]]) -> Iterator[dict[str, Any]]:
    """Mean SFSS of consecutive layers: of every model as many, evenly spaced, as the model with the fewest has."""
    layers: dict[str, list[tuple[float, str]]] = {}
    for model, layer, depth in places:
        layers.setdefault(str(model), []).append((float(depth), str(layer)))
    enough = [len(of) for of in layers.values() if len(of) > 1]
    for measure in PROPAGATED:
        kept = pairs[(pairs["measure"] == measure) & (pairs["model_a"] == pairs["model_b"])]
        for model, of in layers.items():
            own = kept[kept["model_a"] == model]
            if not len(own):
                continue
            chosen = evenly_spaced(sorted(of), min(enough, default=0))
            different = own[own["layer_a"] != own["layer_b"]]
            values = [
                different.loc[different["layer_a"].isin(two) & different["layer_b"].isin(two), "value"]
                for two in itertools.pairwise(chosen)
            ]
            steps = pd.concat(values).dropna() if values else pd.Series(dtype="float64")
            yield {
                "fact": "propagation", "measure": measure, "model_a": model, "n": len(steps), "n_total": len(values),
                "value": float(steps.mean()) if len(steps) else np.nan,
                "reason": "" if len(steps) else "no two consecutive layers have an SFSS",
            }  # fmt: skip


def evenly_spaced(layers: list[tuple[float, str]], n: int) -> list[str]:
    """The layers nearest to `n` depths from the first to the last, each once. layers : (depth, name), ascending."""
    depths = np.array([depth for depth, _ in layers])
    targets = np.linspace(depths[0], depths[-1], n)
    return list(dict.fromkeys(layers[int(np.abs(depths - target).argmin())][1] for target in targets))


def recognition_rows(profiles: list[pd.DataFrame], places: list[list[Any]]) -> Iterator[dict[str, Any]]:
    """In how many layers of a model each concept is recognised, and from which depth to which."""
    if not profiles:
        return
    parts = [
        table[["concept", "category", "recognised", "reason"]].assign(model=str(model), depth=float(depth))
        for table, (model, _, depth) in zip(profiles, places, strict=True)
    ]
    whole = pd.concat(parts, ignore_index=True)
    learned = whole[whole["reason"].fillna("") == ""]
    for (model, concept), of in learned.groupby(["model", "concept"], sort=False):
        depths = of.loc[of["recognised"].astype(bool), "depth"]
        yield {
            "fact": "recognising_layers", "model_a": model, "concept": concept, "category": of["category"].iloc[0],
            "value": float(len(depths)), "n": len(depths), "n_total": len(of),
            "low": depths.min() if len(depths) else np.nan, "high": depths.max() if len(depths) else np.nan,
        }  # fmt: skip


def agreement_rows(pairs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rank correlation of every two measures over pairs of different layers."""
    different = _different(pairs)
    number = different.groupby(["model_a", "layer_a", "model_b", "layer_b"], sort=False).ngroup().to_numpy()
    values = {}
    for key in _measures(pairs):
        column = np.full(number.max(initial=-1) + 1, np.nan)
        mine = _of_measure(different, *key)
        column[number[mine]] = different["value"].to_numpy()[mine]
        values[key] = column
    for first, second in itertools.combinations(values, 2):
        columns = np.stack([values[first], values[second]])
        there = np.isfinite(columns).all(axis=0)
        value, reason = spearman(columns[0][there], columns[1][there])
        yield {
            "fact": "agreement", "measure": first[0], "threshold": first[1], "other_measure": second[0],
            "other_threshold": second[1], "value": value, "n": int(there.sum()), "n_total": len(there),
            "reason": reason,
        }  # fmt: skip


def depth_rows(pairs: pd.DataFrame, *, n_permutations: int, seed: int) -> Iterator[dict[str, Any]]:
    """Rank correlation of every measure with the difference in relative depth: all pairs, within, between models."""
    different = _different(pairs)
    two = different[["model_a", "model_b"]].drop_duplicates()
    scopes = [("", ""), *two.itertuples(index=False, name=None)]
    for measure, threshold in _measures(pairs):
        of = different[_of_measure(different, measure, threshold)]
        for model_a, model_b in scopes:
            kept = of if not model_a else of[(of["model_a"] == model_a) & (of["model_b"] == model_b)]
            there = kept[np.isfinite(kept["value"])]
            value, reason = spearman(there["value"].to_numpy(), np.abs(there["depth_a"] - there["depth_b"]).to_numpy())
            p = np.nan
            if not np.isnan(value) and n_permutations:
                null = _depth_null(there, n_permutations=n_permutations, seed=seed)
                p = (1 + int((null <= value + 1e-12).sum())) / (1 + n_permutations)
            yield {
                "fact": "depth", "measure": measure, "threshold": threshold, "model_a": model_a, "model_b": model_b,
                "value": value, "p": p, "n": len(there), "n_total": len(kept), "reason": reason,
            }  # fmt: skip


def only_in_one_rows(concepts: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Discovered concepts without a partner above chance in any layer of another model, at the first threshold."""
    if not len(concepts):
        return
    first = concepts[concepts["threshold"] == concepts["threshold"].iloc[0]]
    names = ("model", "layer", "depth", "concept")
    turned = first.rename(columns={f"{n}_{side}": f"{n}_{other}" for n in names for side, other in ("ab", "ba")})
    own = first[(first["model_a"] == first["model_b"]) & (first["layer_a"] == first["layer_b"])]
    known = own[["model_a", "layer_a", "concept_a"]].drop_duplicates()
    between = pd.concat([first, turned], ignore_index=True)
    between = between[(between["model_a"] != between["model_b"]) & between["above_null"].notna()]
    n_layers = between.groupby(["model_a", "layer_a", "model_b"])["layer_b"].nunique()
    matches = dict(iter(between.groupby(["model_a", "layer_a", "model_b", "concept_a"])))
    for model_a, layer_a, concept in known.itertuples(index=False, name=None):
        for model_b in dict.fromkeys(between.loc[between["model_a"] == model_a, "model_b"]):
            found = matches.get((model_a, layer_a, model_b, concept))
            if found is not None and found["above_null"].astype(bool).any():
                continue
            row = {
                "fact": "only_in_one", "measure": "ucs_raw", "model_a": model_a, "layer_a": layer_a,
                "model_b": model_b, "concept": str(concept), "threshold": float(first["threshold"].iloc[0]), "n": 0,
                "n_total": int(n_layers.get((model_a, layer_a, model_b), 0)),
            }  # fmt: skip
            if found is None:
                yield row | {"reason": "matched to no concept of any of its layers"}
            else:
                best = found.loc[found["ucs"].idxmax()]
                yield row | {"value": float(best["ucs"]), "high": float(best["null_high"])}


def spearman(x: Array, y: Array) -> tuple[float, str]:
    """Rank correlation, or NaN and why there is none."""
    if len(x) < MINIMUM_PAIRS:
        return float("nan"), f"{len(x)} pairs, at least {MINIMUM_PAIRS} are needed"
    ranks = [rankdata(values) for values in (x, y)]
    centred = [of - of.mean() for of in ranks]
    size = np.sqrt((centred[0] @ centred[0]) * (centred[1] @ centred[1]))
    if not size > 0:
        return float("nan"), "all pairs have the same value"
    return float(np.clip(centred[0] @ centred[1] / size, -1, 1)), ""


def _depth_null(pairs: pd.DataFrame, *, n_permutations: int, seed: int) -> Array:
    """The correlation with depths permuted among the layers of each model, (permutation,)."""
    sides = [pairs[[f"model_{s}", f"layer_{s}", f"depth_{s}"]].set_axis(["model", "layer", "depth"], axis=1)
             for s in "ab"]  # fmt: skip
    layers = pd.concat(sides).drop_duplicates(["model", "layer"]).sort_values(["model", "layer"], ignore_index=True)
    at = {key: i for i, key in enumerate(zip(layers["model"], layers["layer"], strict=True))}
    a, b = (np.array([at[key] for key in zip(side["model"], side["layer"], strict=True)]) for side in sides)
    ranks = rankdata(pairs["value"].to_numpy())
    out = np.empty(n_permutations)
    rng = generator(seed, "similarity by depth", *(f"{model}/{layer}" for model, layer in at))
    groups = [of.to_numpy() for of in layers.groupby("model").groups.values()]
    for r in range(n_permutations):
        depth = layers["depth"].to_numpy().copy()
        for members in groups:
            depth[members] = depth[members[rng.permutation(len(members))]]
        value, _ = spearman(ranks, np.abs(depth[a] - depth[b]))
        out[r] = 0.0 if np.isnan(value) else value
    return out


def _different(pairs: pd.DataFrame) -> pd.DataFrame:
    return pairs[(pairs["model_a"] != pairs["model_b"]) | (pairs["layer_a"] != pairs["layer_b"])]


def _measures(pairs: pd.DataFrame) -> list[tuple[str, float]]:
    """Measures with their thresholds, in the order of the tables."""
    found = pairs[["measure", "threshold"]].drop_duplicates()
    return [(str(measure), float(threshold)) for measure, threshold in found.itertuples(index=False, name=None)]


def _of_measure(pairs: pd.DataFrame, measure: str, threshold: float) -> Array:
    """The rows of a measure at a threshold, bool."""
    same = pairs["threshold"].isna() if np.isnan(threshold) else pairs["threshold"] == threshold
    return ((pairs["measure"] == measure) & same).to_numpy()

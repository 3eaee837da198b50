"""Open-vocabulary labels beside the mask labels of Network Dissection: rows of the tables `masks` and `summary`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.inference.null import permutation_p
from conceptatlas.open_vocabulary.agreement import (
    chance_of_cosine,
    chance_of_same,
    mean_over_units,
    same,
    share,
)
from conceptatlas.open_vocabulary.concept_set import Concepts, positions
from conceptatlas.open_vocabulary.label_tables import MASKS, SUMMARY
from conceptatlas.open_vocabulary.null import Null
from conceptatlas.open_vocabulary.simulation import Correlated, percentiles

Array = np.ndarray[Any, Any]
Value = tuple[float, float, float]


def mask_rows(
    made: Mapping[str, str],
    *,
    live: Array,
    open_names: Sequence[str],
    open_categories: Sequence[str],
    open_vectors: Array,
    open_found: Correlated,
    dissected: pd.DataFrame | None,
    names: Sequence[str],
    vectors: Array,
    mask_found: Correlated,
    null: Array,
    confidence: float,
) -> pd.DataFrame:
    """One row a live unit with both labels; no row where the layer was not dissected.

    live : units. open_* : of the label of each. dissected : units.parquet. names, vectors : of the concepts that
    mask labels are looked up in. mask_found, null : correlations of the mask labels, and under permuted images
    (permutation, unit).
    """
    columns = [column.name for column in MASKS]
    if dissected is None:
        return pd.DataFrame(columns=columns)
    by_unit = dissected.set_index("unit").reindex(live)
    mask_names = by_unit["concept"].fillna("").astype(str).tolist()
    mask_categories = by_unit["category"].fillna("").astype(str).tolist()
    places = positions(mask_names, names)
    cosine = np.where(places >= 0, np.einsum("ij,ij->i", open_vectors, vectors[places]), np.nan)
    low, high = percentiles(mask_found.replicates, confidence=confidence)
    difference = percentiles(open_found.replicates - mask_found.replicates, confidence=confidence)
    p = permutation_p(mask_found.value, null) if len(null) else np.full(len(live), np.nan)
    known = [a != "" and b != "" for a, b in zip(open_categories, mask_categories, strict=True)]
    table = pd.DataFrame(
        {
            **{key: [value] * len(live) for key, value in made.items()},
            "unit": live,
            "concept": list(open_names),
            "category": list(open_categories),
            "correlation": open_found.value,
            "mask_concept": mask_names,
            "mask_category": mask_categories,
            "mask_iou": by_unit["iou_category"].to_numpy(float),
            "is_detector": by_unit["is_detector"].fillna(False).to_numpy(bool),
            "mask_correlation": mask_found.value,
            "mask_ci_low": low,
            "mask_ci_high": high,
            "mask_p": p,
            "difference": open_found.value - mask_found.value,
            "difference_low": difference[0],
            "difference_high": difference[1],
            "same_name": same(list(open_names), mask_names),
            "same_category": pd.array(
                [
                    a == b if there else None
                    for a, b, there in zip(open_categories, mask_categories, known, strict=True)
                ],
                dtype="boolean",
            ),
            "cosine": cosine,
        }
    )
    return table[table["mask_concept"] != ""].reset_index(drop=True)[columns]


def summary_rows(
    made: Mapping[str, str],
    masks: pd.DataFrame,
    labels: pd.DataFrame,
    open_found: Correlated,
    mask_found: Correlated,
    null: Null,
    *,
    vectors: tuple[Concepts, Concepts],
    options: Mapping[str, Any],
    seed: int,
) -> pd.DataFrame:
    """Means and shares over the units of the layer, of its detectors, and of every category of mask labels.

    vectors : the concepts that units are labelled with, and those that mask labels are looked up in.
    """
    confidence, fdr = options["confidence"], options["fdr"]
    first = labels[(labels["rank"] == 1) & (labels["concept"] != "")].reset_index(drop=True)
    rows: list[dict[str, Any]] = []

    def add(quantity: str, units: str, category: str, value: Value, chance: float, n: int) -> None:
        rows.append(
            {
                **made,
                "quantity": quantity,
                "units": units,
                "category": category,
                "value": value[0],
                "ci_low": value[1],
                "ci_high": value[2],
                "chance": chance,
                "n_units": n,
                "n_permutations": options["n_permutations"],
                "fdr": fdr,
            }
        )

    position = {int(unit): i for i, unit in enumerate(first["unit"])}
    detectors = masks[masks["is_detector"]] if len(masks) else masks
    groups: list[tuple[str, str, pd.DataFrame]] = [("all", "", masks), ("detectors", "", detectors)]
    groups += [("detectors", str(name), part) for name, part in detectors.groupby("mask_category", sort=True)]
    everyone = np.arange(len(first))
    add(
        "mean_correlation",
        "all",
        "",
        _mean(open_found, everyone, confidence),
        _null_mean(null.searched, everyone),
        len(first),
    )
    if options["n_permutations"]:
        passed = share((first["q"] <= fdr).to_numpy(), confidence=confidence)
        add("share_above_null", "all", "", passed, float("nan"), len(first))
    for units, category, part in groups:
        if not len(part):
            continue
        at = np.array([position[int(unit)] for unit in part["unit"]])
        if units == "detectors":
            chance = _null_mean(null.searched, at)
            add("mean_correlation", units, category, _mean(open_found, at, confidence), chance, len(at))
        scored = at[np.isfinite(mask_found.value[at])]
        if len(scored):
            chance = _null_mean(null.given, scored)
            add("mean_mask_correlation", units, category, _mean(mask_found, scored, confidence), chance, len(scored))
            apart = Correlated(open_found.value - mask_found.value, open_found.replicates - mask_found.replicates)
            chance = _null_mean(null.searched - null.given, scored)
            add("mean_difference", units, category, _mean(apart, scored, confidence), chance, len(scored))
        among = masks if units == "all" else detectors
        _agreement(add, units, category, part, among, vectors, options=options, seed=seed, made=made)
    return pd.DataFrame(rows).reindex(columns=[column.name for column in SUMMARY])


def _agreement(
    add: Any,
    units: str,
    category: str,
    part: pd.DataFrame,
    among: pd.DataFrame,
    vectors: tuple[Concepts, Concepts],
    *,
    options: Mapping[str, Any],
    seed: int,
    made: Mapping[str, str],
) -> None:
    """Agreement in some units; by chance their words are drawn from those of all units or all detectors, `among`."""
    confidence = options["confidence"]
    value = share(part["same_name"].to_numpy(bool), confidence=confidence)
    chance = chance_of_same(part["mask_concept"].tolist(), among["concept"].tolist())
    add("share_same_name", units, category, value, chance, len(part))
    known = part[part["same_category"].notna()]
    if len(known):
        value = share(known["same_category"].to_numpy(bool), confidence=confidence)
        chance = chance_of_same(
            known["mask_category"].tolist(), among.loc[among["category"] != "", "category"].tolist()
        )
        add("share_same_category", units, category, value, chance, len(known))
    both = part[part["cosine"].notna()]
    if len(both):
        own, names = vectors
        a = own.vectors[positions(among["concept"].tolist(), own.names)]
        b = names.vectors[positions(both["mask_concept"].tolist(), names.names)]
        name = " ".join(("open vocabulary", *made.values(), units, category))
        drawn = mean_over_units(
            both["cosine"].to_numpy(float), confidence=confidence, seed=seed, name=name, n=options["n_bootstrap"]
        )
        add("mean_cosine", units, category, drawn, chance_of_cosine(a, b), len(both))


def _mean(found: Correlated, at: Array, confidence: float) -> Value:
    """Mean over some units with its interval over resampled blocks of images."""
    if not len(at) or not np.isfinite(found.value[at]).any():
        return float("nan"), float("nan"), float("nan")
    low, high = np.full(1, np.nan), np.full(1, np.nan)
    replicates = found.replicates[at]
    if replicates.shape[1]:
        defined = np.isfinite(replicates)
        counts = np.maximum(defined.sum(axis=0), 1)
        low, high = percentiles((np.where(defined, replicates, 0).sum(axis=0) / counts)[None], confidence=confidence)
    return float(np.nanmean(found.value[at])), float(low[0]), float(high[0])


def _null_mean(null: Array, at: Array) -> float:
    values = null[:, at] if len(null) else np.empty((0, 0))
    return float(np.nanmean(values)) if np.isfinite(values).any() else float("nan")

"""The job that joins the explained layers of a data set: shares explained, groups against features, transfer."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.splits import TRAIN, VAL, read_split
from conceptatlas.falcon.comparing import paired_difference
from conceptatlas.falcon.explaining import read_embeddings, words_of_images
from conceptatlas.falcon.joined_tables import SUMMARY_COLUMNS, TRANSFER_COLUMNS, TRANSFERRED_COLUMNS, TYPES
from conceptatlas.falcon.representation import read_representation
from conceptatlas.falcon.transfer import Setting, random_words, transfer
from conceptatlas.files import read_json
from conceptatlas.inference.shares import wilson_interval
from conceptatlas.seeds import unit_interval
from conceptatlas.tables import read_table, write_table
from conceptatlas.typed_tables import frame_of

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Rows = list[dict[str, Any]]

MOST_IMAGES = 5_000
"""Training, and test images of a map between representations at most: its matrix is (test image, training image)."""


def join_falcon(
    *,
    dataset: str,
    encoder: str,
    vocabulary: str,
    places: list[list[str]],
    targets: list[list[str]],
    features: list[str],
    explained: list[str],
    comparisons: list[str],
    failures: list[str],
    judged: list[str],
    statistics: list[str],
    target_statistics: list[str],
    index: str | Path,
    embeddings: list[str],
    embeddings_manifests: list[str],
    parts: list[str],
    summary: str | Path,
    transfers: str | Path,
    transferred: str | Path,
    options: dict[str, Any],
    stop_words: list[str],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Write summary.parquet, transfer.parquet and transferred.parquet.

    Parameters
    ----------
    places : [model, layer] explained; features, explained, comparisons, failures, judged, statistics: their files in
        the same order.
    targets : [model, layer] that concepts are carried over to; target_statistics: their statistics.
    options : words (config section), transfer (n_high, n_random), n_bootstrap, confidence, train_share.
    """
    same = {"dataset": dataset, "encoder": encoder, "vocabulary": vocabulary}
    rows: Rows = []
    of_layers = [read_table(path) for path in explained]
    files = zip(places, of_layers, features, comparisons, failures, judged, strict=True)
    for (model, layer), own, *paths, told in files:
        every, compared, wrong = (read_table(path) for path in paths)
        about = same | {"model": model, "layer": layer}
        found = facts(own, every, compared, wrong, read_json(told), options=options, seed=seed)
        rows += [about | fact for fact in found]
    write_table(summary, frame_of(rows, SUMMARY_COLUMNS, TYPES), columns=SUMMARY_COLUMNS)
    pairs, carried = _transfers(
        places, targets, of_layers, statistics, target_statistics, index, embeddings, embeddings_manifests, parts,
        options, stop_words, seed, threads, mem_mb,
    )  # fmt: skip
    write_table(transfers, frame_of([same | row for row in pairs], TRANSFER_COLUMNS, TYPES), columns=TRANSFER_COLUMNS)
    carried_frame = frame_of([same | row for row in carried], TRANSFERRED_COLUMNS, TYPES)
    write_table(transferred, carried_frame, columns=TRANSFERRED_COLUMNS)


def facts(
    explained: pd.DataFrame,
    features: pd.DataFrame,
    comparisons: pd.DataFrame,
    failures: pd.DataFrame,
    judged: dict[str, Any],
    *,
    options: dict[str, Any],
    seed: int,
) -> Rows:
    """What is said of a layer, a row a fact (see `joined_tables.FACTS`)."""
    confidence = float(options["confidence"])
    singles = explained[explained["n_features"] == 1]
    several = explained[explained["n_features"] > 1]
    n_features, nan = len(features), float("nan")

    def share(fact: str, n: int, total: int, reason: str = "") -> dict[str, Any]:
        low, high = wilson_interval(n, total, confidence=confidence) if total else (nan, nan)
        value = n / total if total else nan
        why = "" if total else reason
        return {"fact": fact, "value": value, "low": low, "high": high, "n": n, "n_total": total, "reason": why}

    whole = bool((features["qualifies"] == features["has_group"]).all())
    n_told, left_out = (n_features, "") if whole else (0, "max_singles leaves features out")
    none = "no group has more images than min_images"
    rows = [
        {"fact": "groups", "value": float(len(explained)), "low": nan, "high": nan, "n": len(explained),
         "n_total": len(explained), "reason": "" if len(explained) else none},
        share("features_with_group", int(features["qualifies"].sum()), n_features),
        share("interpretable_features", int(singles["interpretable"].sum()), n_told, left_out),
        share("explained_features", int(singles["explained"].sum()), n_told, left_out),
        share("explained_singles", int(singles["explained"].sum()), len(singles), none),
        share("explained_groups", int(several["explained"].sum()), len(several), "no group of several features"),
    ]  # fmt: skip
    for fact in ("similarity_difference", "score_difference"):
        found = paired_difference(
            [str(group) for group in comparisons["group"]], comparisons[fact].to_numpy(dtype=np.float64),
            n_bootstrap=options["n_bootstrap"], confidence=confidence, seed=seed,
        )  # fmt: skip
        why = "" if found.n else "no group beside one of its features"
        rows.append(
            {"fact": fact, "value": found.value, "low": found.low, "high": found.high, "n": found.n,
             "n_total": found.n, "reason": why}
        )  # fmt: skip
    first = failures[failures["rank"] == 1]
    n_judged = judged["n_judged"]
    rows.append(share("accuracy", n_judged - judged["n_wrong"], n_judged, judged["reason"]))
    rows.append(share("explained_failures", int(first["explained"].sum()), len(first), "no misclassified image"))
    return rows


def _transfers(
    places: list[list[str]],
    targets: list[list[str]],
    explained: list[pd.DataFrame],
    statistics: list[str],
    target_statistics: list[str],
    index: str | Path,
    embeddings: list[str],
    manifests: list[str],
    parts: list[str],
    options: dict[str, Any],
    stop_words: list[str],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> tuple[Rows, Rows]:
    pairs = [
        (i, j)
        for i, (model, _) in enumerate(places)
        for j, (other, _) in enumerate(targets)
        if other != model and len(explained[i])
    ]
    if not pairs:
        return [], []
    split = read_split(index, train_share=options["train_share"], seed=seed)
    known = {path: read_representation(path, index) for path in dict.fromkeys([*statistics, *target_statistics])}
    valid = next(iter(known.values())).valid
    train, test = (_at_most(np.flatnonzero(valid & (split.of == part)), split.ids, seed=seed) for part in (TRAIN, VAL))
    if len(train) < 3 or not len(test):
        logger.warning("%d training and %d test images: nothing is carried over", len(train), len(test))
        return [], []
    frames = read_embeddings(embeddings, manifests, n_images=len(split.ids))
    table = words_of_images(frames[test], parts, options["words"], stop_words, threads=threads, mem_mb=mem_mb)
    wanted = options["transfer"]
    n_high, n_random = wanted["n_high"], wanted["n_random"]
    draws = random_words(table, n_high=n_high, n_random=n_random, seed=seed)
    setting = Setting(train, test, table, n_high, n_random, seed, draws)
    rows, carried = [], []
    for i, j in pairs:
        groups = [str(name) for name in explained[i]["group"]]
        is_explained = dict(zip(groups, explained[i]["explained"].astype(bool), strict=True))
        between = {
            "model": places[i][0], "layer": places[i][1], "model_target": targets[j][0], "layer_target": targets[j][1]
        }  # fmt: skip
        about, own = transfer(
            known[statistics[i]].h, known[target_statistics[j]].h, groups, setting, name="~".join(between.values())
        )
        rows.append(between | about)
        carried += [between | row | {"explained": is_explained[row["group"]]} for row in own]
    return rows, carried


def _at_most(images: Array, ids: list[str], *, seed: int) -> Array:
    """Of images those with the smallest hash of their id, at most `MOST_IMAGES`, ascending."""
    if len(images) <= MOST_IMAGES:
        return images
    keys = [unit_interval(seed, "images of transfer", ids[i]) for i in images]
    return np.sort(images[np.argsort(keys, kind="stable")[:MOST_IMAGES]])

"""The job that explains: captions nearest to the crops of every group, their words, contrast, null; and failures."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.datasets.splits import read_split
from conceptatlas.falcon.captions import CaptionReader
from conceptatlas.falcon.class_labels import read_class_labels
from conceptatlas.falcon.comparing import compare_with_members
from conceptatlas.falcon.crop_tables import CropFile, read_crop_file
from conceptatlas.falcon.explained_tables import (
    COMPARISON_COLUMNS,
    EXPLAINED_COLUMNS,
    FAILURE_COLUMNS,
    TYPES,
    WORD_COLUMNS,
)
from conceptatlas.falcon.failures import failure_rows, judge
from conceptatlas.falcon.group_words import GroupImages, explain
from conceptatlas.falcon.representation import Representation, read_representation
from conceptatlas.falcon.word_scores import WordTable, word_table
from conceptatlas.files import read_json, write_json
from conceptatlas.inference.bootstrap import block_weights
from conceptatlas.tables import Column, read_table, records, write_table
from conceptatlas.typed_tables import frame_of
from conceptatlas.vocabularies.caption_file import captions_of
from conceptatlas.vocabularies.retrieval import nearest_captions

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
N_BLOCKS = 32


def explain_groups(
    *,
    dataset: str,
    model: str,
    layer: str,
    encoder: str,
    vocabulary: str,
    statistics: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    groups: str | Path,
    members: str | Path,
    crop_table: str | Path,
    crops: str | Path,
    embeddings: list[str],
    embeddings_manifests: list[str],
    parts: list[str],
    explained: str | Path,
    words: str | Path,
    comparisons: str | Path,
    failures: str | Path,
    judged: str | Path,
    options: dict[str, Any],
    stop_words: list[str],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Write explained.parquet, words.parquet, comparisons.parquet, failures.parquet and judged.json.

    Parameters
    ----------
    statistics, index, concepts, annotations : of the data set and layer. groups, members : of `select_features`.
    crop_table, crops : of `crop_groups`. embeddings, embeddings_manifests : of
        the whole frames of the data set, all shards.
    parts : files of the vocabulary with vectors of this encoder.
    options : words, similarity, random_groups, failures (config sections of `falcon`), n_bootstrap, confidence,
        train_share.
    stop_words : words that explain nothing. threads, mem_mb : of the search for captions.
    """
    place = {"dataset": dataset, "model": model, "layer": layer, "encoder": encoder, "vocabulary": vocabulary}
    of = read_representation(statistics, index)
    crop_file, crop_rows = read_crop_file(crops), read_table(crop_table)
    own_members, own_groups = read_table(members), read_table(groups)
    about: list[dict[str, Any]] = []
    found: list[dict[str, Any]] = []
    if len(own_groups):
        frames = read_embeddings(embeddings, embeddings_manifests, n_images=len(of.ids))
        about, found = _explained(
            own_groups,
            own_members,
            crop_rows,
            crop_file,
            frames,
            parts,
            of,
            options,
            stop_words,
            seed,
            threads,
            mem_mb,
        )
    else:
        logger.warning("%s %s: no group of features has enough images; the tables have no rows", model, layer)
    pairs = compare_with_members(about)
    wrong, told = _failures(about, crop_file, of, index, concepts, annotations, options, seed)
    write_json(judged, told)
    for path, rows, columns in (
        (explained, about, EXPLAINED_COLUMNS), (words, found, WORD_COLUMNS),
        (comparisons, pairs, COMPARISON_COLUMNS), (failures, wrong, FAILURE_COLUMNS),
    ):  # fmt: skip
        _write(path, [place | row for row in rows], columns)


def read_embeddings(paths: list[str], manifests: list[str], *, n_images: int) -> Array:
    """Embeddings of all frames of a data set: float32 (image, dim).

    Raises
    ------
    ValueError
        if the shards do not hold so many images.
    """
    found = []
    for path, _ in sorted(zip(paths, manifests, strict=True), key=lambda pair: int(read_json(pair[1])["start"])):
        with h5py.File(path, "r") as file:
            found.append(file["embeddings"][()])
    whole = np.concatenate(found) if found else np.zeros((0, 1), dtype=np.float32)
    if len(whole) != n_images:
        raise ValueError(f"embeddings of {len(whole)} images, the data set lists {n_images}; encode its images again")
    return whole


def _explained(
    groups: pd.DataFrame,
    members: pd.DataFrame,
    crop_rows: pd.DataFrame,
    crop_file: CropFile,
    frames: Array,
    parts: list[str],
    of: Representation,
    options: dict[str, Any],
    stop_words: list[str],
    seed: int,
    threads: int,
    mem_mb: int,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows of groups and of words: crops and lowly activating frames are rows of one table of words."""
    low = members[members["kind"] == "low"]
    low_images = np.unique(low["image_index"].to_numpy(dtype=np.int64))
    queries = np.concatenate([crop_file.embeddings, frames[low_images]])
    table = words_of_images(queries, parts, options["words"], stop_words, threads=threads, mem_mb=mem_mb)
    crop_images = crop_rows["image_index"].to_numpy(dtype=np.int64)
    is_high = (crop_rows["kind"] == "high").to_numpy()
    names = crop_rows["group"].to_numpy()
    of_groups = []
    for name in groups["group"]:
        high = np.flatnonzero(is_high & (names == name))
        own_low = low.loc[low["group"] == name, "image_index"].to_numpy(dtype=np.int64)
        rows = len(crop_rows) + np.searchsorted(low_images, own_low)
        of_groups.append(GroupImages(str(name), high, rows, of.blocks[crop_images[high]]))
    about, found = explain(
        of_groups, table, crop_file.embeddings, np.flatnonzero(~is_high),
        words=options["words"], similarity=options["similarity"], null=options["random_groups"],
        weights=block_weights(N_BLOCKS, options["n_bootstrap"], seed=seed), confidence=options["confidence"], seed=seed,
    )  # fmt: skip
    whole = crop_rows.loc[is_high & crop_rows["whole"].to_numpy(), "group"].value_counts()
    for row, group in zip(about, records(groups), strict=True):
        row |= {name: group[name] for name in ("n_features", "n_high", "n_low")}
        row |= {"n_whole": int(whole.get(row["group"], 0)), "seed": seed}
        row |= {"n_bootstrap": options["n_bootstrap"], "confidence": options["confidence"]}
    return about, found


def words_of_images(
    queries: Array,
    parts: list[str],
    options: dict[str, Any],
    stop_words: list[str],
    *,
    threads: int = 1,
    mem_mb: int = 2000,
) -> WordTable:
    """The words in the captions nearest to some embeddings (image, dim).

    options : config section `falcon.words` (n_captions, centre).
    """
    nearest = nearest_captions(
        queries, parts, k=options["n_captions"], centre=options["centre"], threads=threads, mem_mb=mem_mb
    )
    known, inverse = np.unique(nearest.indices, return_inverse=True)
    texts = captions_of(parts, known)
    of_image = [[texts[i] for i in own] for own in inverse.reshape(nearest.indices.shape)]
    reader = CaptionReader(stop_words)
    return word_table(of_image, nearest.scores, reader.words_of)


def _failures(
    about: list[dict[str, Any]],
    crop_file: CropFile,
    of: Representation,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    options: dict[str, Any],
    seed: int,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Rows of failures, and how many images were judged."""
    wanted = options["failures"]
    labels = read_class_labels(annotations, str(concepts), category=wanted["category"], n_images=len(of.ids))
    split = read_split(index, train_share=options["train_share"], seed=seed)
    judged = judge(crop_file, of, labels, split, seed=seed)
    if judged is None:
        reason = f"no head knows classes of category {wanted['category']}, and too few labels for a probe"
        return [], {"head": "", "n_judged": 0, "n_wrong": 0, "reason": reason}
    wrong = judged.wrong(labels)
    reason = "" if len(wrong) else f"no image has a label of category {wanted['category']} that the head knows"
    told = {"head": judged.kind, "n_judged": len(wrong), "n_wrong": int(wrong.sum()), "reason": reason}
    explained = {row["group"]: (row["words"], row["explained"]) for row in about}
    rows = failure_rows(
        judged, of, labels, explained, n_images=wanted["n_images"], n_features=wanted["n_features"], seed=seed,
        confidence=options["confidence"],
    )  # fmt: skip
    return [row | {"category": wanted["category"]} for row in rows], told


def _write(path: str | Path, rows: list[dict[str, Any]], columns: list[Column]) -> None:
    write_table(path, frame_of(rows, columns, TYPES), columns=columns)

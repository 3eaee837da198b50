"""The words of the groups of a layer: scores, intervals, the null, contrast, and what is left."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.falcon.contrasting import drop_words
from conceptatlas.falcon.crop_similarity import mean_similarity, percentile, random_similarities, similarity_interval
from conceptatlas.falcon.word_scores import RandomSets, WordTable, score_intervals, word_scores
from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.inference.null import smallest_p
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]

SHOWN_WORDS = 8
"""Words a group is summed up by, as in the published code."""
Rows = list[dict[str, Any]]


class GroupImages(NamedTuple):
    """high : rows of the word table, its crops. low : rows, the lowly activating frames. blocks : int64 of high."""

    name: str
    high: Array
    low: Array
    blocks: Array


def explain(
    groups: list[GroupImages],
    table: WordTable,
    embeddings: Array,
    pool: Array,
    *,
    words: dict[str, Any],
    similarity: dict[str, Any],
    null: dict[str, Any],
    weights: Array,
    confidence: float,
    seed: int,
) -> tuple[Rows, Rows]:
    """Rows of the groups and of their words.

    Parameters
    ----------
    table : words of crops, of the null's pool and of lowly activating frames. embeddings : float32 (row, dim), the
        crops among them (the first rows of the table). pool : rows of the random crops.
    words, similarity, null : config sections of `falcon`. weights : of `bootstrap.block_weights`.
    """
    about: Rows = []
    found: Rows = []
    for group in groups:
        rows = np.concatenate([pool, group.high])  # as in any permutation test: what is drawn from holds the group too
        rng = generator(seed, "random groups of images", group.name)
        sets = RandomSets(table.confidence[rows], len(group.high), int(null["n_random"]), rng)
        own = _words(group, table, sets, words, weights, confidence)
        found += own
        about.append(_likeness(group, embeddings, rows, sets, similarity, weights, confidence, seed) | {"own": own})
    _correct(about, found, table, level=float(null["level"]))
    for row in about:
        row |= _verdict(row.pop("own")) | {"n_random": int(null["n_random"]), "level": float(null["level"])}
        row["smallest_p"] = smallest_p(int(null["n_random"])) if null["n_random"] else float("nan")
        row["explained"] = bool(row["interpretable"] and row["n_above_null"] > 0)
    return about, found


def _words(
    group: GroupImages, table: WordTable, sets: RandomSets, options: dict[str, Any], weights: Array, confidence: float
) -> Rows:
    """The words of a group's crops, highest score first; words and phrases are ranked apart."""
    scores = word_scores(table, group.high)
    holding = np.asarray(table.holds[group.high].sum(axis=0)).ravel().astype(np.int64)
    columns = np.flatnonzero(holding)
    low, high = score_intervals(table, group.high, columns, group.blocks, weights, confidence=confidence)
    null = sets.compare(scores[columns], columns)
    counter, counter_holding = np.zeros(len(columns)), np.zeros(len(columns), dtype=np.int64)
    if len(group.low):
        counter = word_scores(table, group.low)[columns]
        counter_holding = np.asarray(table.holds[group.low].sum(axis=0)).ravel().astype(np.int64)[columns]
    dropped = drop_words(
        counter, counter_holding, len(group.low), contrast=options["contrast"], cut=options["contrast_cut"]
    )
    rows = [
        {
            "group": group.name, "word": table.words[column].text, "kind": table.words[column].kind,
            "score": scores[column], "score_low": low[i], "score_high": high[i], "n_images": len(group.high),
            "n_holding": int(holding[column]), "null_mean": null.mean[i], "null_high": null.high[i], "p": null.p[i],
            "p_search": null.p_search[i], "counter_score": counter[i], "n_counter": len(group.low),
            "n_counter_holding": int(counter_holding[i]), "dropped": bool(dropped.dropped[i]),
            "dropped_because": dropped.because[i], "contrast": options["contrast"],
            "contrast_cut": options["contrast_cut"], "n_captions": options["n_captions"],
            "centre": bool(options["centre"]),
        }
        for i, column in enumerate(columns)
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["kind"] == "phrase", -row["score"], row["p"], row["word"]))
    ranks = {False: 0, True: 0}
    for row in rows:
        is_phrase = row["kind"] == "phrase"
        ranks[is_phrase] += 1
        row["rank"] = ranks[is_phrase]
    return rows


def _likeness(
    group: GroupImages,
    embeddings: Array,
    rows: Array,
    sets: RandomSets,
    options: dict[str, Any],
    weights: Array,
    confidence: float,
    seed: int,
) -> dict[str, Any]:
    """How alike the crops of a group are, against random groups of images."""
    size, diagonal = len(group.high), str(options["diagonal"])
    own = embeddings[group.high]
    value = mean_similarity(own, diagonal=diagonal)
    null = random_similarities(embeddings[rows], sets.draws, size, diagonal=diagonal)
    rng = generator(seed, "bootstrap of crops", group.name)
    draws = rng.multinomial(size, np.full(size, 1 / size), size=len(weights))
    low, high = similarity_interval(own, draws, diagonal=diagonal, confidence=confidence)
    share = percentile(value, null)
    judged = share if options["judged_by"] == "percentile" else value
    return {
        "group": group.name, "similarity": value, "similarity_low": low, "similarity_high": high, "diagonal": diagonal,
        "null_similarity": float(null.mean()) if len(null) else float("nan"), "percentile": share,
        "judged_by": options["judged_by"], "cut": float(options["cut"]),
        "interpretable": bool(judged >= options["cut"]),
    }  # fmt: skip


def _correct(about: Rows, found: Rows, table: WordTable, *, level: float) -> None:
    """Corrected p of words and groups, and which words are above the null."""
    n_tests = len(about) * len(table.words)  # a word that a group lacks is a test with p = 1
    p = np.ones(max(n_tests, len(found)))
    p[: len(found)] = [row["p"] for row in found]
    for row, q in zip(found, benjamini_hochberg(p), strict=False):
        row["q"] = float(q)
    smallest = [min([row["p_search"] for row in one["own"] if not row["dropped"]], default=1.0) for one in about]
    for one, best, q in zip(about, smallest, benjamini_hochberg(np.array(smallest)), strict=True):
        one["p"], one["q"] = float(best), float(q)
        for row in one["own"]:
            row["above_null"] = bool(not row["dropped"] and row["p_search"] <= level and q <= level)


def _verdict(own: Rows) -> dict[str, Any]:
    above = [row["word"] for row in own if row["above_null"]]
    kept = [row for row in own if not row["dropped"] and row["kind"] != "phrase"]
    return {
        "n_words": len(own), "n_dropped": sum(row["dropped"] for row in own), "n_above_null": len(above),
        "words": ", ".join(above[:SHOWN_WORDS]), "best_word": kept[0]["word"] if kept else "",
        "best_score": kept[0]["score"] if kept else float("nan"),
    }  # fmt: skip

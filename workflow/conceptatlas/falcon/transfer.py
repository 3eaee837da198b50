"""Concepts of one model in another: a group's features, predicted from the other model's representation, and the words
of the images in which the prediction is highest (Kalibhat et al. 2023, concept transfer).

The map is learned on training images and everything is told of held-out ones. Both sets of images, those highest in the
group's own value and those highest in the predicted one, are whole frames: the other model has no feature to crop for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.falcon.linear_map import learn_map, null_r_squared, r_squared
from conceptatlas.falcon.word_scores import WordTable
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]
Rows = list[dict[str, Any]]

COMPARED_WORDS = 8


class Setting(NamedTuple):
    """train, test : int64, image_index. table : words of the test images, in their order. n_high : images that count as
    highest. n_random : draws of the nulls."""

    train: Array
    test: Array
    table: WordTable
    n_high: int
    n_random: int
    seed: int
    random_words: list[list[str]]
    """Words of random test images, as many as are compared: the null of shared words (`random_words`)."""


def transfer(
    source: Array, target: Array, groups: list[str], setting: Setting, *, name: str
) -> tuple[dict[str, Any], Rows]:
    """How well a model's groups of features are found in another model's representation.

    source : float32 (image, feature), h of the model whose features are explained. target : of the model they are
    carried over to. groups : names. name : of the pair, for seeds.

    Returns
    -------
    about : r2, null_mean, null_high, p, n_train, n_test, penalty. rows : a row a group.
    """
    wanted = np.unique([int(feature) for group in groups for feature in group.split("-")]) if groups else np.arange(0)
    train, test = source[setting.train], source[setting.test].astype(np.float64)
    found = learn_map(target[setting.train], train, target[setting.test])
    whole, each = r_squared(test, found.predicted, found.mean)
    null = null_r_squared(
        found, train, test, n_random=setting.n_random, rng=generator(setting.seed, "transfer", name)
    )  # fmt: skip
    about = {
        "r2": whole, "null_mean": float(null.mean()) if len(null) else float("nan"),
        "null_high": float(np.quantile(null, 0.95)) if len(null) else float("nan"),
        "p": (1 + int((null >= whole).sum())) / (1 + len(null)) if len(null) else float("nan"),
        "n_train": len(setting.train), "n_test": len(setting.test), "penalty": found.penalty, "n_groups": len(groups),
        "n_features": source.shape[1], "n_features_target": target.shape[1], "n_random": setting.n_random,
    }  # fmt: skip
    rows = [_group(group, test, found.predicted, each, setting) for group in groups] if len(wanted) else []
    return about, rows


def _group(group: str, true: Array, predicted: Array, each: Array, setting: Setting) -> dict[str, Any]:
    features = [int(feature) for feature in group.split("-")]
    own, carried = true[:, features].mean(axis=1), predicted[:, features].mean(axis=1)
    n = min(setting.n_high, len(own))
    highest, guessed = (np.argsort(-value, kind="stable")[:n] for value in (own, carried))
    words, guessed_words = (telling_words(setting.table, images) for images in (highest, guessed))
    null = np.array([shared(words, others) for others in setting.random_words])
    same = shared(words, guessed_words)
    known = bool(own.std() > 0 and carried.std() > 0)
    return {
        "group": group, "r2": float(np.nanmean(each[features])) if np.isfinite(each[features]).any() else float("nan"),
        "correlation": float(np.corrcoef(own, carried)[0, 1]) if known else float("nan"), "n_high": n,
        "share_images": len(set(highest.tolist()) & set(guessed.tolist())) / n, "chance_images": n / len(own),
        "words": ", ".join(words), "words_target": ", ".join(guessed_words), "share_words": same,
        "null_words": float(null.mean()) if len(null) else float("nan"),
        "null_words_high": float(np.quantile(null, 0.95)) if len(null) else float("nan"),
        "p": (1 + int((null >= same).sum())) / (1 + len(null)) if len(null) and not np.isnan(same) else float("nan"),
    }  # fmt: skip


def random_words(table: WordTable, *, n_high: int, n_random: int, seed: int) -> list[list[str]]:
    """The words of random images (rows of the table), `n_high` at a time: a list a draw."""
    n_images = table.confidence.shape[0]
    rng = generator(seed, "random images of transfer")
    return [telling_words(table, rng.permutation(n_images)[:n_high]) for _ in range(n_random)]


def telling_words(table: WordTable, images: Array, *, most: int = COMPARED_WORDS) -> list[str]:
    """The words (no phrases) whose score in some images exceeds their score in all images most, best first."""
    excess = (
        np.asarray(table.confidence[images].mean(axis=0)).ravel() - np.asarray(table.confidence.mean(axis=0)).ravel()
    )
    order = [i for i in np.argsort(-excess, kind="stable") if table.words[i].kind != "phrase" and excess[i] > 0]
    return list(dict.fromkeys(table.words[i].text for i in order))[:most]


def shared(words: list[str], others: list[str]) -> float:
    """Share of words that two lists have in common (intersection over union); missing if both are empty."""
    union = set(words) | set(others)
    return len(set(words) & set(others)) / len(union) if union else float("nan")

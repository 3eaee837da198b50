"""How good the demo encoder is on scenes it has not seen: retrieval, and words told apart by category.

Retrieval: images against all different captions of the held-out scenes; a hit at k is an own caption of the image among
the k nearest (image to text), or an image that the caption belongs to (text to image). Words: the nearest of the words
of a category, on images whose captions hold exactly one of them; and the area under the ROC curve of each word's cosine
against its presence in the captions, averaged over words. Patterns also alone, where the main object or the room wears
one ("texture, large").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.colors import COLOR_NAMES
from conceptatlas.datasets.scenes.vocabulary import CLASSES, TEXTURES
from conceptatlas.encoders.demo import encode_pictures, encode_sentences
from conceptatlas.encoders.demo_towers import Towers, words_of
from conceptatlas.encoders.encoder import Array, unit_rows
from conceptatlas.inference.shares import wilson_interval

WORDS = {
    "object": CLASSES,
    "place": ("beach", "desert", "forest", "garden", "harbour", "kitchen", "meadow", "mountains", "parlour", "street"),
    "texture": TEXTURES[1:],
    "color": COLOR_NAMES,
}
"""Category -> words that are told apart; of the places those with a word of their own."""


def score_encoder(
    towers: Towers, pictures: Array, captions: Sequence[Sequence[str]], patterns: Sequence[Sequence[str]]
) -> pd.DataFrame:
    """Scores of the encoder: columns score, category, value, low, high (95 %), n.

    pictures : uint8 (image, 96, 96, 3). captions, patterns : of each picture (see `demo_captions`).
    """
    vectors = [encode_pictures(towers, pictures[at : at + 250]) for at in range(0, len(pictures), 250)]
    images = unit_rows(np.concatenate(vectors), where="held-out pictures")
    texts = sorted({text for own in captions for text in own})
    number = {text: i for i, text in enumerate(texts)}
    right = np.zeros((len(images), len(texts)), dtype=bool)
    for image, own in enumerate(captions):
        right[image, [number[text] for text in own]] = True
    cosine = images @ unit_rows(encode_sentences(towers, texts), where="held-out captions").T
    rows: list[dict[str, Any]] = []
    for name, scores, truth in (("image_to_text", cosine, right), ("text_to_image", cosine.T, right.T)):
        order = np.argsort(-scores, axis=1, kind="stable")
        for k in (1, 5):
            hits = np.asarray(np.take_along_axis(truth, order[:, :k], axis=1).any(axis=1))
            rows.append(_share(f"{name}_recall@{k}", "", int(hits.sum()), len(hits)))
    said = [{word for text in own for word in words_of(text)} for own in captions]
    for category, words in WORDS.items():
        nearest = images @ unit_rows(encode_sentences(towers, list(words)), where="words").T
        present = np.array([[word in own for word in words] for own in said])
        alone = present.sum(axis=1) == 1
        hits = nearest[alone].argmax(axis=1) == present[alone].argmax(axis=1)
        rows.append(_share("nearest_word", category, int(hits.sum()), int(alone.sum())))
        areas = [area_under_roc(nearest[:, i], present[:, i]) for i in range(len(words))]
        rows.append({"score": "auc", "category": category, "value": float(np.nanmean(areas)), "n": len(words)})
    rows += _patterns(images, towers, said, patterns)
    table = pd.DataFrame(rows)[["score", "category", "value", "low", "high", "n"]]
    return table.round(4)


def _patterns(
    images: Array, towers: Towers, said: Sequence[set[str]], patterns: Sequence[Sequence[str]]
) -> list[dict[str, Any]]:
    """The same of patterns that the main object or the room wears, against scenes whose captions do not hold the word;
    small things that wear one are left out."""
    words = WORDS["texture"]
    cosines = images @ unit_rows(encode_sentences(towers, list(words)), where="words").T
    worn = np.array([[word in own for word in words] for own in patterns])
    named = np.array([[word in own for word in words] for own in said])
    alone = worn.sum(axis=1) == 1
    hits = cosines[alone].argmax(axis=1) == worn[alone].argmax(axis=1)
    rows = [_share("nearest_word", "texture, large", int(hits.sum()), int(alone.sum()))]
    for i, word in enumerate(words):
        kept = worn[:, i] | ~named[:, i]
        area = area_under_roc(cosines[kept, i], worn[kept, i])
        rows.append(
            {"score": f"auc_of_{word}", "category": "texture, large", "value": area, "n": int(worn[:, i].sum())}
        )
    return rows


def area_under_roc(scores: Array, present: Array) -> float:
    """Probability that a present one scores above an absent one, ties half; NaN where either is missing."""
    n_present, n_absent = int(present.sum()), int((~present).sum())
    if not n_present or not n_absent:
        return float("nan")
    ranks = pd.Series(scores).rank().to_numpy()
    return float((ranks[present].sum() - n_present * (n_present + 1) / 2) / (n_present * n_absent))


def _share(score: str, category: str, hits: int, n: int) -> dict[str, Any]:
    low, high = wilson_interval(hits, n)
    return {"score": score, "category": category, "value": hits / n, "low": low, "high": high, "n": n}

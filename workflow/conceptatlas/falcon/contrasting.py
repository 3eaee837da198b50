"""Contrastive interpretation: words that the lowly activating images have too do not explain a group."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from conceptatlas.naming import unknown

Array = np.ndarray[Any, Any]

CONTRASTS = ("score", "any")


class Dropped(NamedTuple):
    """dropped : bool (word,). because : why, or ""."""

    dropped: Array
    because: list[str]


def drop_words(scores: Array, holding: Array, n_low: int, *, contrast: str, cut: float) -> Dropped:
    """Which words the lowly activating images take away.

    scores : float64 (word,), equation 1 over the lowly activating images. holding : int (word,), how many of these have
    a caption with the word. n_low : how many there are.
    contrast : `score` drops words that score at least `cut` there (the published code, 0.1), `any` every word that is
    extracted there (the paper).
    """
    if contrast == "score":
        dropped = (scores >= cut) & (holding > 0)
        words = [f"scores {score:.3f} >= {cut:g} in {n_low} low images" for score in scores]
    elif contrast == "any":
        dropped = holding > 0
        words = [f"extracted from {n} of {n_low} low images" for n in holding]
    else:
        raise unknown("contrast", contrast, CONTRASTS, where="falcon.words.contrast")
    return Dropped(dropped, [text if one else "" for text, one in zip(words, dropped, strict=True)])

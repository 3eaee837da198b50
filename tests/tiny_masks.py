"""Labels of the pictures of `tiny_generators`: the left and the right half, whatever they show."""

from __future__ import annotations

import numpy as np


def halves_labels(pictures):
    """uint8 (n, size, size, 3) -> uint8 (n, size, size)."""
    size = pictures.shape[1]
    labels = np.ones(pictures.shape[:3], dtype=np.uint8)
    labels[:, :, size // 2 :] = 2
    labels[:, 0] = 0
    return labels


halves_labels.label_names = ["background", "left", "right"]


def redness(pictures, labels, n_labels):
    """A metric of one's own: mean red minus green of every label."""
    return np.array(
        [
            [
                (own[marks == label, 0].astype(float) - own[marks == label, 1]).mean()
                if (marks == label).any()
                else np.nan
                for label in range(n_labels)
            ]
            for own, marks in zip(pictures, labels, strict=True)
        ]
    )

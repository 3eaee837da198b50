"""Why a classifier puts images into a wrong class: the features that add most to the score of the class it chose.

The features are argmax(h o U_y) with U the weights of the linear head and y the PREDICTED class (Kalibhat et al. 2023);
their words say what the classifier saw. A model without a head on these features gets a linear probe, learned on the
training images with the largest labelled thing as class, and only images held out are judged.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.datasets.splits import TRAIN, VAL, Split
from conceptatlas.falcon.class_labels import ClassLabels, match_names
from conceptatlas.falcon.crop_tables import CropFile
from conceptatlas.falcon.heads import MOST_PROBE_IMAGES, Head, contributions, fit_probe, predict
from conceptatlas.falcon.representation import Representation
from conceptatlas.inference.shares import wilson_interval
from conceptatlas.seeds import unit_interval

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

FEWEST_CLASSES = 2
FEWEST_IMAGES = 2
"""Training images of a class that a probe learns."""


class Judged(NamedTuple):
    """A head and what it says of some images.

    head : the classifier's or a probe. kind : `model` or `probe`. features : float32 (image, feature), as it reads
    them, of all images. concept : int64 (class,), the concept of each class, -1 for none. classes : its names.
    images : int64, those that are judged, ascending. predicted : int64, class of each of them.
    """

    head: Head
    kind: str
    features: Array
    concept: Array
    classes: list[str]
    images: Array
    predicted: Array

    def wrong(self, labels: ClassLabels) -> Array:
        """bool (judged image,): its predicted class is not labelled in it."""
        concept = self.concept[self.predicted]
        return ~((concept >= 0) & labels.present[self.images, np.maximum(concept, 0)])


def judge(crops: CropFile, of: Representation, labels: ClassLabels, split: Split, *, seed: int) -> Judged | None:
    """The classifier's own head where it reads these features and knows classes of the data set, else a probe.

    None, with a warning, where there is neither.
    """
    if crops.head is not None and crops.classes:
        concept = match_names(crops.classes, labels.names)
        known = np.unique(concept[concept >= 0])
        if len(known) >= FEWEST_CLASSES:
            images = np.flatnonzero(of.valid & labels.present[:, known].any(axis=1))
            predicted = predict(crops.head, of.pooled[images])
            return Judged(crops.head, "model", of.pooled, concept, crops.classes, images, predicted)
    return _probed(of, labels, split, seed=seed)


def _probed(of: Representation, labels: ClassLabels, split: Split, *, seed: int) -> Judged | None:
    train = np.flatnonzero(of.valid & (split.of == TRAIN) & (labels.largest >= 0))
    counts = np.bincount(labels.largest[train], minlength=len(labels.names))
    known = np.flatnonzero(counts >= FEWEST_IMAGES)
    train = train[np.isin(labels.largest[train], known)]
    test = np.flatnonzero(of.valid & (split.of == VAL) & labels.present[:, known].any(axis=1))
    if len(known) < FEWEST_CLASSES or not len(test):
        logger.warning("no head that knows classes of the data set, and too few labels for a probe: no failures")
        return None
    if len(train) > MOST_PROBE_IMAGES:
        keys = [unit_interval(seed, "images of a probe", of.ids[i]) for i in train]
        train = np.sort(train[np.argsort(keys, kind="stable")[:MOST_PROBE_IMAGES]])
    head = fit_probe(of.h[train], labels.largest[train], len(labels.names))
    everything = np.arange(len(labels.names), dtype=np.int64)
    return Judged(head, "probe", of.h, everything, labels.names, test, predict(head, of.h[test]))


def failure_rows(
    judged: Judged,
    of: Representation,
    labels: ClassLabels,
    explained: Mapping[str, tuple[str, bool]],
    *,
    n_images: int,
    n_features: int,
    seed: int,
    confidence: float,
) -> list[dict[str, Any]]:
    """Rows of misclassified images, `n_features` features each.

    explained : group -> (words above the null, explained). n_images : at most so many, those with the smallest hash of
    their id; 0 for all.
    """
    wrong = judged.wrong(labels)
    n_judged, n_wrong = len(wrong), int(wrong.sum())
    low, high = wilson_interval(n_judged - n_wrong, n_judged, confidence=confidence)
    same = {
        "head": judged.kind, "n_judged": n_judged, "n_wrong": n_wrong,
        "accuracy": 1 - n_wrong / n_judged if n_judged else float("nan"), "accuracy_low": low, "accuracy_high": high,
    }  # fmt: skip
    chosen = np.flatnonzero(wrong)
    if n_images and len(chosen) > n_images:
        keys = [unit_interval(seed, "failures", of.ids[judged.images[i]]) for i in chosen]
        chosen = chosen[np.argsort(keys, kind="stable")[:n_images]]
    rows = []
    for i in chosen:
        image, predicted = int(judged.images[i]), int(judged.predicted[i])
        added = contributions(judged.head, judged.features[image][None], np.array([predicted]))[0]
        positive = added[added > 0].sum()
        truth = ", ".join(labels.names[c] for c in np.flatnonzero(labels.present[image]))
        for rank, feature in enumerate(np.argsort(-added, kind="stable")[:n_features], start=1):
            words, is_explained = explained.get(str(feature), ("", False))
            rows.append(
                same
                | {"image_index": image, "image_id": of.ids[image], "labels": truth,
                   "predicted": judged.classes[predicted], "rank": rank, "feature": int(feature),
                   "contribution": float(added[feature]),
                   "share": float(added[feature] / positive) if positive > 0 else float("nan"),
                   "words": words, "explained": is_explained}
            )  # fmt: skip
    return rows

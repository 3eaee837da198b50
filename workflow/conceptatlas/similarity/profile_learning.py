"""One concept of one layer: its concept activation vector, how well it tells gate images, and its cosine profile.

A result is a pure function of the concept's name and images, the features of the layer and the setting: neither other
concepts nor other layers, blocks or workers enter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.seeds import derive_seed
from conceptatlas.similarity.activation_vectors import Direction, learn_direction, mean_cosine, unit_length
from conceptatlas.similarity.counter_sets import (
    CAV,
    GATE,
    TEST,
    Sides,
    balanced_test,
    counter_set,
    shuffled_sides,
    sides,
)
from conceptatlas.similarity.gating import (
    Rights,
    accuracy_interval,
    balanced_accuracies,
    count_right,
)
from conceptatlas.similarity.nulls import null_points
from conceptatlas.similarity.profile_features import Features, Source, in_blocks, open_features
from conceptatlas.similarity.profile_kernel import dots

Array = np.ndarray[Any, Any]


class Setting(NamedTuple):
    """How concept vectors are learned: config section `similarity.supervised` and what belongs to it.

    scale : what features are multiplied with before a classifier sees them, 1 / their overall RMS.
    """

    classifier: str
    alpha: float
    n_repeats: int
    n_random: int
    min_images_sfss: int
    n_bootstrap: int
    confidence: float
    seed: int
    scale: float


class Labelled(NamedTuple):
    """What every concept of a data set shares.

    roles : int8 (image,), see `counter_sets.roles`. blocks : int64 (image,), 0..31. sources : int64 (image,).
    lengths : float64 (image,), squared length of the features as stored. images, starts : those that hold concept c
    are images[starts[c] .. starts[c + 1] - 1].
    """

    roles: Array
    blocks: Array
    sources: Array
    lengths: Array
    images: Array
    starts: Array

    def holding(self, concept: int) -> Array:
        """The images that hold a concept: image_index, ascending, each once."""
        held: Array = self.images[self.starts[concept] : self.starts[concept + 1]]
        return held


class Task(NamedTuple):
    """Concepts to learn, rows and names, from the features of `source`; `folder`: where `write_labelled` wrote."""

    source: Source
    folder: Path
    concepts: tuple[tuple[int, str], ...]
    setting: Setting


class Profile(NamedTuple):
    """What one concept gives; `numbers` are columns of profiles.parquet.

    cav : float32 (feature,), mean of the unit-length CAVs of the repeats. random_cavs : float32 (random, feature), of
    unit length. cosines : float64 (test image,), NaN for an image without features. balanced, present : bool (test
    image,).
    """

    cav: Array
    random_cavs: Array
    cosines: Array
    balanced: Array
    present: Array
    numbers: dict[str, Any]


def write_labelled(folder: Path, labelled: Labelled) -> None:
    """Write what every task reads."""
    for name, values in labelled._asdict().items():
        np.save(folder / f"{name}.npy", values)


def learn_profiles(task: Task) -> list[Profile]:
    """Learn the concepts of a task, one after the other."""
    labelled = Labelled(*(np.asarray(np.load(task.folder / f"{name}.npy")) for name in Labelled._fields))
    features = open_features(task.source)
    return [learn_profile(features, labelled, labelled.holding(c), name, task.setting) for c, name in task.concepts]


def learn_profile(features: Features, labelled: Labelled, holding: Array, concept: str, setting: Setting) -> Profile:
    """Learn one concept. holding : image_index of the images that hold it, each once."""
    seed = setting.seed
    train = sides(labelled.roles, CAV, holding)
    gate = sides(labelled.roles, GATE, holding)
    repeats = [_learn(features, train, setting, concept, repeat) for repeat in range(setting.n_repeats)]
    random_gates = [
        shuffled_sides(gate, labelled.sources, concept, "gate", number, seed=seed) for number in range(setting.n_random)
    ]
    random = [
        _learn(
            features,
            shuffled_sides(train, labelled.sources, concept, "cav", number, seed=seed),
            setting, concept, number, "random",
        )
        for number in range(setting.n_random)
    ]  # fmt: skip
    yes = _decide(features, gate, [*repeats, *random], setting)
    rights = _rights(yes[: setting.n_repeats], gate, gate, labelled.blocks)
    null = np.array(
        [
            balanced_accuracies(_rights(yes[None, setting.n_repeats + number], gate, labels, labelled.blocks))[0]
            for number, labels in enumerate(random_gates)
        ]
    )
    units = unit_length(np.array([one.weights for one in repeats]))
    cav = units.mean(axis=0).astype(np.float32)
    test = np.flatnonzero(labelled.roles == TEST)
    cosines = cosine_profile(features, test, labelled.lengths, cav)
    present = np.isin(test, holding)
    balanced = _balanced(test, sides(labelled.roles, TEST, holding), concept, setting)
    numbers = _gate_numbers(rights, null, setting) | {
        "cav_cosine": mean_cosine(units),
        "cav_length": float(np.sqrt((cav.astype(np.float64) ** 2).sum())),
        "n_unconverged": sum(not one.converged for one in repeats),
        "n_undefined": int(np.isnan(cosines).sum()),
        "n_balanced": int(balanced.sum()),
    }
    random_cavs = unit_length(np.array([one.weights for one in random]).reshape(len(random), -1)).astype(np.float32)
    return Profile(cav, random_cavs, cosines, balanced, present, numbers)


def cosine_profile(features: Features, images: Array, lengths: Array, cav: Array) -> Array:
    """cos(CAV, x) of images: float64 (image,); NaN where either has length 0. Features are as stored, not centred.

    lengths : float64 (image of the data set,), squared lengths of their features.
    """
    out = np.empty(len(images))
    for piece, rows in in_blocks(features, images):
        out[piece] = dots(rows, cav)
    length = np.sqrt(lengths[images]) * np.sqrt((cav.astype(np.float64) ** 2).sum())
    return np.divide(out, length, out=np.full(len(images), np.nan), where=length > 0)


def _learn(features: Features, of: Sides, setting: Setting, *names: str | int) -> Direction:
    """A classifier of the images in a counter-set; `names` say which."""
    drawn = counter_set(of, *names, seed=setting.seed)
    seen = features.rows(drawn.images)
    seen *= seen.dtype.type(setting.scale)
    return learn_direction(
        seen,
        drawn.labels,
        classifier=setting.classifier,
        alpha=setting.alpha,
        seed=derive_seed(setting.seed, "similarity", "classifier", *names) % 2**32,
    )


def _decide(features: Features, gate: Sides, directions: list[Direction], setting: Setting) -> Array:
    """Whether each classifier sees the concept in each gate image: bool (classifier, image), images as in `gate`."""
    images = np.concatenate(gate)
    weights = np.array([one.weights for one in directions]).T * setting.scale
    bias = np.array([one.bias for one in directions])
    yes = np.zeros((len(directions), len(images)), dtype=bool)
    for piece, rows in in_blocks(features, images):
        yes[:, piece] = (rows.astype(np.float64) @ weights + bias > 0).T
    return yes


def _rights(yes: Array, gate: Sides, labels: Sides, blocks: Array) -> Rights:
    """Count what is right; `labels` are the sides that count as truth, `gate` those whose order the images have."""
    images = np.concatenate(gate)
    return count_right(yes, np.isin(images, labels.holding), blocks[images])


def _balanced(test: Array, of: Sides, concept: str, setting: Setting) -> Array:
    """The test images SFSS of the concept runs over, bool (test image,); none where there are too few."""
    if min(len(of.holding), len(of.without)) < max(setting.min_images_sfss, 1):
        return np.zeros(len(test), dtype=bool)
    return np.isin(test, balanced_test(of, concept, seed=setting.seed).images)


def _gate_numbers(rights: Rights, null: Array, setting: Setting) -> dict[str, Any]:
    low, high = accuracy_interval(
        rights, n_bootstrap=setting.n_bootstrap, confidence=setting.confidence, seed=setting.seed
    )
    point = float(null_points(null[:, None])[0])
    return {
        "balanced_accuracy": float(balanced_accuracies(rights).mean()),
        "balanced_accuracy_low": low,
        "balanced_accuracy_high": high,
        "null_mean": float(null.mean()) if len(null) else float("nan"),
        "null_high": point,
        "recognised": bool(low > point),
    }

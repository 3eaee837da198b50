"""One concept at a time: weights of all filters, of subsets, and of shuffled labels, with what each gets right.

Source: sections 3.2.1 and 3.2.2 of the paper; schedule and balancing as the published code has them.
A result is a pure function of the concept's name, its images and the setting: neither other concepts nor workers or
blocks enter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.activations.store import map_dataset
from conceptatlas.datasets.splits import TRAIN, VAL
from conceptatlas.masks.tally import N_BLOCKS
from conceptatlas.net2vec.balancing import Draw, Sides, epoch_draws, shuffled_sides, sides, validation_draw
from conceptatlas.net2vec.classification_kernel import decide, learn
from conceptatlas.net2vec.subsets import initial_weights, strongest

Array = np.ndarray[Any, Any]

TASK = "classification"
SCORE_BATCH = 64


class Setting(NamedTuple):
    """How classifiers of a layer are learned.

    sizes : ascending numbers of filters, the first is 1. centre, scale : float64 (unit,): a feature f is seen as
    (f - centre) * scale. The others are keys of the config sections `net2vec` and `net2vec.classification`.
    """

    learning_rate: float
    decay: float
    decay_every: int
    momentum: float
    batch: int
    epochs: int
    l1: float
    l2: float
    n_controls: int
    repeats: int
    sizes: tuple[int, ...]
    warm_start: bool
    seed: int
    centre: Array
    scale: Array

    @property
    def rates(self) -> Array:
        """Learning rate of every epoch, float64 (epoch,)."""
        return np.array([self.learning_rate * self.decay ** (e // self.decay_every) for e in range(self.epochs)])


class Task(NamedTuple):
    """Concepts to learn, rows and names; `statistics`: file of the layer; `folder`: where `write_holdings` wrote."""

    statistics: Path
    folder: Path
    concepts: tuple[tuple[int, str], ...]
    setting: Setting


class Learned(NamedTuple):
    """What one concept gives.

    weights : float32 (repeat, unit). bias : float32 (repeat,). train : float64 (repeat,), share of the last epoch's
    draw that is right. right : int64 (repeat, block), validation images that are right. subset_train : (size, repeat);
    subset_right : (size, repeat, block). n_validation : int64 (block,). control : float64 (control,), accuracy of
    shuffled labels.
    """

    weights: Array
    bias: Array
    train: Array
    right: Array
    subset_train: Array
    subset_right: Array
    n_validation: Array
    control: Array


def write_holdings(folder: Path, *, images: Array, starts: Array, of: Array, blocks: Array) -> None:
    """Write what every task needs: images of concept c are images[starts[c] .. starts[c + 1] - 1]; see `Split`."""
    for name, values in (("images", images), ("starts", starts), ("of", of), ("blocks", blocks)):
        np.save(folder / f"{name}.npy", values)


def learn_concepts(task: Task) -> list[Learned]:
    """Learn the concepts of a task, one after the other; features are mapped from the file of the layer."""
    images, starts, of, blocks = (
        np.load(task.folder / f"{name}.npy", mmap_mode="r") for name in ("images", "starts", "of", "blocks")
    )
    features = np.asarray(map_dataset(task.statistics, "mean_pooled"))
    return [
        learn_concept(
            features, np.asarray(of), images[starts[row] : starts[row + 1]], np.asarray(blocks), name, task.setting
        )
        for row, name in task.concepts
    ]


def learn_concept(features: Array, of: Array, holding: Array, blocks: Array, concept: str, setting: Setting) -> Learned:
    """Learn one concept.

    features : float32 (image, unit), spatial means. of : int8 (image,), the split. holding : image_index of the images
    that hold the concept. blocks : int64 (image,).

    Raises
    ------
    ValueError
        if the weights grow beyond all bounds, or a kind of image is missing in a split.
    """
    seed, n_units = setting.seed, features.shape[1]
    train, val = sides(of, TRAIN, holding), sides(of, VAL, holding)
    judged = validation_draw(val, seed=seed, concept=concept)
    draws = epoch_draws(train, seed=seed, concept=concept, n_epochs=setting.epochs)
    everything = np.arange(n_units)
    full = np.full(setting.repeats, n_units)
    start = _starts(n_units, concept, setting, subset=False)
    weights, bias = _learned(features, draws, everything, full, start, concept, setting)
    right = _right(features, judged, everything, full, weights, bias, setting)
    train_right = _right(features, draws[-1], everything, full, weights, bias, setting)

    chosen = strongest(weights[0], max(setting.sizes))
    of_subset = np.repeat(np.array(setting.sizes), setting.repeats)
    first = (weights, bias) if setting.warm_start else _starts(n_units, concept, setting, subset=True)
    n_sizes = len(setting.sizes)
    again = np.tile(first[0][:, chosen], (n_sizes, 1)), np.tile(first[1], n_sizes)
    subset = _learned(features, draws, chosen, of_subset, again, concept, setting)
    subset_right = _right(features, judged, chosen, of_subset, *subset, setting)
    subset_train = _right(features, draws[-1], chosen, of_subset, *subset, setting).mean(axis=1)
    return Learned(
        weights,
        bias,
        train_right.mean(axis=1),
        _by_block(right, blocks[judged.images]),
        subset_train.reshape(n_sizes, setting.repeats),
        _by_block(subset_right, blocks[judged.images]).reshape(n_sizes, setting.repeats, N_BLOCKS),
        np.bincount(blocks[judged.images], minlength=N_BLOCKS),
        np.array([_control(features, train, val, concept, c, setting) for c in range(setting.n_controls)]),
    )


def _control(features: Array, train: Sides, val: Sides, concept: str, number: int, setting: Setting) -> float:
    """Accuracy of weights learned on shuffled labels, against shuffled labels, from the start of repeat 0."""
    seed, n_units = setting.seed, features.shape[1]
    train, val = (
        shuffled_sides(real, seed=seed, concept=concept, split=name, control=number)
        for real, name in ((train, "train"), (val, "val"))
    )
    draws = epoch_draws(train, seed=seed, concept=concept, n_epochs=setting.epochs, control=number)
    judged = validation_draw(val, seed=seed, concept=concept, control=number)
    units, full = np.arange(n_units), np.array([n_units])
    start = _starts(n_units, concept, setting._replace(repeats=1), subset=False)
    found = _learned(features, draws, units, full, start, concept, setting)
    return float(_right(features, judged, units, full, *found, setting).mean())


def _starts(n_units: int, concept: str, setting: Setting, *, subset: bool) -> tuple[Array, Array]:
    drawn = [
        initial_weights(n_units, seed=setting.seed, task=TASK, concept=concept, repeat=repeat, subset=subset)
        for repeat in range(setting.repeats)
    ]
    return np.array([weights for weights, _ in drawn]), np.array([bias for _, bias in drawn])


def _learned(
    features: Array,
    draws: list[Draw],
    units: Array,
    sizes: Array,
    start: tuple[Array, Array],
    concept: str,
    setting: Setting,
) -> tuple[Array, Array]:
    """Weights (variant, column) and biases after all epochs, rounded to float32 as they are stored."""
    weights, bias = (np.array(part, dtype=np.float64) for part in start)
    learn(
        features,
        np.concatenate([draw.images for draw in draws]),
        np.concatenate([draw.labels for draw in draws]),
        np.cumsum([0, *(len(draw.images) for draw in draws)]),
        setting.rates,
        units,
        _in_order(units, features),
        setting.centre,
        setting.scale,
        sizes,
        weights,
        bias,
        setting.momentum,
        setting.batch,
        setting.l1,
        setting.l2,
    )
    with np.errstate(over="ignore"):
        stored = weights.astype(np.float32), bias.astype(np.float32)
    if not all(np.isfinite(part).all() for part in stored):
        raise ValueError(
            f"classification of {concept!r}: the weights grew beyond all bounds (learning_rate "
            f"{setting.learning_rate:g}, momentum {setting.momentum:g}, l1 {setting.l1:g}, l2 {setting.l2:g}); lower "
            "net2vec.classification.learning_rate or l2, or use features: standardised"
        )
    return stored


def _right(
    features: Array, draw: Draw, units: Array, sizes: Array, weights: Array, bias: Array, setting: Setting
) -> Array:
    """Whether each variant is right about each image of a draw, bool (variant, image)."""
    yes: Array = decide(
        features,
        draw.images,
        units,
        _in_order(units, features),
        setting.centre,
        setting.scale,
        sizes,
        weights.astype(np.float64),
        bias.astype(np.float64),
        SCORE_BATCH,
    )
    return yes == draw.labels


def _in_order(units: Array, features: Array) -> bool:
    return bool(np.array_equal(units, np.arange(features.shape[1])))


def _by_block(right: Array, blocks: Array) -> Array:
    """Images that are right in every block: int64 (variant, block)."""
    member = np.eye(N_BLOCKS, dtype=np.int64)[blocks]
    counts: Array = right.astype(np.int64) @ member
    return counts

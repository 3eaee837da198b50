"""Learning to segment concepts from all filters of a layer and from a few, and judging what was learned.

A task learns some concepts from the lists and masks on disk; what a concept gets does not depend on the others.
Everything random is named by the concept: its initial weights and the order of its images.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from conceptatlas.datasets.splits import TRAIN, VAL
from conceptatlas.masks.bitmask import count
from conceptatlas.masks.iou import iou
from conceptatlas.masks.upsample import Grid
from conceptatlas.net2vec.combination_masks import count_masks, unit_maps, weighted_sums
from conceptatlas.net2vec.descent import descend_block
from conceptatlas.net2vec.everywhere import judge_everywhere
from conceptatlas.net2vec.firing import Firing
from conceptatlas.net2vec.label_masks import LabelMasks
from conceptatlas.net2vec.problems import Descent, Problem, Solutions, image_orders
from conceptatlas.net2vec.subsets import initial_weights, strongest

Array = np.ndarray[Any, Any]

TASK = "segmentation"


class ConceptTask(NamedTuple):
    """A concept to learn: where its entries begin and end in `Holdings`, and its best single filter."""

    concept: int
    name: str
    first: int
    last: int
    single_unit: int


class LearningTask(NamedTuple):
    """Some concepts of a layer; `folder` holds what `segmentation` wrote for all of them.

    options : config section `segmentation`. sizes : numbers of filters of the subsets. repeats, warm_start : as in the
    config. device : cpu, or a device of torch.
    """

    folder: Path
    concepts: list[ConceptTask]
    grid: Grid
    options: dict[str, Any]
    sizes: list[int]
    repeats: int
    warm_start: bool
    device: str
    seed: int


@dataclass(frozen=True)
class Examples:
    """The images that hold a concept, of both splits, with their masks.

    images, split, label_pixels : int64 (image,). labels : uint64 (image, word).
    """

    images: Array
    split: Array
    labels: Array
    label_pixels: Array


@dataclass(frozen=True)
class Learned:
    """What was learned of a concept and how it does.

    weights : float64 (repeat, unit). bias : float64 (repeat,). size, alpha : over training images. units_seen : units
    that fire in some training image. images, split, label_pixels : int64 (image,), of both splits. single_pixels,
    single_shared, single_fires : of the best filter, (image,). combination_pixels, combination_shared : of the first
    repeat. combination : float64 (repeat, split), iou_set. single_wide : float64 (split,), iou_set of the best filter
    at the combination's cut. subsets : float64 (size, repeat, split), iou_set. one_unit : the filter of F = 1.
    all_pixels : pixels of the combination's mask over all images. auprc, cell_share : over cells of all images.
    """

    concept: int
    weights: Array
    bias: Array
    size: float
    alpha: float
    units_seen: int
    images: Array
    split: Array
    label_pixels: Array
    single_pixels: Array
    single_shared: Array
    single_fires: Array
    combination_pixels: Array
    combination_shared: Array
    combination: Array
    single_wide: Array
    subsets: Array
    one_unit: int
    all_pixels: int
    auprc: float
    cell_share: float


def learn_concepts(task: LearningTask) -> list[Learned]:
    """Learn the concepts of a task: from all filters, then from the strongest few, every initialisation of each."""
    firing, masks = Firing.load(task.folder / "firing"), LabelMasks.load(task.folder / "labels")
    image, of_image = (np.load(task.folder / f"{name}.npy") for name in ("image", "split"))
    descent = Descent(firing, task.grid, masks.ignore, task.options)
    examples = [_examples(masks, image, of_image, concept) for concept in task.concepts]
    sizes = [_size(masks, of) for of in examples]
    problems = [
        _problem(of, 1.0 - size, concept.name, task)
        for of, size, concept in zip(examples, sizes, task.concepts, strict=True)
    ]
    whole = [_starts(firing.n_units, concept.name, task) for concept in task.concepts]
    descend_block(descent, problems, whole, device=task.device)
    few = [
        _subset_starts(solutions, concept.name, task) for solutions, concept in zip(whole, task.concepts, strict=True)
    ]
    descend_block(descent, problems, few, device=task.device)
    return [
        _judge(task, concept, firing, masks, of_image, examples[i], sizes[i], problems[i].alpha, whole[i], few[i])
        for i, concept in enumerate(task.concepts)
    ]


def _examples(masks: LabelMasks, image: Array, of_image: Array, concept: ConceptTask) -> Examples:
    rows = np.asarray(masks.rows[concept.first : concept.last])
    held = rows >= 0
    images = image[concept.first : concept.last][held]
    labels = np.ascontiguousarray(masks.masks[rows[held]])
    return Examples(images, of_image[images].astype(np.int64), labels, count(labels.view(np.uint8)))


def _size(masks: LabelMasks, of: Examples) -> float:
    """Mean share of a training image's counted pixels that the concept covers."""
    images = of.images[of.split == TRAIN]
    counted = np.full(len(images), masks.size**2, dtype=np.int64)
    if masks.has_ignore:
        counted -= count(np.ascontiguousarray(masks.ignore[images]).view(np.uint8))
    return float(np.mean(of.label_pixels[of.split == TRAIN] / np.maximum(counted, 1)))


def _problem(of: Examples, alpha: float, name: str, task: LearningTask) -> Problem:
    train = of.split == TRAIN
    order = image_orders(int(train.sum()), concept=name, options=task.options, seed=task.seed)
    return Problem(of.images[train], of.labels[train], alpha, order)


def _starts(n_units: int, name: str, task: LearningTask) -> Solutions:
    drawn = [
        initial_weights(n_units, seed=task.seed, task=TASK, concept=name, repeat=repeat)
        for repeat in range(task.repeats)
    ]
    weights = np.array([w for w, _ in drawn])
    bias = np.array([b if task.options["bias"] else 0.0 for _, b in drawn])
    return Solutions(weights, bias, np.ones_like(weights, dtype=bool))


def _subset_starts(whole: Solutions, name: str, task: LearningTask) -> Solutions:
    """Initial weights of every subset and repeat, (size * repeat, unit): the filters are those of the first repeat."""
    n_units = whole.weights.shape[1]
    weights, bias, member = [], [], []
    for size in task.sizes:
        chosen = np.zeros(n_units, dtype=bool)
        chosen[strongest(whole.weights[0], size)] = True
        for repeat in range(task.repeats):
            w, b = initial_weights(n_units, seed=task.seed, task=TASK, concept=name, repeat=repeat, subset=True)
            if task.warm_start:
                w, b = whole.weights[repeat], float(whole.bias[repeat])
            weights.append(np.where(chosen, w, 0.0))
            bias.append(b if task.options["bias"] else 0.0)
            member.append(chosen)
    return Solutions(np.array(weights), np.array(bias), np.array(member))


def _judge(
    task: LearningTask, concept: ConceptTask, firing: Firing, masks: LabelMasks, of_image: Array, of: Examples,
    size: float, alpha: float, whole: Solutions, few: Solutions,
) -> Learned:  # fmt: skip
    ignore = masks.ignore if masks.has_ignore else None
    rows = np.arange(len(of.images))
    weights, bias = np.concatenate([whole.weights, few.weights]), np.concatenate([whole.bias, few.bias])
    pixels, shared = count_masks(
        lambda some: weighted_sums(firing, some, weights), of.images, rows, of.labels, levels_of(bias), task.grid,
        ignore=ignore,
    )  # fmt: skip
    sets = iou_sets(pixels, shared, of)
    # the best filter twice: at its own cut (one half of the upsampled mask), and at the combination's (anything)
    single, single_shared = count_masks(
        lambda some: np.repeat(unit_maps(firing, some, concept.single_unit), 2, axis=1), of.images, rows, of.labels,
        np.array([0.5, 0.0], dtype=np.float32), task.grid, ignore=ignore,
    )  # fmt: skip
    everywhere = judge_everywhere(
        firing, masks, np.flatnonzero(of_image >= 0), of.images, of.labels, whole.weights[0], float(whole.bias[0]),
        task.grid,
    )  # fmt: skip
    train = of.images[of.split == TRAIN]
    fires = [firing.units[firing.offsets[n] : firing.offsets[n + 1]] for n in of.images]
    seen = {int(k) for n in train for k in firing.units[firing.offsets[n] : firing.offsets[n + 1]]}
    return Learned(
        concept=concept.concept, weights=whole.weights, bias=whole.bias, size=size, alpha=alpha, units_seen=len(seen),
        images=of.images, split=of.split, label_pixels=of.label_pixels, single_pixels=single[:, 0],
        single_shared=single_shared[:, 0],
        single_fires=np.array([bool((units == concept.single_unit).any()) for units in fires], dtype=bool),
        combination_pixels=pixels[:, 0], combination_shared=shared[:, 0], combination=sets[: task.repeats],
        single_wide=iou_sets(single, single_shared, of)[1],
        subsets=sets[task.repeats :].reshape(len(task.sizes), task.repeats, 2),
        one_unit=int(strongest(whole.weights[0], 1)[0]), all_pixels=everywhere.pixels, auprc=everywhere.auprc,
        cell_share=everywhere.cell_share,
    )  # fmt: skip


def levels_of(bias: Array) -> Array:
    """What upsampled sums must exceed to be foreground: float32 (solution,)."""
    return -np.asarray(bias, dtype=np.float32)


def iou_sets(pixels: Array, shared: Array, of: Examples) -> Array:
    """iou_set of every solution on both splits, float64 (solution, split), from counts int64 (image, solution)."""
    out = np.full((pixels.shape[1], 2), np.nan)
    for s in (TRAIN, VAL):
        here = of.split == s
        out[:, s] = iou(shared[here].sum(axis=0), pixels[here].sum(axis=0), of.label_pixels[here].sum())
    return out

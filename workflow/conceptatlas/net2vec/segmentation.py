"""The job of concept segmentation: every concept of a layer, from one filter, from a few, and from all (Net2Vec, 3.1).

``segmentation.h5``: `concept_index` int64 (concept,), `weights` float32 (concept, repeat, unit), `bias` float32
(concept, repeat), `single_train`, `single_val` float32 (concept, unit): iou_set of every unit with every concept.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from conceptatlas.activations.maps import stored_maps
from conceptatlas.activations.summary import layer_centres
from conceptatlas.datasets.holdings import Holdings, read_holdings
from conceptatlas.datasets.labelled_images import read_vocabulary
from conceptatlas.datasets.splits import TRAIN, VAL, Split, read_split
from conceptatlas.devices import lease_device
from conceptatlas.files import atomic_path, read_json, scratch_beside
from conceptatlas.masks.upsample import make_grid
from conceptatlas.net2vec.columns import SUBSET_COLUMNS
from conceptatlas.net2vec.firing import Firing, read_firing
from conceptatlas.net2vec.label_masks import write_label_masks
from conceptatlas.net2vec.segmentation_examples import Ground, choose_examples, write_examples
from conceptatlas.net2vec.segmentation_learning import ConceptTask, Learned, LearningTask, learn_concepts
from conceptatlas.net2vec.segmentation_rows import image_rows, segmentation_rows, subset_rows
from conceptatlas.net2vec.segmentation_tables import IMAGE_COLUMNS, SEGMENTATION_COLUMNS
from conceptatlas.net2vec.shown import choose_shown
from conceptatlas.net2vec.single_filters import SingleFilters, count_single_filters
from conceptatlas.net2vec.subsets import clip_sizes
from conceptatlas.parallel import parallel_map, workers
from conceptatlas.tables import write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

TASKS_PER_THREAD = 8
CONCEPTS_AT_ONCE = 32


class Counted(NamedTuple):
    """The concepts of a data set as a learner meets them: images a split holds with a usable mask, and why not."""

    n_train: Array
    n_val: Array
    reasons: list[str]

    @property
    def learned(self) -> Array:
        """concept_index of the concepts that are learned."""
        return np.flatnonzero([not reason for reason in self.reasons])


def learn_segmentation(
    *,
    dataset: str,
    model: str,
    layer: str,
    shards: list[str],
    manifests: list[str],
    statistics: str | Path,
    about: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    frames: list[str],
    report: str | Path,
    table: str | Path,
    subsets: str | Path,
    images: str | Path,
    vectors: str | Path,
    examples: str | Path,
    options: dict[str, Any],
    choices: dict[str, Any],
    subset_sizes: list[int],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Learn to segment every concept of a data set from a layer, and write tables, vectors and example pictures.

    shards, manifests : the stored activations (for pictures only; what is learned from are the packed bits in
    `statistics`). about : dataset.json. report : the model's check report. options : config section
    `net2vec.segmentation`. choices : train_share, min_train_images, repeats, n_bootstrap, confidence, concepts,
    warm_start, device of `net2vec`. subset_sizes : numbers of filters F; 1 is always among them.
    """
    vocabulary, split = read_vocabulary(concepts), read_split(index, train_share=choices["train_share"], seed=seed)
    holdings = read_holdings(annotations, n_concepts=vocabulary.n_concepts, keep=split.of >= 0)
    wanted = holdings.has_mask | (options["image_level"] == "all_ones")
    counted = count_concepts(holdings, wanted, split, n_concepts=vocabulary.n_concepts)
    shape = read_json(report)["layers"][layer]
    map_shape, size = (shape["height"], shape["width"]), read_json(about)["mask_size"]
    grid = make_grid(map_shape, size, upsample=options["upsample"], centres=layer_centres(shape, options["upsample"]))
    sizes = clip_sizes(subset_sizes, shape["n_units"])
    with scratch_beside(table) as folder, lease_device(choices["device"]) as device:
        on_gpu = device != "cpu"
        read_firing(statistics, map_shape=map_shape).save(folder / "firing")
        masks = write_label_masks(
            folder / "labels", annotations, holdings, wanted=wanted, n_images=split.n_images, size=size
        )
        np.save(folder / "image.npy", holdings.image)
        np.save(folder / "split.npy", split.of)
        with workers(threads=threads, mem_mb=mem_mb):
            single = count_single_filters(
                statistics, annotations, split, concepts=counted.learned, map_shape=map_shape, grid=grid,
                image_level=options["image_level"] == "all_ones", threads=threads, mem_mb=mem_mb,
            )  # fmt: skip
            concept_tasks = [
                ConceptTask(
                    int(c), vocabulary.names[c], int(holdings.starts[c]), int(holdings.starts[c + 1]), int(unit)
                )
                for c, unit in zip(counted.learned, _best_units(single), strict=True)
            ]
            cost = counted.n_train[counted.learned]
            tasks = [
                LearningTask(
                    folder, block, grid, options, sizes, choices["repeats"], choices["warm_start"], device, seed
                )
                for block in blocks_of(concept_tasks, cost, n=TASKS_PER_THREAD * max(threads, 1), sort=on_gpu)
            ]
            found = parallel_map(
                learn_concepts, tasks, threads=1 if on_gpu else threads, mem_mb=mem_mb,
                description="segmenting concepts",
            )  # fmt: skip
        learned = sorted((one for block in found for one in block), key=lambda one: one.concept)
        names = {"dataset": dataset, "model": model, "layer": layer}
        frame = segmentation_rows(names, vocabulary, counted, learned, single, split, sizes, options, choices, seed)
        frame["shown"] = choose_shown(frame, choices["concepts"])
        maps = stored_maps(shards, manifests, layer)
        ground = Ground(Firing.load(folder / "firing"), masks, holdings, maps, _thresholds(statistics), grid)
        write_examples(examples, choose_examples(frame, learned, maps), learned, ground, frames)
    write_table(table, frame[[column.name for column in SEGMENTATION_COLUMNS]], columns=SEGMENTATION_COLUMNS)
    write_table(subsets, subset_rows(names, frame, learned, sizes, choices), columns=SUBSET_COLUMNS)
    write_table(images, image_rows(learned), columns=IMAGE_COLUMNS)
    _write_vectors(Path(vectors), learned, single, shape["n_units"], choices["repeats"], seed)


def count_concepts(holdings: Holdings, wanted: Array, split: Split, *, n_concepts: int) -> Counted:
    """Usable images of every concept in both splits, and the reason where it cannot be learned or judged."""
    of = split.of[holdings.image]
    n_train, n_val = (np.bincount(holdings.concept[wanted & (of == s)], minlength=n_concepts) for s in (TRAIN, VAL))
    held = np.bincount(holdings.concept, minlength=n_concepts)
    reasons = []
    for c in range(n_concepts):
        reason = ""
        if not n_train[c] + n_val[c]:
            reason = "labels whole images: no mask (image_level: skip)" if held[c] else "in no image of either split"
        elif not n_train[c]:
            reason = "0 training images"
        elif not n_val[c]:
            reason = "0 validation images"
        reasons.append(reason)
    return Counted(n_train, n_val, reasons)


def blocks_of(concepts: list[ConceptTask], cost: Array, *, n: int, sort: bool) -> list[list[ConceptTask]]:
    """Cut concepts into about `n` blocks of equal cost, at most `CONCEPTS_AT_ONCE` each.

    sort : by cost first, so that the concepts of a block take steps of equal length (batched products).
    """
    order = np.argsort(cost, kind="stable") if sort else np.arange(len(concepts))
    limit = max(1.0, float(cost.sum()) / max(n, 1))
    blocks: list[list[ConceptTask]] = []
    filled = 0.0
    for c in order:
        if not blocks or filled + cost[c] > limit or len(blocks[-1]) == CONCEPTS_AT_ONCE:
            blocks.append([])
            filled = 0.0
        blocks[-1].append(concepts[c])
        filled += float(cost[c])
    return blocks


def _best_units(single: SingleFilters) -> Array:
    """The unit with the highest iou_set on training images, for every learned concept; the first of equal ones."""
    return np.where(np.isnan(single.iou_set(TRAIN)), -1.0, single.iou_set(TRAIN)).argmax(axis=0)


def _thresholds(statistics: str | Path) -> Array:
    with h5py.File(statistics, "r") as file:
        return np.asarray(file["thresholds"][0])


def _write_vectors(
    path: Path, learned: list[Learned], single: SingleFilters, n_units: int, repeats: int, seed: int
) -> None:
    n = len(learned)
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file["concept_index"] = np.array([one.concept for one in learned], dtype=np.int64)
        weights = np.array([one.weights for one in learned], dtype=np.float32)
        file["weights"] = weights.reshape(n, repeats, n_units)
        file["bias"] = np.array([one.bias for one in learned], dtype=np.float32).reshape(n, repeats)
        for name, s in (("single_train", TRAIN), ("single_val", VAL)):
            file[name] = single.iou_set(s).T.astype(np.float32)
        file.attrs.update(task="segmentation", n_units=n_units, seed=seed)

"""The job of concept classification: does a weighted sum of a layer's filters tell which images hold a concept?

Source: section 3.2 of the paper. A logistic regression on the spatial means of the activations, learned on
balanced draws of the training images and judged on a balanced set of validation images; against the same with F
filters, and with shuffled labels. Labels of whole images count as well as masks.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.activations.store import map_dataset
from conceptatlas.datasets.holdings import Holdings, read_holdings
from conceptatlas.datasets.labelled_images import Vocabulary, read_vocabulary
from conceptatlas.datasets.splits import NEITHER, TRAIN, VAL, Split, read_split
from conceptatlas.files import atomic_path, scratch_beside
from conceptatlas.net2vec.balancing import sides, validation_draw
from conceptatlas.net2vec.classification_features import check_features, feature_scale
from conceptatlas.net2vec.classification_learning import Learned, Setting, learn_concepts, write_holdings
from conceptatlas.net2vec.classification_learning import Task as LearningTask
from conceptatlas.net2vec.classification_rows import classification_rows, subset_rows
from conceptatlas.net2vec.classification_tables import CLASSIFICATION_COLUMNS
from conceptatlas.net2vec.columns import SUBSET_COLUMNS
from conceptatlas.net2vec.shown import choose_shown
from conceptatlas.net2vec.subsets import clip_sizes
from conceptatlas.parallel import parallel_map
from conceptatlas.tables import write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

WORK_PER_TASK = 4e9
"""Products of a task: some seconds; what a task adds of its own is some milliseconds."""


def learn_classification(
    *,
    dataset: str,
    model: str,
    layer: str,
    statistics: str | Path,
    index: str | Path,
    concepts: str | Path,
    annotations: list[str],
    table: str | Path,
    subsets: str | Path,
    vectors: str | Path,
    options: dict[str, Any],
    choices: dict[str, Any],
    subset_sizes: list[int],
    seed: int,
    threads: int = 1,
    mem_mb: int = 2000,
) -> None:
    """Learn to classify every concept in a layer and write classification.parquet, its subsets and its vectors.

    statistics : file of the layer (`mean_pooled`). options : config section `net2vec.classification`. choices :
    train_share, min_train_images, repeats, n_bootstrap, confidence, concepts and warm_start of section `net2vec`.
    subset_sizes : F for this layer; [1] where it has no subsets.

    Raises
    ------
    ValueError
        for unknown options, features that are not finite or of another data set, or weights that diverge.
    """
    vocabulary = read_vocabulary(concepts)
    split = read_split(index, train_share=choices["train_share"], seed=seed)
    holdings = read_holdings(annotations, n_concepts=vocabulary.n_concepts, keep=split.of != NEITHER)
    features = map_dataset(statistics, "mean_pooled")
    check_features(features, split, f"{dataset}, {model} {layer}: {statistics}")
    setting = make_setting(features, split, options, choices, subset_sizes, seed=seed)
    counts = [
        count_images(split, holdings.image[holdings.of(c)], name, seed=seed) for c, name in enumerate(vocabulary.names)
    ]
    reasons = [why_not(of) for of in counts]
    rows = [c for c, reason in enumerate(reasons) if not reason]
    if len(rows) < vocabulary.n_concepts:
        left = vocabulary.n_concepts - len(rows)
        logger.info("%s: %d of %d concepts are not learned; the table says why", dataset, left, vocabulary.n_concepts)
    rarer = [min(counts[c]["n_train"], counts[c]["n_train_without"]) for c in rows]
    learned = learn_all(
        statistics, split, holdings, vocabulary, rows, rarer, setting,
        beside=table, threads=threads, mem_mb=mem_mb,
    )  # fmt: skip
    found = dict(zip(rows, learned, strict=True))
    place = {"dataset": dataset, "model": model, "layer": layer}
    frame = classification_rows(place, vocabulary, counts, reasons, found, options, choices, split.source, setting)
    frame["shown"] = choose_shown(frame, choices["concepts"])
    write_table(table, frame[[column.name for column in CLASSIFICATION_COLUMNS]], columns=CLASSIFICATION_COLUMNS)
    write_table(subsets, subset_rows(frame, found, setting), columns=SUBSET_COLUMNS)
    _write_vectors(Path(vectors), rows, learned, setting)


def make_setting(
    features: Array,
    split: Split,
    options: dict[str, Any],
    choices: dict[str, Any],
    subset_sizes: list[int],
    *,
    seed: int,
) -> Setting:
    """The setting of a layer: options checked, features centred and scaled as asked, sizes clipped at its units."""
    for name in ("batch", "epochs", "decay_every"):
        if options[name] < 1:
            raise ValueError(f"net2vec.classification.{name}: {options[name]}; expected 1 or more")
    if choices["repeats"] < 1:
        raise ValueError(f"net2vec.repeats: {choices['repeats']}; expected 1 or more initialisations")
    centre, scale = feature_scale(features, split.of, options["features"])
    same = ("learning_rate", "decay", "decay_every", "momentum", "batch", "epochs", "l1", "l2", "n_controls")
    return Setting(
        **{name: options[name] for name in same},
        repeats=choices["repeats"],
        sizes=tuple(clip_sizes(subset_sizes, features.shape[1])),
        warm_start=bool(choices["warm_start"]),
        seed=seed,
        centre=centre,
        scale=scale,
    )


def count_images(split: Split, holding: Array, concept: str, *, seed: int) -> dict[str, int]:
    """Images of each kind in each split, and of the balanced validation set with its blocks: six columns of the table.

    holding : image_index of the images that hold the concept.
    """
    train, val = sides(split.of, TRAIN, holding), sides(split.of, VAL, holding)
    judged: Array = np.zeros(0, dtype=np.int64)
    if len(val.holding) and len(val.without):
        judged = validation_draw(val, seed=seed, concept=concept).images
    return {
        "n_train": len(train.holding),
        "n_train_without": len(train.without),
        "n_val": len(val.holding),
        "n_val_without": len(val.without),
        "n_validation": len(judged),
        "n_blocks": len(np.unique(split.blocks[judged])),
    }


def why_not(counts: dict[str, int]) -> str:
    """Why a concept cannot be learned or judged; empty if it can. counts : see `count_images`."""
    if not counts["n_train"]:
        return "0 training images"
    if not counts["n_val"]:
        return "0 validation images"
    if not counts["n_train_without"]:
        return "every training image holds it"
    if not counts["n_val_without"]:
        return "every validation image holds it"
    return ""


def learn_all(
    statistics: str | Path,
    split: Split,
    holdings: Holdings,
    vocabulary: Vocabulary,
    rows: list[int],
    rarer: list[int],
    setting: Setting,
    *,
    beside: str | Path,
    threads: int = 1,
    mem_mb: int = 2000,
) -> list[Learned]:
    """Learn the concepts in `rows` of the vocabulary, in that order.

    rarer : training images of the rarer kind, the measure of a concept's work.
    """
    images_an_epoch = 2 * np.array(rarer, dtype=np.float64)
    n_units = len(setting.centre)
    columns = n_units * (setting.repeats + setting.n_controls) + sum(setting.sizes) * setting.repeats
    with scratch_beside(beside) as folder:
        write_holdings(folder, images=holdings.image, starts=holdings.starts, of=split.of, blocks=split.blocks)
        tasks = [
            LearningTask(Path(statistics), folder, tuple((rows[i], vocabulary.names[rows[i]]) for i in part), setting)
            for part in cut(2 * setting.epochs * columns * images_an_epoch, WORK_PER_TASK)
        ]
        found = parallel_map(
            learn_concepts, tasks, threads=threads, mem_mb=mem_mb, description="classifiers of concepts"
        )
    return [one for part in found for one in part]


def cut(work: Array, limit: float) -> list[range]:
    """Cut items into runs whose work adds up to at most `limit`, or one item where that alone is more."""
    runs, first, total = [], 0, 0.0
    for i, amount in enumerate(work):
        if i > first and total + amount > limit:
            runs.append(range(first, i))
            first, total = i, 0.0
        total += float(amount)
    if len(work):
        runs.append(range(first, len(work)))
    return runs


def _write_vectors(path: Path, rows: list[int], learned: list[Learned], setting: Setting) -> None:
    n_units = len(setting.centre)
    with atomic_path(path) as part, h5py.File(part, "w", libver="latest") as file:
        file["concept_index"] = np.array(rows, dtype=np.int64)
        file["weights"] = np.array([one.weights for one in learned], dtype=np.float32).reshape(
            len(rows), setting.repeats, n_units
        )
        file["bias"] = np.array([one.bias for one in learned], dtype=np.float32).reshape(len(rows), setting.repeats)
        file.attrs.update({"task": "classification", "n_units": n_units, "seed": setting.seed})

"""The job that trains the few-shot segmentation head of a generator on a few labelled samples and judges it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch

from conceptatlas.devices import lease_device
from conceptatlas.generators.generator import Generator, label_names
from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.labelling import TWIN, head_labels, need_features, true_labels
from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.quantification.segmentation import (
    Head,
    choose_pixels,
    enlarged,
    overlap,
    train_head,
    write_head,
)
from conceptatlas.seeds import derive_seed, generator
from conceptatlas.sheets import expand_cell
from conceptatlas.tables import Column, write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

SIZE = 128
HEAD = [
    Column("generator", "generator"),
    Column("label", "label of the segmentation"),
    Column("iou", "intersection over union with the given labels, over all held-out samples"),
    Column("n_pixels", "pixels of the label in the held-out samples", "px"),
    Column("n_train_pixels", "pixels of the label that the head was trained on", "px"),
    Column("n_train", "labelled samples that it was trained on"),
    Column("n_test", "labelled samples that it is judged on"),
    Column("labels", "where the labels come from: twin, or a file"),
    Column("penalty", "weight of the squared weights"),
    Column("seed", "seed of the study"),
]


class Samples(NamedTuple):
    """Labelled samples: w float32 (n, w_dim), labels uint8 (n, SIZE, SIZE), their names."""

    w: Array
    labels: Array
    names: list[str]


def learn_head(
    *,
    generator: dict[str, Any],
    options: Mapping[str, Any],
    seed: int,
    threads: int,
    device: str,
    tf32: bool,
    head: str | Path,
    table: str | Path,
) -> None:
    """Write head.h5, and head.parquet: how well it labels samples it has not seen.

    Parameters
    ----------
    generator : expanded row of generators.tsv.
    options : config section `linking.quantification.head`: labels, n_train, n_test, pixels_per_label, penalty.

    Raises
    ------
    ValueError
        for a generator without features; labels from `twin` where it has none; a file of labels that does not fit.
    """
    torch.set_num_threads(threads)
    with lease_device(device) as leased, exact_arithmetic(tf32=tf32):
        made = load_generator(generator, device=leased)
        need_features(made)
        samples = labelled_samples(made, options, seed=seed)
        n_train = min(int(options["n_train"]), len(samples.w))
        trained, counts = fit(made, samples, n_train, options=options, seed=seed)
        write_head(head, trained, digest=made.digest)
        agree, either, true = judge(made, trained, samples, n_train)
    rows = pd.DataFrame(
        {
            "generator": made.name,
            "label": samples.names,
            "iou": np.where(either > 0, agree / np.maximum(either, 1), np.nan),
            "n_pixels": true,
            "n_train_pixels": counts,
            "n_train": n_train,
            "n_test": len(samples.w) - n_train,
            "labels": str(options["labels"]),
            "penalty": float(options["penalty"]),
            "seed": seed,
        }
    )
    write_table(table, rows[[column.name for column in HEAD]], columns=HEAD)
    logger.info("head of %s: mean IoU %.3f over %d labels", made.name, float(rows["iou"].mean()), len(rows))


def labelled_samples(made: Generator, options: Mapping[str, Any], *, seed: int) -> Samples:
    """Samples for training and test, from the generator's own truth or a file.

    A file is an .npz with `w` (n, w_dim), `labels` (n, S, S) and `label_names`; the first n_train train.
    """
    where = "linking.quantification.head.labels"
    if options["labels"] == TWIN:
        names = label_names(made)
        if names is None:
            raise ValueError(
                f"{where}: generator {made.name!r} has no true labels; name a file (.npz) of labelled samples"
            )
        n = int(options["n_train"]) + int(options["n_test"])
        seeds = np.array([derive_seed(seed, "labelled sample", made.name, i) for i in range(n)], dtype=np.int64)
        w = made.sample(seeds, np.arange(n) % max(made.n_classes, 1))
        return Samples(w.cpu().numpy(), true_labels(made, w, size=SIZE), names)
    path = Path(expand_cell(str(options["labels"])))
    if not path.is_file():
        raise ValueError(f"{where}: file {path} does not exist (relative to where the workflow runs)")
    with np.load(path, allow_pickle=False) as stored:
        missing = [name for name in ("w", "labels", "label_names") if name not in stored]
        if missing:
            raise ValueError(f"{where}: {path} lacks {', '.join(missing)}; expected w, labels and label_names")
        w, labels, names = stored["w"], stored["labels"], [str(name) for name in stored["label_names"]]
    if w.ndim != 2 or w.shape[1] != made.w_dim or labels.ndim != 3 or len(labels) != len(w):
        raise ValueError(
            f"{where}: {path} has w {w.shape} and labels {labels.shape}; expected (n, {made.w_dim}) and (n, S, S)"
        )
    if labels.max(initial=0) >= len(names):
        raise ValueError(f"{where}: {path} has label {labels.max()} but {len(names)} label_names")
    at = ((np.arange(SIZE) + 0.5) * labels.shape[1] / SIZE).astype(np.int64)
    return Samples(w.astype(np.float32), labels.astype(np.uint8)[:, at][:, :, at], names)


def fit(made: Any, samples: Samples, n_train: int, *, options: Mapping[str, Any], seed: int) -> tuple[Head, Array]:
    """The head trained on the first samples, and the pixels of every label it saw."""
    features, labels, weights = [], [], []
    for i, each in enumerate(_features(made, samples.w[:n_train])):
        at, stands_for = choose_pixels(
            samples.labels[i], per_label=int(options["pixels_per_label"]), rng=generator(seed, "labelled pixels", i)
        )
        features.append(each.reshape(len(each), -1)[:, at].T)
        labels.append(samples.labels[i].ravel()[at])
        weights.append(stands_for)
    told = np.concatenate(labels)
    trained = train_head(
        np.concatenate(features), told, np.concatenate(weights), label_names=samples.names,
        penalty=float(options["penalty"]),
    )  # fmt: skip
    return trained, np.bincount(told, minlength=len(samples.names))


def _features(made: Any, w: Array) -> Iterator[Array]:
    """Feature maps at one size, sample by sample: a generator may have thousands of channels."""
    device = getattr(made, "device", "cpu")
    for row in w:
        with torch.no_grad():
            yield enlarged(made.features(torch.from_numpy(row[None]).to(device)), size=SIZE)[0].cpu().numpy()


def judge(made: Any, trained: Head, samples: Samples, n_train: int) -> tuple[Array, Array, Array]:
    """Overlap with the labels of the samples after the first, see `segmentation.overlap`."""
    n_labels = len(samples.names)
    total = np.zeros((3, n_labels), dtype=np.int64)
    device = getattr(made, "device", "cpu")
    for i in range(n_train, len(samples.w)):
        found = head_labels(made, trained, torch.from_numpy(samples.w[i : i + 1]).to(device), size=SIZE)[0]
        total += np.stack(overlap(found, samples.labels[i], n_labels=n_labels))
    return total[0], total[1], total[2]

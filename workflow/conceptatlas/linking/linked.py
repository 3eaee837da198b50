"""The job of a link: fit it to the training pairs, judge it on held-out ones, say how alike the two spaces are."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import torch

from conceptatlas.devices import lease_device
from conceptatlas.files import atomic_path, file_sha256, write_json
from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.classifier import load_classifier
from conceptatlas.linking.congruence import congruence_estimates
from conceptatlas.linking.cycling import Cycled, cycle, cycle_estimates
from conceptatlas.linking.fitting import Fitted, fit_link, spaces_arrays
from conceptatlas.linking.link import Link, write_link
from conceptatlas.linking.link_tables import CLASS_COLUMNS, LINK_COLUMNS, class_frame, link_frame
from conceptatlas.linking.pair_file import Pairs, check_part, read_manifests
from conceptatlas.linking.pooled_modules import pooled_modules
from conceptatlas.linking.prediction import N_BLOCKS, Estimate, prediction_estimates
from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.tables import write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

N_SHOWN = 24
"""Pictures and their copies through the circle that are kept for the figure."""


def link_spaces(
    *,
    generator: dict[str, Any],
    model: dict[str, Any],
    encoder: dict[str, Any] | None,
    pairs: Sequence[str | Path],
    manifests: Sequence[str | Path],
    options: Mapping[str, Any],
    seed: int,
    batch: int,
    threads: int,
    device: str,
    tf32: bool,
    link: str | Path,
    record: str | Path,
    table: str | Path,
    classes: str | Path,
    cycled: str | Path,
) -> None:
    """Write link.h5, link.json, link.parquet, classes.parquet and cycled.h5.

    Parameters
    ----------
    generator, model, encoder : expanded rows; the encoder (a model of the study, or None) compares I and I~.
    pairs, manifests : of all parts.
    options : of the config section `linking`: ridges, n_folds, n_cycled, clusters (n_repeats, n_examples, n_inits),
        n_bootstrap, n_permutations, confidence, max_tries.

    Raises
    ------
    ValueError
        for parts of different generators or classifiers, a damaged part, fewer than two training pairs, and no held-out
        pair.
    """
    torch.set_num_threads(threads)
    told = read_manifests(manifests)
    for file, manifest in zip(pairs, manifests, strict=True):
        check_part(file, manifest)
    train, test = Pairs(pairs, test=False), Pairs(pairs, test=True)
    names = {"generator": str(generator["generator"]), "model": str(model["model"])}
    counted = class_frame(told, train.class_names, **names, max_tries=int(options["max_tries"]))
    for row in counted[counted["reason"] != ""].itertuples():
        logger.warning("class %s (%s): %s", row.class_name, row.split, row.reason)
    if train.n < 2 or not test.n:
        reasons = "; ".join(dict.fromkeys(counted.loc[counted["reason"] != "", "reason"])) or "see linking.n_train"
        raise ValueError(
            f"linking of {names['generator']} and {names['model']}: {train.n} training and {test.n} held-out pairs, at "
            f"least 2 and 1 are needed ({reasons}); is class_map right?"
        )
    fitted = fit_link(
        train, ridges=[float(x) for x in options["ridges"]], n_folds=int(options["n_folds"]), description="fitting"
    )
    estimates = judge_link(fitted, test, options=options, seed=seed)
    with lease_device(device) as leased, exact_arithmetic(tf32=tf32):
        classifier = load_classifier(model, device=leased)
        pooled = pooled_modules(classifier.model, classifier.head_name)
        circle = cycle(
            load_generator(generator, device=leased), classifier, fitted.link, test,
            n=int(options["n_cycled"]), n_shown=N_SHOWN,
            encoder=load_classifier(encoder, device=leased) if encoder else None, batch=batch, device=leased, seed=seed,
        )  # fmt: skip
    estimates += cycle_estimates(
        circle, block_of(test.seeds[circle.positions]), encoder=str((encoder or {}).get("model", "")),
        n_bootstrap=int(options["n_bootstrap"]), confidence=float(options["confidence"]), seed=seed,
    )  # fmt: skip
    write_link(link, fitted.link, extra=spaces_arrays(fitted.spaces))
    write_table(table, _typed(link_frame(estimates, **names)), columns=LINK_COLUMNS)
    write_table(classes, counted, columns=CLASS_COLUMNS)
    _write_cycled(cycled, circle, train.class_names)
    facts = {"link_sha256": file_sha256(link), "pooled_modules": pooled}
    write_json(record, _record(fitted, train, test, told[0]) | facts | names)


def judge_link(fitted: Fitted, test: Pairs, *, options: Mapping[str, Any], seed: int) -> list[Estimate]:
    """Everything that is said of the link and the spaces without making a picture."""
    confidence = float(options["confidence"])
    w, predicted = _predict(fitted.link, test)
    estimates = prediction_estimates(
        w, predicted, test.classes, block_of(test.seeds), names=test.class_names,
        n_bootstrap=int(options["n_bootstrap"]), n_permutations=int(options["n_permutations"]), confidence=confidence,
        seed=seed,
    )  # fmt: skip
    n_train = int(fitted.spaces.counts.sum())
    estimates.append(Estimate("r2_train", "total", fitted.train_r2, n=n_train))
    estimates.append(Estimate("mse_train", "total", fitted.train_mse, n=n_train))
    return estimates + congruence_estimates(test, **options["clusters"], confidence=confidence, seed=seed)


def block_of(seeds: Array) -> Array:
    """The bootstrap block (0..31) of pairs: their seeds are hashes already."""
    return (seeds // 1024) % N_BLOCKS


def _predict(link: Link, test: Pairs) -> tuple[Array, Array]:
    """w and its prediction for all held-out pairs, float32 (n, D): r is read in pieces."""
    w, predicted = [], []
    for block in test.blocks():
        w.append(block.w)
        predicted.append(link.apply(torch.from_numpy(block.r)).numpy())
    return np.concatenate(w), np.concatenate(predicted)


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    numbers = ["value", "low", "high", "null", "null_low", "null_high", "p"]
    return frame.astype(dict.fromkeys(numbers, "float64") | {"n": "int64"})


def _write_cycled(path: str | Path, circle: Cycled, class_names: list[str]) -> None:
    with atomic_path(path) as part, h5py.File(part, "w") as store:
        n = len(circle.shown)
        store["pictures"] = circle.shown
        store["class"] = circle.classes[:n]
        store["answer"] = circle.answers[:n]
        store["rmse"] = circle.pixels[:n]
        store.attrs["classes"] = json.dumps(class_names)


def _record(fitted: Fitted, train: Pairs, test: Pairs, manifest: Mapping[str, Any]) -> dict[str, Any]:
    errors = [None if np.isnan(error) else float(error) for error in fitted.fold_errors]
    return {
        "ridge": fitted.link.ridge,
        "ridges": [{"ridge": ridge, "fold_mse": error} for ridge, error in zip(fitted.ridges, errors, strict=True)],
        "n_train": train.n,
        "n_test": test.n,
        "units": train.n_units,
        "w_dim": train.w_dim,
        "rectified": fitted.link.rectified,
        "head": manifest["head"],
        "generator_digest": manifest["generator_digest"],
        "weights_sha256": manifest["weights_sha256"],
    }

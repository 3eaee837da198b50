"""The job of responses to concepts: what a classifier's answer owes to the concepts of its layers.

Fidelity (see `fidelity`) runs over validation images, in which no concept was found; TCAV (see `tcav`) over the test
half of them, on which no concept vector was learned and none judged. Both need the network itself: frames stream
through it shard by shard in batches of full size, and what is kept is a few numbers an image.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.datasets.labelled_images import read_images
from conceptatlas.files import scratch_beside
from conceptatlas.models.rows import why_no_scores
from conceptatlas.seeds import unit_interval
from conceptatlas.sheets import Row
from conceptatlas.similarity.discovered_file import Discovered, digest_of_images, read_discovered
from conceptatlas.similarity.fidelity import Replacements
from conceptatlas.similarity.projecting import Basis
from conceptatlas.similarity.response_passes import Stream, answer_replaced, keep_gradients, kept_gradients
from conceptatlas.similarity.response_rows import fidelity_rows, tcav_rows
from conceptatlas.similarity.response_tables import RESPONSE_COLUMNS, RESPONSE_TYPES
from conceptatlas.similarity.setting import Comparing
from conceptatlas.similarity.vectors_file import Vectors, read_vectors
from conceptatlas.tables import write_table
from conceptatlas.typed_tables import frame_of

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


def respond_to_concepts(
    *,
    dataset: str,
    model: Row,
    layers: list[Row],
    calibration: str | Path | None,
    frames: list[str],
    frames_manifests: list[str],
    index: str | Path,
    discovered: list[str],
    profiles: list[str],
    table: str | Path,
    options: dict[str, Any],
    n_bootstrap: int,
    confidence: float,
    seed: int,
    batch: int,
    threads: int = 1,
    device: str = "auto",
    tf32: bool = False,
) -> None:
    """Write {model}_responses.parquet.

    Parameters
    ----------
    model, layers : rows of models.tsv and layers.tsv.
    frames, frames_manifests : of all shards, in order.
    discovered, profiles : discovered.h5 and profiles.h5 of the layers, in their order; either may be empty.
    options : config section `similarity.responses`: max_images (for fidelity, 0 all: validation images with the
        smallest hash of their id), min_class_images (5), max_classes (for TCAV, 0 all: the most frequent).
    batch, threads, device, tf32 : config values of the extraction; on a CPU no number depends on how images are cut.

    A model without class scores (a detector, a segmenter, an output that is no (image, class)) gets a table without
    rows and a warning that names it.

    Raises
    ------
    ValueError
        for options out of range, files of other images or of another layer.
    """
    check_options(options)
    _check_lengths(layers, discovered=discovered, profiles=profiles)
    images = read_images(index)
    reason = why_no_scores(model)
    if reason:
        return _no_rows(table, f"model {model['model']!r} is {reason}: it has no class scores, so no responses")
    found = [_checked(read_discovered(path), path, images.ids) for path in discovered]
    vectors = [_checked(read_vectors(path), path, images.ids) for path in profiles]
    _check_alike(discovered, found)
    _check_alike(profiles, vectors)
    comparing = Comparing(
        images.blocks, images.sources, n_permutations=0, n_bootstrap=n_bootstrap, confidence=confidence, seed=seed
    )
    same = {
        "dataset": dataset, "model": model["model"], "min_class_images": options["min_class_images"],
        "n_bootstrap": n_bootstrap, "confidence": confidence, "seed": seed,
    }  # fmt: skip

    import torch

    from conceptatlas.devices import lease_device
    from conceptatlas.models.index import load_model
    from conceptatlas.models.replacing import UnscoredError

    torch.set_num_threads(threads)
    loaded = load_model(model, calibration=Path(calibration) if calibration else None)
    stream = Stream(frames, frames_manifests, batch=batch)
    rows: dict[str, list[pd.DataFrame]] = {row["layer"]: [] for row in layers}
    try:
        with lease_device(device) as leased, scratch_beside(table) as folder:
            if found:
                chosen = choose_images(found[0].test_images, images.ids, at_most=options["max_images"], seed=seed)
                replacements = [Replacements(Basis.of(one)) for one in found]
                told = answer_replaced(loaded, layers, stream, chosen, replacements, device=leased, tf32=tf32)
                for row, answers, replaced in zip(layers, told, replacements, strict=True):
                    made = fidelity_rows(
                        answers, chosen, replaced, found[0].n_concepts, comparing,
                        same | {"layer": row["layer"]}, min_class_images=options["min_class_images"],
                    )  # fmt: skip
                    rows[row["layer"]].append(frame_of(made, RESPONSE_COLUMNS, RESPONSE_TYPES))
            if vectors:
                test = vectors[0].test_images
                followed = {key: options[key] for key in ("min_class_images", "max_classes")}
                own = keep_gradients(
                    loaded, layers, stream, test, vectors, folder, **followed, device=leased, tf32=tf32
                )
                for n, (row, vector) in enumerate(zip(layers, vectors, strict=True)):
                    made = tcav_rows(
                        vector, np.load(kept_gradients(folder, n), mmap_mode="r"), own, comparing,
                        same | {"layer": row["layer"]}, classes=loaded.classes, **followed,
                    )  # fmt: skip
                    rows[row["layer"]].append(frame_of(made, RESPONSE_COLUMNS, RESPONSE_TYPES))
    except UnscoredError as error:
        return _no_rows(table, str(error))
    parts = [frame for of_layer in rows.values() for frame in of_layer if len(frame)]
    empty = frame_of([], RESPONSE_COLUMNS, RESPONSE_TYPES)
    write_table(table, pd.concat(parts, ignore_index=True) if parts else empty, columns=RESPONSE_COLUMNS)
    return None


def check_options(options: dict[str, Any]) -> None:
    """Raise ValueError for numbers out of range."""
    for name, least in (("max_images", 0), ("min_class_images", 1), ("max_classes", 0)):
        if options[name] < least:
            raise ValueError(f"similarity.responses.{name}: {options[name]}; expected {least} or more")


def choose_images(images: Array, ids: list[str], *, at_most: int, seed: int) -> Array:
    """Of images (image_index, ascending) those with the smallest hash of their id, at most so many (0: all)."""
    if not at_most or len(images) <= at_most:
        return images
    order = np.argsort([unit_interval(seed, "images of responses", ids[i]) for i in images], kind="stable")
    return np.sort(images[order[:at_most]])


def _no_rows(table: str | Path, why: str) -> None:
    logger.warning("%s; the table has no rows", why)
    write_table(table, frame_of([], RESPONSE_COLUMNS, RESPONSE_TYPES), columns=RESPONSE_COLUMNS)


def _check_lengths(layers: list[Row], **files: list[str]) -> None:
    for kind, paths in files.items():
        if paths and len(paths) != len(layers):
            raise ValueError(f"{len(paths)} files of {kind} for {len(layers)} layers; expected one a layer, or none")


def _checked(found: Any, path: str, ids: list[str]) -> Any:
    """The file, if its test images are those of the data set."""
    inside = not len(found.test_images) or found.test_images[-1] < len(ids)
    if not inside or digest_of_images(ids, found.test_images) != found.images_digest:
        raise ValueError(f"{path}: its test images are not those of the data set; it is older: run it again")
    return found


def _check_alike(paths: list[str], found: Sequence[Discovered | Vectors]) -> None:
    for path, one in zip(paths, found, strict=True):
        if one.images_digest != found[0].images_digest:
            raise ValueError(f"{path}: its test images differ from those of {paths[0]}; run both again")

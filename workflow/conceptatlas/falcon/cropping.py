"""The job that crops: GradCAM boxes of all groups in their images, and the encoder's embeddings of the crops.

Beside the highly activating images it crops random ones, each for a random group of the layer: the pool from which
random groups of images are drawn later, so that the null goes through the same steps. An image of several groups runs
through the network once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from conceptatlas.falcon.crop_tables import CROP_COLUMNS, CROP_TYPES, write_crop_file
from conceptatlas.falcon.crops import Box, box_of, crop, enlarge
from conceptatlas.falcon.pictures import Pictures
from conceptatlas.files import read_json
from conceptatlas.progress import progress
from conceptatlas.seeds import generator, unit_interval
from conceptatlas.sheets import Row
from conceptatlas.tables import read_table, write_table
from conceptatlas.typed_tables import frame_of

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

GRADIENT_BATCH = 8
"""Images a pass takes where gradients are needed: their graph is kept."""
ENCODED_AT_ONCE = 256
CANDIDATES = 16
"""Modules before a layer without positions that GradCAM may be taken at."""


class Wanted(NamedTuple):
    """A crop to make."""

    kind: str
    group: str
    image: int
    image_id: str

    @property
    def features(self) -> list[int]:
        """The features of its group."""
        return [int(feature) for feature in self.group.split("-")]


def crop_groups(
    *,
    dataset: str,
    model: Row,
    layer: Row,
    encoder: Row,
    report: str | Path,
    calibration: str | Path | None,
    frames: list[str],
    frames_manifests: list[str],
    index: str | Path,
    groups: str | Path,
    members: str | Path,
    table: str | Path,
    crops: str | Path,
    cut: float,
    n_images: int,
    seed: int,
    batch: int,
    threads: int = 1,
    device: str = "auto",
    tf32: bool = False,
) -> None:
    """Write crops.parquet and crops.h5 of a layer and an encoder.

    Parameters
    ----------
    model, layer, encoder : rows of models.tsv, layers.tsv, encoders.tsv. report : of the model's group of layers.
    groups, members : of `select_features`. cut : share of the map's maximum. n_images : of the null's pool, 0 all.
    batch, threads, device, tf32 : config values of the extraction.
    """
    wanted = wanted_crops(read_table(groups), read_table(members), read_table(index), n_images=n_images, seed=seed)
    place = {"dataset": dataset, "model": model["model"], "layer": layer["layer"], "encoder": encoder["encoder"]}
    if not wanted:
        logger.warning("%s %s: no group of features, so no crop", model["model"], layer["layer"])
        write_table(table, frame_of([], CROP_COLUMNS, CROP_TYPES), columns=CROP_COLUMNS)
        return write_crop_file(crops, np.zeros((0, 1), dtype=np.float32), None, [])

    import torch

    from conceptatlas.devices import lease_device
    from conceptatlas.encoders.loaded import load_encoder
    from conceptatlas.falcon.cams import GroupCams
    from conceptatlas.falcon.heads import own_head
    from conceptatlas.models.index import load_model

    torch.set_num_threads(threads)
    loaded = load_model(model, calibration=Path(calibration) if calibration else None)
    shape = read_json(report)["layers"][layer["layer"]]
    with lease_device(device) as leased:
        cams = GroupCams(
            loaded, layer["module"], candidates=modules_before(read_json(report), layer["module"]),
            device=leased, tf32=tf32,
        )  # fmt: skip
        own_map = shape["height"] * shape["width"] > 1
        size = batch if own_map else min(batch, GRADIENT_BATCH)
        encode = load_encoder(encoder, device=leased, batch=batch).encode_images
        boxes: dict[int, Box] = {}
        parts: dict[int, Array] = {}
        embeddings = np.zeros((len(wanted), 0), dtype=np.float32)
        features: list[Array] = []
        scores: list[Array | None] = []
        for run in progress(
            run_images(cams, wanted, Pictures(frames, frames_manifests), batch=size),
            description="images of groups", total=-(-len({one.image for one in wanted}) // size),
        ):  # fmt: skip
            if sum(len(one) for one in features) < 8 * size:  # enough to tell whether a head reads these features
                features.append(run.features)
                scores.append(run.scores)
            for n, frame, maps in zip(run.rows, run.frames, run.maps, strict=True):
                for row, cam in zip(n, enlarge(maps, frame.shape[0]), strict=True):
                    boxes[row] = box_of(cam, cut=cut)
                    parts[row] = crop(frame, boxes[row], frame.shape[0])
            if len(parts) >= ENCODED_AT_ONCE:
                embeddings = _encoded(encode, parts, embeddings)
        embeddings = _encoded(encode, parts, embeddings)
        given = [one for one in scores if one is not None]
        answered = np.concatenate(given) if len(given) == len(scores) else None
        head = own_head(loaded.module, np.concatenate(features), answered)
    rows = [
        place
        | {"kind": one.kind, "group": one.group, "image_index": one.image, "image_id": one.image_id,
           "module": cams.module, "cut": cut}
        | boxes[n]._asdict()
        for n, one in enumerate(wanted)
    ]  # fmt: skip
    n_whole = sum(box.whole for box in boxes.values())
    logger.info("%d crops, %d of them whole frames (no positive GradCAM)", len(rows), n_whole)
    write_table(table, frame_of(rows, CROP_COLUMNS, CROP_TYPES), columns=CROP_COLUMNS)
    write_crop_file(crops, embeddings, head, list(loaded.classes or []))
    return None


def wanted_crops(
    groups: pd.DataFrame, members: pd.DataFrame, index: pd.DataFrame, *, n_images: int, seed: int
) -> list[Wanted]:
    """Crops of all highly activating images, in the order of `members`, then those of the null's pool.

    The pool: the `n_images` valid images with the smallest hash of their id (0: all), but at least as many as the
    largest group has; each for a group drawn by its id.
    """
    high = members[members["kind"] == "high"]
    wanted = [
        Wanted("high", str(group), int(image), str(image_id))
        for group, image, image_id in zip(high["group"], high["image_index"], high["image_id"], strict=True)
    ]
    if not wanted:
        return []
    names = [str(name) for name in groups["group"]]
    valid = index[index["valid"].astype(bool)]
    ids = dict(zip(valid["image_index"].astype(int), valid["image_id"].astype(str), strict=True))
    order = sorted(ids, key=lambda image: unit_interval(seed, "random images of falcon", ids[image]))
    least = int(groups["n_high"].max())
    for image in order[: max(n_images, least) if n_images else None]:
        drawn = int(generator(seed, "group of a random image", ids[image]).integers(len(names)))
        wanted.append(Wanted("random", names[drawn], image, ids[image]))
    return wanted


class Run(NamedTuple):
    """Images that went through the network: per image the rows of `wanted` it serves, its frame, a map a row;
    features and scores of all."""

    rows: list[list[int]]
    frames: Array
    maps: list[Array]
    features: Array
    scores: Array | None


def run_images(cams: Any, wanted: list[Wanted], pictures: Pictures, *, batch: int) -> Iterator[Run]:
    """Run every image of `wanted` once, in batches of full size (on a CPU no number depends on how they are cut)."""
    from conceptatlas.models.replacing import padded

    of_image: dict[int, list[int]] = {}
    for row, one in enumerate(wanted):
        of_image.setdefault(one.image, []).append(row)
    images = sorted(of_image)
    for first in range(0, len(images), batch):
        own = images[first : first + batch]
        frames = pictures.of(own)
        groups = [[wanted[row].features for row in of_image[image]] for image in own]
        groups += [[] for _ in range(batch - len(own))]
        features, scores, maps = cams.of(padded(frames, batch=batch), groups)
        n = len(own)
        yield Run(
            [of_image[image] for image in own], frames, maps[:n], features[:n], None if scores is None else scores[:n]
        )


def modules_before(report: dict[str, Any], module: str) -> list[str]:
    """Modules with positions that run before a module, in their order: where GradCAM may be taken."""
    depth = {one["name"]: one["depth"] for one in report["modules"]}
    limit = depth.get(module, max(depth.values(), default=0.0))
    found = [
        one["name"]
        for one in report["modules"]
        if one["name"] != module
        and one["depth"] <= limit
        and len(one["shape"]) == 3
        and one["shape"][1] * one["shape"][2] > 1
    ]
    return found[-CANDIDATES:]


def _encoded(encode: Any, parts: dict[int, Array], embeddings: Array) -> Array:
    """Embed the crops that wait, put them into their rows, and forget the pictures."""
    if not parts:
        return embeddings
    rows = sorted(parts)
    found = encode(np.stack([parts[row] for row in rows]))
    if not embeddings.shape[1]:
        embeddings = np.zeros((len(embeddings), found.shape[1]), dtype=np.float32)
    embeddings[rows] = found
    parts.clear()
    return embeddings

"""A labelled data set and a layer on disk, made from arrays: units that detect what they were planted to detect."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.activations.summary import summarise_layer
from conceptatlas.datasets.annotation_file import AnnotationWriter, read_annotations
from conceptatlas.datasets.annotations import ImageAnnotations, mask_bytes, pack_masks
from conceptatlas.datasets.overlaps import OverlapCounts, write_overlaps
from conceptatlas.dissection.counted_layer import tally_counts
from conceptatlas.dissection.labels import dissect_layer
from conceptatlas.dissection.tally import tally_layer
from conceptatlas.files import write_json
from conceptatlas.naming import CATEGORIES, shard_bounds, shard_names
from conceptatlas.seeds import image_block
from slow_twins import Labels
from tiny_counts import count, score
from tiny_shards import write_frames
from tiny_stores import write_store

Array = np.ndarray[Any, Any]

SIZE = 14
NAMES = ["car", "wheel", "door", "dog", "sky", "street", "beach", "metal", "striped", "red", "person", "head"]
PRIMARY = ["object", "part", "part", "object", "object", "scene", "scene", "material", "texture", "color", "object",
           "part"]  # fmt: skip
WHOLE = ("street", "beach", "striped")  # labels of whole images
THRESHOLDS = {"tau": 0.1, "taus": [0.05, 0.1, 0.2], "definition": "order_statistic", "threshold_on": "stored"}
GEOMETRY = {"upsample": "half_pixel", "order": "upsample_then_threshold", "padding": "clamp"}
OPTIONS = {"detector_iou": 0.04, "top_labels": 5, "n_permutations": 99, "n_bootstrap": 200, "confidence": 0.95,
           "fdr": 0.05, "gallery_images": 3, "gallery_units": 4}  # fmt: skip


def primary_index() -> Array:
    """Primary category of every concept as an index."""
    return np.array([CATEGORIES.index(name) for name in PRIMARY])


def scenes(n_images: int, *, seed: int = 0, padded: bool = False) -> Labels:
    """Cars with wheels and doors inside, dogs and persons with heads, skies, scenes, textures; wheels only in cars."""
    rng = np.random.default_rng(seed)
    number = {name: i for i, name in enumerate(NAMES)}
    ignore = np.zeros((n_images, SIZE, SIZE), dtype=bool) if padded else None
    rows: list[tuple[int, int, Array | None]] = []

    def box(height: int, width: int, *, inside: tuple[int, int, int, int] | None = None) -> tuple[int, int, int, int]:
        top, left, tall, wide = inside or (0, 0, SIZE, SIZE)
        y, x = rng.integers(0, max(tall - height, 0) + 1), rng.integers(0, max(wide - width, 0) + 1)
        return top + int(y), left + int(x), height, width

    def add(image: int, name: str, place: tuple[int, int, int, int]) -> None:
        mask = np.zeros((SIZE, SIZE), dtype=bool)
        mask[place[0] : place[0] + place[2], place[1] : place[1] + place[3]] = True
        if ignore is not None:
            mask &= ~ignore[image]
        rows.append((image, number[name], mask))

    for image in range(n_images):
        if ignore is not None and image % 3 == 0:
            ignore[image, :, :3] = True
        if rng.random() < 0.25:
            car = box(5, 9)
            add(image, "car", car)
            if rng.random() < 0.9:
                add(image, "wheel", box(2, 3, inside=car))
            if rng.random() < 0.7:
                add(image, "door", box(3, 2, inside=car))
        for name, head in (("dog", 0.0), ("person", 0.9)):
            if rng.random() < 0.25:
                body = box(6, 3)
                add(image, name, body)
                if rng.random() < head:
                    add(image, "head", (body[0], body[1], 2, 2))
        for name, share, shape in (("sky", 0.3, (3, 14)), ("metal", 0.2, (4, 4)), ("red", 0.3, (3, 4))):
            if rng.random() < share:
                add(image, name, box(*shape))
        for name in WHOLE:
            if rng.random() < 0.15:
                rows.append((image, number[name], None))
    return Labels(rows, n_images, SIZE, ignore)


def detectors(labels: Labels, names: list[str]) -> Array:
    """Units (image, unit, S, S) that are positive exactly on the masks of concepts, float16."""
    maps = np.zeros((labels.n_images, len(names), SIZE, SIZE), dtype=np.float16)
    wanted = [NAMES.index(name) for name in names]
    rng = np.random.default_rng(7)
    for (image, concept), mask in labels.merged().items():
        for k in (k for k, c in enumerate(wanted) if c == concept):
            maps[image, k] = mask * rng.uniform(0.5, 2, size=mask.shape)
    return maps


def noise(n_images: int, n_units: int, *, seed: int = 1) -> Array:
    """Units that know nothing of the labels: blobs, float16."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(n_images, n_units, SIZE // 2, SIZE // 2))
    return coarse.repeat(2, axis=2).repeat(2, axis=3).astype(np.float16)


def write_dataset(
    folder: Path, labels: Labels, *, n_shards: int = 1, valid: Array | None = None, sources: Array | None = None
) -> dict[str, Any]:
    """Annotations, index, concepts, overlaps and dataset.json of labels over the vocabulary NAMES."""
    folder.mkdir(parents=True, exist_ok=True)
    n_images = labels.n_images
    valid = np.ones(n_images, dtype=bool) if valid is None else valid
    ids = [f"image_{n}" for n in range(n_images)]
    blocks = np.array([image_block(i) for i in ids])
    primary = primary_index()
    overlaps = OverlapCounts(n_concepts=len(NAMES))
    pixels = np.zeros(len(NAMES), dtype=np.int64)
    images = np.zeros(len(NAMES), dtype=np.int64)
    paths = []
    for number, name in enumerate(shard_names(n_shards)):
        start, stop = shard_bounds(n_images, n_shards, number)
        path = folder / f"{name}_annotations.h5"
        with AnnotationWriter(
            path, start=start, stop=stop, mask_size=labels.size, padded=labels.ignore is not None
        ) as writer:
            for n in range(start, stop):
                writer.add(n, _rows(labels, n, primary, valid[n]))
        paths.append(str(path))
        merged = read_annotations(path).merged()
        overlaps.add(merged, start=start, blocks=blocks[start:stop], valid=valid[start:stop])
        np.add.at(pixels, merged.concept_index, merged.n_pixels)
        np.add.at(images, merged.concept_index, 1)
    counted = overlaps.result()
    write_overlaps(folder / "overlaps.h5", counted, mask_size=labels.size)
    source = np.zeros(n_images, dtype=int) if sources is None else sources
    pd.DataFrame(
        {
            "image_id": ids,
            "block": blocks,
            "source": [f"source_{s}" for s in source],
            "valid": valid,
            "split": [""] * n_images,
        }
    ).to_parquet(folder / "index.parquet")
    pd.DataFrame(
        {"concept_index": range(len(NAMES)), "name": NAMES, "primary_category": PRIMARY, "n_images": images,
         "n_pixels": pixels}
    ).to_parquet(folder / "concepts.parquet")  # fmt: skip
    write_json(folder / "dataset.json", {"n_images": n_images, "mask_size": labels.size})
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (n_images, 8, 8, 3), dtype=np.uint8)
    return {
        "annotations": paths,
        "index": folder / "index.parquet",
        "concepts": folder / "concepts.parquet",
        "overlaps": folder / "overlaps.h5",
        "dataset": folder / "dataset.json",
        "frames": write_frames(folder / "frames", pictures, n_shards=n_shards, valid=valid).frames,
    }


def _rows(labels: Labels, image: int, primary: Array, valid: bool) -> ImageAnnotations:
    rows = sorted(((c, m) for n, c, m in labels.rows if n == image and valid), key=lambda row: row[0])
    concept = np.array([c for c, _ in rows], dtype=np.int64)
    masks = [m for _, m in rows if m is not None]
    packed = pack_masks(np.stack(masks)) if masks else np.zeros((0, mask_bytes(labels.size)), dtype=np.uint8)
    ignore = None if labels.ignore is None else labels.ignore[image]
    cells = labels.size**2 - (0 if ignore is None else int(ignore.sum()))
    return ImageAnnotations(
        concept_index=concept,
        category=primary[concept],
        n_pixels=np.array([cells if m is None else m.sum() for _, m in rows], dtype=np.int64),
        has_mask=np.array([m is not None for _, m in rows], dtype=bool),
        masks=packed,
        ignore=None if ignore is None else pack_masks(ignore),
    )


def dissect(
    folder: Path,
    maps: Array,
    labels: Labels,
    *,
    n_shards: int = 1,
    annotation_shards: int = 1,
    valid: Array | None = None,
    sources: Array | None = None,
    thresholds: dict[str, Any] = THRESHOLDS,
    geometry: dict[str, str] = GEOMETRY,
    options: dict[str, Any] = OPTIONS,
    threads: int = 1,
    store_maps: str = "full",
    with_scores: bool = True,
) -> dict[str, Any]:
    """Summarise, tally and dissect a layer; the paths of all files by role.

    store_maps : column `store`; `counts` keeps no maps and makes the passes again. with_scores : whether it makes the
    third.
    """
    files = write_dataset(folder / "dataset", labels, n_shards=annotation_shards, valid=valid, sources=sources)
    store = write_store(folder / "store", maps, n_shards=n_shards, valid=valid, store=store_maps)
    shape = dict(zip(("n_units", "height", "width"), maps.shape[1:], strict=True)) | {"geometry": {}}
    report = folder / "report.json"
    write_json(report, {"layers": {"layer": shape}})
    statistics = folder / "statistics.h5"
    summarise_layer(
        layer={"model": "m", "layer": "layer", "store": store_maps}, shards=store.shards, manifests=store.manifests,
        dataset=files["dataset"], report=report, out=statistics, manifest=statistics.with_suffix(".json"),
        thresholds=thresholds, geometry=geometry, threads=threads,
    )  # fmt: skip
    common = {
        "layer": "layer", "shards": store.shards, "manifests": store.manifests, "statistics": statistics,
        "index": files["index"], "concepts": files["concepts"], "annotations": files["annotations"],
        "report": report, "geometry": geometry, "seed": 0, "threads": threads,
    }  # fmt: skip
    tally = folder / "tally.h5"
    passes: dict[str, Any] = {}
    if store_maps == "full":
        tally_layer(**common, dataset=files["dataset"], out=tally, n_permutations=options["n_permutations"])
    else:
        counted = count(
            folder / "counted", store, maps, files, statistics=statistics, report=report, geometry=geometry
        )  # fmt: skip
        joined = {name: value for name, value in common.items() if name not in ("report", "geometry")}
        joined |= {"shards": counted.shards, "manifests": counted.manifests}
        tally_counts(**joined, dataset=files["dataset"], out=tally, n_permutations=options["n_permutations"])
        passes = {"counted": counted.shards, "counted_manifests": counted.manifests}
        if with_scores:
            scored = score(
                folder / "scored", store, maps, files, statistics=statistics, tally=tally, ranks=options["top_labels"]
            )  # fmt: skip
            passes |= {"scored": scored.shards, "scored_manifests": scored.manifests}
    out = {name: folder / f"{name}.parquet" for name in ("labels", "units", "summary")}
    out |= {"netdissect": folder / "netdissect.csv", "gallery": folder / "gallery.h5"}
    dissect_layer(
        dataset="d", model="m", tally=tally, about=files["dataset"], overlaps=files["overlaps"],
        frames=files["frames"], thresholds=thresholds, options=options, **common, **out, **passes,
    )  # fmt: skip
    return files | out | passes | {"tally": tally, "statistics": statistics, "store": store, "report": report}

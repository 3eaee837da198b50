"""The join over levels: what every level does to the units of a layer, by unit, category and concept.

Reads the counts of all levels and shards of a layer and its clean tally; sums are integers, so the tables do not depend
on the shards.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.activations.tallying import read_stored_tally
from conceptatlas.datasets.labelled_images import Vocabulary, read_vocabulary
from conceptatlas.files import array_digest, atomic_path, check_digest, read_json, set_aside
from conceptatlas.inference.bootstrap import MINIMUM_BLOCKS, block_weights
from conceptatlas.levels import kind_label, repeats
from conceptatlas.masks.tally import N_BLOCKS, Tally
from conceptatlas.naming import CATEGORIES
from conceptatlas.robustness.columns import CONCEPT_COLUMNS, SUMMARY_COLUMNS, UNIT_COLUMNS
from conceptatlas.robustness.measuring import (
    STATUSES,
    Clean,
    LevelResult,
    clean_labels,
    mean_over_rows,
    measure_level,
    percentiles,
    share_interval,
)
from conceptatlas.sheets import Row
from conceptatlas.tables import write_table

Array = np.ndarray[Any, Any]


def measure_robustness(
    *,
    dataset: str,
    model: str,
    layer: str,
    levels: list[Row],
    shards: list[str],
    manifests: list[str],
    tally: str | Path,
    tau: str,
    concepts: str | Path,
    units: str | Path,
    summary: str | Path,
    by_concept: str | Path,
    examples: str | Path,
    dissection: dict[str, Any],
    options: dict[str, Any],
    seed: int,
) -> None:
    """Write the robustness tables and picture strips of a layer.

    levels : rows of perturbations.tsv. shards, manifests : files of all levels and shards, level by level. tally, tau :
    the dissection's tally and the study's own tau in it. dissection : its config section (detector_iou, n_bootstrap,
    confidence). options : config section `robustness`.

    Raises
    ------
    DamagedFileError
        if a file is not what its manifest says; its manifest is set aside.
    """
    vocabulary = read_vocabulary(concepts)
    clean = clean_labels(read_stored_tally(tally, f"tau/{tau}"), vocabulary.primary_category)
    weights = block_weights(N_BLOCKS, dissection["n_bootstrap"], seed=seed)
    names = {"dataset": dataset, "model": model, "layer": layer}
    cut, confidence = float(dissection["detector_iou"]), float(dissection["confidence"])
    per_level = len(shards) // len(levels)
    number = repeats(levels)
    unit_tables, summary_rows, strips = [], [], []
    kinds: dict[str, list[LevelResult]] = {}
    for position, row in enumerate(levels):
        piece = slice(position * per_level, (position + 1) * per_level)
        read = [_read(*files, layer) for files in zip(shards[piece], manifests[piece], strict=True)]
        result = measure_level(
            clean,
            merged(read),
            np.sum([arrays["agreement"] for arrays in read], axis=0),
            np.sum([arrays["defined"] for arrays in read], axis=0),
            vocabulary.primary_category,
            weights,
            cut=cut,
            confidence=confidence,
        )
        about = {
            **names,
            "level": str(row["level"]),
            "kind": kind_label(row),
            "amount": float(row["amount"]),
            "repeat": number[str(row["level"])],
        }
        unit_tables.append(_unit_table(about, clean, result, vocabulary))
        summary_rows += list(_summary_rows(about, clean, result, vocabulary, cut=cut, confidence=confidence))
        kinds.setdefault(kind_label(row), []).append(result)
        strips.append([{name[7:]: arrays[name] for name in arrays if name.startswith("strips/")} for arrays in read])
    write_table(units, pd.concat(unit_tables, ignore_index=True), columns=UNIT_COLUMNS)
    write_table(summary, _table(summary_rows, SUMMARY_COLUMNS), columns=SUMMARY_COLUMNS)
    rows = [r for kind, of in kinds.items() for r in _concept_rows(names, kind, clean, of, vocabulary, confidence)]
    write_table(by_concept, _table(rows, CONCEPT_COLUMNS), columns=CONCEPT_COLUMNS)
    write_examples(examples, [str(row["level"]) for row in levels], strips, clean.iou, n_images=options["images"])


def _read(path: str, manifest: str, layer: str) -> dict[str, Array]:
    """All arrays of a layer, their digests checked."""
    expected = read_json(manifest)["arrays"]
    out: dict[str, Array] = {}
    try:
        with h5py.File(path, "r") as file:
            for name in expected:
                if name.startswith(f"{layer}/"):
                    out[name[len(layer) + 1 :]] = file[name][()]
    except (OSError, KeyError, RuntimeError) as error:
        raise set_aside(manifest, reason=f"{Path(path).name} cannot be read ({error})") from error
    for name, values in out.items():
        full = f"{layer}/{name}"
        check_digest(manifest, name=full, expected=expected[full], found=array_digest(values))
    return out


def merged(shards: list[dict[str, Array]]) -> Tally:
    """The tally of a level over its shards."""
    tallies = [Tally(**{name: arrays[f"tally/{name}"] for name in Tally.__dataclass_fields__}) for arrays in shards]
    total = tallies[0]
    for other in tallies[1:]:
        total.merge(other)
    return total


def _unit_table(about: dict[str, Any], clean: Clean, result: LevelResult, vocabulary: Vocabulary) -> pd.DataFrame:
    names, categories = np.array(vocabulary.names, dtype=object), np.array(CATEGORIES, dtype=object)
    table = pd.DataFrame(
        {
            **about,
            "unit": np.arange(len(clean.label)),
            "concept": names[clean.label],
            "category": categories[vocabulary.primary_category[clean.label]],
            "iou_clean": clean.iou,
            "iou": result.iou,
            "ci_low": result.low,
            "ci_high": result.high,
            "iou_change": result.iou - clean.iou,
            "change_low": result.change_low,
            "change_high": result.change_high,
            "best_concept": names[result.best],
            "best_category": categories[vocabulary.primary_category[result.best]],
            "best_iou": result.best_iou,
            "is_detector_clean": result.status >= 0,
            **{f"is_{name}": result.status == i for i, name in enumerate(STATUSES)},
            "agreement": result.agreement,
            "agreement_low": result.agreement_low,
            "agreement_high": result.agreement_high,
            "n_defined": result.n_defined,
        }
    )
    return table[[column.name for column in UNIT_COLUMNS]]


def _summary_rows(
    about: dict[str, Any], clean: Clean, result: LevelResult, vocabulary: Vocabulary, *, cut: float, confidence: float
) -> Iterator[dict[str, Any]]:
    """One row for all detectors and one for those of every category that has some."""
    category = vocabulary.primary_category[clean.label[result.detectors]]
    chosen = {"": np.ones(len(category), dtype=bool)}
    chosen |= {name: category == i for i, name in enumerate(CATEGORIES) if (category == i).any()}
    images = clean.tally.images
    enough = bool((images > 0).sum() >= MINIMUM_BLOCKS)
    for name, members in chosen.items():
        units = result.detectors[members]
        status, drawn = result.status[units], result.status_draws[members]
        n_drawn = (drawn >= 0).sum(axis=0)
        row = {**about, "category": name, "n_detectors_clean": len(units)}
        for i, word in enumerate(STATUSES):
            share = float((status == i).mean()) if len(units) else np.nan
            row[f"share_{word}"] = share
            draws = (drawn == i).sum(axis=0)[n_drawn > 0] / n_drawn[n_drawn > 0]
            row[f"{word}_low"], row[f"{word}_high"] = share_interval(
                share, draws if enough and len(units) else draws[:0], confidence=confidence
            )
        before, after = mean_over_rows(result.clean_draws[members]), mean_over_rows(result.iou_draws[members])
        row["iou_clean"] = _mean(clean.iou[units])
        row["iou"] = _mean(result.iou[units])
        row["retained"] = row["iou"] / row["iou_clean"] if len(units) else np.nan
        row["agreement"] = _mean(result.agreement[units])
        with np.errstate(invalid="ignore", divide="ignore"):
            draws_of = {"iou": after, "retained": after / before}
        draws_of["agreement"] = mean_over_rows(result.agreement_draws[members])
        for word, draws in draws_of.items():
            low, high = percentiles(draws[None, :], confidence=confidence, enough=enough)
            row[f"{word}_low"], row[f"{word}_high"] = low[0], high[0]
        yield row | {"n_images": int(images.sum()), "detector_iou": cut}


def _concept_rows(
    names: dict[str, str],
    kind: str,
    clean: Clean,
    levels: list[LevelResult],
    vocabulary: Vocabulary,
    confidence: float,
) -> Iterator[dict[str, Any]]:
    """One row a concept that has detectors, over the levels of a kind."""
    detectors = levels[0].detectors  # those of the clean images: the same for all levels
    concept = clean.label[detectors]
    n_blocks = (clean.tally.label_images > 0).sum(axis=1)
    for c in np.unique(concept):
        members = concept == c
        before = _mean(clean.iou[detectors[members]])
        after = float(np.mean([_mean(level.iou[detectors[members]]) for level in levels]))
        with np.errstate(invalid="ignore", divide="ignore"):
            draws = mean_over_rows(np.stack([mean_over_rows(level.iou_draws[members]) for level in levels]))
            draws = draws / mean_over_rows(levels[0].clean_draws[members])
        enough = bool(n_blocks[c] >= MINIMUM_BLOCKS)
        low, high = percentiles(draws[None, :], confidence=confidence, enough=enough)
        yield {
            **names,
            "kind": kind,
            "concept": vocabulary.names[c],
            "category": CATEGORIES[vocabulary.primary_category[c]],
            "n_detectors": int(members.sum()),
            "iou_clean": before,
            "retained": after / before,
            "retained_low": low[0],
            "retained_high": high[0],
        }


def _mean(values: Array) -> float:
    """Mean of the defined values; NaN where there is none."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else np.nan


def _table(rows: list[dict[str, Any]], columns: list[Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[column.name for column in columns])


def write_examples(
    path: str | Path, levels: list[str], strips: list[list[dict[str, Array]]], iou: Array, *, n_images: int
) -> None:
    """Write ``examples.h5``: pictures of the best units' top images at every level, level 0 the picture as it is.

    levels : names. strips : of every level, of every shard: the arrays of `strips.Strips`.
    iou : (unit,), on clean images: units stand in its order. n_images : images a unit; blank where there are fewer.

    Arrays: `levels` (level,) text; `units` int64 (unit,); `images` int64 (unit, image), image_index or
    -1, that with the largest activation first; `pictures`
    uint8 (unit, image, level, P, P, 3); `masks` packed bits (unit, image, level, bytes) at P x P; attribute
    ``picture_size`` P.
    """
    first = strips[0]
    units = sorted(
        {int(unit) for part in first for unit in part["units"]},
        key=lambda unit: (-np.nan_to_num(iou[unit], nan=-1.0), unit),
    )
    row_of = {unit: row for row, unit in enumerate(units)}
    size, n_bytes = first[0]["pictures"].shape[2], first[0]["masks"].shape[2]
    shape = (len(units), n_images, len(levels) + 1)
    images = np.full(shape[:2], -1, dtype=np.int64)
    pictures = np.zeros((*shape, size, size, 3), dtype=np.uint8)
    masks = np.zeros((*shape, n_bytes), dtype=np.uint8)
    for position, parts in enumerate(strips):
        for part in parts:
            for k, (unit, rank) in enumerate(zip(part["units"], part["ranks"], strict=True)):
                row = row_of[int(unit)]
                images[row, rank] = part["images"][k]
                pictures[row, rank, position + 1] = part["pictures"][k, 1]
                masks[row, rank, position + 1] = part["masks"][k, 1]
                if position == 0:
                    pictures[row, rank, 0], masks[row, rank, 0] = part["pictures"][k, 0], part["masks"][k, 0]
    with atomic_path(path) as part_path, h5py.File(part_path, "w", libver="latest") as file:
        names = ["original", *levels]
        file.create_dataset("levels", data=names, dtype=h5py.string_dtype())
        file["units"], file["images"] = np.array(units, dtype=np.int64), images
        packing = {"compression": "gzip", "compression_opts": 1} if pictures.size else {}
        file.create_dataset("pictures", data=pictures, **packing)
        file.create_dataset("masks", data=masks, **packing)
        file.attrs["picture_size"] = size

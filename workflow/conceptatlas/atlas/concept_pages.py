"""What the pages of concepts load: over all models and layers, where a concept is found and how it is learned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.atlas.encoding import number, rows_of, run_lengths, write_script
from conceptatlas.masks.bitmask import unpack
from conceptatlas.tables import read_table

IN_FILE = 16
"""Concepts in a file."""
BEST_UNITS = 40
LARGEST_WEIGHTS = 16
FAILURES = 12
LABEL = ("unit", "rank", "concept", "category", "iou_category", "ci_low", "ci_high")


def write_concepts(home: Path, root: Path, dataset: str, pairs: list[dict[str, Any]], places: list[list[str]]) -> None:
    """Write ``study/{dataset}/concepts-N`` and the list of all, ``study/{dataset}/concepts``.

    pairs : plans of the models on this data set. places : [dataset, model, layer] of every layer of the study.
    """
    table = read_table(root / f"datasets/{dataset}/concepts.parquet")
    concepts: list[dict[str, Any]] = [
        {
            "name": str(row["name"]),
            "category": str(row["primary_category"]),
            "categories": [str(category) for category in row["categories"]],
            "n_images": int(row["n_images"]),
            "n_pixels": int(row["n_pixels"]),
            "units": [],
            "layers": [],
            "learned": [],
        }
        for row in rows_of(table)
    ]
    index = {concept["name"]: i for i, concept in enumerate(concepts)}
    for plan in pairs:
        for layer in plan["layers"]:
            place = places.index([dataset, plan["model"], layer["layer"]])
            _add_labels(concepts, index, root, layer["files"], place)
            _add_learned(concepts, root, layer["files"], place)
            _add_profiles(concepts, root, layer["files"], place)
    for concept in concepts:
        concept["units"] = sorted(concept["units"], key=lambda unit: -(unit[3] or 0))[:BEST_UNITS]
    for first in range(0, len(concepts), IN_FILE):
        write_script(home, f"study/{dataset}/concepts-{first // IN_FILE}", concepts[first : first + IN_FILE])
    write_script(home, f"study/{dataset}/concepts", [_in_list(concept) for concept in concepts])


def _in_list(concept: dict[str, Any]) -> dict[str, Any]:
    best = max((unit for unit in concept["units"]), key=lambda unit: unit[3] or 0, default=None)
    learned = [entry for entry in concept["learned"] if entry["task"] == "segmentation" and entry["value"] is not None]
    return {
        **{key: concept[key] for key in ("name", "category", "n_images")},
        "detectors": sum(layer[1] for layer in concept["layers"]),
        "best": best,
        "learned": max((entry["value"] for entry in learned), default=None),
    }


def _add_labels(
    concepts: list[dict[str, Any]], index: dict[str, int], root: Path, files: dict[str, str], place: int
) -> None:
    """`units`: [place, unit, rank of the label, IoU, low, high, row, is detector]; `layers`: [place,
    detectors]."""
    if "labels" not in files:
        return
    labels = read_table(root / files["labels"], columns=list(LABEL))
    units = read_table(root / files["units"], columns=["unit", "concept", "is_detector"])
    detector = dict(zip(units["unit"].tolist(), units["is_detector"].tolist(), strict=True))
    taken: dict[str, int] = {}
    for row in rows_of(labels.sort_values("iou_category", ascending=False, kind="stable")):
        name = str(row["concept"])
        taken[name] = taken.get(name, 0) + 1
        if name not in index or taken[name] > BEST_UNITS:
            continue
        shown = [number(row[column]) for column in ("iou_category", "ci_low", "ci_high")]
        detects = int(row["rank"] == 1 and bool(detector.get(row["unit"])))
        concepts[index[name]]["units"].append([place, row["unit"], row["rank"], *shown, row["row"], detects])
    for name, n in units.loc[units["is_detector"], "concept"].value_counts(sort=False).items():
        if name in index:
            concepts[index[str(name)]]["layers"].append([place, int(n)])


SHOWN = {
    "segmentation": ("n_train", "n_val", "single_unit", "single_val", "single_val_low", "single_val_high",
                     "combination_val", "combination_val_low", "combination_val_high", "gain", "gain_low", "gain_high",
                     "equal_or_better"),
    "classification": ("n_train", "n_val", "one_unit", "one_accuracy", "accuracy", "accuracy_low", "accuracy_high",
                       "gain", "gain_low", "gain_high", "equal_or_better", "selectivity"),
}  # fmt: skip
VALUE = {"segmentation": "combination_val", "classification": "accuracy"}


def _add_learned(concepts: list[dict[str, Any]], root: Path, files: dict[str, str], place: int) -> None:
    for task, shown in SHOWN.items():
        if task not in files:
            continue
        table = read_table(root / files[task])
        neighbours = read_table(root / files["neighbours"])
        near = dict(iter(neighbours[neighbours["task"] == task].groupby("concept_index")))
        with h5py.File(root / files[f"{task}_weights"], "r") as file:
            weights = dict(zip(file["concept_index"][()].tolist(), file["weights"][:, 0], strict=True))
        pictures = _examples(root / files["segmentation_examples"]) if task == "segmentation" else {}
        images = _images(root / files["segmentation_images"]) if task == "segmentation" else {}
        for row in rows_of(table):
            entry: dict[str, Any] = {
                "place": place,
                "task": task,
                "row": int(row["row"]),
                "reason": str(row["reason"] or ""),
            }
            entry |= {name: number(_float(row[name])) for name in shown}
            entry["value"] = entry[VALUE[task]]
            concept = int(row["concept_index"])
            if concept in weights:
                own = weights[concept]
                order = np.argsort(-np.abs(own), kind="stable")[:LARGEST_WEIGHTS]
                length = float(np.linalg.norm(own)) or 1.0
                entry["weights"] = [[int(unit), number(own[unit] / length)] for unit in order]
                entry["n_units"] = len(own)
            if concept in near:
                entry["neighbours"] = [
                    [str(other["neighbour"]), number(other["cosine"]), number(other["above"]), int(other["row"])]
                    for other in rows_of(near[concept])
                ]
            entry |= {"examples": pictures.get(concept, []), **images.get(concept, {})}
            concepts[concept]["learned"].append(entry)


def _float(value: Any) -> float:
    return float("nan") if value is None else float(value)


def _examples(path: Path) -> dict[int, list[dict[str, Any]]]:
    """Concept -> pictures with what is predicted and what is labelled, one a decile of IoU, best first."""
    found: dict[int, list[dict[str, Any]]] = {}
    with h5py.File(path, "r") as file:
        size = int(file.attrs["picture_size"])
        kinds = [kind.decode() for kind in file["kind"][()]]
        columns = {name: file[name][()] for name in ("concept_index", "rank", "image_index", "iou", "masks", "labels")}
    for i, kind in enumerate(kinds):
        if kind != "decile_combination":
            continue
        masks = {name: unpack(columns[name][i], height=size, width=size) for name in ("masks", "labels")}
        found.setdefault(int(columns["concept_index"][i]), []).append(
            {
                "image": int(columns["image_index"][i]),
                "rank": int(columns["rank"][i]),
                "iou": number(columns["iou"][i]),
                "size": size,
                "mask": run_lengths(masks["masks"]),
                "label": run_lengths(masks["labels"]),
            }
        )
    return found


def _images(path: Path) -> dict[int, dict[str, Any]]:
    """Concept -> deciles of the IoU of single images (validation), and the images with the smallest."""
    table = read_table(path)
    found: dict[int, dict[str, Any]] = {}
    for concept, rows in table[table["split"] == "val"].groupby("concept_index"):
        single, combined = rows["single_iou"].dropna(), rows["combination_iou"].dropna()
        worst = rows.dropna(subset=["combination_iou"]).nsmallest(FAILURES, "combination_iou")
        found[int(str(concept))] = {
            "deciles": [_deciles(single), _deciles(combined)],
            "failures": [
                [
                    int(row["image_index"]),
                    number(row["combination_iou"]),
                    number(row["single_iou"]),
                    int(row["label_pixels"]),
                ]
                for row in rows_of(worst)
            ],
        }
    return found


def _deciles(values: pd.Series[float]) -> list[Any]:
    return [number(value) for value in np.quantile(values, np.linspace(0, 1, 11))] if len(values) else []


PROFILE = ("balanced_accuracy", "balanced_accuracy_low", "balanced_accuracy_high", "null_mean", "null_high",
           "recognised", "cav_cosine", "n_test_with")  # fmt: skip


def _add_profiles(concepts: list[dict[str, Any]], root: Path, files: dict[str, str], place: int) -> None:
    if "profiles" not in files:
        return
    for row in rows_of(read_table(root / files["profiles"])):
        entry: dict[str, Any] = {"place": place, "row": int(row["row"]), "reason": str(row["reason"] or "")}
        entry |= {name: number(_float(row[name])) for name in PROFILE}
        concepts[int(row["concept_index"])].setdefault("profiles", []).append(entry)

"""Small made-up tables in the form that the robustness of detectors is written, plausible enough to look at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.figures.reading import Perturbed
from conceptatlas.masks.bitmask import pack

LEVELS: tuple[tuple[str, str, float, int], ...] = (
    ("noise1", "noise", 1, 0), ("noise5", "noise", 5, 0), ("noise10", "noise", 10, 0), ("noise100", "noise", 100, 0),
    ("turn10", "rotation", 10, 0), ("turn45", "rotation", 45, 0), ("turn90", "rotation", 90, 0),
    ("patches4", "patches", 4, 0), ("patches4b", "patches", 4, 1), ("patches8", "patches", 8, 0),
    ("patches8b", "patches", 8, 1),
)  # fmt: skip
"""level, kind, amount, repeat."""
HARM = {"noise": 0.004, "rotation": 0.006, "patches": 0.07}
FRAGILE = {"object": 1.6, "part": 1.3, "scene": 1.0, "texture": 0.5, "color": 0.2}
SUMMARY = [
    "dataset",
    "model",
    "layer",
    "level",
    "kind",
    "amount",
    "repeat",
    "category",
    "n_detectors_clean",
    "share_kept",
    "kept_low",
    "kept_high",
    "share_lost",
    "lost_low",
    "lost_high",
    "share_relabelled",
    "relabelled_low",
    "relabelled_high",
    "iou_clean",
    "iou",
    "iou_low",
    "iou_high",
    "retained",
    "retained_low",
    "retained_high",
    "agreement",
    "agreement_low",
    "agreement_high",
    "n_images",
    "detector_iou",
]
UNITS = [
    "dataset",
    "model",
    "layer",
    "level",
    "kind",
    "amount",
    "repeat",
    "unit",
    "concept",
    "category",
    "iou_clean",
    "iou",
    "ci_low",
    "ci_high",
    "iou_change",
    "change_low",
    "change_high",
    "best_concept",
    "best_category",
    "best_iou",
    "is_detector_clean",
    "is_kept",
    "is_lost",
    "is_relabelled",
    "agreement",
    "agreement_low",
    "agreement_high",
    "n_defined",
]
CONCEPTS = [
    "dataset",
    "model",
    "layer",
    "kind",
    "concept",
    "category",
    "n_detectors",
    "iou_clean",
    "retained",
    "retained_low",
    "retained_high",
]


def around(name: str, value: float, margin: float = 0.06) -> dict[str, float]:
    return {f"{name}_low": max(value - margin, 0.0), f"{name}_high": value + margin}


def summary_of(
    layer: str = "conv3", *, model: str = "net", detectors: dict[str, int] | None = None, tough: float = 1.0,
    levels: tuple[tuple[str, str, float, int], ...] = LEVELS,
) -> pd.DataFrame:  # fmt: skip
    """Retained IoU falls with the amount, faster for objects than for textures; `tough` makes all fall slower."""
    detectors = {"object": 6, "part": 3, "texture": 9} if detectors is None else detectors
    rows: list[dict[str, Any]] = []
    for level, kind, amount, repeat in levels:
        for category in ("", *detectors):
            n = detectors[category] if category else sum(detectors.values())
            fragile = FRAGILE.get(category, 1.0) if category else 1.1
            harm = HARM.get(kind, 0.01) * amount * fragile / tough * (1 + 0.1 * repeat)
            retained = float(np.exp(-harm)) if n else np.nan
            kept = retained**0.5
            relabelled = (1 - kept) * 0.4
            lost = 1 - kept - relabelled
            agreement = retained**1.5
            row: dict[str, Any] = {
                "dataset": "toy", "model": model, "layer": layer, "level": level, "kind": kind, "amount": float(amount),
                "repeat": repeat, "category": category, "n_detectors_clean": n, "share_kept": kept,
                "share_lost": lost, "share_relabelled": relabelled, "iou_clean": 0.12, "iou": 0.12 * retained,
                "retained": retained, "agreement": agreement, "n_images": 1234, "detector_iou": 0.04,
            }  # fmt: skip
            for name, value in (("kept", kept), ("lost", lost), ("relabelled", relabelled), ("iou", row["iou"])):
                row |= around(name, value, 0.01 if name == "iou" else 0.06)
            rows.append(row | around("retained", retained) | around("agreement", agreement, 0.04))
    return pd.DataFrame(rows, columns=SUMMARY)


def units_of(layer: str = "conv3", *, n_units: int = 4, model: str = "net") -> pd.DataFrame:
    """Units 0, 1 ... of concepts `thing 0` ...; the last is no detector."""
    rows = []
    for level, kind, amount, repeat in LEVELS:
        for unit in range(n_units):
            category = ("object", "texture", "part")[unit % 3]
            iou = 0.2 * float(np.exp(-HARM[kind] * amount * FRAGILE[category]))
            detector = unit < n_units - 1
            kept = detector and iou > 0.1
            row = {
                "dataset": "toy", "model": model, "layer": layer, "level": level, "kind": kind, "amount": float(amount),
                "repeat": repeat, "unit": unit, "concept": f"thing {unit}", "category": category, "iou_clean": 0.2,
                "iou": iou, "ci_low": iou - 0.02, "ci_high": iou + 0.02, "iou_change": iou - 0.2,
                "change_low": iou - 0.22, "change_high": iou - 0.18, "best_concept": "other", "best_category": "part",
                "best_iou": iou, "is_detector_clean": detector, "is_kept": kept,
                "is_lost": detector and not kept and unit % 2 == 0,
                "is_relabelled": detector and not kept and unit % 2 == 1, "agreement": 0.5, "agreement_low": 0.4,
                "agreement_high": 0.6, "n_defined": 30,
            }  # fmt: skip
            rows.append(row)
    return pd.DataFrame(rows, columns=UNITS)


def concepts_of(layer: str = "conv3", *, n: int = 30, kinds: tuple[str, ...] = tuple(HARM)) -> pd.DataFrame:
    rows = []
    for kind in kinds:
        for i in range(n):
            retained = (i * 7 % n + 1) / n
            row: dict[str, Any] = {
                "dataset": "toy", "model": "net", "layer": layer, "kind": kind, "concept": f"concept {i}",
                "category": ("object", "texture", "part", "scene")[i % 4], "n_detectors": 1 + i % 3,
                "iou_clean": 0.1, "retained": retained,
            }  # fmt: skip
            rows.append(row | around("retained", retained, 0.1))
    return pd.DataFrame(rows, columns=CONCEPTS)


def perturbed_of(
    units: list[int], *, n_images: int = 2, size: int = 24, levels: tuple[tuple[str, str, float, int], ...] = LEVELS
) -> Perturbed:
    """A bright square on a gradient that turns grey with the level; the mask lies on the square and shrinks."""
    names = ["original", *(level for level, *_ in levels)]
    shape = (len(units), n_images, len(names))
    pictures = np.zeros((*shape, size, size, 3), dtype=np.uint8)
    masks = np.zeros((*shape, size, size), dtype=bool)
    ramp = np.linspace(60, 160, size)[:, None, None] * np.array([1.0, 0.8, 0.5])
    for at in range(len(names)):
        share = at / len(names)
        picture = np.broadcast_to(ramp, (size, size, 3)).copy()
        picture[size // 4 : size // 2, size // 4 : size // 2] = (240, 80, 60)
        pictures[:, :, at] = picture * (1 - share) + 120 * share
        masks[:, :, at, size // 4 : size // 2 - int(share * size / 5), size // 4 : size // 2] = True
    return Perturbed(names, np.array(units, dtype=np.int64), np.zeros(shape[:2], dtype=np.int64), pictures, masks)


def write_perturbed(path: Path, examples: Perturbed) -> None:
    with h5py.File(path, "w") as file:
        file["levels"] = np.array(examples.levels, dtype=object)
        for name in ("units", "images", "pictures"):
            file[name] = getattr(examples, name)
        file["masks"] = pack(examples.masks)
        file.attrs["picture_size"] = examples.masks.shape[-1]

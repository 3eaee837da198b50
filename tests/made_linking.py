"""Tables of Linking in Style as its jobs leave them, filled with numbers that tests know: no network, no generator."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd

from conceptatlas.files import write_json
from conceptatlas.linking.counterfactual_tables import RATE_COLUMNS
from conceptatlas.linking.link_tables import LINK_COLUMNS
from conceptatlas.linking.shown import Chosen, Pictures, write_shown
from conceptatlas.linking.tuning_columns import CYCLE, EFFECTS, SELECTIVE, UNITS
from conceptatlas.quantification.motion import MOTIONS
from conceptatlas.tables import Column, write_table

LABELS = ("sky", "<b>sail</b>", "wheel")
METRICS = ("area", "centre_x")
TUNED = (0, 3)
"""Units that were tuned; the first one's pictures are kept."""
NAMES = {"generator": "painter", "model": "plain"}


def effect(unit: int, label: int, metric: int) -> dict[str, Any]:
    """Mean change of a label: unit and label tell the size, the last label is in too few pictures for an interval."""
    mean = (1.0 + unit) * (1 - 3 * label) * (10 if metric else 0.1)
    few = label == len(LABELS) - 1
    low, high = (np.nan, np.nan) if few else (mean - 0.2 * (1 + label), mean + 0.2 * (1 + label))
    return {"mean": mean, "low": low, "high": high, "sd": 0.4, "n": 1 if few else 20, "p": 1.0 if few else 0.01}


def effects_frame() -> pd.DataFrame:
    """Two sources of labels, all classes together and one class alone."""
    common = {**NAMES, "min_area": 20, "n_flips": 99, "confidence": 0.95, "seed": 0}
    return pd.DataFrame(
        [
            {**common, "masks": masks, "unit": unit, "class": name, "label": word, "metric": kind, **effect(unit, i, m)}
            for masks in ("head", "twin")
            for unit in TUNED
            for name in ("", "boat")
            for i, word in enumerate(LABELS)
            for m, kind in enumerate(METRICS)
        ]
    )


def write_linking(folder: Path, *, modules: list[str], n_units: int) -> None:
    """Write the files of ``linking/painter/plain`` that the atlas reads.

    modules : whose pooled maps are the representation. n_units : of it.
    """
    folder.mkdir(parents=True)
    write_json(folder / "link.json", {**NAMES, "units": n_units, "pooled_modules": modules})
    quality = {"value": 0.5, "low": 0.4, "high": 0.6, "null": -0.2, "null_low": -0.3, "null_high": -0.1, "p": 0.05}
    rows = [("r2", scope) for scope in ("total", "within class", "boat", "car")] + [("recognised", "total")]
    _write(folder / "link.parquet", LINK_COLUMNS, [
        {**NAMES, "measure": m, "scope": s, **quality, "n": 40, "definition": "how good it is"} for m, s in rows
    ])  # fmt: skip
    rate = {"n": 4, "n_success": 3, "rate": 0.75, "low": 0.3, "high": 0.95, "n_not_started": 1}
    pairs = [("boat", "car"), ("car", "boat"), ("any", "any")]
    _write(folder / "counterfactual_rates.parquet", RATE_COLUMNS, [
        {**NAMES, "origin": a, "target": b, **rate, "steps": 9.0, "shift_l2": 2.0, "agreement": np.nan}
        for a, b in pairs
    ])  # fmt: skip
    write_table(folder / "effects.parquet", effects_frame()[_names(EFFECTS)], columns=EFFECTS)
    numbers = {column.name: 0.25 for column in UNITS}
    _write(folder / "units.parquet", UNITS, [
        {**numbers, **NAMES, "masks": masks, "unit": unit, "class": name, "metric": kind, "strongest_label": LABELS[-1],
         "n_labels": 3, "reason": "", "n_flips": 99, "seed": 0}
        for masks in ("head", "twin") for unit in TUNED for name in ("", "boat") for kind in METRICS
    ])  # fmt: skip
    numbers = {column.name: 0.5 for column in SELECTIVE}
    _write(folder / "selective.parquet", SELECTIVE, [
        {**numbers, **NAMES, "masks": masks, "label": word, "metric": kind, "rank": rank, "unit": TUNED[rank % 2],
         "n": 20, "verdict": "follows"}
        for masks in ("head", "twin") for word in LABELS for kind in METRICS for rank in (1, 2, 3, 4)
    ])  # fmt: skip
    numbers = {column.name: 0.5 for column in CYCLE}
    _write(folder / "cycle.parquet", CYCLE, [
        {**numbers, **NAMES, "unit": unit, "n": 20, "rank": 1, "moved_most": 0, "n_tuned": 2, "verdict": verdict}
        for unit, verdict in zip(TUNED, ("follows", "unclear"), strict=True)
    ])  # fmt: skip
    _write_shown(folder / "shown.h5")


def _write_shown(path: Path) -> None:
    """Pictures of one unit, from two starting points, each of one grey value: 10 times the point, plus the step."""
    pictures = [
        Pictures(
            np.stack([np.full((8, 8, 3), 80 * point + 20 * step, dtype=np.uint8) for step in range(3)]),
            np.zeros((3, 8, 8), dtype=np.uint8), 0.5 - point, name, np.zeros(4, dtype=np.float32),
        )
        for point, name in enumerate(("boat", "car"))
    ]  # fmt: skip

    class Still:
        reason, values = "", dict.fromkeys(MOTIONS, 0.0)
        aligned, inside = np.zeros((8, 8, 3), dtype=np.uint8), np.ones((8, 8), dtype=bool)
        flow, affine = np.zeros((8, 8, 2), dtype=np.float32), np.zeros((2, 3))

    original = np.zeros((8, 8, 3), dtype=np.uint8)
    chosen = [Chosen(TUNED[0], LABELS[1], METRICS[0])]
    write_shown(path, chosen, [pictures], [(original, Still())], label_names=list(LABELS), source="head")
    with h5py.File(path, "r") as store:
        assert list(store) == ["000"]


def _names(columns: list[Column]) -> list[str]:
    return [column.name for column in columns]


def _write(path: Path, columns: list[Column], rows: list[dict[str, Any]]) -> None:
    write_table(path, pd.DataFrame(rows)[_names(columns)], columns=columns)

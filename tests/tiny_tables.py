"""Small hand-made tables in the form the dissection writes them, and what a figure of them says."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.text import Text

from conceptatlas.dissection.counting import SUMMARY_COLUMNS
from conceptatlas.dissection.label_tables import LABEL_COLUMNS, UNIT_COLUMNS
from conceptatlas.figures.reading import Gallery
from conceptatlas.naming import CATEGORIES

HOSTILE = "a_b $x_1$ <script>&amp; -- $"
"""A concept's name that is a formula, an element and a comment's end at once."""


def unit_row(
    unit: int, concept: str = "wheel", category: str = "part", iou: float = 0.1, **changes: Any
) -> dict[str, Any]:
    row = {
        "dataset": "toy", "model": "net", "layer": "conv1", "unit": unit, "state": "live", "threshold": 1.5,
        "achieved": 0.005, "minimum": 0.0, "maximum": 3.0, "mean": 0.4, "standard_deviation": 0.5,
        "concept": concept, "category": category, "iou_category": iou, "ci_low": iou * 0.8, "ci_high": iou * 1.2,
        "iou_all": iou * 0.9, "iou_cross_fitted": iou * 0.7, "label_stable": True, "p": 0.01, "q": 0.02,
        "null_high": 0.05, "n_permutations": 99, "is_detector": iou > 0.04, "is_significant": iou > 0.06,
        "confounded_by": "", "lift": 3.0, "lift_low": 2.0, "lift_high": 4.0, "is_confounded": False,
        "top_images": np.arange(3), "top_values": np.array([3.0, 2.0, 1.0]),
    }  # fmt: skip
    return row | changes


def units_table(*rows: dict[str, Any]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=[column.name for column in UNIT_COLUMNS])


def labels_table(units: pd.DataFrame, *, n_ranks: int = 2, n_blocks: int = 12) -> pd.DataFrame:
    """A unit's label, and further ranks with lower scores."""
    rows = []
    for unit in units.to_dict(orient="records"):
        for rank in range(1, n_ranks + 1):
            iou = unit["iou_category"] / rank
            rows.append(
                {name: unit[name] for name in ("dataset", "model", "layer", "unit", "category", "ci_low", "ci_high")}
                | {"rank": rank, "concept": unit["concept"] if rank == 1 else f"other {rank}", "iou_category": iou}
                | {"iou_all": iou, "f1": 2 * iou / (1 + iou), "pearson": iou, "cosine": iou / 2, "auprc": 1 - iou}
                | {"n_blocks_with_concept": n_blocks, "n_images_with_concept": 20}
            )
    return pd.DataFrame(rows, columns=[column.name for column in LABEL_COLUMNS])


def summary_table(
    *,
    model: str = "net",
    layer: str = "conv1",
    detectors: dict[str, int] | None = None,
    unique: dict[str, int] | None = None,
    n_units: int = 16,
    n_permutations: int = 99,
    margin: float = 1.0,
    taus: tuple[str, ...] = ("0.005", "0.001", "0.05"),
) -> pd.DataFrame:
    """A layer's summary; intervals reach `margin` around the counts, the null is 2 (mean) and 3 (95 % point)."""
    detectors, unique = detectors or {}, unique or {}
    has_null = n_permutations > 0

    def row(quantity: str, category: str, value: float, tau: str = taus[0], own: bool = True) -> dict[str, Any]:
        return {
            "dataset": "toy", "model": model, "layer": layer, "quantity": quantity, "category": category, "tau": tau,
            "value": float(value), "ci_low": max(value - margin, 0.0) if own else np.nan,
            "ci_high": value + margin if own else np.nan, "bootstrap_mean": value + 0.5 if own else np.nan,
            "null_mean": 2.0 if own and has_null else np.nan, "null_high": 3.0 if own and has_null else np.nan,
            "p": 0.01 if own and has_null else np.nan, "n_units": n_units, "n_images": 1234,
            "n_permutations": n_permutations, "detector_iou": 0.04,
        }  # fmt: skip

    totals = {"detectors": sum(detectors.values()), "unique_by_category": sum(unique.values())}
    totals["unique_best_label"] = max(totals["unique_by_category"] - 1, 0)
    rows = [row(name, "", value) for name, value in totals.items()]
    rows += [row("detectors", category, detectors.get(category, 0)) for category in CATEGORIES]
    rows += [row("unique_by_category", category, unique.get(category, 0)) for category in CATEGORIES]
    for i, tau in enumerate(taus[1:], start=1):
        rows += [row(name, "", value + i, tau, own=False) for name, value in totals.items()]
    rows.append(row("detectors_fdr", "", 1, own=False))
    rows += [row(f"units_{state}", "", n_units if state == "live" else 0, own=False) for state in ("live", "dead")]
    return pd.DataFrame(rows, columns=[column.name for column in SUMMARY_COLUMNS])


def gallery_of(units: list[int], *, n_ranks: int = 3, size: int = 8) -> Gallery:
    """Pictures of one grey each, a square mask in the middle; the last rank of every unit is missing."""
    n = len(units)
    masks = np.zeros((n, n_ranks, size, size), dtype=bool)
    masks[:, :, 2:6, 2:6] = True
    images = np.tile(np.arange(n_ranks), (n, 1))
    if n_ranks:
        images[:, -1] = -1
    return Gallery(
        units=np.array(units, dtype=np.int64),
        images=images,
        values=np.ones((n, n_ranks), dtype=np.float32),
        pictures=np.full((n, n_ranks, size, size, 3), 200, dtype=np.uint8),
        masks=masks,
    )


def words(figure: Figure) -> str:
    """All text that a figure shows, in one line; laid out first so that ticks have their labels."""
    figure.draw_without_rendering()
    shown = (text.get_text() for text in figure.findobj(Text) if text.get_visible())  # type: ignore[attr-defined]
    return " ".join(" ".join(shown).split())

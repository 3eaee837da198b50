"""Rows of the table of discovered concepts, from what was found and measured."""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.masks.upsample import Grid
from conceptatlas.similarity.discovered_file import Discovered
from conceptatlas.similarity.discovered_tables import empty_column
from conceptatlas.similarity.factorisation import Factors
from conceptatlas.similarity.projecting import Projected

Array = np.ndarray[Any, Any]


def concept_rows(
    described: dict[str, Any], own: Factors, found: Discovered, projected: Projected, columns: dict[str, Array],
    options: dict[str, Any], grid: Grid,
) -> list[dict[str, Any]]:  # fmt: skip
    """Rows of discovered.parquet, a dictionary a concept.

    described : columns that are known already. own : the factorisation. columns : values (concept,) by column.
    """
    squares, n_cells = float(projected.squares.sum()), int(projected.cells.sum())
    missing = float("nan")
    error = float(projected.error.sum()) / squares if squares > 0 else missing
    without = projected.error_without.sum(axis=0) / squares if squares > 0 else np.full(found.n_concepts, missing)
    empty = (found.areas == 0).sum(axis=1)
    same = {
        "n_test": len(found.test_images),
        "reconstruction_error": error,
        "iterations": None if own.iterations < 0 else own.iterations,
        "converged": own.converged,
        "method": found.method,
        "projection": found.projection,
        "rectified": found.rectify and (own.negative or bool(projected.negative.any())),
        "one_sided": found.method == "pca",
        "normalise": found.normalise,
        "mask_size": found.size,
        "upsample": grid.upsample,
        "order": grid.order,
        "padding": grid.padding,
    } | {name: options[name] for name in ("quantile", "n_stability", "n_concepts", "max_positions")}
    rows = []
    for c in range(found.n_concepts):
        there = not own.reasons[c]
        rows.append(
            described
            | same
            | {
                "concept": c,
                "reason": _reason(c, own, found),
                "share_active": projected.active[:, c].sum() / n_cells if there and n_cells else missing,
                "share_of_activation": own.share[c] if there else missing,
                "error_without": without[c] if there else missing,
            }
            | {name: values[c] for name, values in columns.items()}
            | {empty_column(t): int(empty[i, c]) for i, t in enumerate(found.thresholds)}
        )
    return rows


def _reason(concept: int, own: Factors, found: Discovered) -> str:
    """Why a concept has no mask; empty if it has one."""
    if own.reasons[concept]:
        return own.reasons[concept]
    if not len(found.test_images):
        return "no test image"
    if not found.maxima[:, concept].any():
        return "its map is 0 in all test images"
    if not found.areas[:, :, concept].any():
        return "its masks are empty in all test images"
    return ""

"""The distribution of a unit's activations with its threshold."""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.atlas.encoding import number
from conceptatlas.atlas.layer_context import LayerContext, Section

BARS = 32


def distributions(context: LayerContext) -> list[Any]:
    """Lower and upper end of the bars and how many values lie in each, a unit; 128 bins are added up to 32."""
    edges = context.array("statistics", "distribution/edges")
    counts = context.array("statistics", "distribution/counts")
    wide = counts.reshape(len(counts), BARS, -1).sum(axis=2)
    return [
        {"low": number(low), "high": number(high), "counts": [int(count) for count in row]}
        for low, high, row in zip(edges[:, 0], edges[:, -1], wide, strict=True)
    ]


def firing(context: LayerContext) -> np.ndarray[Any, Any]:
    """In how many images the maximum of a unit exceeds its threshold, int64 (unit,)."""
    maximum = context.array("statistics", "max")
    thresholds = context.array("statistics", "thresholds")[0]
    counted: np.ndarray[Any, Any] = (maximum > thresholds).sum(axis=0)
    return counted


def _per_unit(context: LayerContext) -> list[Any]:
    thresholds = context.array("statistics", "thresholds")[0]
    return [
        shown | {"images": int(images), "threshold": number(threshold)}
        for shown, images, threshold in zip(distributions(context), firing(context), thresholds, strict=True)
    ]


SECTION = Section("activation", {}, _per_unit)

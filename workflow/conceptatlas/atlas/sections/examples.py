"""The top images of a unit with its mask, drawn in the browser over the data set's pictures."""

from __future__ import annotations

from typing import Any

import numpy as np

from conceptatlas.activations.store import open_shards
from conceptatlas.activations.summary import layer_grid
from conceptatlas.atlas.encoding import number, run_lengths
from conceptatlas.atlas.layer_context import LayerContext, Section
from conceptatlas.atlas.masks_of_top import counted_masks, stored_masks
from conceptatlas.files import read_json

SECTION = Section("examples", {})
"""Its values come from `top_examples`, which the builder calls itself: thumbnails need the masks too."""


def top_examples(
    context: LayerContext,
    *,
    geometry: dict[str, Any],
    mask_size: int,
    n: int,
    quarantined: list[int],
    sheet: Any = None,
    thumbnails: Any = None,
) -> list[dict[str, Any]]:
    """Images, values and masks of the n top images, a unit; fills a sheet of thumbnails on the way.

    mask_size : S. quarantined : image_index of images that count nowhere. sheet, thumbnails : `pictures.Sheet` and
    `pictures.Thumbnails`, or None.
    """
    top, values = _top_images(context, n, quarantined)
    masks: list[list[str]] = [[""] * top.shape[1] for _ in range(len(top))]
    for unit, rank, mask in _masks(context, top, geometry, mask_size):
        masks[unit][rank] = run_lengths(mask)
        if sheet is not None and rank < sheet.n:
            sheet.add(unit, rank, thumbnails[int(top[unit, rank])], mask)
    return [
        {
            "images": [int(image) for image in top[unit] if image >= 0],
            "values": [number(v) for v, image in zip(values[unit], top[unit], strict=True) if image >= 0],
            "masks": [mask for mask, image in zip(masks[unit], top[unit], strict=True) if image >= 0],
        }
        for unit in range(len(top))
    ]


def _top_images(context: LayerContext, n: int, quarantined: list[int]) -> tuple[np.ndarray[Any, Any], ...]:
    """Images and their largest activations (unit, rank): those of the dissection, or the same from the statistics."""
    if context.has("units"):
        units = context.frame("units")
        return tuple(np.stack([np.asarray(row)[:n] for row in units[name]]) for name in ("top_images", "top_values"))
    maximum = context.array("statistics", "max").astype(np.float64)
    maximum[quarantined] = -np.inf
    top = np.argsort(-maximum, axis=0, kind="stable")[: min(n, len(maximum) - len(quarantined))].T
    return top.astype(np.int64), np.take_along_axis(maximum.T, top, axis=1)


def _masks(context: LayerContext, top: np.ndarray[Any, Any], geometry: dict[str, Any], mask_size: int) -> Any:
    if not context.plan["shards"]:
        return iter(())
    shards = open_shards(
        [str(context.root / path) for path in context.plan["shards"]],
        [str(context.root / path) for path in context.plan["manifests"]],
        context.layer,
    )
    if context.plan["store"] == "counts":
        return counted_masks(shards, top, mask_size=mask_size)
    report = read_json(context.root / f"models/{context.model}/{context.plan['group']}.json")
    grid = layer_grid(report["layers"][context.layer], mask_size, geometry)
    thresholds = context.array("statistics", "thresholds")[0].astype(np.float32)
    return stored_masks(shards, top, thresholds, grid)

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
    sheet: Any = None,
    thumbnails: Any = None,
) -> list[dict[str, Any]]:
    """Images, values and masks of the n top images, a unit; fills a sheet of thumbnails on the way.

    mask_size : S. sheet, thumbnails : `pictures.Sheet` and `pictures.Thumbnails`, or None.
    """
    units = context.frame("units")
    top = np.stack([np.asarray(row)[:n] for row in units["top_images"]])
    values = np.stack([np.asarray(row)[:n] for row in units["top_values"]])
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

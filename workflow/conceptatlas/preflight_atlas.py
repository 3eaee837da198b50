"""What the atlas needs: its stage of the preflight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs_atlas
from conceptatlas.costs import SECONDS
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row


def atlas_stage(
    config: Mapping[str, Any],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
) -> list[Stage]:
    """Pages of every data set on which a model runs, of every model, the joins, and copies of the figures.

    n_images : data set -> images. shapes : (model, layer) -> (unit, height, width). pairs : (dataset, model).
    """
    if not pairs:
        return []
    options = config["atlas"]
    units = {
        (dataset, model): sum(shapes[model, row["layer"]][0] for row in layers if row["model"] == model)
        for dataset, model in pairs
    }
    datasets = list(dict.fromkeys(dataset for dataset, _ in pairs))
    images, every = sum(n_images[dataset] for dataset in datasets), sum(units.values())
    copied = bool(options["figure_width"])
    figures = copied * sum(row["model"] == model for _, model in pairs for row in layers) * costs_atlas.LAYER_FIGURES
    jobs = len(datasets) + len(pairs) + 1 + copied
    seconds = costs_atlas.dataset_s(images) + every * (costs_atlas.UNIT_S + costs_atlas.JOINED_UNIT_S)
    seconds += figures * costs_atlas.FIGURE_S
    memory = [
        costs_atlas.model_mem_mb(n_images[dataset], n, options["thumbnail_size"], options["thumbnails"])
        for (dataset, _), n in units.items()
    ]
    return [
        Stage(
            "atlas",
            jobs,
            images,
            seconds + jobs * SECONDS["start_job"],
            max(*memory, costs_atlas.join_mem_mb(every, images)),
            images * costs_atlas.PICTURE_MB + every * costs_atlas.UNIT_MB + figures * costs_atlas.FIGURE_MB,
        )
    ]

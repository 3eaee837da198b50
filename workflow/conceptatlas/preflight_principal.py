"""What the principal directions of concepts need: the stage of the preflight for the config section `principal`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs
from conceptatlas.costs import SECONDS
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row
from conceptatlas.study_plan import is_asked

MOST_CONCEPTS = 200
"""Concepts with enough images that a layer is taken to have, at most."""


def principal_stage(
    config: Mapping[str, Any],
    data: Mapping[str, Row],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
) -> list[Stage]:
    """Finding and drawing the directions of all layers asked for; no stage where there is none.

    config, layers : as `study.Study` holds them. data : data set -> its row. n_images : data set -> images. shapes :
    (model, layer) -> (unit, height, width). pairs : the (dataset, model) pairs with activations. How many concepts have
    enough images, and cells, is known to the job only: as many as labels allow are assumed.
    """
    section, workers = config["principal"], config["dask"]["workers"]
    asked = [
        (dataset, row)
        for dataset, model in pairs
        for row in layers
        if row["model"] == model
        and row["store"] == "full"
        and "basis" not in row
        and is_asked(config["dissection"], datasets=dataset, models=model)
        and is_asked(section, datasets=dataset, models=model, layers=row["layer"])
    ]
    if not asked:
        return []
    seconds, mem_mb = 0.0, 0.0
    for dataset, row in asked:
        n = n_images[dataset]
        units, height, width = shapes[row["model"], row["layer"]]
        n_concepts = min(MOST_CONCEPTS, n * costs.LABELS_PER_IMAGE // section["min_images"])
        cells = min(section["max_cells"] or 2000, n * height * width)
        seconds += n_concepts * costs.principal_s(cells, units, section["n_permutations"], section["n_bootstrap"])
        seconds += n * units * height * width * 2e-6 * SECONDS["summarise_mb"] + SECONDS["figure_layer"]
        mem_mb = max(mem_mb, costs.BASE_MB + workers * costs.principal_mb(cells, units))
    models = {(dataset, row["model"]) for dataset, row in asked}
    jobs = len(asked) + len(models) + len({dataset for dataset, _ in models})
    images = sum(n_images[dataset] for dataset, _ in asked)
    disk_mb = 5.0 * len(asked)
    return [Stage("principal directions", jobs, images, seconds + jobs * SECONDS["start_job"], mem_mb, disk_mb)]

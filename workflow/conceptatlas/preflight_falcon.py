"""What explaining features needs: the stage of the preflight for the config section `falcon`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs
from conceptatlas import costs_falcon as falcon
from conceptatlas.costs import SECONDS
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row
from conceptatlas.study_plan import is_asked

CAPTIONS = 100_000
"""Captions that a vocabulary is taken to hold."""


def falcon_stage(
    config: Mapping[str, Any],
    data: Mapping[str, Row],
    models: Sequence[Row],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
    gmacs: Mapping[str, float],
) -> list[Stage]:
    """Selection, crops, words, joins and figures of all layers asked for with one encoder and vocabulary; no stage
    where there is none.

    Arguments as of `preflight_similarity.similarity_stage`.
    """
    section, workers = config["falcon"], config["dask"]["workers"]
    rows = {row["model"]: row for row in models}
    asked = [
        (dataset, row)
        for dataset, model in pairs
        if is_asked(section, datasets=dataset, models=model)
        for row in _representations(layers, model, section["layers"])
    ]
    if not asked:
        return []
    seconds, mem_mb, disk_mb, crops = 0.0, 2000.0, 0.0, 0.0
    for dataset, row in asked:
        n, units, model = n_images[dataset], shapes[row["model"], row["layer"]][0], row["model"]
        size = int(rows[model]["input_size"] or data[dataset]["frame_size"])
        forward = SECONDS["forward_gmac"] * gmacs[model] if model in gmacs else costs.forward_s(size)
        own = falcon.crops_of(n, section)
        crops += own
        seconds += falcon.selection_s(n, units) + falcon.crops_s(n, forward, "", section)
        seconds += falcon.explain_s(n, CAPTIONS, section) + 2 * SECONDS["figure_layer"]
        disk_mb += own * 2.5e-3 + falcon.groups_of(section) * 0.02 + 5
        batch = config["extraction"]["batch"]
        mem_mb = max(mem_mb, falcon.selection_mem_mb(n, units), falcon.explain_mem_mb(n, section, workers=workers))
        mem_mb = max(mem_mb, costs.BASE_MB + 2000 + costs.forward_mb(size, batch) + costs.level_mb("fgsm", size, batch))
    datasets = {dataset for dataset, _ in asked}
    jobs = 3 * len(asked) + len({(dataset, row["model"]) for dataset, row in asked}) + 2 * len(datasets)
    return [Stage("falcon", jobs, int(crops), seconds + jobs * SECONDS["start_job"], mem_mb, disk_mb)]


def _representations(layers: Sequence[Row], model: str, wanted: Sequence[str] | None) -> list[Row]:
    """The layers of a model that are explained (`study.Study.explained`); rows of bases come after and are none."""
    own = [row for row in layers if row["model"] == model and "basis" not in row]
    return own[-1:] if wanted is None else [row for row in own if row["layer"] in wanted]

"""What layers too large to keep need (``store: counts``): the stage of the preflight for their further passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs
from conceptatlas.costs import SECONDS
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row
from conceptatlas.study_plan import is_asked


def passes_stage(
    config: Mapping[str, Any],
    data: Mapping[str, Row],
    models: Sequence[Row],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
    gmacs: Mapping[str, float],
) -> list[Stage]:
    """The second pass, and the third where scores beside IoU are wanted; no stage where every layer is stored.

    config, models, layers : as `study.Study` holds them. data : data set -> its row. n_images : data set -> images.
    shapes : (model, layer) -> (unit, height, width). pairs : the (dataset, model) pairs with activations. gmacs :
    model -> 10^9 multiply-adds of a forward pass, where its report has it.
    """
    by_model = {row["model"]: row for row in models}
    options, thresholds = config["dissection"], config["thresholds"]
    n_taus = len({str(tau) for tau in (thresholds["tau"], *thresholds["taus"])})
    again = 1 + bool(options["streamed_scores"])
    jobs, images, seconds, mem_mb, disk_mb = 0, 0, 0.0, 0.0, 0.0
    for dataset, model in pairs:
        counted = [row for row in layers if row["model"] == model and row["store"] == "counts"]
        if not counted or not is_asked(options, datasets=dataset, models=model):
            continue
        row, n = data[dataset], n_images[dataset]
        size, a_shard = int(by_model[model]["input_size"] or row["frame_size"]), n / row["shards"]
        groups = len({layer["group"] for layer in counted})
        forward = SECONDS["forward_gmac"] * gmacs[model] if model in gmacs else costs.forward_s(size)
        jobs += again * groups * row["shards"]
        images += again * groups * n
        seconds += again * groups * n * forward
        held = 0.0
        for layer in counted:
            units, height, width = shapes[model, layer["layer"]]
            positions = height * width
            seconds += costs.counting_s(n, units, positions, row["mask_size"], n_taus)
            disk_mb += costs.masks_mb(n, units, positions, row["mask_size"])
            own = costs.counting_mb(a_shard, units, positions, row["mask_size"], n_taus)
            if options["streamed_scores"]:
                seconds += costs.scoring_s(n, units, positions)
                own = max(own, costs.scoring_mb(units, options["top_labels"]))
            held += own
        mem_mb = max(mem_mb, costs.BASE_MB + 500 + costs.forward_mb(size, config["extraction"]["batch"]) + held)
    if not jobs:
        return []
    return [Stage("further passes", jobs, images, seconds + jobs * SECONDS["start_model"], mem_mb, disk_mb)]

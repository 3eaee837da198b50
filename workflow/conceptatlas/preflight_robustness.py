"""What the robustness of detectors needs: the stage of the preflight for perturbed images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs
from conceptatlas.costs import SECONDS
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row


def robustness_stage(
    config: Mapping[str, Any],
    data: Mapping[str, Row],
    models: Sequence[Row],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
    gmacs: Mapping[str, float],
    levels: Sequence[Row],
) -> list[Stage]:
    """Forward passes over perturbed images, and their counts: nothing where no level is listed."""
    n_levels = len(levels)
    by_model = {row["model"]: row for row in models}
    jobs, images, seconds, mem_mb, disk_mb = 0, 0, 0.0, 0.0, 0.0
    for dataset, model in pairs if n_levels else []:
        sections = (config["dissection"], config["robustness"])
        if any(
            section[kind] is not None and name not in section[kind]
            for section in sections
            for kind, name in (("datasets", dataset), ("models", model))
        ):
            continue
        wanted = config["robustness"]["layers"]
        own = [row for row in layers if row["model"] == model and (wanted is None or row["layer"] in wanted)]
        own = [row for row in own if row["store"] == "full"]
        row, n, groups = data[dataset], n_images[dataset], len({layer["group"] for layer in own})
        size = int(by_model[model]["input_size"] or row["frame_size"])
        forward = SECONDS["forward_gmac"] * gmacs[model] if model in gmacs else costs.forward_s(size)
        units = sum(shapes[model, layer["layer"]][0] for layer in own)
        jobs += n_levels * groups * row["shards"] + len(own)
        images += n_levels * groups * n
        seconds += (
            groups * n * forward * sum(costs.level_passes(level["kind"]) for level in levels)
            + n_levels * n * units * 4 * SECONDS["tally_unit"] * (row["mask_size"] / 112) ** 2
        )
        disk_mb += n_levels * (units * 0.01 * row["shards"] + 0.3 * len(own))
        batch = config["extraction"]["batch"]
        kept = max(costs.level_mb(level["kind"], size, batch) for level in levels)
        mem_mb = max(mem_mb, costs.BASE_MB + 500 + costs.forward_mb(size, batch) + kept + 300 * len(own))
    if not jobs:
        return []
    return [Stage("robustness", jobs, images, seconds + jobs * SECONDS["start_model"], mem_mb, disk_mb)]

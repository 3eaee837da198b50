"""What linking needs: the stage of the preflight for the config section `linking`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs_linking as linking
from conceptatlas.costs import SECONDS
from conceptatlas.models.rows import needs_calibration, why_no_scores
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row


def linking_stage(config: Mapping[str, Any], models: Sequence[Row], generators: Sequence[Row]) -> list[Stage]:
    """Pairs, link, counterfactuals and figures of every generator and classifier; no stage where there is none.

    config, models, generators : as `study.Study` holds them.
    """
    if not generators:
        return []
    section, batch = config["linking"], config["extraction"]["batch"]
    made = [row for row in generators if section["generators"] is None or row["generator"] in section["generators"]]
    able = [row for row in models if not needs_calibration(row) and not why_no_scores(row)]
    asked = [row for row in able if section["models"] is None or row["model"] in section["models"]]
    searched = section["counterfactuals"]["pairs"] != []
    jobs, images, seconds, mem_mb, disk_mb = 0, 0, 0.0, 0.0, 0.0
    for generator in made:
        for model in asked:
            size, source = int(model["input_size"] or 224), generator["source"]
            jobs += section["parts"] + 2 + searched * (1 + bool(section["tuning"]["n_seeds"]))
            images += 2 * linking.n_pairs(section)
            seconds += linking.pairs_s(section, source, size) + linking.link_s(section, source, size)
            seconds += linking.counterfactual_s(section, source, size) if searched else 0
            mem_mb = max(mem_mb, linking.link_mem_mb(section, size, batch))
            disk_mb += linking.pairs_mb(section) + 50
    if not jobs:
        return []
    return [Stage("linking", jobs, images, seconds + jobs * SECONDS["start_model"], mem_mb, disk_mb)]

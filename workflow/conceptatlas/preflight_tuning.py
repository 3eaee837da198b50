"""What tuning units needs: the stage of the preflight for the config section `linking.tuning`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs_linking as linking
from conceptatlas import costs_tuning as tuning
from conceptatlas.costs import SECONDS
from conceptatlas.models.rows import needs_calibration, why_no_scores
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row


def tuning_stage(
    config: Mapping[str, Any],
    models: Sequence[Row],
    generators: Sequence[Row],
    shapes: Mapping[tuple[str, str], Sequence[int]],
) -> list[Stage]:
    """Heads, parts, joins and figures of every generator and classifier; no stage where no unit is tuned.

    config, models, generators : as `study.Study` holds them. shapes : (model, layer) -> (unit, height, width): the
    widest layer of a model stands for its penultimate representation.
    """
    section, batch = config["linking"], config["extraction"]["batch"]
    if not section["tuning"]["n_seeds"]:
        return []
    made = [row for row in generators if section["generators"] is None or row["generator"] in section["generators"]]
    able = [row for row in models if not needs_calibration(row) and not why_no_scores(row)]
    asked = [row for row in able if section["models"] is None or row["model"] in section["models"]]
    if not made or not asked:
        return []
    heads = len(made) if "head" in section["quantification"]["masks"] else 0
    jobs, images, seconds, mem_mb, disk_mb = heads, 0, 0.0, 0.0, 0.0
    for generator in made:
        mem_mb = max(mem_mb, tuning.head_mem_mb(section, generator["source"]) if heads else 0)
        for model in asked:
            units = max((shape[0] for (name, _), shape in shapes.items() if name == model["model"]), default=None)
            size = int(model["input_size"] or 224)
            jobs += section["tuning"]["parts"] + 3
            images += tuning.n_tuned_pictures(section, units)
            seconds += tuning.tuning_s(section, generator["source"], size, units)
            disk_mb += tuning.tuned_mb(section, units)
            own = linking.making_mem_mb(size, batch) * config["dask"]["workers"] + tuning.kept_mb(section, units)
            mem_mb = max(mem_mb, own, tuning.join_mem_mb(section, units))
    return [Stage("tuning", jobs, images, seconds + jobs * SECONDS["start_model"], mem_mb, disk_mb)]

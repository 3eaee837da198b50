"""What image-text encoders and labels in words need: stages of the preflight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs, costs_encoders
from conceptatlas.costs import SECONDS
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row
from conceptatlas.study_plan import is_asked


def open_vocabulary_stage(
    config: Mapping[str, Any],
    data: Mapping[str, Row],
    layers: Sequence[Row],
    encoders: Sequence[Row],
    vocabularies: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
) -> list[Stage]:
    """Vectors of pictures and concepts, and the labels of all layers asked for; no stage where there is none.

    config, layers, encoders, vocabularies : as `study.Study` holds them. data : data set -> its row. n_images : data
    set -> images. shapes : (model, layer) -> (unit, height, width). pairs : the (dataset, model) with activations.
    """
    if not encoders:
        return []
    section, workers = config["open_vocabulary"], config["dask"]["workers"]
    asked = [
        (dataset, row)
        for dataset, model in pairs
        for row in layers
        if row["model"] == model and is_asked(section, datasets=dataset, models=model, layers=row["layer"])
    ]
    chosen = [row for row in encoders if section["encoders"] is None or row["encoder"] in section["encoders"]]
    if not asked or not chosen:
        return []
    owners = {row["vocabulary"]: row["encoder"] for row in vocabularies}
    seconds, mem_mb, disk_mb, jobs = 0.0, float(costs.BASE_MB), 0.0, len(chosen)
    datasets = dict.fromkeys(dataset for dataset, _ in asked)
    for encoder in chosen:
        mem_mb = max(mem_mb, costs_encoders.encoder_mem_mb(encoder["source"], config["extraction"]["batch"]))
        named = [name for name in section["vocabularies"] if owners.get(name, "") in ("", encoder["encoder"])]
        for dataset in datasets:
            seconds += costs_encoders.images_s(n_images[dataset], encoder["source"])
            disk_mb += n_images[dataset] * costs_encoders.DIM * 4 / 1e6
            jobs += data[dataset]["shards"]
        for _ in named:
            seconds += costs_encoders.captions_s(costs.CONCEPTS, encoder["source"])
            jobs += 2
        for dataset, row in asked:
            units, n = shapes[row["model"], row["layer"]][0], n_images[dataset]
            seconds += len(named) * costs_encoders.labelling_s(n, units, costs.CONCEPTS, section)
            mem_mb = max(mem_mb, costs_encoders.labelling_mem_mb(n, units, costs.CONCEPTS, workers=workers))
        jobs += len(named) * len(asked)
    jobs += len(dict.fromkeys((dataset, row["model"]) for dataset, row in asked))
    images = len(chosen) * sum(n_images[dataset] for dataset in datasets)
    return [Stage("open vocabulary", jobs, images, seconds + jobs * SECONDS["start_model"], mem_mb, disk_mb)]

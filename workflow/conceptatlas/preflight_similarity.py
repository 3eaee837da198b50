"""What comparing layers needs: the stage of the preflight for the config section `similarity`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs
from conceptatlas import costs_similarity as similarity
from conceptatlas.costs import SECONDS
from conceptatlas.models.rows import why_no_scores
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row
from conceptatlas.study_plan import is_asked


def similarity_stage(
    config: Mapping[str, Any],
    data: Mapping[str, Row],
    models: Sequence[Row],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
    gmacs: Mapping[str, float],
) -> list[Stage]:
    """Concepts, vectors and geometry of all layers asked for, all pairs of them, joins and figures; no stage where
    there is none.

    config, models, layers : as `study.Study` holds them. data : data set -> its row. n_images : data set -> images.
    shapes : (model, layer) -> (unit, height, width). pairs : the (dataset, model) pairs with activations. gmacs :
    model -> 10^9 multiply-adds of a forward pass, where its report has it.
    """
    section, workers = config["similarity"], config["dask"]["workers"]
    asked = [
        (dataset, row)
        for dataset, model in pairs
        for row in layers
        if row["model"] == model
        and row["store"] == "full"
        and is_asked(section, datasets=dataset, models=model, layers=row["layer"])
    ]
    if not asked:
        return []
    measured = bool(section["reference"]["measures"])
    seconds, mem_mb, disk_mb = 0.0, 2000.0, 0.0
    for dataset, row in asked:
        n, mask_size = n_images[dataset], data[dataset]["mask_size"]
        units, height, width = shapes[row["model"], row["layer"]]
        features = units * (height * width if section["supervised"]["features"] == "flattened" else 1)
        seconds += similarity.discovery_s(n, units, height * width, mask_size, section)
        seconds += similarity.profile_s(n, features, section) + SECONDS["compared_figure_layer"]
        disk_mb += similarity.discovered_mb(n, mask_size, section) + similarity.profiles_mb(n, features, section)
        mem_mb = max(mem_mb, similarity.discovery_mem_mb(n, units, height * width, workers=workers))
        mem_mb = max(mem_mb, similarity.profile_mem_mb(n, features, workers=workers))
        if measured:
            seconds += similarity.geometry_s(n, section)
            disk_mb += similarity.geometry_mb(n, units, section)
    compared = dict.fromkeys((dataset, row["model"]) for dataset, row in asked)
    rows = {row["model"]: row for row in models}
    answering = [two for two in compared if section["responses"]["kinds"] and not why_no_scores(rows[two[1]])]
    for dataset, model in answering:
        size = int(rows[model]["input_size"] or data[dataset]["frame_size"])
        forward = SECONDS["forward_gmac"] * gmacs[model] if model in gmacs else costs.forward_s(size)
        own = sum((name, row["model"]) == (dataset, model) for name, row in asked)
        seconds += similarity.responses_s(n_images[dataset], forward, own, section)
        batch = config["extraction"]["batch"]
        mem_mb = max(mem_mb, costs.BASE_MB + 500 + costs.forward_mb(size, batch) + costs.level_mb("fgsm", size, batch))
    datasets = dict.fromkeys(dataset for dataset, _ in compared)
    for dataset in datasets:
        n, mask_size = n_images[dataset], data[dataset]["mask_size"]
        n_layers = sum(name == dataset for name, _ in asked)
        seconds += n_layers * (n_layers + 1) / 2 * similarity.comparison_s(n, mask_size, section)
        mem_mb = max(mem_mb, similarity.comparison_mem_mb(n, mask_size, section, workers=workers))
    jobs = len(asked) * (2 + measured) + 2 * len(compared) + len(answering) + 2 * len(datasets)
    crossed = 0
    for model in dict.fromkeys(row["model"] for _, row in asked):
        mine = [(dataset, row) for dataset, row in asked if row["model"] == model]
        sets = list(dict.fromkeys(dataset for dataset, _ in mine))
        if len(sets) < 2:
            continue
        crossed += 1
        sizes = {dataset: data[dataset]["mask_size"] for dataset in sets}
        for layer in dict.fromkeys(row["layer"] for _, row in mine):
            _, height, width = shapes[model, layer]
            of_sets = {dataset: n_images[dataset] for dataset in sets}
            seconds += similarity.across_s(of_sets, height * width, sizes, section) + SECONDS["compared_figure_layer"]
    jobs += 3 * crossed  # comparison, figures, pages
    images = sum(n_images[dataset] for dataset, _ in asked)
    return [Stage("similarity", jobs, images, seconds + jobs * SECONDS["start_job"], mem_mb, disk_mb)]

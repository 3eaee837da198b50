"""What Net2Vec needs: the stage of the preflight for the config section `net2vec`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from conceptatlas import costs
from conceptatlas.costs import SECONDS
from conceptatlas.preflight_table import Stage
from conceptatlas.sheets import Row
from conceptatlas.study_plan import TASKS, is_asked

PICTURES_MB = 25.0
"""Examples of a layer: strips of some thirty concepts and a few filters (pictures of at most 128 x 128)."""


def net2vec_stage(
    config: Mapping[str, Any],
    data: Mapping[str, Row],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
) -> list[Stage]:
    """Learning, relating, comparing and drawing the concepts of all layers asked for; no stage where there is none.

    config, layers : as `study.Study` holds them. data : data set -> its row. n_images : data set -> images. shapes :
    (model, layer) -> (unit, height, width). pairs : the (dataset, model) pairs with activations.
    """
    section, workers = config["net2vec"], config["dask"]["workers"]
    tasks = [task for task in TASKS if task in section["tasks"]]
    asked = [
        (dataset, row)
        for dataset, model in pairs
        for row in layers
        if row["model"] == model
        and row["store"] == "full"
        and is_asked(section, datasets=dataset, models=model, layers=row["layer"])
    ]
    seconds, mem_mb, disk_mb = 0.0, 0.0, 0.0
    for dataset, row in asked:
        n, mask_size = n_images[dataset], data[dataset]["mask_size"]
        units, height, width = shapes[row["model"], row["layer"]]
        wanted = section["layers_for_subsets"]
        full = wanted is None or row["layer"] in wanted
        sizes = {task: {1, *section["subsets"][task]} if full else {1} for task in tasks}
        if "segmentation" in tasks:
            kept = [size for size in sizes["segmentation"] if size <= units]
            seconds += costs.segmentation_s(n, mask_size, section, len(kept))
            mem_mb = max(mem_mb, costs.segmentation_mem_mb(n, units, height * width, mask_size, workers=workers))
            disk_mb += PICTURES_MB + n * costs.LABELS_PER_IMAGE * 6e-5  # a row an image and concept
        if "classification" in tasks:
            kept = [size for size in sizes["classification"] if size <= units]
            seconds += costs.classification_s(n, units, section, kept)
            mem_mb = max(mem_mb, costs.classification_mem_mb(n, units, workers=workers))
        seconds += SECONDS["relate_layer"] + SECONDS["learned_figure_layer"]
        disk_mb += len(tasks) * costs.learned_mb(units, section) + 10
    if not asked:
        return []
    models = {(dataset, row["model"]) for dataset, row in asked}
    datasets = {dataset for dataset, _ in models}
    for dataset in datasets:
        n_spaces = sum(name == dataset for name, _ in asked) * len(tasks) + len(section["word_spaces"])
        seconds += costs.embeddings_s(n_spaces, section["n_permutations"])
    jobs = len(asked) * (len(tasks) + 1) + len(models) + 4 * len(datasets)
    images = sum(n_images[dataset] for dataset, _ in asked)
    return [Stage("net2vec", jobs, images, seconds + jobs * SECONDS["start_job"], max(mem_mb, 2000.0), disk_mb)]

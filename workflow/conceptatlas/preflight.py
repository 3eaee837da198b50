"""What a study needs, stage by stage, against the machine: said before hours of work, not after.

The listings tell the images, the model reports the shapes of the maps, the sheets the rest; `costs.py` holds the stated
coefficients. A study that cannot fit is refused with the reason: `check_study` fails, and leaves a note at which
extraction jobs that started meanwhile stop too.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil
import pyarrow.parquet as pq

from conceptatlas import costs
from conceptatlas.costs import SECONDS
from conceptatlas.datasets.index import format_of
from conceptatlas.files import read_json, write_json
from conceptatlas.models.rows import needs_calibration
from conceptatlas.preflight_atlas import atlas_stage
from conceptatlas.preflight_encoders import open_vocabulary_stage
from conceptatlas.preflight_falcon import falcon_stage
from conceptatlas.preflight_linking import linking_stage
from conceptatlas.preflight_net2vec import net2vec_stage
from conceptatlas.preflight_passes import passes_stage
from conceptatlas.preflight_principal import principal_stage
from conceptatlas.preflight_robustness import robustness_stage
from conceptatlas.preflight_similarity import similarity_stage
from conceptatlas.preflight_table import Machine, Stage, size_text, table, time_text
from conceptatlas.preflight_tuning import tuning_stage
from conceptatlas.sheets import Row
from conceptatlas.study_plan import is_asked, left_out

logger = logging.getLogger(__name__)

RESERVE_GB = 1.0
"""Disk left free whatever happens."""


def this_machine(results: str | Path, limits: Mapping[str, Any]) -> Machine:
    """The machine as measured, with the limits of the config section `preflight` where it names some."""
    place = Path(results).absolute()
    while not place.exists():
        place = place.parent
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    measured = Machine(shutil.disk_usage(place).free / 1e6, psutil.virtual_memory().total / 1e6, available)
    return Machine(
        disk_mb=measured.disk_mb if limits["disk_gb"] is None else 1000 * limits["disk_gb"],
        mem_mb=measured.mem_mb if limits["mem_gb"] is None else 1000 * limits["mem_gb"],
        cores=measured.cores if limits["cores"] is None else limits["cores"],
    )


def estimate(
    *,
    config: Mapping[str, Any],
    datasets: Sequence[Row],
    models: Sequence[Row],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
    gmacs: Mapping[str, float] | None = None,
    perturbations: Sequence[Row] = (),
    generators: Sequence[Row] = (),
    encoders: Sequence[Row] = (),
    vocabularies: Sequence[Row] = (),
) -> list[Stage]:
    """The stages of a study with what each needs.

    Parameters
    ----------
    config, datasets, models, layers : as `study.Study` holds them.
    n_images : images of each data set, from its listing.
    shapes : (model, layer) -> (unit, height, width), from the model reports.
    pairs : the (dataset, model) pairs to extract.
    gmacs : model -> 10^9 multiply-adds of one forward pass at its input size, where the report has it.
    perturbations : levels at which the robustness of detectors is measured.
    generators, encoders, vocabularies : rows of these sheets.
    """
    data = {row["dataset"]: row for row in datasets}
    return [
        *_dataset_stages(data, n_images),
        _models_stage(models, layers, pairs),
        *_layer_stages(config, data, models, layers, n_images, shapes, pairs, gmacs or {}),
        *passes_stage(config, data, models, layers, n_images, shapes, pairs, gmacs or {}),
        *robustness_stage(config, data, models, layers, n_images, shapes, pairs, gmacs or {}, perturbations),
        *principal_stage(config, data, layers, n_images, shapes, pairs),
        *net2vec_stage(config, data, layers, n_images, shapes, pairs),
        *similarity_stage(config, data, models, layers, n_images, shapes, pairs, gmacs or {}),
        *falcon_stage(config, data, models, layers, n_images, shapes, pairs, gmacs or {}),
        *linking_stage(config, models, generators),
        *atlas_stage(config, layers, n_images, shapes, pairs),
        *open_vocabulary_stage(config, data, layers, encoders, vocabularies, n_images, shapes, pairs),
        *tuning_stage(config, models, generators, shapes),
    ]


def _models_stage(models: Sequence[Row], layers: Sequence[Row], pairs: Sequence[tuple[str, str]]) -> Stage:
    """A check a group of layers, and batch-norm statistics of random twins for every data set."""
    jobs = len({(row["model"], row["group"]) for row in layers})
    random = {row["model"] for row in models if needs_calibration(row)}
    jobs += sum(model in random for _, model in pairs)
    return Stage("models", jobs, 0, jobs * SECONDS["check_model"], costs.BASE_MB + 500, 0.1 * len(models))


def _dataset_stages(data: Mapping[str, Row], n_images: Mapping[str, int]) -> list[Stage]:
    stages = []
    for name, row in data.items():
        n = n_images[name]
        frame, mask = costs.frame_mb(row["frame_size"]), row["mask_size"] ** 2 / 8e6
        listed = SECONDS["scan_image" if format_of(row).scans else "list_image"]
        each = listed + SECONDS["frame_image"] + SECONDS["index_image"]
        each += SECONDS["draw_image"] if row["format"] == "demo" else 0
        seconds = n * each + (row["shards"] + 2) * SECONDS["start_job"]
        mem_mb = max(  # the list is there already
            costs.frame_mem_mb(n / row["shards"], frame_size=row["frame_size"], mask_size=row["mask_size"]),
            costs.index_mem_mb(n, mask_size=row["mask_size"]),
        )
        disk_mb = n * (frame + costs.LABELS_PER_IMAGE * mask)
        stages.append(Stage(f"data set {name}", row["shards"] + 2, n, seconds, mem_mb, disk_mb))
    return stages


def _layer_stages(
    config: Mapping[str, Any],
    data: Mapping[str, Row],
    models: Sequence[Row],
    layers: Sequence[Row],
    n_images: Mapping[str, int],
    shapes: Mapping[tuple[str, str], Sequence[int]],
    pairs: Sequence[tuple[str, str]],
    gmacs: Mapping[str, float],
) -> list[Stage]:
    by_model = {row["model"]: row for row in models}
    options, workers = config["dissection"], config["dask"]["workers"]
    zero = {"jobs": 0, "images": 0, "seconds": 0.0, "mem_mb": 0.0, "disk_mb": 0.0}
    total = {stage: dict(zero) for stage in ("activations", "statistics", "dissection", "null", "rotation", "figures")}

    def add(stage: str, *, jobs: int = 0, images: int = 0, seconds: float, mem_mb: float, disk_mb: float = 0.0) -> None:
        of = total[stage]
        of["jobs"] += jobs
        of["images"] += images
        of["seconds"] += seconds + jobs * SECONDS["start_model" if stage == "activations" else "start_job"]
        of["disk_mb"] += disk_mb
        of["mem_mb"] = max(of["mem_mb"], mem_mb)

    for dataset, model in pairs:
        row, n = data[dataset], n_images[dataset]
        dissected = is_asked(options, datasets=dataset, models=model)
        size = int(by_model[model]["input_size"] or row["frame_size"])
        own = [layer for layer in layers if layer["model"] == model]
        listed = [layer for layer in own if "basis" not in layer]
        groups = {layer["group"] for layer in listed}
        forward = n * (SECONDS["forward_gmac"] * gmacs[model] if model in gmacs else costs.forward_s(size))
        mem_mb = costs.BASE_MB + 500 + costs.forward_mb(size, config["extraction"]["batch"])
        passes = len(groups)
        add("activations", jobs=passes * row["shards"], images=passes * n, seconds=passes * forward, mem_mb=mem_mb)
        for layer in own:
            units, height, width = shapes[model, layer["layer"]]
            mb = n * units * height * width * (2 if layer["dtype"] == "float16" else 4) / 1e6
            values, is_basis = n * height * width, "basis" in layer
            bits = n * units * math.ceil(height * width / 8) * (layer["store"] == "full") / 1e6
            if not is_basis:
                disk_mb = mb * (layer["store"] == "full") + costs.pooled_mb(n, units)
                disk_mb += row["shards"] * costs.histogram_mb(units, values / row["shards"])
                add("activations", seconds=mb * SECONDS["write_mb"], mem_mb=mem_mb, disk_mb=disk_mb)
            tables = units * 65536 * 8 / 1e6 + n / row["shards"] * units * 16 / 1e6
            wanted = config["thresholds"]
            tables += costs.refine_mb(
                layer["dtype"], units, n_taus=len(wanted["taus"]) + 1, definition=wanted["definition"]
            )
            read_mb = mb * (layer["store"] == "full" or is_basis)
            bits += costs.pooled_mb(n, units) + costs.histogram_mb(units, values)
            add(
                "statistics",
                jobs=int(not is_basis),
                seconds=read_mb * SECONDS["summarise_mb"],
                mem_mb=700 + tables,
                disk_mb=bits * (not is_basis),
            )
            if not is_basis and (layer["store"] == "none" or not dissected):
                continue  # read by another analysis only; rows of bases.tsv are dissected whatever the section says
            scale = (row["mask_size"] / 112) ** 2
            tally = n * units * SECONDS["tally_unit"] * scale + units * SECONDS["dissect_unit"]
            gallery = min(units, options["gallery_units"]) * options["gallery_images"] * costs.frame_mb(112)
            layer_mem = costs.BASE_MB + workers * (200 + units * 2000 * 8 * 2 / 1e6)
            add(
                "dissection", jobs=1 if is_basis else 2, seconds=tally, mem_mb=layer_mem, disk_mb=gallery + units * 0.02
            )
            null = costs.null_s(n, units, row["mask_size"], options["n_permutations"])
            add("null", seconds=null, mem_mb=costs.BASE_MB + workers * (500 + costs.null_mb(n, row["mask_size"])))
            if layer["store"] == "full" and _rotated(config["axes"], dataset, model, layer["layer"]):
                n_bases = config["axes"]["n_rotations"] * len(config["axes"]["alphas"]) + 6
                turned = n_bases * costs.rotation_s(n, units, height * width)
                turned_mb = costs.rotation_mem_mb(n, layer["dtype"], workers=workers)
                add("rotation", jobs=1, seconds=turned, mem_mb=turned_mb, disk_mb=0.1)
        if dissected:
            add(
                "figures", jobs=1, seconds=len(listed) * SECONDS["figure_layer"], mem_mb=1000, disk_mb=5.0 * len(listed)
            )
    names = {"null": f"null (R = {options['n_permutations']})"}
    return [Stage(names.get(stage, stage), **values) for stage, values in total.items()]  # type: ignore[arg-type]


def _rotated(axes: Mapping[str, Any], dataset: str, model: str, layer: str) -> bool:
    """Whether the basis of a dissected layer is rotated (`study.Study.rotated`)."""
    return bool(axes["n_rotations"]) and is_asked(axes, datasets=dataset, models=model, layers=layer)


def reasons_to_refuse(
    stages: Sequence[Stage],
    machine: Machine,
    *,
    on_disk_mb: float = 0.0,
    max_hours: float | None = None,
    check_disk: bool = True,
) -> list[str]:
    """Why the study cannot run here; empty if it can.

    on_disk_mb : what of the study lies on the disk already.
    """
    reasons = []
    needed_mb = max(0.0, sum(stage.disk_mb for stage in stages) - on_disk_mb)
    if check_disk and needed_mb + 1000 * RESERVE_GB > machine.disk_mb:
        largest = max(stages, key=lambda stage: stage.disk_mb)
        reasons.append(
            f"disk: {size_text(needed_mb)} more are needed and {size_text(machine.disk_mb)} are free "
            f"({size_text(1000 * RESERVE_GB)} stay free); most goes to {largest.stage} "
            f"({size_text(largest.disk_mb)}). Choose fewer images or layers, or another folder with `results:`"
        )
    hungry = max(stages, key=lambda stage: stage.mem_mb)
    if hungry.mem_mb > machine.mem_mb:
        reasons.append(
            f"memory: a job of {hungry.stage} needs {size_text(hungry.mem_mb)}, there are {size_text(machine.mem_mb)}. "
            "Choose a smaller batch, fewer dask workers, or more shards"
        )
    hours = sum(stage.seconds for stage in stages) / machine.cores / 3600
    if max_hours is not None and hours > max_hours:
        slowest = max(stages, key=lambda stage: stage.seconds)
        reasons.append(
            f"time: about {time_text(3600 * hours)} on {machine.cores} cores, preflight.max_hours is {max_hours:g}; "
            f"most goes to {slowest.stage}"
        )
    return reasons


def study_stages(
    *,
    config: Mapping[str, Any],
    datasets: Sequence[Row],
    models: Sequence[Row],
    layers: Sequence[Row],
    bases: Sequence[Row],
    perturbations: Sequence[Row],
    pairs: Sequence[Sequence[str]],
    listings: Sequence[str | Path],
    reports: Sequence[str | Path],
    generators: Sequence[Row] = (),
    encoders: Sequence[Row] = (),
    vocabularies: Sequence[Row] = (),
) -> list[Stage]:
    """The stages of a study whose images are listed and whose models are checked; arguments as of `check_study`."""
    n_images = {row["dataset"]: pq.read_metadata(path).num_rows for row, path in zip(datasets, listings, strict=True)}
    shapes, gmacs = _from_reports(reports)
    known = {(row["model"], row["layer"]): row for row in layers}
    extra = [{**known[row["model"], row["layer"]], "store": "none", "basis": row["basis"]} for row in bases]
    return estimate(
        config=config,
        datasets=datasets,
        models=models,
        layers=[*layers, *extra],  # other analyses take neither `store: none` nor bases
        n_images=n_images,
        shapes=shapes,
        pairs=[(dataset, model) for dataset, model in pairs],
        gmacs=gmacs,
        perturbations=perturbations,
        generators=generators,
        encoders=encoders,
        vocabularies=vocabularies,
    )


def check_study(
    *,
    config: Mapping[str, Any],
    datasets: Sequence[Row],
    models: Sequence[Row],
    layers: Sequence[Row],
    bases: Sequence[Row],
    perturbations: Sequence[Row],
    pairs: Sequence[Sequence[str]],
    listings: Sequence[str | Path],
    reports: Sequence[str | Path],
    out: str | Path,
    refusal: str | Path,
    elsewhere: bool = False,
    generators: Sequence[Row] = (),
    encoders: Sequence[Row] = (),
    vocabularies: Sequence[Row] = (),
) -> None:
    """Write the estimate, or refuse the study.

    listings, reports : listing.parquet of each row of `datasets`; the model reports.
    out : preflight.json, in the folder of the results. pairs : (dataset, model) to extract.
    elsewhere : the results lie in a bucket: this machine's disk is no limit, `preflight.disk_gb` still is one.
    bases : rows of bases.tsv, each as costly as a layer. perturbations, generators, encoders, vocabularies : rows of
        their sheets.

    Raises
    ------
    ValueError
        with the reasons, if the study cannot fit and `preflight.refuse` is on; `refusal` then holds them too.
    """
    stages = study_stages(
        config=config,
        datasets=datasets,
        models=models,
        layers=layers,
        bases=bases,
        perturbations=perturbations,
        pairs=pairs,
        listings=listings,
        reports=reports,
        generators=generators,
        encoders=encoders,
        vocabularies=vocabularies,
    )
    limits, results = config["preflight"], Path(out).parent
    machine = this_machine(results, limits)
    reasons = reasons_to_refuse(
        stages,
        machine,
        on_disk_mb=folder_mb(results),
        max_hours=limits["max_hours"],
        check_disk=not elsewhere or limits["disk_gb"] is not None,
    )
    notes = left_out(config, layers, perturbations)
    for note in notes:
        logger.warning("%s", note)
    listed = [asdict(stage) for stage in stages]
    content = {"stages": listed, "machine": asdict(machine), "reasons": reasons, "notes": notes}
    Path(refusal).unlink(missing_ok=True)
    if reasons and limits["refuse"]:
        text = "\n".join(["this study does not fit:", *(f"- {reason}" for reason in reasons)])
        Path(refusal).parent.mkdir(parents=True, exist_ok=True)  # with a study in a bucket nothing else made it
        Path(refusal).write_text(text + "\n", encoding="utf-8")
        raise ValueError(f"{text}\n{table(content)}\n`preflight: {{refuse: false}}` in the config runs it all the same")
    for reason in reasons:
        logger.warning("%s", reason)
    write_json(out, content)


def _from_reports(reports: Sequence[str | Path]) -> tuple[dict[tuple[str, str], list[int]], dict[str, float]]:
    shapes: dict[tuple[str, str], list[int]] = {}
    gmacs: dict[str, float] = {}
    for path in reports:
        report = read_json(path)
        for layer, about in report["layers"].items():
            shapes[report["model"], layer] = [about["n_units"], about["height"], about["width"]]
        if report.get("gmac"):
            gmacs[report["model"]] = float(report["gmac"])
    return shapes, gmacs


def folder_mb(folder: str | Path) -> float:
    """Megabytes of all files under a folder."""
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file()) / 1e6


def print_estimate(path: str | Path) -> None:
    """Print a written estimate as a table."""
    sys.stdout.write(table(read_json(path)) + "\n")

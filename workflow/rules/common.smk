"""
PURPOSE  The study (config and sheets, checked), the wildcards it allows, and the small functions rules share.
INPUTS   config/config.yaml, or the files given with --configfile (then the demo's config is not read at all);
         the sheets they name; workflow/schemas/.
OUTPUTS  none.
"""

import functools
import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError

REPOSITORY = Path(workflow.basedir)
LIBRARY = str(REPOSITORY / "workflow")

# The library of this checkout is the one that plans and the one that runs, installed or not.
if LIBRARY not in sys.path[:1]:
    sys.path.insert(0, LIBRARY)
    inherited = [
        part
        for part in os.environ.get("PYTHONPATH", "").split(os.pathsep)
        if part and part != LIBRARY
    ]
    os.environ.update(PYTHONPATH=os.pathsep.join([LIBRARY, *inherited]))

from conceptatlas import costs
from conceptatlas.datasets.index import format_module
from conceptatlas.jobs import planned_code
from conceptatlas.models.index import source_module, weights_file
from conceptatlas.sheets import expand_row
from conceptatlas.study import alternatives, load_study, pick

if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


try:
    study = load_study(
        config,
        config_files=workflow.configfiles,
        schemas=REPOSITORY / "workflow" / "schemas",
    )
except ValueError as mistake:
    raise WorkflowError(str(mistake)) from None


pathvars:
    results=study.folder,
    logs=f"{study.folder}/logs",
    benchmarks=f"{study.folder}/benchmarks",


wildcard_constraints:
    dataset=alternatives(study.datasets),
    model=alternatives(study.models),
    layer=alternatives(layer for _, layer in study.layers),
    group=alternatives(row["group"] for row in study.layers.values()),
    basis=alternatives(basis for *_, basis in study.bases),
    shard=r"\d+",


DATA_COLUMNS = (
    "dataset",
    "format",
    "path",
    "annotations",
    "n_images",
    "split",
    "options",
)
FRAME_COLUMNS = ("frame", "frame_size", "mask_size", "shards")
TWIN_COLUMNS = ("twin_of", "twin_role")
LAYER_COLUMNS = ("model", "layer", "module", "dtype", "store")

REFUSAL = f"{study.folder}/preflight.refused.txt"


# Rows of this job -------------------------------------------------------------------------------------------------


def data_row(wildcards):
    return pick(study.datasets[wildcards.dataset], DATA_COLUMNS) | {
        "seed": study.config["seed"]
    }


def frame_row(wildcards):
    return data_row(wildcards) | pick(study.datasets[wildcards.dataset], FRAME_COLUMNS)


def model_row(wildcards):
    return pick(study.models[wildcards.model], but=TWIN_COLUMNS)


def layer_row(wildcards):
    return pick(study.layers[wildcards.model, wildcards.layer], LAYER_COLUMNS)


def group_rows(wildcards):
    rows = study.layer_rows(wildcards.model, wildcards.group)
    return [pick(row, LAYER_COLUMNS) for row in rows]


def basis_row(wildcards):
    return study.bases[
        wildcards.dataset, wildcards.model, wildcards.layer, wildcards.basis
    ]


def all_layers(wildcards):
    return [row["layer"] for row in study.layer_rows(wildcards.model)]


def models_dissected(wildcards):
    return [
        model for dataset, model in study.dissected() if dataset == wildcards.dataset
    ]


def may_embed(wildcards):
    return study.datasets[wildcards.dataset]["embed_images"] == "yes"


def dissection_options(wildcards):
    return pick(study.config["dissection"], but=("datasets", "models"))


# Code behind this job ---------------------------------------------------------------------------------------------


@functools.cache
def code(rule_name, *entries):
    script = REPOSITORY / "workflow" / "scripts" / f"{rule_name}.py"
    return planned_code(script, list(entries))


def code_of(rule_name, *, reads_data=False, runs_model=False):
    """The param `code` of a rule, with the reader or the model source that the row of a job names."""

    def of_job(wildcards):
        entries = []
        if reads_data:
            entries.append(format_module(study.datasets[wildcards.dataset]["format"]))
        if runs_model:
            entries.append(source_module(study.models[wildcards.model]))
        return code(rule_name, *entries)

    return of_job


# Files of this job ------------------------------------------------------------------------------------------------


def group_of(wildcards):
    return study.layers[wildcards.model, wildcards.layer]["group"]


def report_of(wildcards):
    return f"<results>/models/{wildcards.model}/{group_of(wildcards)}.json"


def local_weights(wildcards):
    """The weights file of the model if the row names one that exists here: replaced weights rerun the model."""
    named = weights_file(expand_row(study.models[wildcards.model]))
    return [named] if named and Path(named).is_file() else []


def local_annotations(wildcards):
    named = expand_row(study.datasets[wildcards.dataset])["annotations"].split(";")
    return [
        part.strip() for part in named if part.strip() and Path(part.strip()).is_file()
    ]


def calibration_of(wildcards):
    named = f"<results>/models/calibration/{wildcards.dataset}/{wildcards.model}.safetensors"
    return [named] if study.calibrated(wildcards.model) else []


def local_directions(wildcards):
    named = expand_row(basis_row(wildcards))["path"]
    return [named] if named and Path(named).is_file() else []


def in_shards(pattern):
    """An input function: the files of all shards of a data set; `{group}` is the group of the job's layer."""

    def of_job(wildcards):
        names = {key: value for key, value in wildcards.items()}
        if "{group}" in pattern:
            names["group"] = group_of(wildcards)
        return [
            pattern.format(shard=shard, **names)
            for shard in study.shards(wildcards.dataset)
        ]

    return of_job


def layers_of_model(pattern):
    """An input function: the files of all layers of a model."""

    def of_job(wildcards):
        return [
            pattern.format(layer=layer, **wildcards) for layer in all_layers(wildcards)
        ]

    return of_job


def dissected_layers(table):
    """An input function: a table of the dissection for all layers of all models of a data set."""

    def of_job(wildcards):
        return [
            f"<results>/dissection/{wildcards.dataset}/{model}/{row['layer']}/{table}"
            for model in models_dissected(wildcards)
            for row in study.layer_rows(model)
        ]

    return of_job


# Resources --------------------------------------------------------------------------------------------------------


def images_per_shard(wildcards):
    row = study.datasets[wildcards.dataset]
    return (row["n_images"] or costs.UNKNOWN_IMAGES) / row["shards"]


def input_size(wildcards):
    size = study.models[wildcards.model]["input_size"]
    return size or study.datasets[wildcards.dataset]["frame_size"]


def grow(base_mb):
    """Memory that grows with every attempt; `base_mb` is a number or a function of the wildcards."""

    def of_attempt(wildcards, attempt):
        base = base_mb(wildcards) if callable(base_mb) else base_mb
        return int(base * (1 + 0.5 * (attempt - 1)))

    return of_attempt


def frame_mem_mb(wildcards):
    row = study.datasets[wildcards.dataset]
    return (
        costs.BASE_MB
        + 2 * images_per_shard(wildcards) * row["mask_size"] ** 2 / 8 * 20 / 1e6
    )


def forward_mem_mb(wildcards):
    size, batch = input_size(wildcards), study.config["extraction"]["batch"]
    return costs.BASE_MB + 500 + costs.forward_mb(size, batch)


def frame_runtime(wildcards):
    return 5 + int(3 * images_per_shard(wildcards) * costs.SECONDS["frame_image"] / 60)


def forward_runtime(wildcards):
    seconds = images_per_shard(wildcards) * costs.forward_s(input_size(wildcards))
    return 5 + int(3 * seconds / study.config["extraction"]["inference_threads"] / 60)


def layer_runtime(wildcards):
    """Minutes for one layer: its units are not known before the model is checked, so a wide layer is assumed."""
    row = study.datasets[wildcards.dataset]
    n_images = row["n_images"] or costs.UNKNOWN_IMAGES
    tally = n_images * 2048 * costs.SECONDS["tally_unit"]
    null = costs.null_s(
        n_images,
        2048,
        5,
        row["mask_size"],
        study.config["dissection"]["n_permutations"],
    )
    return 10 + int(3 * (tally + null) / study.config["dask"]["workers"] / 60)


def layer_mem_mb(wildcards):
    """Memory of a job over one layer: tallies of a wide layer for every worker, and what its imports take."""
    workers = study.config["dask"]["workers"]
    return costs.BASE_MB + workers * 800


def gpu_resources():
    """`gpu` stands on GPU rules only: to the Kubernetes executor even `gpu: 0` is a request for one."""
    if study.config["extraction"]["device"] != "cuda":
        return {}
    return {"gpu": 1, "gpu_manufacturer": "nvidia"}

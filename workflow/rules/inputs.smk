"""
PURPOSE  Which files a job reads: functions of its wildcards, and of the sheets.
INPUTS   the study.
OUTPUTS  none.
"""


def group_of(wildcards):
    return study.layers[wildcards.model, wildcards.layer]["group"]


def report_of(wildcards):
    return f"<results>/models/{wildcards.model}/{group_of(wildcards)}.json"


def calibration_of(wildcards):
    named = f"<results>/models/calibration/{wildcards.dataset}/{wildcards.model}.safetensors"
    return [named] if study.calibrated(wildcards.model) else []


def in_shards(pattern):
    """An input function: the files of all shards of a data set; `{group}` is the group of the job's layer."""

    def of_job(wildcards):
        names = {key: value for key, value in wildcards.items()}
        if "{group}" in pattern:
            names["group"] = group_of(wildcards)
        return [pattern.format(shard=shard, **names) for shard in study.shards(wildcards.dataset)]

    return of_job


def layers_of_model(pattern):
    """An input function: the files of all layers of a model."""

    def of_job(wildcards):
        return [pattern.format(layer=layer, **wildcards) for layer in all_layers(wildcards)]

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


# Files of the study


def model_reports(wildcards):
    return [f"<results>/models/{model}/{group}.json" for model in study.models for group in study.groups(model)]


def framed_shards(wildcards):
    return [
        f"<results>/datasets/{dataset}/frames/{shard}.json"
        for dataset in study.datasets
        for shard in study.shards(dataset)
    ]


def extracted_shards(wildcards):
    return [
        f"<results>/activations/{dataset}/{model}/{group}/{shard}.json"
        for dataset, model in study.extracted()
        for group in study.groups(model)
        for shard in study.shards(dataset)
    ]


def summarised_layers(wildcards):
    return [
        f"<results>/statistics/{dataset}/{model}/{row['layer']}.json"
        for dataset, model in study.extracted()
        for row in study.layer_rows(model)
    ]


def dataset_figures(wildcards):
    return [f"<results>/figures/datasets/{dataset}" for dataset in study.datasets]


def dissection_tables(wildcards):
    joined = [f"<results>/dissection/{dataset}/summary.parquet" for dataset in study.dissected_datasets()]
    bases = [
        f"<results>/bases/{dataset}/{model}/{layer}/{basis}/summary.parquet"
        for dataset, model, layer, basis in study.bases
    ]
    return joined + bases


def dissection_figures(wildcards):
    models = [f"<results>/figures/dissection/{dataset}/{model}" for dataset, model in study.dissected()]
    joined = [
        f"<results>/figures/dissection/{dataset}/{figure}{suffix}"
        for dataset in study.dissected_datasets()
        for figure in ("detectors", "twins")
        for suffix in FIGURE_SUFFIXES
    ]
    return models + joined

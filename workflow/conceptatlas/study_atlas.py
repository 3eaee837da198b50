"""Which results the atlas is made from, and mistakes in the config section `atlas`.

Imported while Snakemake parses: standard library only. Paths are relative to the folder of the study, so that the rules
that name them as inputs and the builder that reads them agree by construction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conceptatlas.study_plan import Study

TAKEN = "study"
"""Folder of the atlas beside those of models and data sets; a data set may have the name, it stands one level lower."""


def layer_files(study: Study, dataset: str, model: str, layer: str) -> dict[str, str]:
    """Name -> path of every result about the units of a layer that the study asks for."""
    place = f"{dataset}/{model}/{layer}"
    files = {"statistics": f"statistics/{place}.h5", "statistics_manifest": f"statistics/{place}.json"}
    if (dataset, model) in study.dissected():
        files |= {name: f"dissection/{place}/{name}.parquet" for name in ("labels", "units", "summary")}
    perturbed = [row["layer"] for row in study.perturbed_layers(model)] if (dataset, model) in study.perturbed() else []
    if layer in perturbed:
        files |= {
            "robustness": f"robustness/{place}/units.parquet",
            "robustness_summary": f"robustness/{place}/summary.parquet",
        }
    if (dataset, model, layer) in study.principal():
        files["principal"] = f"axes/{place}/principal.parquet"
    if (dataset, model, layer) in study.learned():
        files |= _learned_files(study, place)
    if (dataset, model, layer) in study.compared():
        files |= {
            "discovered": f"similarity/{place}/discovered.parquet",
            "discovered_examples": f"similarity/{place}/discovered_examples.h5",
            "profiles": f"similarity/{place}/profiles.parquet",
        }
    return files


def _learned_files(study: Study, place: str) -> dict[str, str]:
    tasks = study.learned_tasks()
    files = {task: f"net2vec/{place}/{task}.parquet" for task in tasks}
    files |= {f"{task}_weights": f"net2vec/{place}/{task}.h5" for task in tasks}
    files |= {name: f"net2vec/{place}/{name}.parquet" for name in ("filters", "neighbours")}
    if "segmentation" in tasks:
        files |= {
            "segmentation_images": f"net2vec/{place}/segmentation_images.parquet",
            "segmentation_examples": f"net2vec/{place}/segmentation_examples.h5",
        }
    return files


def model_files(study: Study, dataset: str, model: str) -> dict[str, str]:
    """Name -> path of every result about a model as a whole."""
    files = {f"report:{group}": f"models/{model}/{group}.json" for group in study.groups(model)}
    if (dataset, model) in study.compared_models():
        stem = f"similarity/{dataset}/{model}"
        files |= {
            "similarity": f"{stem}.parquet",
            "matched": f"{stem}_concepts.parquet",
            "matrices": f"{stem}_matrices.h5",
        }
    if (dataset, model) in study.answering():
        files["responses"] = f"similarity/{dataset}/{model}_responses.parquet"
    return files


def map_files(study: Study, dataset: str, model: str, layer: str) -> dict[str, list[str]]:
    """Where the masks of a layer come from: `shards` and their `manifests`, of stored maps or of counted masks."""
    row = study.layers[model, layer]
    if row["store"] not in ("full", "counts"):
        return {"shards": [], "manifests": []}
    folder = "counted" if row["store"] == "counts" else "activations"
    if row["store"] == "counts" and not study.counted_layers(dataset, model, row["group"]):
        return {"shards": [], "manifests": []}
    stem = f"{folder}/{dataset}/{model}/{row['group']}"
    return {
        "shards": [f"{stem}/{shard}.h5" for shard in study.shards(dataset)],
        "manifests": [f"{stem}/{shard}.json" for shard in study.shards(dataset)],
    }


def model_plan(study: Study, dataset: str, model: str) -> dict[str, Any]:
    """What the pages of a model are made from, as plain values: a param of its rule."""
    layers = [
        {
            "layer": row["layer"],
            "module": row["module"],
            "group": row["group"],
            "store": row["store"],
            "files": layer_files(study, dataset, model, row["layer"]),
            **map_files(study, dataset, model, row["layer"]),
        }
        for row in study.layer_rows(model)
    ]
    return {"dataset": dataset, "model": model, "layers": layers, "files": model_files(study, dataset, model)}


def joined_files(study: Study) -> dict[str, dict[str, str]]:
    """Data set -> name -> path of the tables over all its models."""
    joined: dict[str, dict[str, str]] = {dataset: {} for dataset in atlas_datasets(study)}
    for dataset in study.dissected_datasets():
        joined[dataset]["dissection_summary"] = f"dissection/{dataset}/summary.parquet"
    for dataset in study.rotated_datasets():
        joined[dataset]["rotation_summary"] = f"axes/{dataset}/rotation_summary.parquet"
    for dataset in dict.fromkeys(dataset for dataset, *_ in study.principal()):
        joined[dataset]["principal_summary"] = f"axes/{dataset}/principal_summary.parquet"
    for dataset in study.learned_datasets():
        joined[dataset]["net2vec_summary"] = f"net2vec/{dataset}/summary.parquet"
    for dataset in study.compared_datasets():
        joined[dataset]["similarity_summary"] = f"similarity/{dataset}/summary.parquet"
    return joined


def atlas_datasets(study: Study) -> list[str]:
    """Data sets that have pages: those on which some model was run."""
    return list(dict.fromkeys(dataset for dataset, _ in study.extracted()))


def study_plan_of_atlas(study: Study) -> dict[str, Any]:
    """What the pages of the study are made from, as plain values: a param of the rule that joins."""
    shown = ("model", "source", "architecture", "weights", "twin_of", "twin_role", "supervision")
    return {
        "study": study.name,
        "datasets": [
            {"dataset": dataset, "embed_images": study.datasets[dataset]["embed_images"] == "yes", "files": files}
            for dataset, files in joined_files(study).items()
        ],
        "models": [{key: study.models[name][key] for key in shown} for name in study.models],
        "pairs": [model_plan(study, dataset, model) for dataset, model in study.extracted()],
    }


def files_of_plan(plan: dict[str, Any], *, maps: bool) -> Iterable[str]:
    """Paths of a model's plan; `maps`: those of the masks (shards and manifests), else all others but statistics."""
    for layer in plan["layers"]:
        if maps:
            continue
        yield from (path for name, path in layer["files"].items() if not name.startswith("statistics"))
    if not maps:
        yield from plan["files"].values()

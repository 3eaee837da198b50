"""What can be required of a study (config section `requirements`): the named metrics, where each stands, mistakes.

Imported while Snakemake parses: standard library only. Only numbers with an interval can be required: what has none can
neither be shown to hold nor to fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from conceptatlas.naming import CATEGORIES, unknown
from conceptatlas.study_atlas import AtlasPlan
from conceptatlas.study_plan import Study


class Metric(NamedTuple):
    """A number of a table that can be required.

    table : name of the table in the atlas; of a layer, or of a data set where `joined`. value, low, high : its columns.
    where : what other columns must say. scope : of `category`, `concept`, `level`, those that tell its rows apart.
    """

    definition: str
    table: str
    joined: bool
    value: str
    low: str
    high: str
    where: Mapping[str, str]
    scope: tuple[str, ...]


def _detectors(quantity: str, definition: str) -> Metric:
    return Metric(
        definition, "dissection_summary", True, "value", "ci_low", "ci_high", {"quantity": quantity}, ("category",)
    )


def _robust(value: str, low: str, high: str, definition: str) -> Metric:
    return Metric(definition, "robustness_summary", False, value, low, high, {}, ("level", "category"))


METRICS: dict[str, Metric] = {
    "detectors": _detectors("detectors", "units of a layer that detect a concept"),
    "unique_detectors": _detectors(
        "unique_by_category", "different concepts among the best labels of the units in each category"
    ),
    "unique_concepts": _detectors("unique_best_label", "different concepts among the labels of the detectors"),
    "share_kept": _robust("share_kept", "kept_low", "kept_high", "share of detectors that keep their label"),
    "retained_iou": _robust(
        "retained", "retained_low", "retained_high", "IoU on perturbed images over IoU on clean ones"
    ),
    "mask_agreement": _robust(
        "agreement", "agreement_low", "agreement_high", "IoU of masks on perturbed and on clean images"
    ),
    "combination_iou": Metric(
        "IoU of the learned combination of units with a concept, images not learned from",
        "segmentation",
        False,
        "combination_val",
        "combination_val_low",
        "combination_val_high",
        {},
        ("concept",),
    ),
    "combination_accuracy": Metric(
        "accuracy of the learned combination of units for a concept, images not learned from",
        "classification",
        False,
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        {},
        ("concept",),
    ),
    "equal_or_better": Metric(
        "share of concepts that a combination segments at least as well as the best single unit",
        "net2vec_summary",
        True,
        "equal_or_better",
        "equal_or_better_low",
        "equal_or_better_high",
        {"task": "segmentation"},
        ("category",),
    ),
    "balanced_accuracy": Metric(
        "balanced accuracy of a linear classifier of a concept on the layer's features",
        "profiles",
        False,
        "balanced_accuracy",
        "balanced_accuracy_low",
        "balanced_accuracy_high",
        {},
        ("concept",),
    ),
}

SCOPES = ("category", "concept", "level")


def required_files(study: Study, requirement: Mapping[str, Any]) -> list[dict[str, str]]:
    """Tables that a requirement is read from: dicts of `path`, `key` (the table's in the atlas), `dataset`, and `model`
    and `layer` of a layer's own table ("" for one of a data set)."""
    metric, plan = METRICS[requirement["metric"]], AtlasPlan(study)
    wanted = {name: requirement.get(name) for name in ("dataset", "model", "layer")}
    if metric.joined:
        return [
            {"path": files[metric.table], "key": f"study/{dataset}/{metric.table}", "dataset": dataset}
            | {"model": "", "layer": ""}
            for dataset, files in plan.joined_files().items()
            if metric.table in files and wanted["dataset"] in (None, dataset)
        ]
    found = []
    for dataset, model in plan.pairs:
        for layer in plan.model(dataset, model)["layers"]:
            names = {"dataset": dataset, "model": model, "layer": layer["layer"]}
            if metric.table in layer["files"] and all(wanted[name] in (None, value) for name, value in names.items()):
                key = f"models/{dataset}/{model}/{layer['layer']}/{metric.table}"
                found.append({"path": layer["files"][metric.table], "key": key, **names})
    return found


def requirement_mistakes(study: Study) -> Iterable[Exception | str]:
    """Everything wrong in the section that the sheets can tell."""
    section = study.config["requirements"]
    seen: set[str] = set()
    for requirement in section["list"]:
        name, where = requirement["name"], f"requirement {requirement['name']!r}"
        if name in seen:
            yield f"{where} stands twice in requirements.list; names must differ"
        seen.add(name)
        wrong = list(_names(study, requirement, where))
        yield from wrong
        if wrong:
            continue
        metric = METRICS[requirement["metric"]]
        for scope in SCOPES:
            if scope in requirement and scope not in metric.scope:
                yield f"{where}: {requirement['metric']} has no {scope}; it has {', '.join(metric.scope)}"
        if not required_files(study, requirement):
            yield f"{where}: the study computes no {requirement['metric']} there; see the sections of the analyses"
    before = section["compare_with"]
    if before is not None and not Path(before).is_file():
        yield f"requirements.compare_with: there is no file {before}; name requirements.parquet of a finished study"


def _names(study: Study, requirement: Mapping[str, Any], where: str) -> Iterable[Exception | str]:
    if requirement["metric"] not in METRICS:
        yield unknown("metric", requirement["metric"], METRICS, where=where)
    known: dict[str, Iterable[str]] = {
        "dataset": study.datasets,
        "model": study.models,
        "layer": dict.fromkeys(layer for _, layer in study.layers),
        "category": CATEGORIES,
        "level": study.perturbations,
    }
    for kind, names in known.items():
        if kind in requirement and requirement[kind] not in names:
            yield unknown(kind, requirement[kind], names, where=where)

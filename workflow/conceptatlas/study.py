"""A study: its config and sheets, checked as a whole before a single job is planned.

Everything a user can get wrong in the config or the sheets is found here, named, and answered with the nearest thing
that exists. This module is imported while Snakemake parses: standard library, PyYAML and jsonschema only.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from conceptatlas.datasets.index import FORMATS, format_of, members_of
from conceptatlas.levels import NEEDS_SCORES, check_level, level_options
from conceptatlas.models.index import SOURCES
from conceptatlas.models.rows import options_cell, why_no_scores
from conceptatlas.naming import unknown
from conceptatlas.sheets import Row, parse_options, read_sheet, variables
from conceptatlas.study_encoders import encoder_mistakes
from conceptatlas.study_falcon import falcon_mistakes
from conceptatlas.study_linking import linking_mistakes
from conceptatlas.study_net2vec import net2vec_mistakes
from conceptatlas.study_open_vocabulary import open_vocabulary_mistakes
from conceptatlas.study_plan import KEYS, NEEDS, OPTIONAL, Study, unstored
from conceptatlas.study_requirements import requirement_mistakes
from conceptatlas.study_similarity import similarity_mistakes
from conceptatlas.study_tuning import tuning_mistakes
from conceptatlas.validation import check, read_schema, read_yaml, typed_row, with_defaults

__all__ = ["Study", "alternatives", "load_study", "pick", "sheet_files"]


def load_study(
    config: Mapping[str, Any], *, config_files: Sequence[str | Path], schemas: str | Path, folder: str | Path = "."
) -> Study:
    """Read the sheets a config names and check everything.

    config : as Snakemake merged it from files and command line.
    config_files : the files it came from; a sheet is looked for beside the last file that names it, and in `folder`
        (that of the run) when the command line names it.
    schemas : folder of the JSON schemas.

    Raises
    ------
    ValueError
        with one line a mistake.
    """
    schema = read_schema(schemas, "config")
    where = " + ".join(str(name) for name in config_files) or "config"
    check(dict(config), schema, where=where)
    config = with_defaults(config, schema)
    sheets: dict[str, dict[Any, Row]] = {}
    for name, key in KEYS.items():
        named = config["sheets"][name]
        if not named:
            sheets[name] = {}
            continue
        path = _locate(name, named, config_files, Path(folder))
        row_schema = read_schema(schemas, name)
        sheets[name] = {}
        for row in read_sheet(path, key=key):
            place = f"{path}, {' '.join(str(row[column]) for column in key)}"
            typed = typed_row(row, row_schema)
            check(typed, row_schema, where=place)
            names = tuple(typed[column] for column in key)
            sheets[name][names if len(names) > 1 else names[0]] = typed
        if not sheets[name] and name not in OPTIONAL:
            raise ValueError(f"sheet {path} has no rows")
    study = Study(config=config, **sheets)
    _cross_check(study)
    return study


def sheet_files(
    config: Mapping[str, Any], *, config_files: Sequence[str | Path], folder: str | Path = "."
) -> list[Path]:
    """The sheets of a study, as `load_study` finds them."""
    named = config["sheets"]
    return [_locate(name, named[name], config_files, Path(folder)) for name in KEYS if named.get(name)]


def _locate(name: str, named: str, config_files: Sequence[str | Path], folder: Path) -> Path:
    for file in reversed(list(config_files)):
        content = read_yaml(file) or {}
        sheets = content.get("sheets") if isinstance(content, dict) else None
        if isinstance(sheets, dict) and sheets.get(name) == named:
            return Path(file).parent / named
    return folder / named


def _cross_check(study: Study) -> None:
    mistakes = [
        *_datasets(study),
        *_models(study),
        *_layers(study),
        *_restrictions(study),
        *_axes(study),
        *_principal(study),
        *net2vec_mistakes(study),
        *similarity_mistakes(study),
        *encoder_mistakes(study),
        *falcon_mistakes(study),
        *linking_mistakes(study),
        *open_vocabulary_mistakes(study),
        *tuning_mistakes(study),
        *_bases(study),
        *_perturbations(study),
        *requirement_mistakes(study),
        *_unset(study),
    ]
    if mistakes:
        raise ValueError("\n".join(str(mistake) for mistake in mistakes))


def _datasets(study: Study) -> Iterable[Exception | str]:
    for name, row in study.datasets.items():
        yield from _attempt(lambda row=row: format_of(row))
        if row["n_images"] != "" and row["shards"] > row["n_images"]:
            yield f"data set {name}: {row['shards']} shards for {row['n_images']} images; a shard needs an image"
        if row["mask_size"] > row["frame_size"]:
            yield f"data set {name}: mask_size {row['mask_size']} exceeds frame_size {row['frame_size']}"
        yield from _attempt(lambda row=row: parse_options(row["options"]))
        if row["format"] in FORMATS and not _missing(row):  # a sheet of members that cannot be found is named as such
            yield from _attempt(lambda row=row: [(format_of(m), parse_options(m["options"])) for m in members_of(row)])


def _models(study: Study) -> Iterable[Exception | str]:
    for name, row in study.models.items():
        if row["source"] not in SOURCES:
            yield unknown("model source", row["source"], SOURCES, where=f"model {name}")
        yield from _attempt(lambda row=row: options_cell(row))
        if row["twin_of"] and row["twin_of"] not in study.models:
            yield unknown("model", row["twin_of"], study.models, where=f"twin_of of model {name}")
        if row["twin_of"] == name:
            yield f"model {name} cannot be its own twin"
        if bool(row["twin_of"]) != bool(row["twin_role"]):
            yield f"model {name}: twin_of and twin_role (floor or ceiling) go together"
        if not study.layer_rows(name):
            yield f"model {name} has no row in the sheet of layers; see `conceptatlas layers {name}`"


def _layers(study: Study) -> Iterable[Exception | str]:
    dissected = {model for _, model in study.dissected()}
    modules: dict[tuple[str, str], str] = {}
    for (model, layer), row in study.layers.items():
        if model not in study.models:
            yield unknown("model", model, study.models, where=f"the sheet of layers (layer {layer})")
        if row["dtype"] == "float32" and row["store"] != "full":
            yield f"layer {model} {layer}: dtype float32 needs store full (thresholds take a second pass)"
        if study.config["thresholds"]["threshold_on"] == "upsampled" and row["store"] != "full":
            yield f"layer {model} {layer}: thresholds.threshold_on 'upsampled' reads maps, it needs store full"
        if model in dissected and row["store"] not in NEEDS["dissection"]:
            yield (
                f"layer {model} {layer}: dissection needs store 'full' or 'counts', the sheet says {row['store']!r}; "
                "change it, or name the models to dissect under dissection.models"
            )
        first = modules.setdefault((model, row["module"]), layer)
        if first != layer:
            yield f"layer {model} {layer}: module {row['module']!r} is layer {first!r} already"


def _restrictions(study: Study) -> Iterable[Exception | str]:
    for kind, known in (("datasets", study.datasets), ("models", study.models)):
        for name in study.config["dissection"][kind] or []:
            if name not in known:
                yield unknown(kind[:-1], name, known, where=f"dissection.{kind}")


def _axes(study: Study) -> Iterable[Exception | str]:
    section, before = study.config["axes"], None
    dissected = study.dissected()
    known = {
        "datasets": {dataset for dataset, _ in dissected},
        "models": {model for _, model in dissected},
        "layers": {row["layer"] for model in {m for _, m in dissected} for row in study.layer_rows(model)},
    }
    for kind, names in known.items():
        for name in section[kind] or []:
            if name not in names:
                before = unknown(f"dissected {kind[:-1]}", name, sorted(names), where=f"axes.{kind}")
                yield before
    asked = any(section[kind] is not None for kind in known)
    yield from unstored(study, "axes", ((model, layer) for _, model, layer in study.on_axes()))
    if before is None and asked and all(section[kind] != [] for kind in known) and not study.on_axes():
        yield "axes: no dissected model has one of the layers asked for on one of the data sets"


def _principal(study: Study) -> Iterable[Exception | str]:
    section, dissected = study.config["principal"], study.dissected()
    known = {
        "datasets": [d for d in study.datasets if d in {dataset for dataset, _ in dissected}],
        "models": [m for m in study.models if m in {model for _, model in dissected}],
        "layers": list(dict.fromkeys(r["layer"] for _, m in dissected for r in study.layer_rows(m))),
    }
    mistakes = [
        unknown(f"dissected {kind[:-1]}", name, names, where=f"principal.{kind}")
        for kind, names in known.items()
        for name in section[kind] or []
        if name not in names
    ]
    yield from mistakes
    yield from unstored(study, "principal", ((model, layer) for _, model, layer in study.principal()))
    asked = any(section[kind] is not None for kind in known) and all(section[kind] != [] for kind in known)
    if not mistakes and asked and not study.principal() and dissected:
        yield "principal: none of the models named has one of the layers named; see principal.models, principal.layers"


def _bases(study: Study) -> Iterable[Exception | str]:
    for (dataset, model, layer, basis), row in study.bases.items():
        place = f"basis {basis}"
        if dataset not in study.datasets:
            yield unknown("dataset", dataset, study.datasets, where=place)
        if model not in study.models:
            yield unknown("model", model, study.models, where=place)
        elif (model, layer) not in study.layers:
            yield unknown("layer", layer, [row["layer"] for row in study.layer_rows(model)], where=f"{place}, {model}")
        elif study.layers[model, layer]["store"] != "full":
            yield f"{place}: layer {model} {layer} must have store 'full'"
        if (row["kind"] == "file") != bool(row["path"]):
            yield f"{place}: a path belongs to kind 'file' and only there"


def _perturbations(study: Study) -> Iterable[Exception | str]:
    section, dissected = study.config["robustness"], study.dissected()
    known = {
        "datasets": {dataset for dataset, _ in dissected},
        "models": {model for _, model in dissected},
        "layers": {row["layer"] for _, model in dissected for row in study.layer_rows(model)},
    }
    for kind, names in known.items():
        for name in section[kind] or []:
            if name not in names:
                yield unknown(f"dissected {kind[:-1]}", name, sorted(names), where=f"robustness.{kind}")
    rows = (row for _, model in study.perturbed() for row in study.perturbed_layers(model))
    yield from unstored(study, "robustness", ((row["model"], row["layer"]) for row in rows))
    datasets = dict.fromkeys(dataset for dataset, _ in study.perturbed())
    for row in study.perturbations.values():
        wrong = list(_attempt(lambda row=row: level_options(row)))
        yield from wrong
        if not wrong:
            for dataset in datasets:
                yield from check_level(row, study.datasets[dataset])
            if row["kind"] in NEEDS_SCORES:
                yield from _scoreless(study, row)


def _scoreless(study: Study, level: Row) -> Iterable[str]:
    """Models whose rows say that a level cannot be made of them."""
    for name in dict.fromkeys(model for _, model in study.perturbed()):
        reason = why_no_scores(study.models[name])
        if reason:
            yield (
                f"level {level['level']}: {level['kind']} needs class scores, model {name} is {reason}; name the other "
                "models under robustness.models, or leave the level out"
            )


def _unset(study: Study) -> Iterable[str]:
    """Environment variables that cells use and nobody has set, each named once with the first cell that needs it."""
    seen: set[str] = set()
    for sheet in ("datasets", "models", "bases", "encoders", "vocabularies", "generators"):
        for row in _with_members(getattr(study, sheet).values()):
            for variable, column in _missing(row).items():
                if variable not in seen:
                    seen.add(variable)
                    yield (
                        f"the environment variable {variable} is not set; the sheet of {sheet} needs it ("
                        f"{column} of {row[KEYS[sheet][-1]]} is {row[column]!r}): `export {variable}=...` and run again"
                    )


def _with_members(rows: Iterable[Row]) -> Iterable[Row]:
    for row in rows:
        yield row
        if row.get("format") in FORMATS and not _missing(row):
            try:
                yield from members_of(row)
            except ValueError:
                continue  # named where data sets are checked


def _missing(row: Row) -> dict[str, str]:
    """Environment variables that cells of a row use and nobody has set, each with its first column."""
    return {v: column for column, cell in row.items() for v in variables(str(cell)) if v not in os.environ}


def _attempt(function: Any) -> Iterable[Exception]:
    try:
        function()
    except ValueError as error:
        yield error


def pick(row: Row, columns: Iterable[str] | None = None, *, but: Iterable[str] = ()) -> Row:
    """The part of a row that a job depends on: the named columns, or all but some."""
    columns = row if columns is None else columns
    left_out = set(but)
    return {column: row[column] for column in columns if column not in left_out}


def alternatives(names: Iterable[str]) -> str:
    """The names as a regular expression for a wildcard; one that nothing matches when there is none."""
    return "|".join(re.escape(name) for name in dict.fromkeys(names)) or "(?!)"

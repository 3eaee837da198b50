"""Mistakes in generators.tsv and the config section `linking`, found before a job is planned.

Imported while Snakemake parses: standard library only. What only a loaded network can tell (its classes, whether it has
a last linear layer) is told by the first job that loads it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from conceptatlas.generators.index import SOURCES
from conceptatlas.models.rows import why_no_scores
from conceptatlas.naming import unknown
from conceptatlas.sheets import Row, parse_options
from conceptatlas.study_plan import Study


def linking_mistakes(study: Study) -> Iterable[Exception | str]:
    """Everything wrong in the sheet of generators and the section."""
    for name, row in study.generators.items():
        yield from _generator(name, row)
    section = study.config["linking"]
    if section["generators"] and not study.generators:
        yield "linking.generators names generators, but the study has no sheet of them; name it under sheets.generators"
    else:
        for name in section["generators"] or []:
            if name not in study.generators:
                yield unknown("generator", name, study.generators, where="linking.generators")
    for name in section["models"] or []:
        if name not in study.models:
            yield unknown("model", name, study.models, where="linking.models")
        elif study.calibrated(name):
            yield f"linking.models: the weights of {name!r} are random or shuffled; a link is of a trained classifier"
        elif why_no_scores(study.models[name]):
            yield f"linking.models: {name!r} is {why_no_scores(study.models[name])}, which gives pictures no class"
    if section["encoder"] and section["encoder"] not in study.models:
        yield unknown("model", section["encoder"], study.models, where="linking.encoder")
    elif section["encoder"] and study.calibrated(section["encoder"]):
        yield f"linking.encoder: the weights of {section['encoder']!r} are random or shuffled"
    known = _known_classes(section)
    for name in dict.fromkeys(str(name) for pair in section["counterfactuals"]["pairs"] or [] for name in pair):
        if known and name not in known:
            yield unknown("class", name, known, where="linking.counterfactuals.pairs (see linking.classes)")


def _generator(name: str, row: Row) -> Iterable[Exception | str]:
    if row["source"] not in SOURCES:
        yield unknown("generator source", row["source"], SOURCES, where=f"generator {name}")
        return
    try:
        parse_options(row["options"])
    except ValueError as error:
        yield f"generator {name}: {error}"
    if row["source"] == "user" and ":" not in row["architecture"]:
        yield f"generator {name}: source user needs the function in column architecture, `module:function`"
    if row["source"] != "user" and not row["weights"]:
        yield f"generator {name}: source {row['source']} needs the file of its weights in column weights"
    if row["source"] == "stylegan_xl" and row["trust_pickle"] != "true":
        yield (
            f"generator {name}: its weights are a pickle, which can run any code on this machine when it is read; "
            "write `true` in column trust_pickle if you trust where it comes from"
        )
    if row["source"] != "stylegan_xl" and row["trust_pickle"] == "true":
        yield f"generator {name}: trust_pickle is for source stylegan_xl; {row['source']} opens no pickle"


def _known_classes(section: dict[str, Any]) -> list[str]:
    """Classes of the classifier that pairs are drawn of, as far as the config tells: where it names all of them."""
    if section["classes"] is None:
        return []
    named = {str(key): str(value) for key, value in section["class_map"].items()}
    classes = [str(name) for name in section["classes"]]
    return [] if any(name.isdigit() for name in classes) else [named.get(name, name) for name in classes]

"""Mistakes in the config section `open_vocabulary`, found before a job is planned.

Imported while Snakemake parses: standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable

from conceptatlas.study_encoders import unfit_vocabularies
from conceptatlas.study_plan import OWN_NAMES, Study, labelled, unknown_names


def open_vocabulary_mistakes(study: Study) -> Iterable[Exception | str]:
    """Everything wrong in the section; nothing is asked of the sheets where it is off."""
    section = study.config["open_vocabulary"]
    if OWN_NAMES in study.vocabularies:
        yield f"vocabulary {OWN_NAMES!r}: names of a data set's own concepts are called so; use another name"
    wrong = list(unknown_names(study, "open_vocabulary"))
    yield from wrong
    if any(section[kind] == [] for kind in ("datasets", "models", "layers")):
        return
    encoders = list(study.encoders) if section["encoders"] is None else section["encoders"]
    if not encoders:
        yield "open_vocabulary needs an encoder: add a row to the sheet of encoders (sheets.encoders)"
        return
    named = [name for name in section["vocabularies"] if name != OWN_NAMES]
    unfit = list(unfit_vocabularies(study, encoders=encoders, vocabularies=named, where="open_vocabulary"))
    yield from unfit
    if section["p_end"] > section["p_start"]:
        yield f"open_vocabulary: p_end {section['p_end']} exceeds p_start {section['p_start']}"
    if not wrong and not unfit and not labelled(study):
        yield (
            "open_vocabulary: none of the models named has one of the layers named; see open_vocabulary.models, "
            "open_vocabulary.layers"
        )

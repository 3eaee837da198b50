"""The config section `falcon`: which encoders and vocabularies go together, and mistakes, found before jobs.

Imported while Snakemake parses: standard library only. What only data can tell (a layer without positions, a category
without labels) is told by the jobs.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from conceptatlas.naming import unknown
from conceptatlas.sheets import expand_cell, variables
from conceptatlas.study_encoders import encoded_by, unfit_vocabularies
from conceptatlas.study_plan import Study, unknown_names

TAKEN = "models"
"""Folder of what joins all models; it stands beside those of each."""


def explaining_encoders(study: Study) -> list[str]:
    """The encoders that FALCON takes, in the order of the sheet."""
    wanted = study.config["falcon"]["encoders"]
    return [name for name in study.encoders if wanted is None or name in wanted]


def explaining_pairs(study: Study) -> list[tuple[str, str]]:
    """The (encoder, vocabulary) that features are explained with: vectors of a vocabulary belong to one encoder."""
    wanted = study.config["falcon"]["vocabularies"]
    return [
        (encoder, vocabulary)
        for encoder in explaining_encoders(study)
        for vocabulary in study.vocabularies
        if (wanted is None or vocabulary in wanted) and encoded_by(study, vocabulary, encoder)
    ]


def falcon_mistakes(study: Study) -> Iterable[Exception | str]:
    """Everything wrong in the section; nothing is asked of the sheets where it is off."""
    section = study.config["falcon"]
    wrong = list(unknown_names(study, "falcon"))
    yield from wrong
    explained = study.explained()
    if not wrong and not explained and all(section[kind] != [] for kind in ("datasets", "models", "layers")):
        yield "falcon: none of the models named has one of the layers named; see falcon.models, falcon.layers"
    if not explained:
        return
    for name in section["transfer"]["models"] or []:
        if name not in study.models:
            yield unknown("model", name, study.models, where="falcon.transfer.models")
    if TAKEN in {model for _, model, _ in explained}:
        yield f"model {TAKEN!r}: tables of falcon over all models take this name; call the model something else"
    yield from _encoded(study)
    yield from _stop_words(str(section["words"]["stop_words"]))
    judged = section["similarity"]
    if judged["judged_by"] == "percentile" and judged["cut"] <= 1:
        yield (
            f"falcon.similarity.cut: {judged['cut']} with judged_by percentile, which is a percentage; did you mean "
            f"{100 * judged['cut']:g}?"
        )
    if judged["judged_by"] == "percentile" and not section["random_groups"]["n_random"]:
        yield "falcon.similarity.judged_by: percentile needs random groups; falcon.random_groups.n_random is 0"


def _encoded(study: Study) -> Iterable[Exception | str]:
    section = study.config["falcon"]
    for kind in ("encoders", "vocabularies"):
        if not getattr(study, kind):
            yield f"falcon needs {kind}: name a sheet of {kind} under sheets.{kind}"
            return
    named = section["encoders"] or explaining_encoders(study)
    wrong = list(unfit_vocabularies(study, encoders=named, vocabularies=section["vocabularies"] or [], where="falcon"))
    yield from wrong
    if not wrong and not explaining_pairs(study):
        yield "falcon: no vocabulary goes with one of the encoders; see falcon.encoders, falcon.vocabularies"


def _stop_words(cell: str) -> Iterable[str]:
    unset = [name for name in variables(cell) if name not in os.environ]
    if unset:
        yield (
            f"the environment variable {unset[0]} is not set; falcon.words.stop_words needs it ({cell!r}): "
            f"`export {unset[0]}=...` and run again"
        )
    elif not Path(expand_cell(cell)).is_file():
        yield f"falcon.words.stop_words: file {expand_cell(cell)} does not exist (relative to where the workflow runs)"

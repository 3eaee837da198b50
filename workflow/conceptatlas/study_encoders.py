"""Mistakes in the sheets of encoders and vocabularies, found before a job is planned.

Imported while Snakemake parses: standard library only. What only the files can tell (weights that do not fit, vectors
of another size) is told by the jobs that read them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from conceptatlas.encoders.index import SOURCES
from conceptatlas.encoders.rows import encoder_files, options_of
from conceptatlas.naming import unknown
from conceptatlas.plugins import plugin_file
from conceptatlas.sheets import Row, expand_row, variables
from conceptatlas.study_plan import Study
from conceptatlas.vocabularies.rows import text_files, vector_files, vocabulary_options


def encoder_mistakes(study: Study) -> Iterable[Exception | str]:
    """Everything wrong in encoders.tsv and vocabularies.tsv."""
    for row in study.encoders.values():
        yield from _encoder(row)
    for row in study.vocabularies.values():
        yield from _vocabulary(study, row)


def encoded_by(study: Study, vocabulary: str, encoder: str) -> bool:
    """Whether a vocabulary can be had in the space of an encoder: text is encoded by any, vectors belong to one."""
    return study.vocabularies[vocabulary]["encoder"] in ("", encoder)


def unfit_vocabularies(
    study: Study, *, encoders: Iterable[str], vocabularies: Iterable[str], where: str
) -> Iterable[Exception | str]:
    """Encoders and vocabularies that a section of the config names, and the sheets do not have or cannot join."""
    encoders = list(encoders)
    for name in encoders:
        if name not in study.encoders:
            yield unknown("encoder", name, study.encoders, where=f"{where}.encoders")
    for name in vocabularies:
        if name not in study.vocabularies:
            yield unknown("vocabulary", name, study.vocabularies, where=f"{where}.vocabularies")
        elif encoders and not any(encoded_by(study, name, encoder) for encoder in encoders):
            owner = study.vocabularies[name]["encoder"]
            yield f"{where}: vocabulary {name} holds vectors of encoder {owner}, which {where}.encoders does not name"


def _encoder(row: Row) -> Iterable[Exception | str]:
    place = f"encoder {row['encoder']}"
    if row["source"] not in SOURCES:
        yield unknown("encoder source", row["source"], SOURCES, where=place)
        return
    if row["source"] in ("open_clip", "user") and not row["architecture"]:
        wanted = "`module:function`" if row["source"] == "user" else "the name of an architecture"
        yield f"{place}: source {row['source']} needs {wanted} in column architecture"
    if row["trust_pickle"] and row["source"] != "open_clip":
        yield f"{place}: trust_pickle belongs to source open_clip"
    wrong = False
    try:
        options_of(row)
    except ValueError as error:
        wrong = True
        yield error
    if _set(row) and not wrong:
        full = expand_row(row)
        for file in encoder_files(full):
            if not Path(file).exists():
                yield f"{place}: {file} does not exist (relative to where the workflow runs)"
        if row["source"] == "user" and row["architecture"]:
            file = plugin_file(full["architecture"])
            if file.endswith(".py") and full["architecture"].rpartition(":")[0] == file and not Path(file).is_file():
                yield f"{place}: file {file} does not exist (relative to where the workflow runs)"


def _vocabulary(study: Study, row: Row) -> Iterable[Exception | str]:
    place = f"vocabulary {row['vocabulary']}"
    try:
        vocabulary_options(row)
    except ValueError as error:
        yield error
    if bool(row["vectors"]) != bool(row["encoder"]):
        yield f"{place}: vectors and the encoder that made them go together"
    if row["encoder"] and row["encoder"] not in study.encoders:
        yield unknown("encoder", row["encoder"], study.encoders, where=place)
    if not _set(row):
        return
    full = expand_row(row)
    try:
        text_files(full)
    except ValueError as error:
        yield error
    for file in vector_files(full):
        if not Path(file).is_file():
            yield f"{place}: vectors {file} do not exist (relative to where the workflow runs)"


def _set(row: Row) -> bool:
    """Whether the environment variables of a row are set; one that is not is named by `study`."""
    return all(name in os.environ for cell in row.values() for name in variables(str(cell)))

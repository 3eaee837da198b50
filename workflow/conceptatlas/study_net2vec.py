"""Mistakes in the config section `net2vec`, found before a job is planned and answered with the nearest thing known.

Imported while Snakemake parses: standard library only. What only data can tell (a concept that a data set does not
have, a word that a file of words does not hold) is told by the jobs `match_words` and `learn_*`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from conceptatlas.naming import unknown
from conceptatlas.sheets import expand_row, variables
from conceptatlas.study_plan import Study, unknown_names, unstored

TAKEN = "models"
"""The folder of figures that join all models stands beside those of each."""


def net2vec_mistakes(study: Study) -> Iterable[Exception | str]:
    """Everything wrong in the section; nothing is asked of the sheets or of files where it is off."""
    section = study.config["net2vec"]
    wrong = list(unknown_names(study, "net2vec"))
    yield from wrong
    learned = study.learned()
    if not wrong and not learned and all(section[kind] != [] for kind in ("datasets", "models", "layers")):
        yield "net2vec: none of the models named has one of the layers named; see net2vec.models, net2vec.layers"
    if not learned:
        return
    yield from _subset_layers(study)
    yield from unstored(study, "net2vec", ((model, layer) for _, model, layer in learned))
    if TAKEN in {model for _, model, _ in learned}:
        yield f"model {TAKEN!r}: figures of net2vec over all models take this name; call the model something else"
    yield from _word_spaces(section["word_spaces"])


def _subset_layers(study: Study) -> Iterable[Exception]:
    layers = list(dict.fromkeys(layer for *_, layer in study.learned()))
    for name in study.config["net2vec"]["layers_for_subsets"] or []:
        if name not in layers:
            yield unknown("layer", name, layers, where="net2vec.layers_for_subsets (of the layers net2vec learns in)")


def _word_spaces(spaces: Iterable[Mapping[str, Any]]) -> Iterable[Exception | str]:
    seen: set[str] = set()
    for space in spaces:
        name, names = space["name"], space.get("names", "")
        if name in seen:
            yield f"word space {name!r} stands twice in net2vec.word_spaces; names must differ"
        seen.add(name)
        if (space["kind"] == "npy") != bool(names):
            yield f"word space {name!r}: `names` (a file, the word of every row) belongs to kind 'npy' and only there"
        for file in word_files(space):
            yield from _file(file, where=f"word space {name!r}")


def word_files(space: Mapping[str, Any]) -> list[str]:
    """The files that a word space is read from, paths as the config writes them.

    >>> word_files({"kind": "wordnet", "path": "$DATA/dict"})
    ['$DATA/dict/index.noun', '$DATA/dict/data.noun']
    """
    if space["kind"] == "wordnet":
        return [f"{space['path']}/{name}" for name in ("index.noun", "data.noun")]
    return [space[key] for key in ("path", "names") if space.get(key)]


def _file(named: str, *, where: str) -> Iterable[Exception | str]:
    """A file, ``$VARIABLES`` in its path, that must exist; the nearest one in its folder is offered."""
    unset = [variable for variable in variables(named) if variable not in os.environ]
    if unset:
        yield f"{where}: the environment variable {unset[0]} is not set ({named}); `export {unset[0]}=...`, run again"
        return
    path = Path(expand_row({"path": named})["path"])
    if path.is_file():
        return
    if path.parent.is_dir():
        names = sorted(file.name for file in path.parent.iterdir())
        yield unknown("file", path.name, names, where=f"{path.parent} ({where})")
    else:
        yield f"{where}: {path} does not exist, nor does its folder"

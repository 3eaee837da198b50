"""The job that gives concepts vectors from word spaces, and checks what the config says about concepts.

Concepts learned from pictures are compared with what language says of them (Net2Vec, section 5.3): a user's file of
word vectors or WordNet. Nothing is downloaded.

``words.h5``: a group a space with `concept_index` int64 (concept,) and `vectors` float32 (concept, dimension) of the
concepts that have a vector; attributes `position` (the order of the config) and `kind`.
``expressions.json``: the sums of concepts, a list of {expression, terms: [[sign, concept], ...]}.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np
import pandas as pd

from conceptatlas.files import atomic_path, write_json
from conceptatlas.naming import check_name, unknown
from conceptatlas.net2vec.arithmetic import parse_expression
from conceptatlas.net2vec.typed import typed_frame
from conceptatlas.net2vec.word_files import WordVectors, npy_words, read_npy, read_text, text_words
from conceptatlas.net2vec.word_matching import NO_MATCH, Match, Vocabulary, fold, match, wanted_words
from conceptatlas.net2vec.word_tables import WORD_COLUMNS
from conceptatlas.net2vec.wordnet import read_wordnet, wordnet_words
from conceptatlas.sheets import expand_row
from conceptatlas.tables import read_table, write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

N_SIMILAR = 20_000
"""Words that an error about an unknown word compares with at most."""


class Kind(NamedTuple):
    """How a kind of word space is read.

    read : (space, wanted folded spellings) -> vectors. words : all its words, for errors. means : whether a name of
    several words may get the mean of their vectors. keys : what the config must give.
    """

    read: Callable[[Mapping[str, str], Collection[str]], WordVectors]
    words: Callable[[Mapping[str, str]], Iterator[str]]
    means: bool
    keys: tuple[str, ...] = ("path",)


KINDS = {
    "text": Kind(
        lambda space, wanted: read_text(space["path"], wanted=wanted), lambda space: text_words(space["path"]), True
    ),
    "npy": Kind(
        lambda space, wanted: read_npy(space["path"], names=space["names"], wanted=wanted),
        lambda space: npy_words(space["names"]),
        True,
        ("path", "names"),
    ),
    "wordnet": Kind(
        lambda space, wanted: read_wordnet(space["path"], wanted=wanted),
        lambda space: wordnet_words(space["path"]),
        False,
    ),
}


def match_words(
    *,
    dataset: str,
    concepts: str | Path,
    vectors: str | Path,
    table: str | Path,
    expressions: str | Path,
    word_spaces: list[dict[str, str]],
    aliases: dict[str, str],
    arithmetic: list[str],
) -> None:
    """Match the concepts of a data set with the words of every space and write their vectors; parse the expressions.

    concepts : concepts.parquet. vectors, table, expressions : words.h5, words.parquet, expressions.json, written.
    word_spaces : dictionaries with name, kind (text, npy, wordnet), path and, for npy, names; paths may hold
    ``$VARIABLES``. aliases : concept -> word that stands for it. arithmetic : sums such as ``grass + blue - green``.

    Raises
    ------
    ValueError
        an expression or an alias with an unknown concept, an alias whose word is in no space, an unknown kind, a name
        given twice, a file that is missing or not what its kind says; with the nearest matches.
    """
    rows = read_table(concepts, columns=["concept_index", "name", "primary_category"]).sort_values("concept_index")
    names, categories = [str(name) for name in rows["name"]], [str(name) for name in rows["primary_category"]]
    terms = [{"expression": text, "terms": parse_expression(text, names)} for text in arithmetic]
    for concept in aliases:
        if concept not in names:
            raise unknown("concept", concept, names, where=f"net2vec.aliases, data set {dataset}")
    spaces = check_spaces(word_spaces)
    found = [_match_space(space, names, categories, aliases) for space in spaces]
    _check_aliases(aliases, spaces, [dict(zip(names, matches, strict=True)) for matches, _ in found])
    listed: list[dict[str, Any]] = []
    with atomic_path(vectors) as part, h5py.File(part, "w") as file:
        for position, (space, (matches, values)) in enumerate(zip(spaces, found, strict=True)):
            there = np.array([bool(m.rows) for m in matches], dtype=bool)
            group = file.create_group(space["name"])
            group["concept_index"] = rows["concept_index"].to_numpy(dtype=np.int64)[there]
            group["vectors"] = values
            group.attrs.update({"position": position, "kind": space["kind"]})
            described = zip(rows["concept_index"], names, categories, matches, strict=True)
            for index, concept, category, m in described:
                listed.append(
                    {"dataset": dataset, "space": space["name"], "concept_index": index, "concept": concept,
                     "category": category, "word": m.word, "how": m.how}
                )  # fmt: skip
    write_table(table, _frame(listed), columns=WORD_COLUMNS)
    write_json(expressions, terms)


def check_spaces(word_spaces: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """The word spaces of the config with their variables filled in; ValueError for one that cannot be read."""
    spaces: list[dict[str, str]] = []
    for given in word_spaces:
        name = check_name(str(given.get("name", "")), kind="word space")
        if name in [space["name"] for space in spaces]:
            raise ValueError(f"word space {name!r} is given twice; a name for each")
        kind = str(given.get("kind", ""))
        if kind not in KINDS:
            raise unknown("kind", kind, KINDS, where=f"word space {name!r}")
        missing = [key for key in KINDS[kind].keys if not given.get(key)]
        if missing:
            raise ValueError(f"word space {name!r}, kind {kind}: needs {' and '.join(f'`{key}`' for key in missing)}")
        spaces.append({key: str(value) for key, value in expand_row(dict(given)).items()})
    return spaces


def _match_space(
    space: Mapping[str, str], names: list[str], categories: list[str], aliases: Mapping[str, str]
) -> tuple[list[Match], Array]:
    """What stands for every concept, and the vectors of those that have one, float32 (matched concept, dimension)."""
    kind = KINDS[space["kind"]]
    wanted: set[str] = set()
    for name, category in zip(names, categories, strict=True):
        wanted |= wanted_words(name, category=category, alias=aliases.get(name, ""), means=kind.means)
    read = kind.read(space, wanted)
    vocabulary = Vocabulary(read.words)
    matches = [
        match(name, vocabulary, category=category, alias=aliases.get(name, ""), means=kind.means)
        for name, category in zip(names, categories, strict=True)
    ]
    values = [read.vectors[list(m.rows)].mean(axis=0, dtype=np.float64) for m in matches if m.rows]
    vectors = np.array(values, dtype=np.float32).reshape(len(values), read.vectors.shape[1])
    if space["kind"] == "wordnet":
        vectors = vectors[:, vectors.any(axis=0)]  # synsets above words that no concept took
    ways = pd.Series([m.how for m in matches if m.rows], dtype=object).value_counts().to_dict()
    logger.info("word space %s: %d of %d concepts have a vector (%s)", space["name"], len(values), len(names), ways)
    if not values:
        logger.warning("word space %s: no concept has a vector; no distances to it can be had", space["name"])
    return matches, vectors


def _check_aliases(aliases: Mapping[str, str], spaces: list[dict[str, str]], found: list[dict[str, Match]]) -> None:
    """An alias that was used in no space is a mistake; without spaces nothing is looked up."""
    for concept, word in aliases.items():
        if spaces and not any(_is_of_alias(word, matches.get(concept, NO_MATCH)) for matches in found):
            known = list(itertools.chain.from_iterable(_similar(word, KINDS[s["kind"]].words(s)) for s in spaces))
            where = f"the word spaces {', '.join(s['name'] for s in spaces)}, given as net2vec.aliases of {concept!r}"
            raise unknown("word", word, dict.fromkeys(known), where=where)


def _is_of_alias(alias: str, of: Match) -> bool:
    if of.how == "words":
        return fold(of.word.replace(" + ", " ")) == fold(alias.partition("#")[0])
    return of.how == "alias"


def _similar(word: str, words: Iterator[str]) -> list[str]:
    """Words that begin alike and are about as long: a file may hold millions."""
    folded = fold(word.partition("#")[0])
    start, length = folded[:2], len(folded)
    near = (w for w in words if fold(w).startswith(start) and abs(len(w) - length) <= 3)
    return list(itertools.islice(near, N_SIMILAR))


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    types = {column.name: "whole" if column.name == "concept_index" else "text" for column in WORD_COLUMNS}
    return typed_frame(WORD_COLUMNS, rows, types)

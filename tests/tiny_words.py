"""Small word spaces: files of word vectors and a WordNet of a few synsets, in the real formats; content made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from conceptatlas.tables import Column, write_table

Synsets = Mapping[str, tuple[Sequence[str], Sequence[tuple[str, str]]]]

SYNSETS: Synsets = {
    "thing": (["thing"], []),
    "animal": (["animal", "beast"], [("@", "thing")]),
    "pet": (["pet"], [("@", "animal")]),
    "hound": (["dog", "Canis_familiaris"], [("@", "pet"), ("#m", "thing")]),
    "feline": (["cat"], [("@", "pet")]),
    "fido": (["Fido"], [("@i", "hound")]),
    "device": (["device"], [("@", "thing")]),
    "andiron": (["firedog", "dog"], [("@", "device")]),
    "lights": (["traffic_light"], [("@", "device")]),
}
"""Synset -> its words, and pointers to others: hypernyms `@`, instance hypernyms `@i`, and one that is neither."""

SENSES = {"dog": ["hound", "andiron"]}
"""Lemmas of several synsets, most frequent first; the others are in the synset that names them."""

LICENCE = "  1 made up for a test, lines at the head of the real files begin with two spaces\n"


def write_wordnet(folder: Path, synsets: Synsets = SYNSETS, senses: Mapping[str, Sequence[str]] | None = None) -> Path:
    """`index.noun` and `data.noun` as wndb(5WN) has them, with true byte offsets."""
    folder.mkdir(parents=True, exist_ok=True)
    senses = SENSES if senses is None else senses
    offsets = dict.fromkeys(synsets, 0)
    for _ in range(2):  # offsets have eight digits, so the second round knows them
        at, lines = len(LICENCE), []
        for name, (words, pointers) in synsets.items():
            offsets[name] = at
            fields = [f"{at:08d}", "05", "n", f"{len(words):02x}", *(f"{word} 0" for word in words)]
            fields += [f"{len(pointers):03d}", *(f"{symbol} {offsets[to]:08d} n 0000" for symbol, to in pointers)]
            lines.append(" ".join(fields) + f" | what {name} is; it has @ {at} in its gloss  \n")
            at += len(lines[-1])
    (folder / "data.noun").write_text(LICENCE + "".join(lines))
    found: dict[str, list[str]] = {}
    for name, (words, _) in synsets.items():
        for word in words:
            found.setdefault(word.lower(), []).append(name)
    index = []
    for lemma in sorted(found):
        of = senses.get(lemma, found[lemma])
        symbols = sorted({symbol for name in of for symbol, _ in synsets[name][1]})
        counts = [lemma, "n", str(len(of)), str(len(symbols)), *symbols, str(len(of)), "0"]
        index.append(" ".join([*counts, *(f"{offsets[name]:08d}" for name in of)]) + "  \n")
    (folder / "index.noun").write_text(LICENCE + "".join(index))
    return folder


def write_text_vectors(path: Path, vectors: Mapping[str, Sequence[float]], *, header: bool = False) -> Path:
    """A word and its numbers a line, as GloVe writes them; with a header as word2vec does."""
    d = len(next(iter(vectors.values())))
    lines = [f"{len(vectors)} {d}\n"] if header else []
    lines += [" ".join([word, *(repr(float(x)) for x in values)]) + "\n" for word, values in vectors.items()]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def write_npy_vectors(path: Path, vectors: Mapping[str, Sequence[float]], *, dtype: Any = np.float16) -> dict[str, str]:
    """An array and a list of names; the entries `path` and `names` of a word space."""
    np.save(path, np.array(list(vectors.values()), dtype=dtype))
    names = path.with_suffix(".txt")
    names.write_text("".join(f"{word}\n" for word in vectors), encoding="utf-8")
    return {"path": str(path), "names": str(names)}


def write_concepts(path: Path, concepts: Mapping[str, str] | Sequence[str]) -> Path:
    """The columns of concepts.parquet that words and distances read; names (objects), or name -> primary category."""
    pairs = list(concepts.items()) if isinstance(concepts, Mapping) else [(name, "object") for name in concepts]
    frame = pd.DataFrame(pairs, columns=["name", "primary_category"])
    frame.insert(0, "concept_index", np.arange(len(pairs)))
    write_table(path, frame, columns=[Column(name, "made up") for name in frame.columns])
    return path

"""WordNet as a space of concepts: which synsets lie above a noun.

Reads the database files of Princeton's WordNet (`wndb(5WN)`): ``index.noun`` gives the byte offsets of a lemma's
synsets, most frequent sense first; ``data.noun`` gives the pointers of a synset. The vector of a word is binary over
synsets: 1 for the synset of its sense and for every hypernym above it (pointers `@` and, for names of single things,
`@i`). Source: Net2Vec, section 5.3 and its published code (hypernym closure).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from conceptatlas.net2vec.word_files import WordVectors, existing_file
from conceptatlas.net2vec.word_matching import fold

Array = np.ndarray[Any, Any]

HYPERNYMS = (b"@", b"@i")
ROLE = (
    "kind wordnet needs the folder with index.noun and data.noun (Debian's wordnet-base: /usr/share/wordnet; WordNet's "
    "own archive: dict)"
)


def read_wordnet(path: str | Path, *, wanted: Collection[str]) -> WordVectors:
    """Binary vectors of hypernyms.

    path : folder of ``index.noun`` and ``data.noun``. wanted : folded spellings (`word_matching.fold`) of lemmas, for
    their first sense, or `lemma#k` for sense k from 1.

    Returns
    -------
    WordVectors : words as the index spells them, with `#k` where it was asked for; a column of the vectors is a synset
    met, in the order of the database.

    Raises
    ------
    ValueError
        naming the file: missing, not in this format, a sense that a lemma does not have.
    """
    data = existing_file(Path(path) / "data.noun", role=ROLE)
    senses = _wanted_senses(wanted)
    words: list[str] = []
    closures: list[set[int]] = []
    known: dict[int, list[int]] = {}
    with data.open("rb") as file:
        for lemma, offsets in _index(path):
            for sense in sorted(senses.get(fold(lemma), ())):
                if not 0 <= (sense or 1) - 1 < len(offsets):
                    raise ValueError(
                        f"{path}: {lemma}#{sense}: {lemma!r} has {len(offsets)} noun senses, #1 to #{len(offsets)}"
                    )
                words.append(f"{lemma}#{sense}" if sense else lemma)
                closures.append(_closure(file, offsets[(sense or 1) - 1], known, where=str(data)))
    synsets = sorted(set().union(*closures))
    column = {synset: at for at, synset in enumerate(synsets)}
    vectors = np.zeros((len(words), len(synsets)), dtype=np.float32)
    for row, closure in enumerate(closures):
        vectors[row, [column[synset] for synset in closure]] = 1
    return WordVectors(words, vectors)


def wordnet_words(path: str | Path) -> Iterator[str]:
    """All noun lemmas, in alphabetical order."""
    for lemma, _ in _index(path):
        yield lemma


def _wanted_senses(wanted: Collection[str]) -> dict[str, set[int]]:
    """Folded lemma -> senses asked for; 0 is the plain lemma, which means its first."""
    senses: dict[str, set[int]] = {}
    for word in wanted:
        lemma, mark, number = word.rpartition("#")
        if mark and number.isdigit():
            senses.setdefault(lemma, set()).add(int(number) or -1)  # `#0` is no sense: refused with the others
        else:
            senses.setdefault(word, set()).add(0)
    return senses


def _index(path: str | Path) -> Iterator[tuple[str, list[int]]]:
    """Lemma and offsets of its synsets: ``lemma pos synset_cnt p_cnt [ptr...] sense_cnt tagsense_cnt offset...``."""
    file_path = existing_file(Path(path) / "index.noun", role=ROLE)
    with file_path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if line.startswith(b"  ") or not line.strip():  # the licence at the head
                continue
            fields = line.split()
            try:
                n_synsets, n_pointers = int(fields[2]), int(fields[3])
                offsets = [int(field) for field in fields[6 + n_pointers :]]
                lemma = fields[0].decode("ascii")
            except (IndexError, ValueError):
                raise ValueError(f"{file_path}, line {number}: not a line of WordNet's index.noun") from None
            if fields[1] != b"n" or len(offsets) != n_synsets or not offsets:
                raise ValueError(
                    f"{file_path}, line {number}: {lemma!r} promises {n_synsets} noun synsets, {len(offsets)} are there"
                )
            yield lemma, offsets


def _closure(file: IO[bytes], synset: int, known: dict[int, list[int]], *, where: str) -> set[int]:
    """A synset and all above it; known : hypernyms by synset, filled while walking."""
    closure: set[int] = set()
    waiting = [synset]
    while waiting:
        at = waiting.pop()
        if at in closure:
            continue
        closure.add(at)
        if at not in known:
            known[at] = _hypernyms(file, at, where)
        waiting.extend(known[at])
    return closure


def _hypernyms(file: IO[bytes], synset: int, where: str) -> list[int]:
    """``offset lex_filenum ss_type w_cnt(hex) word lex_id ... p_cnt [symbol offset pos source/target]... | gloss``."""
    file.seek(synset)
    fields = file.readline().partition(b"|")[0].split()
    try:
        at = 4 + 2 * int(fields[3], 16)
        n_pointers = int(fields[at])
        pointers = fields[at + 1 : at + 1 + 4 * n_pointers]
        right = int(fields[0]) == synset and fields[2] == b"n" and len(pointers) == 4 * n_pointers
        above = [int(pointers[i + 1]) for i in range(0, len(pointers), 4) if pointers[i] in HYPERNYMS]
    except (IndexError, ValueError):
        right = False
    if not right:
        raise ValueError(
            f"{where}: no synset at byte {synset}: index.noun and data.noun are of different versions, or line ends "
            "were changed"
        )
    return above

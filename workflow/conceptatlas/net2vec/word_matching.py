"""Which words of a word space stand for a concept: spellings, endings of data sets, single words.

Names of concepts are made by data sets (`sky-other-merged`, `street-s`, `traffic light`), words by those who made the
vectors (`sky`, `traffic_light`, `Traffic light`). Every step is recorded with the result, so nothing is matched
silently. Source: Net2Vec, section 5.3 and its supplement (WordNet and word2vec against BRODEN's names).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

ENDINGS = ("-merged", "-other", "-stuff")
"""What COCO's panoptic names end in: it says how classes were joined, not what they are."""

ENDINGS_OF_CATEGORY = {"scene": ("-s",), "color": ("-c",)}
"""What BRODEN adds to names of scenes and colours, so that they differ from objects of that name."""


class Match(NamedTuple):
    """What stands for a concept.

    word : the word as the space spells it; single words joined by " + "; empty where there is none.
    how : alias (config), name (the same spelling), folded (other case or separators, or without an ending), words (mean
        of single words), or empty.
    rows : rows of the space's vectors, of which the mean is taken.
    """

    word: str
    how: str
    rows: tuple[int, ...]


NO_MATCH = Match("", "", ())


def fold(name: str) -> str:
    """Lower case, with spaces for underscores and hyphens.

    >>> fold("Traffic_Light"), fold("hot-dog ")
    ('traffic light', 'hot dog')
    """
    return " ".join(name.lower().replace("_", " ").replace("-", " ").split())


def bare(name: str, category: str) -> str:
    """The name without the endings that data sets add; category : its primary category.

    >>> bare("sky-other-merged", "object"), bare("street-s", "scene"), bare("street-s", "object")
    ('sky', 'street', 'street-s')
    """
    endings = (*ENDINGS, *ENDINGS_OF_CATEGORY.get(category, ()))
    while True:
        ending = next((end for end in endings if name.endswith(end) and len(name) > len(end)), None)
        if ending is None:
            return name
        name = name.removesuffix(ending)


def without_sense(word: str) -> str:
    """A word without the number of its sense.

    >>> without_sense("mouse#4"), without_sense("mouse")
    ('mouse', 'mouse')
    """
    return re.sub(r"#\d+$", "", word)


def wanted_words(name: str, *, category: str, alias: str, means: bool) -> set[str]:
    """Folded spellings of all words that `match` may look for; means : single words count too."""
    given = {alias, without_sense(alias)} if alias else set()
    wanted = {fold(word) for word in (*given, name, bare(name, category))}
    if means:
        wanted |= {single for word in wanted for single in word.split()}
    return wanted - {""}


class Vocabulary:
    """The words of a space, found by spelling; of two words with one spelling the first counts."""

    def __init__(self, words: Iterable[str]) -> None:
        self.words = list(words)
        self._rows: dict[str, int] = {}
        self._folded: dict[str, int] = {}
        for row, word in enumerate(self.words):
            self._rows.setdefault(word, row)
            self._folded.setdefault(fold(word), row)

    def find(self, name: str) -> int | None:
        """Row of the word spelled most like `name`: the same, lower case, spaces, underscores, any case and separators.

        Where several words differ from `name` in case or separators only, the first of the file counts (files of word
        vectors are sorted by frequency).
        """
        lower = name.lower()
        spaced = fold(name)
        for spelling in (name, lower, spaced, spaced.replace(" ", "_")):
            if spelling in self._rows:
                return self._rows[spelling]
        return self._folded.get(spaced)

    def single_words(self, name: str) -> Match:
        """The words of a name of several words, if the space has all of them: a mean over some is another concept."""
        parts = fold(name).split()
        rows = [self.find(part) for part in parts]
        found = tuple(row for row in rows if row is not None)
        if len(parts) < 2 or len(found) < len(parts):
            return NO_MATCH
        return Match(" + ".join(self.words[row] for row in found), "words", found)


def match(name: str, vocabulary: Vocabulary, *, category: str, alias: str = "", means: bool = True) -> Match:
    """What stands for a concept in a space.

    In this order: the alias (with its sense, then without, then the mean of its single words), the name, the name in
    other case or separators, the name without endings, the mean of the vectors of its single words.

    category : primary category of the concept. alias : word the config gives, or empty. means : whether means of single
    words are taken (vectors of a taxonomy have no sensible mean).
    """
    if alias:
        for word in (alias, without_sense(alias)):
            row = vocabulary.find(word)
            if row is not None:
                return Match(vocabulary.words[row], "alias", (row,))
        found = vocabulary.single_words(without_sense(alias)) if means else NO_MATCH
        if found.rows:
            return found
    for word in (name, bare(name, category)):
        row = vocabulary.find(word)
        if row is not None:
            return Match(vocabulary.words[row], "name" if vocabulary.words[row] == name else "folded", (row,))
    return vocabulary.single_words(bare(name, category)) if means else NO_MATCH

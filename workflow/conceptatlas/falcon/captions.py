"""Captions to words: nouns, verbs and adjectives by part of speech, lemmatised, and noun phrases. All offline.

Tags are those of TextBlob's pattern tagger (a lexicon that it ships; its other parts need downloads). Lemmas follow the
tag: plural nouns and inflected verbs go to their base, an adjective stays as it is ("striped" is no "stripe"). Noun
phrases are runs of adjectives and nouns with a noun at the end (JJ* NN+), the last noun in the singular. Kalibhat et
al. 2023 extract nouns, verbs, adjectives and phrases; the published code drops short words and words with digits too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

KINDS = ("noun", "verb", "adjective", "phrase")
"""What a word can be; `phrase` is a noun phrase of at least two words."""
_KIND_OF = {"NN": "noun", "VB": "verb", "JJ": "adjective"}
_WORD = re.compile(r"[a-z][a-z'-]*[a-z]")
SHORTEST = 3
"""Letters of the shortest word that is kept, as in the published code (length > 2)."""


class Word(NamedTuple):
    """A word or phrase, and what it is."""

    text: str
    kind: str


class CaptionReader:
    """Finds the words of captions; what a caption holds is remembered.

    Parameters
    ----------
    stop_words : words that are left out (`read_stop_words`).
    """

    def __init__(self, stop_words: Iterable[str]) -> None:
        import simplemma  # heavy imports belong to the job that explains
        from textblob.taggers import PatternTagger

        self.stop_words = frozenset(stop_words)
        self._tagger, self._simplemma = PatternTagger(), simplemma
        self._known: dict[str, frozenset[Word]] = {}

    def words_of(self, caption: str) -> frozenset[Word]:
        """The words and noun phrases of a caption, each once."""
        if caption not in self._known:
            self._known[caption] = frozenset(self._read(caption))
        return self._known[caption]

    def _read(self, caption: str) -> Iterable[Word]:
        tagged = [(str(word).lower(), str(tag)) for word, tag in self._tagger.tag(caption.lower())]
        for word, tag in tagged:
            kind = _KIND_OF.get(tag[:2])
            if kind:
                lemma = self._lemma(word, tag)
                if self._kept(word) and self._kept(lemma):
                    yield Word(lemma, kind)
        for phrase in noun_phrases(tagged, stop_words=self.stop_words):
            *before, (noun, tag) = phrase
            text = " ".join([*(word for word, _ in before), self._lemma(noun, tag)])
            yield Word(text, "phrase")

    def _kept(self, word: str) -> bool:
        return len(word) >= SHORTEST and bool(_WORD.fullmatch(word)) and word not in self.stop_words

    def _lemma(self, word: str, tag: str) -> str:
        if tag in ("NN", "NNP", "JJ"):  # a singular noun and an adjective are their own base
            return word
        return str(self._simplemma.lemmatize(word, lang="en")).lower()


def noun_phrases(
    tagged: Sequence[tuple[str, str]], *, stop_words: Iterable[str] = ()
) -> Iterable[list[tuple[str, str]]]:
    """The longest runs JJ* NN+ of at least two words among (word, tag); a stop word or a word that is none ends a run.

    >>> [[word for word, _ in p] for p in noun_phrases([("red", "JJ"), ("fox", "NN"), ("in", "IN"), ("snow", "NN")])]
    [['red', 'fox']]
    """
    stops = frozenset(stop_words)
    run: list[tuple[str, str]] = []
    for word, tag in [*tagged, ("", "")]:
        fits = bool(_WORD.fullmatch(word)) and word not in stops and tag[:2] in ("JJ", "NN")
        if fits and not (tag[:2] == "JJ" and run and run[-1][1][:2] == "NN"):  # an adjective after a noun begins anew
            run.append((word, tag))
            continue
        if len(run) > 1 and run[-1][1][:2] == "NN":
            yield run
        run = [(word, tag)] if fits else []


def read_stop_words(path: str | Path) -> list[str]:
    """A list of words that explain nothing: separated by blanks, lines that begin with # are notes.

    Raises
    ------
    ValueError
        naming the file, if it does not open as text or holds no word.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"falcon.words.stop_words: {path} does not open as a text file ({error})") from None
    found = [word.lower() for line in lines if not line.startswith("#") for word in line.split()]
    if not found:
        raise ValueError(f"falcon.words.stop_words: {path} holds no word; expected words separated by blanks")
    return found

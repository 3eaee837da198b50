"""Columns of the table of words that stand for concepts, with what each means."""

from __future__ import annotations

from conceptatlas.tables import Column

WORD_COLUMNS = [
    Column("dataset", "data set"),
    Column("space", "word space, as the config names it"),
    Column("concept_index", "the concept's row in concepts.parquet"),
    Column("concept", "concept"),
    Column("category", "its primary category: the one in which it covers most pixels"),
    Column("word", "the word whose vector it has, as the file spells it; single words joined by ' + '; empty: none"),
    Column("how", "alias (of the config), name (the same spelling), folded (other case or separators, or without an "
           "ending of the data set), words (mean of the vectors of single words), or empty: no vector"),
]  # fmt: skip

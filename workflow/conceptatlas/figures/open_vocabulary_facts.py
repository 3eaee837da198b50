"""What every figure of open-vocabulary labels states: whose labels, on how many images, against which null."""

from __future__ import annotations

import pandas as pd

from conceptatlas.figures.facts import sentences
from conceptatlas.figures.style import count, plain

OWN_NAMES = "concepts"


def title_of(table: pd.DataFrame, what: str) -> str:
    """What is drawn, of which layer."""
    first = table.iloc[0]
    return f"{what}{'' if what.endswith('?') else ':'} {plain(first['model'])}, {plain(first['layer'])}"


def words_of(table: pd.DataFrame) -> str:
    """Encoder and concepts."""
    first = table.iloc[0]
    own = first["vocabulary"] == OWN_NAMES
    source = "names of the data set's own concepts" if own else f"vocabulary {plain(first['vocabulary'])}"
    return f"Encoder {plain(first['encoder'])}, {count(int(first['n_concepts']), 'concept')} ({source})"


def images_of(table: pd.DataFrame) -> str:
    """Data set and the two sets of images."""
    first = table.iloc[0]
    return (
        f"Data set {plain(first['dataset'])}: labels chosen on {count(int(first['n_selecting']), 'image')} (soft-WPMI, "
        f"the {int(first['top_images'])} with the largest {first['pooling']} activation), scored on "
        f"{int(first['n_held_out'])} others"
    )


def null_of(table: pd.DataFrame) -> str:
    """How the null was made."""
    n = int(table.iloc[0]["n_permutations"])
    if not n:
        return "No null: no permutations were drawn"
    return f"Null: images permuted, label searched again, R = {n} (smallest attainable p\u00a0=\u00a0{1 / (1 + n):.2g})"


def note_of(labels: pd.DataFrame, *further: str) -> str:
    """The note below a title."""
    return sentences(images_of(labels), words_of(labels), *further)

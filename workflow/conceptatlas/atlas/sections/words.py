"""A unit in words: labels by an image-text model beside the label from masks, and words for the groups it is in."""

from __future__ import annotations

from conceptatlas.atlas.layer_context import LayerContext, Section

SECTION = Section("words", {"wording": "wording", "wordings": "wordings", "explained": "explained"})
"""Each may come several times, once an encoder and vocabulary: table ``wording@{encoder}~{vocabulary}``."""


def words_of_units(context: LayerContext) -> list[str]:
    """What the search knows a unit by besides its label: its best label in words, and FALCON's words for it alone, of
    every encoder and vocabulary; nothing where the layer has none."""
    said: list[list[str]] = [[] for _ in range(context.n_units)]
    for name in context.plan["files"]:
        base = name.partition(":")[0]
        if base == "wording":
            table = context.frame(name)
            best = table[table["rank"] == 1]
            for unit, word in zip(best["unit"], best["concept"], strict=True):
                said[int(unit)].append(str(word))
        if base == "explained":
            table = context.frame(name)
            for group, words in zip(table["group"].astype(str), table["words"], strict=True):
                if group.isdigit() and words:
                    said[int(group)].append(str(words))
    texts = ["; ".join(dict.fromkeys(words)) for words in said]
    return texts if any(texts) else []

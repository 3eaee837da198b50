"""The figure job of a model's open-vocabulary labels, and ``figures.json``, which lists them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from conceptatlas.figures.drawn import Drawn, write_figures
from conceptatlas.figures.open_vocabulary_agreement import label_agreement
from conceptatlas.figures.open_vocabulary_gallery import read_examples, word_gallery
from conceptatlas.figures.open_vocabulary_scores import label_correlations
from conceptatlas.tables import read_table

SHOWS = {
    "open_vocabulary_scores": "held-out correlation of every unit with its label in words and with its mask label",
    "open_vocabulary_agreement": "how often labels in words and mask labels of the same units agree, against chance",
    "open_vocabulary_gallery": "units whose words foretell them best, with held-out images",
}


def plot_open_vocabulary(
    *,
    dataset: str,
    model: str,
    places: Sequence[Sequence[str]],
    labels: Sequence[str | Path],
    masks: Sequence[str | Path],
    summaries: Sequence[str | Path],
    examples: Sequence[str | Path],
    folder: str | Path,
    options: dict[str, Any],
    embed_images: bool,
) -> None:
    """Draw the labels of all layers of a model, of every encoder and vocabulary.

    places : [layer, encoder, vocabulary] of the files, in their order; figures of one layer that differ in encoder or
    vocabulary are its pages. embed_images : whether pictures of the data set may be shown.

    Raises
    ------
    ValueError
        if lists do not belong to the places.
    """
    lists = {"labels": labels, "masks": masks, "summaries": summaries, "examples": examples}
    wrong = [f"{len(paths)} {name}" for name, paths in lists.items() if len(paths) != len(places)]
    if wrong or not places:
        raise ValueError(f"{dataset}, {model}: {len(places)} labelled layers, but {', '.join(wrong) or 'no layer'}")

    def figures() -> Iterator[Drawn]:
        pages: dict[str, int] = {}
        for i, (layer, *_) in enumerate(places):
            page = pages[layer] = pages.get(layer, 0) + 1
            own, beside = read_table(labels[i]), read_table(masks[i])
            yield Drawn("open_vocabulary_scores", layer, page, label_correlations(own, beside))
            if len(beside):
                yield Drawn("open_vocabulary_agreement", layer, page, label_agreement(read_table(summaries[i]), own))
            gallery = word_gallery(own, beside, read_examples(examples[i]), embed_images=embed_images)
            yield Drawn("open_vocabulary_gallery", layer, page, gallery)

    write_figures(figures(), folder, dataset=dataset, model=model, shows=SHOWS, options=options)

"""The figure job of a model: what its features mean, and ``figures.json``, which lists the figures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from conceptatlas.falcon.pictures import Pictures
from conceptatlas.figures.drawn import Drawn, one_file_a_layer, write_figures
from conceptatlas.figures.falcon_facts import Space, nothing, shown_groups
from conceptatlas.figures.falcon_failures import failure_gallery, failure_images
from conceptatlas.figures.falcon_gallery import BLOCKS_A_PAGE, group_gallery, n_gallery_pages
from conceptatlas.figures.falcon_pairs import groups_against_features
from conceptatlas.figures.falcon_reading import group_pictures, small
from conceptatlas.figures.falcon_words import n_word_pages, word_scores
from conceptatlas.tables import read_table

SHOWS = {
    "groups": "what features and groups of features mean: high images, crops, low images, words with scores",
    "word_scores": "scores of words with intervals against the 95 % point of random groups of images",
    "groups_against_features": "every group of features against each of its features alone",
    "failures": "misclassified images with the features that add most to the predicted class, and their words",
}


class _Tables(NamedTuple):
    features: pd.DataFrame
    groups: pd.DataFrame
    members: pd.DataFrame
    crops: pd.DataFrame
    explained: pd.DataFrame
    words: pd.DataFrame
    comparisons: pd.DataFrame
    failures: pd.DataFrame


def plot_falcon(
    *,
    dataset: str,
    model: str,
    layers: list[str],
    spaces: list[list[str]],
    frames: list[str],
    frames_manifests: list[str],
    features: list[str],
    groups: list[str],
    members: list[str],
    crop_tables: list[str],
    explained: list[str],
    words: list[str],
    comparisons: list[str],
    failures: list[str],
    folder: str | Path,
    options: Mapping[str, Any],
    embed_images: bool,
) -> None:
    """Write the figures of a model into a folder.

    Parameters
    ----------
    layers : explained, in the order of the sheet; features, groups, members: their files, in this order.
    spaces : [encoder, vocabulary]; crop_tables, explained, words, comparisons, failures: files layer after layer, each
        in the order of `spaces`.
    frames, frames_manifests : of all shards.
    options : config section `figures` with `shown_groups`. embed_images : whether pictures may be shown.
    """
    place = f"figures of falcon, {model} on {dataset}"
    one_file_a_layer(layers, {"features": features, "groups": groups, "members": members}, place=place)
    of_spaces = {
        "crop_tables": crop_tables, "explained": explained, "words": words, "comparisons": comparisons,
        "failures": failures,
    }  # fmt: skip
    one_file_a_layer([f"{layer} {e} {v}" for layer in layers for e, v in spaces], of_spaces, place=place)
    pictures = Pictures(frames, frames_manifests)

    def drawn() -> Iterator[Drawn]:
        for n, layer in enumerate(layers):
            for i, (encoder, vocabulary) in enumerate(spaces):
                label = layer if len(spaces) == 1 else f"{layer}_{encoder}_{vocabulary}"
                space = Space(dataset, model, layer, encoder, vocabulary, label)
                at = n * len(spaces) + i
                tables = _Tables(
                    *(read_table(paths[n]) for paths in (features, groups, members)),
                    *(read_table(paths[at]) for paths in of_spaces.values()),
                )
                yield from _figures(space, tables, pictures, int(options["shown_groups"]), embed_images=embed_images)

    write_figures(drawn(), folder, dataset=dataset, model=model, shows=SHOWS, options=options)


def _figures(space: Space, tables: _Tables, pictures: Pictures, most: int, *, embed_images: bool) -> Iterator[Drawn]:
    shown = shown_groups(tables.explained, most=most)
    empty = "" if len(shown) else nothing(space, tables.groups, tables.features)
    for page in range(n_gallery_pages(shown)):
        names: Sequence[str] = shown["group"].iloc[page * BLOCKS_A_PAGE : (page + 1) * BLOCKS_A_PAGE].tolist()
        own = [group_pictures(pictures, tables.members, tables.crops, name) for name in names]
        figure = group_gallery(
            space, shown, tables.words, own, explained=tables.explained, page=page, embed_images=embed_images,
            empty=empty,
        )  # fmt: skip
        yield Drawn("groups", space.label, page + 1, figure)
    for page in range(n_word_pages(shown)):
        yield Drawn(
            "word_scores", space.label, page + 1, word_scores(space, shown, tables.words, page=page, empty=empty)
        )
    figure = groups_against_features(space, tables.comparisons, tables.explained, empty=empty)
    yield Drawn("groups_against_features", space.label, 1, figure)
    images = failure_images(tables.failures)
    shots = [small(pictures.of([image])[0]) for image in images]
    yield Drawn(
        "failures", space.label, 1,
        failure_gallery(space, tables.failures, images, shots, embed_images=embed_images),
    )  # fmt: skip

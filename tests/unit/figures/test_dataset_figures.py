"""Figures of a data set: bars are the counts, strips the examples, and everything has a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from conceptatlas.figures.dataset_concepts import SHOWN, concept_counts
from conceptatlas.figures.dataset_examples import ROWS_A_PAGE, concept_examples, n_pages
from conceptatlas.figures.dataset_figures import plot_dataset
from conceptatlas.figures.reading import Examples
from conceptatlas.files import read_json
from tiny_datasets import TINY, frame_dataset, join_dataset


def table(counts: dict[str, list[int]]) -> pd.DataFrame:
    """Concepts called after their category and place, with the given numbers of images."""
    rows = [
        {"name": f"{category} ${i}_", "primary_category": category, "categories": [category], "n_images": n}
        for category, numbers in counts.items()
        for i, n in enumerate(numbers)
    ]
    frame = pd.DataFrame(rows)
    return frame.assign(concept_index=range(len(frame)), share=0.25)


def test_bars_are_the_counts_most_frequent_first() -> None:
    figure = concept_counts(table({"part": [2, 30, 7], "object": [4]}), dataset="d", n_images=50, mask_size=10)
    panels = {ax.get_title(loc="left").split(":")[0]: ax for ax in figure.axes if ax.axison}
    assert list(panels) == ["object", "part"]
    part = panels["part"]
    assert [bar.get_width() for bar in part.patches] == [30, 7, 2]
    assert [label.get_text() for label in part.get_yticklabels()] == [r"part \$1_", r"part \$2_", r"part \$0_"]
    assert "3 concepts" in part.get_title(loc="left")
    assert "2 in fewer than 8 images" in part.get_title(loc="left")
    assert "n = 50 valid images" in figure._supxlabel.get_text().replace("\n", " ")  # type: ignore[attr-defined]


def test_long_vocabularies_say_what_is_not_shown() -> None:
    figure = concept_counts(table({"object": list(range(1, 60))}), dataset="d", n_images=99, mask_size=10)
    (panel,) = (ax for ax in figure.axes if ax.axison)
    assert len(panel.patches) == SHOWN
    assert f"{59 - SHOWN} more not shown" in panel.get_title(loc="left")


def test_a_data_set_without_labels_says_so() -> None:
    empty = table({"object": [1]}).iloc[:0]
    figure = concept_counts(empty, dataset="d", n_images=3, mask_size=10)
    assert "labels nothing" in figure.axes[0].texts[0].get_text()
    none = Examples(
        np.zeros(0, dtype=int), np.zeros((0, 6), dtype=int), np.zeros((0, 6, 8, 8, 3)), np.zeros((0, 6, 8, 8))
    )
    figure = concept_examples(none, empty, dataset="d", n_images=3)
    assert "No image" in figure.axes[0].texts[0].get_text().replace("\n", " ")


@pytest.fixture
def strips() -> Examples:
    rng = np.random.default_rng(0)
    n = ROWS_A_PAGE + 1
    images = np.tile(np.arange(3), (n, 1))
    images[0, 2] = -1
    return Examples(
        concepts=np.arange(n),
        images=images,
        pictures=rng.integers(0, 256, (n, 3, 8, 8, 3), dtype=np.uint8),
        masks=rng.random((n, 3, 8, 8)) < 0.5,
    )


def test_pages_and_captions_of_examples(strips: Examples) -> None:
    concepts = table({"object": [9] * (ROWS_A_PAGE + 1)})
    assert n_pages(strips) == 2
    first, second = (concept_examples(strips, concepts, dataset="d", n_images=9, page=page) for page in (0, 1))
    texts = [text.get_text() for text in second.axes[0].texts]
    assert texts == [rf"object \${ROWS_A_PAGE}_", "object", "9 images"]
    assert len(first.axes[0].texts) == 3 * ROWS_A_PAGE


def test_pictures_that_may_not_be_shown_are_not(strips: Examples) -> None:
    concepts = table({"object": [9] * (ROWS_A_PAGE + 1)})
    shown = concept_examples(strips, concepts, dataset="d", n_images=9)
    hidden = concept_examples(strips, concepts, dataset="d", n_images=9, embed_images=False)
    pixels = np.asarray(hidden.axes[0].images[0].get_array())
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) == 3  # inside, outside, gap
    assert len(np.unique(np.asarray(shown.axes[0].images[0].get_array()).reshape(-1, 3), axis=0)) > 100
    assert "not shown" in hidden._supxlabel.get_text().replace("\n", " ")  # type: ignore[attr-defined]


def test_files_of_a_data_set(tmp_path: Path) -> None:
    row = TINY["demo"](tmp_path / "data")
    join_dataset(row, tmp_path, frame_dataset(row, tmp_path, n_shards=2))
    options: dict[str, Any] = {"formats": ["png", "svg"], "dpi": 40}
    plot_dataset(
        dataset="tiny",
        concepts=tmp_path / "concepts.parquet",
        examples=tmp_path / "examples.h5",
        summary=tmp_path / "dataset.json",
        folder=tmp_path / "figures",
        options=options,
        embed_images=True,
    )
    listed = read_json(tmp_path / "figures" / "figures.json")["figures"]
    assert [entry["figure"] for entry in listed][:2] == ["concepts", "examples"]
    files = {name for entry in listed for name in entry["files"]}
    assert files == {path.name for path in (tmp_path / "figures").iterdir()} - {"figures.json"}

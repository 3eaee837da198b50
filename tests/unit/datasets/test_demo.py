"""The demo data set as a reader: lazy, independent of its size, split by hash, labelled in six categories."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from conceptatlas.datasets.colors import COLOR_NAMES
from conceptatlas.datasets.demo import DemoReader
from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.reader import ImageLabel, LabelMap
from conceptatlas.datasets.scenes.parameters import vary
from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.datasets.scenes.vocabulary import CONCEPTS
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import records

SHOWN = set(CATEGORIES) - {"attribute"}
"""The demo labels the six categories of Network Dissection."""


def test_a_small_data_set_is_the_beginning_of_a_large_one() -> None:
    small, large = DemoReader(n_images=6), DemoReader(n_images=40)
    few, many = small.listing().images, large.listing().images
    assert many.iloc[:6].equals(few)
    rows = records(few)
    for row in reversed(rows):  # the order of reading does not matter
        assert np.array_equal(small.picture(row), large.picture(row))


def test_listing_draws_nothing() -> None:
    reader = DemoReader(n_images=200_000)
    started = time.perf_counter()
    images = reader.listing().images
    assert time.perf_counter() - started < 20
    assert len(images) == 200_000
    assert images["image_id"].is_unique
    assert images["image_id"].is_monotonic_increasing
    assert (images["split"] == "val").mean() == pytest.approx(0.3, abs=0.01)


def test_the_vocabulary_has_all_categories_and_every_label_is_in_it() -> None:
    reader = DemoReader(n_images=25, picture_size=64)
    listing = reader.listing()
    known = {row["name"]: row["categories"] for row in records(listing.concepts)}
    assert {category for categories in known.values() for category in categories} == SHOWN
    found = set()
    for row in records(listing.images):
        for label in reader.labels(row):
            if isinstance(label, ImageLabel):
                assert label.concept.category in {"scene", "texture"}
                concepts = [label.concept]
            else:
                assert label.numbers.shape == (64, 64)
                present = [number for number in np.unique(label.numbers).tolist() if number in label.concepts]
                concepts = [label.concepts[number] for number in present]
            for concept in concepts:
                assert concept.category in known[concept.name]
                found.add(concept.category)
    assert found == SHOWN


def test_label_maps_overlap_and_colors_cover_every_pixel_once() -> None:
    reader = DemoReader(n_images=30)
    overlapping = 0
    for row in records(reader.listing().images):
        maps = [label for label in reader.labels(row) if isinstance(label, LabelMap)]
        colors = [label for label in maps if {c.category for c in label.concepts.values()} == {"color"}]
        assert len(colors) == 1
        assert np.isin(colors[0].numbers, list(colors[0].concepts)).all()
        assert [c.name for c in colors[0].concepts.values()] == list(COLOR_NAMES)
        layers = [np.isin(label.numbers, list(label.concepts)) for label in maps if label is not colors[0]]
        overlapping += int((np.sum(layers, axis=0) >= 3).sum())
    assert overlapping > 0  # an eye in a head of a cat, of fur


def test_seeds_give_other_scenes() -> None:
    one, two = DemoReader(n_images=3, seed=1), DemoReader(n_images=3, seed=2)
    rows = records(one.listing().images), records(two.listing().images)
    assert not np.array_equal(one.picture(rows[0][0]), two.picture(rows[1][0]))
    assert not set(one.listing().images["image_id"]) & set(two.listing().images["image_id"])


def test_pictures_are_rgb_bytes_of_the_size_asked_for() -> None:
    reader = DemoReader(n_images=2, picture_size=32)
    picture = reader.picture(records(reader.listing().images)[1])
    assert picture.dtype == np.uint8
    assert picture.shape == (32, 32, 3)
    assert picture.std() > 10


def test_ground_truth_renders_the_picture_and_its_counterfactual() -> None:
    reader = DemoReader(n_images=5, picture_size=48)
    row = records(reader.listing().images)[4]
    scene = reader.scene(row)
    assert np.array_equal(render(scene, 48).picture, reader.picture(row))
    assert not np.array_equal(render(vary(scene, "light.time", "night"), 48).picture, reader.picture(row))
    parameters = reader.parameters(row)
    assert parameters["things.0.kind"] == scene.main.kind
    assert all(isinstance(value, str | int | float | bool) for value in parameters.values())
    assert any(scene.main.kind in sentence for sentence in reader.captions(row))


def test_a_row_of_the_sheet_opens_it() -> None:
    row = {"dataset": "scenes", "format": "demo", "n_images": 7, "options": "picture_size=48;val_share=0.5"}
    reader = open_dataset(row, study_seed=5)
    assert isinstance(reader, DemoReader)
    assert (reader.n_images, reader.seed, reader.picture_size, reader.val_share) == (7, 5, 48, 0.5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_images": 0}, "n_images"),
        ({"picture_size": 8}, "picture_size"),
        ({"picture_size": "large"}, "whole number"),
        ({"val_share": 1.5}, "val_share"),
        ({"val_share": "half"}, "number"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DemoReader(**options)  # type: ignore[arg-type]


def test_the_docs_name_every_concept() -> None:
    page = (Path(__file__).parents[3] / "docs" / "demo.md").read_text(encoding="utf-8")
    for category in SHOWN:
        line = next(line for line in page.splitlines() if line.startswith(f"| {category} |"))
        named = [name.strip() for name in line.split("|")[3].split(",")]
        assert named == [name for name, kind in CONCEPTS if kind == category]

"""Every data format through one contract: a new format is picked up here by its line in the index."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.datasets.annotations import rasterise
from conceptatlas.datasets.frames import placement
from conceptatlas.datasets.index import FORMATS, open_dataset
from conceptatlas.datasets.listing import IMAGE_FIELDS, SPLITS, list_dataset, read_listing, write_listing
from conceptatlas.datasets.reader import ImageLabel, LabelMap
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import records
from tiny_datasets import TINY


def test_every_format_has_a_tiny_data_set():
    missing = sorted(set(FORMATS) - set(TINY))
    assert not missing, f"add a builder to TINY in tests/tiny_datasets.py for: {', '.join(missing)}"


@pytest.fixture(params=sorted(FORMATS))
def row(request, tmp_path):
    if request.param not in TINY:
        pytest.fail(f"format {request.param} has no tiny data set")
    return TINY[request.param](tmp_path / "data")


def flat(label):
    if isinstance(label, ImageLabel):
        return ("image", label.concept)
    return ("map", label.numbers.shape, label.numbers.tobytes(), tuple(sorted(label.concepts.items())))


def test_listing(row):
    listing = open_dataset(row).listing()
    assert set(IMAGE_FIELDS) <= set(listing.images.columns)
    assert len(listing.images) > 0
    assert listing.images["image_id"].is_unique
    assert all(isinstance(text, str) for field in IMAGE_FIELDS for text in listing.images[field])
    assert set(listing.images["split"]) <= set(SPLITS)
    own = set(listing.images.columns) - set(IMAGE_FIELDS)
    assert all(column.startswith("_") for column in own), f"columns of the reader itself begin with _: {own}"
    assert listing.concepts["name"].is_unique
    for categories in listing.concepts["categories"]:
        assert categories
        assert list(categories) == [category for category in CATEGORIES if category in categories]


def test_listing_is_deterministic_and_survives_its_file(row, tmp_path):
    first, second = (list_dataset(row, 5) for _ in range(2))
    assert first.images.to_dict("list") == second.images.to_dict("list")
    assert first.concepts.to_dict("list") == second.concepts.to_dict("list")
    images, concepts = tmp_path / "listing.parquet", tmp_path / "vocabulary.parquet"
    write_listing(first, images=images, concepts=concepts)
    found = read_listing(images=images, concepts=concepts)
    assert found.images.to_dict("list") == first.images.to_dict("list")
    assert found.concepts.to_dict("list") == first.concepts.to_dict("list")


def test_pictures_and_labels_need_only_the_row(row):
    """Parallel jobs open the reader anew: a second reader that never lists gives the same."""
    lister = open_dataset(row)
    for image in records(lister.listing().images):
        fresh = open_dataset(row)
        picture = fresh.picture(image)
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert picture.shape[2] == 3
        np.testing.assert_array_equal(picture, lister.picture(image))
        assert sorted(map(repr, map(flat, fresh.labels(image)))) == sorted(map(repr, map(flat, lister.labels(image))))


def test_files_are_where_the_listing_says(row):
    reader = open_dataset(row)
    for path in reader.listing().images["path"]:
        assert not path or (reader.root / path).is_file()


def test_labels_stand_in_the_vocabulary_and_fit_the_picture(row):
    reader = open_dataset(row)
    listing = reader.listing()
    categories = dict(zip(listing.concepts["name"], listing.concepts["categories"], strict=True))
    vocabulary = {name: i for i, name in enumerate(categories)}
    seen = set()
    for image in records(listing.images):
        height, width = reader.picture(image).shape[:2]
        labels = list(reader.labels(image))
        for label in labels:
            assert isinstance(label, LabelMap | ImageLabel)
            concepts = [label.concept] if isinstance(label, ImageLabel) else list(label.concepts.values())
            for concept in concepts:
                assert concept.category in categories[concept.name]
                seen.add(concept.name)
        where = placement("squash", height=height, width=width)
        found = rasterise(labels, where, size=31, vocabulary=vocabulary)
        assert (found.n_pixels <= 31 * 31).all()
    assert seen, "no image of the tiny data set has a label"


def test_a_missing_folder_is_named(row, tmp_path):
    if not row["path"]:
        pytest.skip("generated pictures have no folder")
    broken = {key: str(value).replace(str(tmp_path), str(tmp_path / "gone")) for key, value in row.items()}
    with pytest.raises(ValueError, match="gone"):
        open_dataset(broken).listing()

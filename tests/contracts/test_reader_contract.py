"""Every data format through one contract: a new format is picked up here by its line in the index.

What becomes of its labels (frames, masks, counts, overlaps) is in test_joined_contract.py.
"""

from __future__ import annotations

import functools
import importlib
import os
import pickle
import random

import numpy as np
import pytest

from conceptatlas.datasets.annotations import rasterise
from conceptatlas.datasets.frames import placement
from conceptatlas.datasets.index import FORMATS, USER, format_of, open_dataset
from conceptatlas.datasets.listing import IMAGE_FIELDS, SPLITS, list_dataset, read_listing, write_listing
from conceptatlas.datasets.reader import ImageLabel, LabelMap
from conceptatlas.naming import CATEGORIES
from conceptatlas.parallel import spread_map
from conceptatlas.seeds import unit_interval
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


@pytest.fixture(scope="module")
def spread():
    """A map over two worker processes, as listing and framing may be given."""
    pytest.importorskip("distributed")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
        with spread_map(threads=2, mem_mb=1000) as spread:
            yield spread


def flat(label):
    if isinstance(label, ImageLabel):
        return ("image", label.concept)
    return ("map", label.numbers.shape, label.numbers.tobytes(), tuple(sorted(label.concepts.items())))


def shown(label):
    """The concepts that a label has pixels of."""
    if isinstance(label, ImageLabel):
        return [label.concept]
    numbers = np.unique(label.numbers).tolist()
    return [concept for number, concept in label.concepts.items() if number in numbers]


def test_definitions_are_plain_text(row):
    definitions = open_dataset(row).definitions()
    assert all(isinstance(key, str) and isinstance(value, str) and value for key, value in definitions.items())


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


def labelled(reader, image):
    """Everything a reader tells of an image, in a form that compares and travels."""
    return reader.picture(image).tobytes(), sorted(map(repr, map(flat, reader.labels(image))))


def test_readers_travel_to_other_processes(row):
    reader = open_dataset(row)
    travelled = pickle.dumps(reader)
    assert len(travelled) < 100_000, "what is sent with every task must be small"
    images = records(reader.listing().images)
    for again in (pickle.loads(travelled), pickle.loads(pickle.dumps(reader))):  # before and after it has read files
        for image in images:
            assert labelled(again, image) == labelled(reader, image)
            assert again.present(image) == reader.present(image)
        assert again.listing().images.to_dict("list") == reader.listing().images.to_dict("list")


def test_workers_list_and_read_the_same(row, spread, monkeypatch):
    used = format_of(row)
    monkeypatch.setattr(importlib.import_module(used.module), "IMAGES_PER_TASK", 1, raising=False)
    sizes = []

    def counting(function, items):
        sizes.append(len(items))
        return spread(function, items)

    alone, together = list_dataset(row, 5), list_dataset(row, 5, map=counting)
    assert together.images.to_dict("list") == alone.images.to_dict("list")
    assert together.concepts.to_dict("list") == alone.concepts.to_dict("list")
    if used.scans and row["format"] != USER:
        assert max(sizes) > 1, "index.py says that listing opens a file an image, and it does not use map"
    reader = open_dataset(row, study_seed=5)
    images = records(alone.images)
    assert list(spread(functools.partial(labelled, reader), images)) == [labelled(reader, image) for image in images]


class Entries:
    """What os.scandir returns, in an order of our own."""

    def __init__(self, found, order):
        with found:
            self.entries = iter(order(found, key=lambda entry: str(entry.name)))

    def __iter__(self):
        return self.entries

    def __next__(self):
        return next(self.entries)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def close(self):
        return None


def shuffled(items, *, key):
    found = sorted(items, key=key)
    random.Random(1).shuffle(found)
    return found


def test_the_order_of_the_file_system_does_not_show(row, monkeypatch):
    scandir, listdir = os.scandir, os.listdir
    found = []
    for order in (sorted, lambda items, key: sorted(items, key=key, reverse=True), shuffled):
        monkeypatch.setattr(os, "scandir", lambda *args, order=order: Entries(scandir(*args), order))
        monkeypatch.setattr(os, "listdir", lambda *args, order=order: list(order(listdir(*args), key=str)))
        found.append(list_dataset(row, 5))
    for other in found[1:]:
        assert other.images.to_dict("list") == found[0].images.to_dict("list")
        assert other.concepts.to_dict("list") == found[0].concepts.to_dict("list")


def test_split_is_seeded_where_the_format_has_none(row):
    listed = list_dataset(row, 5).images
    asked = row | {"split": "0.6"}
    if listed["split"].any():
        with pytest.raises(ValueError, match="has its own split; leave the column split of its row empty"):
            list_dataset(asked, 5)
        return
    expected = ["train" if unit_interval(5, "split", name) < 0.6 else "val" for name in listed["image_id"]]
    assert list_dataset(asked, 5).images["split"].tolist() == expected
    few = list_dataset(asked | {"n_images": 2}, 5).images.set_index("image_id")["split"]
    assert few.to_dict().items() <= dict(zip(listed["image_id"], expected, strict=True)).items()


def test_files_are_where_the_listing_says(row):
    reader = open_dataset(row)
    for image in records(reader.listing().images):
        file = reader.file(image)
        assert (file is None) == (not image["path"])
        assert file is None or (file.is_file() and image["path"].endswith(file.name))


def test_labels_stand_in_the_vocabulary_and_fit_the_picture(row):
    reader = open_dataset(row)
    listing = reader.listing()
    categories = dict(zip(listing.concepts["name"], listing.concepts["categories"], strict=True))
    vocabulary = {name: i for i, name in enumerate(categories)}
    seen = set()
    for image in records(listing.images):
        height, width = reader.picture(image).shape[:2]
        labels = list(reader.labels(image))
        assert reader.present(image) == {concept for label in labels for concept in shown(label)}
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

"""The list of a data set: checks, limit, split, blocks."""

from __future__ import annotations

import pandas as pd
import pytest

from conceptatlas.datasets import listing as listing_module
from conceptatlas.datasets.listing import list_dataset, read_listing, write_listing
from conceptatlas.datasets.reader import Listing
from conceptatlas.seeds import image_block
from conceptatlas.tables import read_definitions
from tiny_datasets import TINY


class FakeReader:
    def __init__(self, ids, *, splits=None, concepts=(("sky", ["object"]),)):
        self.ids, self.splits, self.concepts = list(ids), splits, concepts

    def listing(self, *, map=map):
        images = pd.DataFrame({"image_id": self.ids}, dtype=object).assign(
            path="", source="", split=self.splits or "", licence="", attribution="", _own="x"
        )
        return Listing(images, pd.DataFrame(self.concepts, columns=["name", "categories"]))


@pytest.fixture
def fake(monkeypatch):
    def install(*args, **kwargs):
        monkeypatch.setattr(listing_module, "open_dataset", lambda row, study_seed: FakeReader(*args, **kwargs))
        return {"dataset": "fake", "format": "fake", "n_images": "", "split": ""}

    return install


def test_columns_blocks_and_order(fake):
    row = fake([f"image {i}" for i in range(40)])
    found = list_dataset(row, 0)
    assert found.images["image_index"].tolist() == list(range(40))
    assert found.images["block"].tolist() == [image_block(f"image {i}") for i in range(40)]
    assert found.images["_own"].tolist() == ["x"] * 40
    assert list(found.concepts.columns) == ["concept_index", "name", "categories"]


def test_limit_is_seeded_nested_and_keeps_the_order(fake):
    row = fake([f"{i}" for i in range(1000)])
    chosen = {n: [int(i) for i in list_dataset({**row, "n_images": n}, 3).images["image_id"]] for n in (1, 50, 400)}
    assert {n: len(ids) for n, ids in chosen.items()} == {1: 1, 50: 50, 400: 400}
    assert all(ids == sorted(ids) for ids in chosen.values())
    assert set(chosen[1]) < set(chosen[50]) < set(chosen[400])
    assert chosen[50] != [int(i) for i in list_dataset({**row, "n_images": 50}, 4).images["image_id"]]
    # a uniform choice: the mean index of 400 of 1000 is 499.5 with a standard deviation of 11
    assert abs(sum(chosen[400]) / 400 - 499.5) < 50
    assert len(list_dataset({**row, "n_images": 5000}, 3).images) == 1000


def test_limit_does_not_move_an_image_between_blocks_or_splits(fake):
    row = {**fake([f"{i}" for i in range(200)]), "split": "0.7"}
    whole = list_dataset(row, 0).images.set_index("image_id")
    part = list_dataset({**row, "n_images": 20}, 0).images.set_index("image_id")
    for column in ("block", "split"):
        assert part[column].tolist() == whole.loc[part.index, column].tolist()


def test_split_is_a_seeded_share_only_where_asked(fake):
    row = fake([f"{i}" for i in range(2000)])
    assert set(list_dataset(row, 0).images["split"]) == {""}
    asked = list_dataset({**row, "split": 0.7}, 0).images["split"]
    # 2000 draws of 0.7: standard deviation 0.01
    assert abs((asked == "train").mean() - 0.7) < 0.05
    assert set(asked) == {"train", "val"}
    assert asked.tolist() != list_dataset({**row, "split": 0.7}, 1).images["split"].tolist()


def test_own_split_stays_and_a_second_one_is_refused(fake):
    row = fake(["a", "b"], splits=["train", "val"])
    assert list_dataset(row, 0).images["split"].tolist() == ["train", "val"]
    with pytest.raises(ValueError, match="has its own split; leave the column split"):
        list_dataset({**row, "split": "0.7"}, 0)


@pytest.mark.parametrize("share", ["1", "0", "-1", "yes", "70"])
def test_split_share_must_lie_between_0_and_1(fake, share):
    with pytest.raises(ValueError, match="split is the share of training images"):
        list_dataset({**fake(["a"]), "split": share}, 0)


def test_what_a_listing_must_not_hold(fake):
    with pytest.raises(ValueError, match="data set fake holds no images"):
        list_dataset(fake([]), 0)
    with pytest.raises(ValueError, match="2 image ids stand more than once, among them 'a', 'b'"):
        list_dataset(fake(["a", "b", "a", "b", "c"]), 0)
    with pytest.raises(ValueError, match="empty id"):
        list_dataset(fake([""]), 0)
    with pytest.raises(ValueError, match="unknown split 'test'"):
        list_dataset(fake(["a"], splits=["test"]), 0)
    with pytest.raises(ValueError, match="n_images must be at least 1, not 0"):
        list_dataset({**fake(["a"]), "n_images": "0"}, 0)


def test_what_a_vocabulary_must_not_hold(fake, caplog):
    with pytest.raises(ValueError, match="1 concept names stand more than once, among them 'sky'"):
        list_dataset(fake(["a"], concepts=[("sky", ["object"]), ("sky", ["part"])]), 0)
    with pytest.raises(ValueError, match=r"unknown category 'objects'.*concept 'sky'; did you mean 'object'"):
        list_dataset(fake(["a"], concepts=[("sky", ["objects"])]), 0)
    with pytest.raises(ValueError, match="concept 'sky' has no category"):
        list_dataset(fake(["a"], concepts=[("sky", [])]), 0)
    list_dataset(fake(["a"], concepts=[("sky", ["object"]), ("Sky", ["part"])]), 0)
    assert "differ only in case" in caplog.text


def test_tables_come_back_with_definitions(tmp_path):
    listing = list_dataset(TINY["image_folder"](tmp_path / "data"), 0)
    images, concepts = tmp_path / "listing.parquet", tmp_path / "vocabulary.parquet"
    write_listing(listing, images=images, concepts=concepts)
    found = read_listing(images=images, concepts=concepts)
    assert found.images.to_dict("list") == listing.images.to_dict("list")
    assert found.concepts.to_dict("list") == listing.concepts.to_dict("list")
    assert all(column.definition for column in read_definitions(images))


def test_what_is_cut_from_one_picture_stays_in_one_block_and_split(tmp_path):
    row = TINY["coco_instances"](tmp_path)
    row["options"] = ";".join(filter(None, [row.get("options", ""), "crop=box"]))
    images = list_dataset(row, 0).images
    pictures = images["image_id"].str.partition("#")[0]
    assert pictures.nunique() < len(images)
    assert images["block"].tolist() == [image_block(picture) for picture in pictures]
    assert images.groupby(pictures)["split"].nunique().max() == 1

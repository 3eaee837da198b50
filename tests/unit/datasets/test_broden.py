"""The Broden reader on a tiny data set in Broden's layout."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.reader import ImageLabel
from conceptatlas.tables import read_table, records
from tiny_datasets import broden, broden_masks, frame_dataset, join_dataset, save_coded


@pytest.fixture
def folder(tmp_path):
    broden(tmp_path / "broden")
    return tmp_path / "broden"


def reader_of(folder, **options):
    return open_dataset({"dataset": "b", "format": "broden", "path": str(folder), "options": options})


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_listing_follows_index_csv(folder):
    listing = reader_of(folder).listing()
    assert listing.images["image_id"].tolist()[0] == "ade20k/image_0.jpg"
    assert listing.images["source"].tolist() == ["ade20k", "ade20k", "dtd", "pascal"]
    assert listing.images["split"].tolist() == ["train", "val", "train", "val"]
    concepts = dict(zip(listing.concepts["name"], listing.concepts["categories"], strict=True))
    assert list(concepts) == ["black-c", "car", "wheel", "street-s", "striped", "metal", "door"]
    assert concepts["wheel"] == ["object", "part"]


def test_numbers_above_255_use_the_green_channel(folder):
    """Under NumPy 2 arithmetic on bytes would overflow; 300 = 44 + 256."""
    reader = reader_of(folder)
    row = records(reader.listing().images)[0]
    maps = [label for label in reader.labels(row) if not isinstance(label, ImageLabel)]
    door = next(label for label in maps if 300 in label.concepts)
    assert door.concepts == {300: ("door", "part")}
    np.testing.assert_array_equal(door.numbers, broden_masks()["part_2"])


def test_cells_give_maps_and_labels_of_the_whole_image(folder):
    reader = reader_of(folder)
    rows = records(reader.listing().images)
    whole = [[label.concept for label in reader.labels(row) if isinstance(label, ImageLabel)] for row in rows]
    assert whole == [[("street-s", "scene")], [("street-s", "scene")], [("striped", "texture")], []]
    assert [sum(1 for _ in reader.labels(row)) for row in rows] == [5, 5, 5, 5]


def test_overlapping_parts_and_a_label_in_two_categories(folder, tmp_path):
    row = {**broden(folder), "frame_size": 24, "mask_size": 12}
    paths = frame_dataset(row, tmp_path / "out", n_shards=1)
    join_dataset(row, tmp_path / "out", paths)
    rows = read_annotations(paths["annotations"][0])
    names = read_table(paths["vocabulary"])["name"].tolist()
    wheel, door, car = (names.index(name) for name in ("wheel", "door", "car"))
    # image 0: masks are stored at S, so counts are those of the maps: wheel 2 x 3, door 4 x 3, car 6 x 10
    first = rows.image_index == 0
    assert {int(c): int(n) for c, n in zip(rows.concept_index[first], rows.n_pixels[first], strict=True)} == {
        names.index("black-c"): 72,
        car: 60,
        wheel: 6,
        door: 12,
        names.index("street-s"): 144,
    }
    # image 3: the wheel twice, as part (6) and as object (9), 0 shared: merged 15
    last = (rows.image_index == 3) & (rows.concept_index == wheel)
    assert rows.n_pixels[last].tolist() == [9, 6]
    merged = rows.merged()
    assert merged.n_pixels[(merged.image_index == 3) & (merged.concept_index == wheel)].tolist() == [15]
    concepts = read_table(tmp_path / "out" / "concepts.parquet").set_index("name")
    # pixels of wheel: as part 4 x 6 = 24, as object 9
    assert concepts.loc["wheel", "primary_category"] == "part"
    assert concepts.loc["wheel", "n_pixels"] == 33
    assert concepts.loc["metal", "n_images"] == 0
    assert concepts.loc["metal", "primary_category"] == "material"


def test_choosing_categories_keeps_all_images(folder):
    reader = reader_of(folder, categories="scene,part")
    listing = reader.listing()
    assert len(listing.images) == 4
    assert listing.concepts["name"].tolist() == ["wheel", "street-s", "door"]
    assert listing.concepts["categories"].tolist() == [["part"], ["scene"], ["part"]]
    labels = list(reader.labels(records(listing.images)[3]))
    assert [set(label.concepts.values()) for label in labels] == [{("wheel", "part")}, {("door", "part")}]
    with pytest.raises(ValueError, match=r"unknown category 'parts'.*did you mean 'part'"):
        reader_of(folder, categories="parts")


def test_errors_of_the_whole_data_set(folder, tmp_path):
    with pytest.raises(ValueError, match=r"nowhere/index\.csv: no such file"):
        reader_of(tmp_path / "nowhere").listing()
    with pytest.raises(ValueError, match="leave the column annotations empty"):
        open_dataset({"format": "broden", "path": "a", "annotations": "b"})

    def broken(name, old, new):
        copy = tmp_path / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(folder, copy)
        replace(copy / name, old, new)
        return reader_of(copy)

    with pytest.raises(ValueError, match=r"label\.csv: label 2 stands twice"):
        broken("label.csv", "3,wheel", "2,wheel").listing()
    with pytest.raises(ValueError, match="labels 2 and 3 are both called 'car'"):
        broken("label.csv", "3,wheel", "3,car").listing()
    with pytest.raises(ValueError, match="unknown category 'thing'"):
        broken("label.csv", "object(3)", "thing(3)").listing()
    with pytest.raises(ValueError, match="label number 'two' is not a whole number"):
        broken("label.csv", "2,car", "two,car").listing()
    with pytest.raises(ValueError, match=r"c_part\.csv: label 3 is 'tyre', in label\.csv it is 'wheel'"):
        broken("c_part.csv", "wheel", "tyre").listing()
    with pytest.raises(ValueError, match=r"index\.csv: no column split, sh, or more than one"):
        broken("index.csv", "image,split,ih,iw,sh", "image,part2,ih,iw,s").listing()
    with pytest.raises(ValueError, match=r"index\.csv: no column ih, iw, or more than one"):
        broken("index.csv", "image,split,ih,iw,sh", "image,split,ih,ih,sh").listing()
    with pytest.raises(ValueError, match=r"index\.csv, line 2: 11 cells, the header has 12"):
        broken("index.csv", ",4,\n", ",4\n").listing()
    with pytest.raises(ValueError, match=r"label\.csv, line 3: 7 cells, the header has 6"):
        broken("label.csv", "2,car,", "2,car,automobile,").listing()
    with pytest.raises(ValueError, match=r"c_part\.csv: no column number, or more than one"):
        broken("c_part.csv", "number", "id").listing()


def test_cells_in_quotes_may_hold_commas(folder):
    replace(folder / "label.csv", "2,car,object(3),10,1.0,", '2,car,object(3),10,1.0,"auto, automobile"')
    assert reader_of(folder).listing().concepts["name"].tolist()[1] == "car"


def test_errors_of_one_image(folder):
    def labels(edit):
        reader = reader_of(folder)
        row = records(reader.listing().images)[0]
        edit(row)
        return list(reader.labels(row))

    mask = folder / "images" / "ade20k" / "image_0_object.png"
    with pytest.raises(ValueError, match=r"label 77 is not in label\.csv \(numbers 1 to 300\)"):
        labels(lambda row: row.update(_scene="77"))
    with pytest.raises(ValueError, match=r"none\.png: no such file"):
        labels(lambda row: row.update(_part="none.png"))
    save_coded(mask, np.full((12, 12), 999))
    with pytest.raises(ValueError, match=r"image_0_object\.png: label 999 is not in label\.csv"):
        labels(lambda row: None)
    save_coded(mask, np.full((12, 12), 1 << 16))
    with pytest.raises(ValueError, match="the blue channel is not 0"):
        labels(lambda row: None)
    save_coded(mask, np.full((10, 12), 2))
    with pytest.raises(ValueError, match=r"10 x 12 pixels, index\.csv says sh x sw = 12x12"):
        labels(lambda row: None)
    Image.fromarray(np.zeros((9, 9, 3), dtype=np.uint8)).save(folder / "images" / "ade20k" / "image_0.jpg")
    reader = reader_of(folder)
    with pytest.raises(ValueError, match=r"9 x 9 pixels, index\.csv says ih x iw = 24x24"):
        reader.picture(records(reader.listing().images)[0])

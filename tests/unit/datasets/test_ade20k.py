"""The ADE20K reader on tiny data sets of both releases."""

from __future__ import annotations

import json
import logging
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from conceptatlas.datasets.framing import FrameOptions, frame_image
from conceptatlas.datasets.index import named_files, open_dataset
from conceptatlas.datasets.reader import ImageLabel
from conceptatlas.tables import records
from tiny_parts import ADE_NAMES, ade20k, ade20k_2016, ade_classes, ade_maps, class_colours

STREET = "training/urban/street"


@pytest.fixture
def row(tmp_path):
    return ade20k(tmp_path)


@pytest.fixture
def base(row, tmp_path):
    return tmp_path / "ADE20K_2021_17_01" / "images" / "ADE"


def first(row, split="train", scene="street-s"):
    reader = open_dataset(row)
    images = records(reader.listing().images)
    return reader, next(image for image in images if image["split"] == split and image["_scene"] == scene)


def framed(row, split="train"):
    reader, image = first(row, split)
    names = reader.listing().concepts["name"]
    return frame_image(
        reader, image, options=FrameOptions.of(row), vocabulary={name: i for i, name in enumerate(names)}
    )


def edit(path, change):
    content = json.loads(path.read_bytes().decode("latin-1"))
    change(content["annotation"])
    path.write_bytes(json.dumps(content, ensure_ascii=False).encode("latin-1"))


def test_listing(row):
    listing = open_dataset(row).listing()
    assert listing.images["image_id"].tolist() == [
        "training/cultural/apse__indoor/ADE_train_00000002.jpg",
        f"{STREET}/ADE_train_00000000.jpg",
        "validation/urban/street/ADE_val_00000001.jpg",
    ]
    assert listing.images["split"].tolist() == ["train", "train", "val"]
    assert set(listing.images["source"]) == {"ade20k"}
    assert set(listing.images["licence"]) == {"Downloaded from a search engine."}
    assert listing.images["attribution"].tolist()[1] == "ADE20K, sun/s/street/0.jpg"


def test_concepts(row):
    concepts = open_dataset(row).listing().concepts
    assert dict(zip(concepts["name"], concepts["categories"], strict=True)) == {
        "café": ["object"],
        "ashcan": ["object"],
        "car": ["object"],
        "door": ["part"],
        "silver screen": ["object"],
        "screen": ["object"],
        "wheel": ["part"],
        "rim": ["part"],
        "apse-indoor-s": ["scene"],
        "street-s": ["scene"],
    }


def test_labels(row):
    reader, image = first(row)
    labels = list(reader.labels(image))
    assert [label.concept.name for label in labels if isinstance(label, ImageLabel)] == ["street-s"]
    maps = [label for label in labels if not isinstance(label, ImageLabel)]
    expected = ade_maps(0)
    names = {2560: "silver screen", 2561: "screen"}
    for label, (layer, numbers) in zip(maps, expected.items(), strict=True):
        shown = {int(n) for n in np.unique(numbers)} - {0, 1}
        assert set(label.concepts) == shown
        for number in shown:
            name = names.get(number, ADE_NAMES[number].partition(",")[0])
            assert label.concepts[number] == (name, "object" if layer == "seg" else "part")
            np.testing.assert_array_equal(label.numbers == number, numbers == number)


def test_an_object_that_is_wholly_hidden_is_not_present(row):
    reader, image = first(row)
    assert "64" in json.loads(image["_names"])
    assert "ashcan" not in {concept.name for concept in reader.present(image)}
    assert ("wheel", "part") in reader.present(image)


def test_the_class_without_a_name_is_unlabelled(row):
    """Number 1 is "-" in the release of 2016: known, and no class."""
    reader, image = first(row)
    objects = next(label for label in reader.labels(image) if not isinstance(label, ImageLabel))
    assert (objects.numbers == 1).any()
    assert 1 not in objects.concepts


def test_all_class_numbers_survive_their_coding(row, base):
    """R x G: 26 x 256 numbers, among them those whose 8-bit product would overflow."""
    numbers = np.arange(1, 26 * 256).reshape(55, -1)
    png = base / STREET / "ADE_train_00000000_seg.png"
    Image.fromarray(class_colours(numbers)).save(png)
    reader, _ = first(row)
    label = reader._map(png, dict.fromkeys(range(1, 26 * 256), "any"), "object")
    np.testing.assert_array_equal(label.numbers, numbers)


def test_the_listing_does_not_depend_on_who_reads(row):
    reader = open_dataset(row)
    alone = reader.listing()
    with ThreadPoolExecutor(2) as pool:
        together = reader.listing(map=pool.map)
    assert alone.images.equals(together.images)
    assert alone.concepts.equals(together.concepts)


def test_names_of_the_user(row, tmp_path):
    names = tmp_path / "names.tsv"
    names.write_text("401\tdoor\n774\tdoor\n2561\t\n7\tghost\n")
    row = {**row, "options": f"names={names}"}
    assert str(names) in list(named_files(row))
    concepts = open_dataset(row).listing().concepts
    categories = dict(zip(concepts["name"], concepts["categories"], strict=True))
    assert categories["door"] == ["object", "part"]
    assert categories["ghost"] == ["object", "part"]
    assert "car" not in categories
    # nobody claims "screen" any more
    assert categories["screen"] == ["object"]
    reader, image = first(row)
    shown = {concept.name for concept in reader.present(image)}
    assert {"door", "screen", "wheel"} <= shown


def test_a_number_that_no_annotation_names(row, base, tmp_path):
    png = base / STREET / "ADE_train_00000000_seg.png"
    Image.fromarray(class_colours(np.full((20, 30), 7))).save(png)
    assert "seg.png: class numbers [7] are not in the annotation of the image" in framed(row).reason
    names = tmp_path / "names.tsv"
    names.write_text("7\tghost\n")
    found = framed({**row, "options": f"names={names}"})
    assert not found.reason


def test_a_number_with_several_names_takes_the_commonest(row, base, caplog):
    def rename(annotation):
        next(thing for thing in annotation["object"] if thing["name_ndx"] == 401)["name"] = "aaa"

    edit(base / STREET / "ADE_train_00000000.json", rename)
    assert "aaa" in open_dataset(row).listing().concepts["name"].tolist()  # one against one: the alphabet decides
    edit(
        base / "training/cultural/apse__indoor/ADE_train_00000002.json",
        lambda annotation: annotation["object"].update(name=ADE_NAMES[401], name_ndx=401),
    )
    with caplog.at_level(logging.WARNING):
        names = open_dataset(row).listing().concepts["name"].tolist()
    assert "car" in names
    assert "aaa" not in names
    assert "1 class numbers have several names, such as 401: aaa | car, auto, automobile" in caplog.text


def test_palette_pngs_are_read_by_their_colours(row, base):
    expected = [label.numbers for label in _maps(row)]
    png = base / STREET / "ADE_train_00000000_seg.png"
    Image.open(png).convert("RGB").quantize(256).save(png)
    for found, numbers in zip(_maps(row), expected, strict=True):
        np.testing.assert_array_equal(found.numbers, numbers)


def _maps(row):
    reader, image = first(row)
    return [label for label in reader.labels(image) if not isinstance(label, ImageLabel)]


def test_grey_pngs_go_to_quarantine(row, base):
    png = base / STREET / "ADE_train_00000000_seg.png"
    Image.open(png).convert("L").save(png)
    assert "expected an RGB mask" in framed(row).reason


@pytest.mark.parametrize("ending", ["seg", "parts_1"])
def test_pngs_that_show_another_view_go_to_quarantine(row, base, ending):
    png = base / STREET / f"ADE_train_00000000_{ending}.png"
    Image.open(png).resize((20, 30), Image.Resampling.NEAREST).save(png)
    reason = framed(row).reason
    assert "a label map of 30 x 20 pixels (height x width) does not fit its picture of 20 x 30" in reason


def test_pngs_may_be_smaller_than_the_picture(row, base):
    png = base / STREET / "ADE_train_00000000_seg.png"
    Image.open(png).resize((15, 10), Image.Resampling.NEAREST).save(png)
    assert not framed(row).reason


@pytest.mark.parametrize(
    ("gone", "message"),
    [
        ("_seg.png", "ADE_train_00000000_seg.png: no such file"),
        (".json", "ADE_train_00000000.json: not a readable annotation of ADE20K"),
        ("_parts_2.png", "names parts of level 2, but there is no ADE_train_00000000_parts_2.png"),
    ],
)
def test_missing_files_put_their_image_into_quarantine(row, base, gone, message):
    (base / STREET / f"ADE_train_00000000{gone}").unlink()
    assert message in framed(row).reason
    assert not framed(row, split="val").reason


def test_parts_that_the_json_does_not_mention_are_read_where_it_names_their_numbers(row, base):
    edit(base / STREET / "ADE_train_00000000.json", lambda a: [o.update(parts=None) for o in a["object"]])
    found = framed(row)
    assert not found.reason


def test_broken_json_puts_its_image_into_quarantine(row, base):
    (base / STREET / "ADE_train_00000000.json").write_text('{"annotation": {"object": [')
    assert "not a readable annotation of ADE20K" in framed(row).reason
    assert len(open_dataset(row).listing().images) == 3


def test_without_a_scene_in_the_json_the_folder_tells(row, base):
    edit(base / STREET / "ADE_train_00000000.json", lambda a: a.pop("scene"))
    assert open_dataset(row).listing().images["_scene"].tolist() == ["apse-indoor-s", "street-s", "street-s"]


def test_refusals(row, tmp_path):
    with pytest.raises(ValueError, match="leave the column annotations empty"):
        open_dataset({**row, "annotations": "x"})
    with pytest.raises(ValueError, match=r"unknown option 'name'.*did you mean 'names'"):
        open_dataset({**row, "options": "name=x"})
    with pytest.raises(ValueError, match=r"gone.tsv: no such file"):
        open_dataset({**row, "options": f"names={tmp_path / 'gone.tsv'}"}).listing()


def test_release_of_2016(tmp_path):
    row = ade20k_2016(tmp_path)
    reader = open_dataset(row)
    listing = reader.listing()
    assert listing.images["image_id"].tolist() == [
        "training/s/street/ADE_train_00000000.jpg",
        "validation/b/bow_window/indoor/ADE_val_00000001.jpg",
    ]
    assert listing.images["_scene"].tolist() == ["street-s", "bow_window-indoor-s"]
    assert listing.images["licence"].tolist()[0].startswith("ADE20K terms of use")
    categories = dict(zip(listing.concepts["name"], listing.concepts["categories"], strict=True))
    assert categories["wheel"] == ["part"]
    assert categories["silver screen"] == ["object"]
    assert "café" not in categories  # the index names it, no image does
    for i, image in enumerate(records(listing.images)):
        fresh = open_dataset(row)
        maps = [label for label in fresh.labels(image) if not isinstance(label, ImageLabel)]
        for label, numbers in zip(maps, ade_maps(i).values(), strict=True):
            np.testing.assert_array_equal(label.numbers, numbers)
            assert set(label.concepts) == set(np.unique(numbers).tolist()) - {0, 1}
    assert {n for n, _ in ade_classes(ade_maps(0))} == {int(n) for n in json.loads(listing.images["_names"].iloc[0])}


def test_release_of_2016_without_its_index_is_refused(tmp_path):
    row = ade20k_2016(tmp_path)
    (tmp_path / "index_ade20k.mat").unlink()
    with pytest.raises(ValueError, match=r"as in the release of 2016.*index_ade20k.mat; that file is not there"):
        open_dataset(row).listing()


def test_names_of_2016_that_the_index_does_not_have(tmp_path, caplog):
    row = ade20k_2016(tmp_path)
    file = tmp_path / "images/training/s/street/ADE_train_00000000_atr.txt"
    text = file.read_bytes().decode("latin-1")
    file.write_bytes(text.replace("# car, auto, automobile #", "# auto-mobile #").encode("latin-1"))
    with caplog.at_level(logging.WARNING):
        found = framed(row)
    assert "1 names of _atr.txt files are not in index_ade20k.mat, such as 'auto-mobile'" in caplog.text
    assert "class numbers [401] are not in the annotation" in found.reason

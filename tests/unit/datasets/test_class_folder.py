"""The reader of a folder a class: names, further labels, splits, and every tree that is not quite one."""

from __future__ import annotations

import logging
import shutil

import pytest

from conceptatlas.datasets.class_folder import class_name
from conceptatlas.datasets.index import open_dataset
from conceptatlas.datasets.reader import ImageLabel
from conceptatlas.tables import records
from tiny_faces import class_folder
from tiny_files import picture, save_picture


@pytest.fixture
def row(tmp_path):
    return class_folder(tmp_path)


@pytest.fixture
def folder(row, tmp_path):
    return tmp_path / "images"


def reader_of(folder, **options):
    return open_dataset({"format": "class_folder", "path": str(folder), "options": options})


def labels_of(reader):
    found = {}
    for image in records(reader.listing().images):
        labels = list(reader.labels(image))
        assert all(isinstance(label, ImageLabel) for label in labels)
        found[image["image_id"]] = [tuple(label.concept) for label in labels]
    return found


def tree(root, *files):
    for i, file in enumerate(files):
        save_picture(root / file, picture(6, 8, seed=i))
    return root


def test_folders_are_classes(folder):
    reader = reader_of(folder, licence="CC0", attribution="me")
    listing = reader.listing()
    images = listing.images
    assert images["image_id"].tolist() == sorted(images["image_id"])
    assert images["image_id"].tolist() == images["path"].tolist()
    assert set(images["source"]) == {""}, "the class would leave nothing to permute"
    assert set(images["split"]) == {""}
    assert set(images["licence"]) == {"CC0"}
    assert set(images["attribution"]) == {"me"}
    assert listing.concepts["name"].tolist() == ["banded", "n03", "polka dotted", "woven"]
    assert listing.concepts["categories"].tolist() == [["object"]] * 4
    assert labels_of(reader) == {
        "banded/banded_1.jpg": [("banded", "object")],
        "banded/banded_2.png": [("banded", "object")],
        "n03/a.jpg": [("n03", "object")],
        "n03/b.png": [("n03", "object")],
        "polka_dotted/dots_1.jpg": [("polka dotted", "object")],
    }


def test_names_further_labels_and_lists(row, caplog):
    reader = open_dataset(row)
    with caplog.at_level(logging.INFO):
        listing = reader.listing()
    # folders first, in the order of their names on disk; then labels that have no folder
    assert listing.concepts["name"].tolist() == ["banded", "striped", "polka dotted", "woven", "frilly edge"]
    assert {category for found in listing.concepts["categories"] for category in found} == {"texture"}
    splits = dict(zip(listing.images["image_id"], listing.images["split"], strict=True))
    assert splits == {
        "banded/banded_1.jpg": "train",
        "banded/banded_2.png": "val",
        "n03/a.jpg": "train",
        "n03/b.png": "",
        "polka_dotted/dots_1.jpg": "train",
    }
    found = {image: [name for name, _ in labels] for image, labels in labels_of(reader).items()}
    assert found["banded/banded_1.jpg"] == ["banded", "striped"]
    assert found["polka_dotted/dots_1.jpg"] == ["polka dotted", "frilly edge"]
    assert found["n03/a.jpg"] == ["striped"]
    assert "joint.txt names 1 pictures that are not there, such as n03/gone.jpg" in caplog.text
    assert "no name for 3 folders, such as ['banded'" in caplog.text
    assert "1 labels have no folder, such as ['frilly_edge']" in caplog.text


def test_split_folders(tmp_path):
    root = tree(tmp_path, "train/cat/1.jpg", "train/dog/1.jpg", "val/cat/1.jpg", "test/cow/1.jpg")
    reader = reader_of(root)
    listing = reader.listing()
    assert listing.concepts["name"].tolist() == ["cat", "cow", "dog"]
    splits = dict(zip(listing.images["image_id"], listing.images["split"], strict=True))
    assert splits == {
        "test/cow/1.jpg": "val",
        "train/cat/1.jpg": "train",
        "train/dog/1.jpg": "train",
        "val/cat/1.jpg": "val",
    }
    assert labels_of(reader)["val/cat/1.jpg"] == [("cat", "object")]
    (tmp_path / "list.txt").write_text("train/cat/1.jpg\n")
    with pytest.raises(ValueError, match="has train and val as folders; leave out the options train and val"):
        reader_of(root, train=str(tmp_path / "list.txt")).listing()


def test_a_class_may_be_called_train(tmp_path):
    reader = reader_of(tree(tmp_path, "train/1.jpg", "plane/1.jpg"))
    assert labels_of(reader) == {"plane/1.jpg": [("plane", "object")], "train/1.jpg": [("train", "object")]}


@pytest.mark.parametrize("beside", ["val/1.jpg", "meta/1.jpg", "meta/deep/1.jpg"])
def test_split_folders_with_something_beside(tmp_path, beside):
    root = tree(tmp_path, "train/cat/1.jpg", beside)
    with pytest.raises(ValueError, match=f"train hold class folders, but beside them is {beside.partition('/')[0]}"):
        reader_of(root).listing()


def test_pictures_outside_of_class_folders(tmp_path):
    root = tree(tmp_path, "cat/1.jpg", "readme.png", "z.JPG")
    with pytest.raises(ValueError, match=r"2 pictures lie in no class folder, such as readme\.png; .*image_folder"):
        reader_of(root).listing()
    (root / "readme.png").rename(root / "cat" / "2.png")
    (root / "z.JPG").rename(root / "cat" / "3.JPG")
    assert len(reader_of(root).listing().images) == 3


def test_deeper_pictures_belong_to_the_first_folder(tmp_path, caplog):
    reader = reader_of(tree(tmp_path, "a/abbey/1.jpg", "a/2.jpg"))
    assert labels_of(reader) == {"a/2.jpg": [("a", "object")], "a/abbey/1.jpg": [("a", "object")]}
    assert "1 pictures lie deeper than their class, as a/abbey/1.jpg does" in caplog.text


def test_what_is_not_seen(tmp_path):
    root = tree(tmp_path / "data", "cat/1.jpg", "cat/.2.jpg", ".git/3.jpg", "cat/.thumbs/4.jpg")
    (root / "cat" / "notes.txt").write_text("x")
    (root / "cat" / "noname").write_text("x")
    (root / "classes.txt").write_text("x")
    assert reader_of(root).listing().images["image_id"].tolist() == ["cat/1.jpg"]


def test_links_are_followed(tmp_path):
    tree(tmp_path / "store", "flat_1.jpg", "dogs/1.jpg")
    root = tmp_path / "data"
    (root / "cat").mkdir(parents=True)
    (root / "cat" / "1.jpg").symlink_to(tmp_path / "store" / "flat_1.jpg")
    (root / "dog").symlink_to(tmp_path / "store" / "dogs", target_is_directory=True)
    (root / "cat" / "broken.jpg").symlink_to(tmp_path / "store" / "nowhere.jpg")  # listed; quarantined when framed
    assert reader_of(root).listing().images["image_id"].tolist() == ["cat/1.jpg", "cat/broken.jpg", "dog/1.jpg"]


def test_two_folders_of_one_name(tmp_path):
    root = tree(tmp_path / "data", "n02012849/1.jpg", "n03126707/1.jpg")
    names = tmp_path / "names.tsv"
    names.write_text("n02012849\tcrane\nn03126707\tcrane\n")
    with pytest.raises(ValueError, match=r"folders 'n02012849' and 'n03126707' are both called 'crane'; .*merge"):
        reader_of(root, names=str(names)).listing()
    merged = reader_of(root, names=str(names), same_name="merge")
    assert merged.listing().concepts["name"].tolist() == ["crane"]
    assert list(labels_of(merged).values()) == [[("crane", "object")]] * 2
    with pytest.raises(ValueError, match="'hot dog' and 'hot_dog' are both called 'hot dog'"):
        reader_of(tree(tmp_path / "other", "hot dog/1.jpg", "hot_dog/1.jpg")).listing()


@pytest.mark.parametrize("spread", [map, lambda function, items: [function(item) for item in reversed(items)][::-1]])
def test_folders_are_listed_a_task_each(folder, spread):
    listing = reader_of(folder).listing(map=spread)
    assert listing.images["image_id"].tolist() == sorted(listing.images["image_id"])
    assert len(listing.images) == 5


def test_missing_and_empty_folders(tmp_path):
    with pytest.raises(ValueError, match="nowhere: no such folder; path names the one that holds a folder a class"):
        reader_of(tmp_path / "nowhere").listing()
    with pytest.raises(ValueError, match=f"{tmp_path}: no class folders"):
        reader_of(tmp_path).listing()
    (tmp_path / "__").mkdir()
    with pytest.raises(ValueError, match="__: the name leaves no word; the option names can give it one"):
        reader_of(tmp_path).listing()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("n03 striped\n", "line 1: expected folder, name separated by a tab, found 'n03 striped'"),
        ("folder\tname\nn03\t\n", "line 2: expected folder, name"),
        ("0\tn03\tstriped\n", "line 1: expected folder, name"),
        ("n03\tstriped\nn03\tlined\n", "line 2: 'n03' is 'striped' already"),
        ("n99\tstriped\n", r"names none of the folders in .*images, such as banded"),
        ("", "names none of the folders"),
    ],
)
def test_errors_of_a_names_file(folder, tmp_path, text, message):
    (tmp_path / "names.tsv").write_text(text)
    with pytest.raises(ValueError, match=message):
        reader_of(folder, names=str(tmp_path / "names.tsv")).listing()


def test_errors_of_further_labels(folder, tmp_path):
    file = tmp_path / "joint.txt"
    reader = reader_of(folder, labels=str(file))
    file.write_text("n03/a.jpg n03\nn03/a.jpg banded\n")
    with pytest.raises(ValueError, match=r"joint\.txt, line 2: n03/a\.jpg stands twice"):
        reader.listing()
    file.write_text("images/n03/a.jpg n03\n")
    with pytest.raises(ValueError, match=r"names no picture of .*, such as images/n03/a\.jpg; paths there"):
        reader.listing()
    file.unlink()
    with pytest.raises(ValueError, match=r"joint\.txt: no such file; the option labels names it"):
        reader.listing()


def test_labels_by_tabs_may_hold_blanks(tmp_path):
    root = tree(tmp_path / "data", "hot_dog/1 2.jpg", "bun/1.jpg")
    (tmp_path / "joint.txt").write_text("hot_dog/1 2.jpg\tbun\tmustard on top\n\n")
    found = labels_of(reader_of(root, labels=str(tmp_path / "joint.txt")))
    assert [name for name, _ in found["hot_dog/1 2.jpg"]] == ["hot dog", "bun", "mustard on top"]


def test_errors_of_lists(folder, tmp_path):
    train, val = tmp_path / "train1.txt", tmp_path / "val1.txt"
    reader = reader_of(folder, train=str(train), val=str(val))
    val.write_text("banded/banded_1.jpg\n")
    with pytest.raises(ValueError, match=r"banded/banded_1\.jpg is in the lists of train and of val"):
        reader.listing()
    val.write_text("")
    with pytest.raises(ValueError, match=r"val1\.txt names no picture"):
        reader.listing()
    val.unlink()
    with pytest.raises(ValueError, match=r"val1\.txt: no such file; the option val is a list of pictures"):
        reader.listing()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"category": "textur"}, "unknown category 'textur'.*did you mean 'texture'"),
        ({"same_name": "join"}, "unknown value of same_name 'join'"),
    ],
)
def test_errors_of_options(folder, options, message):
    with pytest.raises(ValueError, match=message):
        reader_of(folder, **options)
    with pytest.raises(ValueError, match="leave the column annotations empty"):
        open_dataset({"format": "class_folder", "path": "a", "annotations": "b"})


def test_names_of_folders():
    assert class_name("great_white__shark_") == "great white shark"
    assert class_name("polka-dotted") == "polka-dotted"
    assert class_name("Egyptian_cat") == "Egyptian cat"


def test_torchvision_sees_the_same_classes(folder, tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    shutil.rmtree(folder / "woven")  # torchvision refuses empty classes
    tree(folder, "banded/deep/3.webp")
    twin = datasets.ImageFolder(str(folder))
    expected = {path.removeprefix(f"{folder}/"): twin.classes[label] for path, label in twin.samples}
    found = {image: labels[0][0] for image, labels in labels_of(reader_of(folder)).items()}
    assert found == {path: class_name(name) for path, name in expected.items()}

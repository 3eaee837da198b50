"""Bad pictures and bad label files, for every format: each has one documented outcome, and none is a traceback.

A new format is picked up by its line in the index; it must say here what it makes of a turned and of a wider picture,
and in `spoilt_labels.py` what it makes of its own files when they are spoilt.
"""

from __future__ import annotations

import functools
import re
import tempfile
from fnmatch import fnmatch
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import spoilt
from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.datasets.framing import FrameOptions, frame_image, frame_shard
from conceptatlas.datasets.index import FORMATS, open_dataset
from conceptatlas.datasets.listing import list_dataset, write_listing
from conceptatlas.files import read_json
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import records
from spoilt_labels import ANY, LABELS, OPEN, UNSEEN
from tiny_datasets import TINY, join_dataset

GENERATED = {"demo", "synthetic"}
ON_DISK = sorted(set(FORMATS) - GENERATED)

UNUSABLE = {
    "deleted": "no such file",
    "truncated": "cannot be decoded",
    "empty": "cannot be decoded",
    "text": "cannot be decoded",
    "noise": "cannot be decoded",
}
CONVERTED = ["cmyk", "grey", "palette"]
VALID = "valid"
FOUND_IN_FOLDERS = {"ade20k", "class_folder", "image_folder", "user"}
TABLES = {".csv", ".tsv", ".txt", ".json"}

# What a picture means whose size is not the one its labels were made for.
STATED = "30 x 20 pixels.*the JSON says 20 x 30; one of them is rotated"
TURNED = {
    "ade20k": "does not fit its picture of 30 x 20; one of them is rotated",
    "broden": VALID,  # its pictures are squares
    "celeba": "178 x 218 pixels.*aligned pictures of 218 x 178.*it is rotated",
    "class_folder": VALID,
    "coco_instances": STATED,
    "coco_keypoints": STATED,
    "coco_panoptic": STATED,
    "composite": STATED,
    "image_folder": "does not fit its picture of 24 x 16; one of them is rotated",
    "pascal_part": r"24 x 18 pixels.*the masks of 2008_000001\.mat have 18 x 24",
    "user": VALID,
}
WIDER = {
    "ade20k": VALID,  # as in image_folder
    "broden": "24 x 25 pixels, index.csv says",
    "celeba": "218 x 179 pixels.*aligned pictures of 218 x 178",
    "class_folder": VALID,
    "coco_instances": "20 x 31 pixels.*the JSON says 20 x 30",
    "coco_keypoints": "20 x 31 pixels.*the JSON says 20 x 30",
    "coco_panoptic": "20 x 31 pixels.*the JSON says 20 x 30",
    "composite": "20 x 31 pixels.*the JSON says 20 x 30",
    "image_folder": VALID,  # one pixel is what scaling a mask may round
    "pascal_part": "18 x 25 pixels.*the masks of",
    "user": VALID,
}
LARGER = WIDER | {
    "ade20k": "does not fit its picture of 20 x 60",
    "broden": "24 x 48 pixels, index.csv says",
    "celeba": "218 x 356 pixels",
    "coco_instances": "20 x 60 pixels",
    "coco_keypoints": "20 x 60 pixels",
    "coco_panoptic": "20 x 60 pixels",
    "composite": "20 x 60 pixels",
    "image_folder": "does not fit its picture of 16 x 48",
    "pascal_part": "18 x 48 pixels",
}


def run(row, folder, *, spoil=lambda images, reader: None):
    """List a data set, spoil it, frame it; everything that came out."""
    paths = {"listing": folder / "listing.parquet", "vocabulary": folder / "vocabulary.parquet"}
    listing = list_dataset(row, 0)
    write_listing(listing, images=paths["listing"], concepts=paths["vocabulary"])
    images = records(listing.images)
    spoil(images, open_dataset(row))
    files = {"frames": folder / "0.h5", "annotations": folder / "0a.h5", "manifest": folder / "0.json"}
    frame_shard(row, **paths, shard=0, n_shards=1, **files, study_seed=0, progress=False)
    frames, valid = map_frames(files["frames"], manifest=files["manifest"])
    found = read_annotations(files["annotations"])
    concepts = listing.concepts["name"].tolist()  # a spoilt file may leave the vocabulary shorter
    rows = [
        {
            (concepts[found.concept_index[r]], CATEGORIES[found.category[r]], int(found.n_pixels[r]))
            for r in np.flatnonzero(found.image_index == i)
        }
        for i in range(len(images))
    ]
    return SimpleNamespace(
        images=images,
        frames=np.array(frames),
        valid=valid.tolist(),
        rows=rows,
        quarantine=read_json(files["manifest"])["quarantine"],
        paths=paths | {f"{role}s" if role == "manifest" else role: [file] for role, file in files.items()},
    )


@functools.cache
def clean(name):
    """The tiny data set of a format, unspoilt."""
    with tempfile.TemporaryDirectory() as folder:
        return run(TINY[name](Path(folder) / "data"), Path(folder))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Format -> its tiny data set, built once: the row, the folder, and what was in it."""
    made: dict[str, SimpleNamespace] = {}

    def build(name):
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            row = TINY[name](folder)
            content = {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
            made[name] = SimpleNamespace(row=row, folder=folder, content=content)
        return made[name]

    return build


@pytest.fixture
def tiny(built, name):
    """The tiny data set of the format `name`, put right again afterwards."""
    data = built(name)
    yield data
    for path in [path for path in data.folder.rglob("*") if path.is_file() and path not in data.content]:
        path.unlink()
    for path, content in data.content.items():
        if not path.exists() or path.read_bytes() != content:
            path.write_bytes(content)


def check_others(found, name, *, but=(0,)):
    """What is wrong with an image is no other image's business."""
    expected = clean(name)
    assert [image["image_id"] for image in found.images] == [image["image_id"] for image in expected.images]
    for i in range(len(found.images)):
        if i not in but:
            assert found.valid[i]
            assert found.rows[i] == expected.rows[i]
            np.testing.assert_array_equal(found.frames[i], expected.frames[i])


def names(message, stem):
    """Whether a message names a file of this stem: it, or one that lies beside it (``one_seg.png``)."""
    return re.search(rf"(?<!\w){re.escape(stem)}(\.|_\w+\.)", message) is not None


def check_quarantined(found, name, *, pattern, images=(0,), alone=True):
    assert [bad["image_index"] for bad in found.quarantine] == list(images)
    for bad in found.quarantine:
        assert names(bad["reason"], Path(bad["image_id"]).stem), f"no file is named in {bad['reason']!r}"
        assert re.search(pattern, bad["reason"]), f"{pattern!r} is not in {bad['reason']!r}"
        assert not found.frames[bad["image_index"]].any()
        assert not found.rows[bad["image_index"]]
    if alone:
        check_others(found, name, but=images)


def check_joined(found, row, folder):
    """One bad image stops the run or is left out of it, as the study allows."""
    summary = join_dataset(row, folder, found.paths, max_quarantine=1.0)
    assert summary["n_valid"] == len(found.images) - 1
    with pytest.raises(ValueError, match="cannot be used") as stopped:
        join_dataset(row, folder, found.paths, max_quarantine=0.0)
    assert found.images[0]["image_id"] in str(stopped.value)


def spoil_picture(tiny, how, folder):
    action = getattr(spoilt, how)
    return run(tiny.row, folder, spoil=lambda images, reader: action(reader.file(images[0])))


@pytest.mark.parametrize("how", UNUSABLE)
@pytest.mark.parametrize("name", ON_DISK)
def test_unusable_pictures_are_quarantined(name, how, tiny, tmp_path):
    found = spoil_picture(tiny, how, tmp_path)
    check_quarantined(found, name, pattern=UNUSABLE[how])
    if how == "empty":
        check_joined(found, tiny.row, tmp_path)


@pytest.mark.parametrize("name", ON_DISK)
def test_a_picture_that_is_gone_before_the_listing(name, tiny, tmp_path):
    """Folders do not know of it; where a table names it, it keeps its row."""
    first, *others = clean(name).images
    open_dataset(tiny.row).file(records(list_dataset(tiny.row, 0).images)[0]).unlink()
    found = run(tiny.row, tmp_path)
    listed = [image["image_id"] for image in found.images]
    if name in FOUND_IN_FOLDERS:
        assert listed == [image["image_id"] for image in others]
        assert found.quarantine == []
    else:
        assert listed == [first["image_id"], *(image["image_id"] for image in others)]
        check_quarantined(found, name, pattern="no such file")


@pytest.mark.parametrize("how", CONVERTED)
@pytest.mark.parametrize("name", ON_DISK)
def test_other_pictures_are_converted(name, how, tiny, tmp_path):
    found = spoil_picture(tiny, how, tmp_path)
    assert found.quarantine == []
    assert found.frames[0].any()
    check_others(found, name)
    labels, expected = found.rows[0], clean(name).rows[0]
    assert {row for row in labels if row[1] != "color"} == {row for row in expected if row[1] != "color"}


@pytest.mark.parametrize(("how", "outcomes"), [("turned", TURNED), ("wider", WIDER), ("larger", LARGER)])
@pytest.mark.parametrize("name", ON_DISK)
def test_pictures_of_another_size(name, how, outcomes, tiny, tmp_path):
    if name not in outcomes:
        pytest.fail(f"decide what {name} makes of a picture that is {how}")
    found = spoil_picture(tiny, how, tmp_path)
    if outcomes[name] == VALID:
        assert found.quarantine == []
        check_others(found, name)
    else:
        check_quarantined(found, name, pattern=outcomes[name])


def test_every_format_says_what_it_makes_of_spoilt_labels():
    missing = sorted(set(ON_DISK) - set(LABELS) - {"user"})
    assert not missing, f"add a list of spoilers to LABELS in tests/spoilt_labels.py for: {', '.join(missing)}"


def still_wrong(reason):
    """Marks of a case that is known to be wrong; it fails as soon as it is right, so that the mark goes."""
    return pytest.mark.xfail(reason=reason, strict=True) if reason else ()


@pytest.mark.parametrize(
    ("name", "spoiler"),
    [
        pytest.param(name, spoiler, id=f"{name}-{spoiler}", marks=still_wrong(spoiler.wrong))
        for name in ON_DISK
        for spoiler in LABELS.get(name, [])
    ],
)
def test_spoilt_labels(name, spoiler, tiny, tmp_path):
    spoiler.action(tiny.folder)
    if spoiler.stops:
        with pytest.raises(ValueError, match=spoiler.stops):
            list_dataset(tiny.row, 0)
        return
    found = run(tiny.row, tmp_path)
    if spoiler.quarantines:
        check_quarantined(found, name, pattern=spoiler.quarantines, images=spoiler.images, alone=spoiler.alone)
    else:
        assert found.quarantine == []


def label_files(tiny):
    """Files of a tiny data set that are no pictures: all tables, of masks and the like the first in each folder."""
    reader = open_dataset(tiny.row)
    pictures = {reader.file(image) for image in records(reader.listing().images)}
    files = [path for path in tiny.content if path not in pictures]
    first = {(path.parent, path.suffix): path for path in reversed(files)}
    return [path for path in files if path.suffix in TABLES or path in first.values()]


def messages(row):
    """What is said when the data set is listed and framed: why the listing stops, or why images are quarantined."""
    try:
        listing = list_dataset(row, 0)
    except ValueError as error:
        return [str(error)]
    options = FrameOptions.of(row)
    vocabulary = {concept: i for i, concept in enumerate(listing.concepts["name"])}
    reader = open_dataset(row)
    framed = [frame_image(reader, image, options=options, vocabulary=vocabulary) for image in records(listing.images)]
    return [image.reason for image in framed if image.reason]


CASES = [pytest.param(name, how, marks=still_wrong(OPEN.get((name, how), ""))) for name in ON_DISK for how in ANY]


@pytest.mark.parametrize(("name", "how"), CASES)
def test_every_label_file_is_missed_by_name(name, how, tiny):
    """Whatever is done to a file of labels: the listing stops, or images go to quarantine, and the file is named."""
    for file in label_files(tiny):
        getattr(spoilt, how)(file)
        said = messages(tiny.row)
        file.write_bytes(tiny.content[file])
        may_pass = any(fnmatch(file.name, pattern) and how == one for pattern, one in UNSEEN.get(name, ()))
        assert said or may_pass, f"{file} {how}: nobody noticed"
        for message in said:
            # a table cut short may be whole in itself, and miss what another table says
            other = how == "truncated" and str(tiny.folder) in message
            assert other or names(message, file.stem), f"{file} {how}: not named in {message!r}"

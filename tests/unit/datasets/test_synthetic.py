"""Concepts cut out by their masks and pasted: nothing of their surroundings comes along, names decide the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from conceptatlas.datasets.index import format_modules, named_files, open_dataset
from conceptatlas.datasets.listing import list_dataset
from conceptatlas.datasets.pasting import covered, cut_out, mask_of, paste
from conceptatlas.datasets.reader import PICTURE, ConceptKey, ImageLabel, LabelMap
from conceptatlas.tables import records
from tiny_composite import synthetic, write_members

Row = dict[str, Any]
Array = np.ndarray[Any, Any]

CAR, SKY = ConceptKey("car", "object"), ConceptKey("sky", "object")


def made(folder: Path, options: str = "concepts=car;per_concept=4", **cells: Any) -> Row:
    return synthetic(folder, options=options) | cells


def listed(row: Row, *, seed: int = 0) -> list[Row]:
    return records(list_dataset(row, seed).images)


def demo_row(folder: Path, options: str, *, split: str = "") -> Row:
    """Synthetic concepts of generated scenes."""
    folder.mkdir(parents=True, exist_ok=True)
    write_members(folder / "members.tsv", [{"dataset": "scenes", "format": "demo", "n_images": 60, "split": split}])
    return {"dataset": "d", "format": "synthetic", "path": "", "annotations": str(folder / "members.tsv"),
            "options": options, "frame_size": 64, "n_images": ""}  # fmt: skip


# Arrays -----------------------------------------------------------------------------------------------------------


def test_a_mask_is_the_union_of_all_maps_at_the_size_of_the_picture() -> None:
    small = LabelMap(np.array([[1, 0], [2, 1]], dtype=np.uint8), {1: CAR, 2: SKY})
    whole = LabelMap(np.zeros((4, 4), dtype=np.uint8), {0: ConceptKey("car", "part")})
    mask = mask_of([small, ImageLabel(CAR)], "car", height=4, width=4)
    assert mask.astype(int).tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert mask_of([small, whole], "car", height=4, width=4).all()
    with pytest.raises(ValueError, match="does not fit its picture of 4 x 12"):
        mask_of([small], "car", height=4, width=12)


def test_what_an_image_holds() -> None:
    label = LabelMap(np.array([[1, 0], [0, 0]], dtype=np.uint8), {1: CAR, 5: SKY})
    assert covered([label], "car") == 0.25
    assert covered([label], "sky") is None  # named, but not there
    assert covered([ImageLabel(SKY)], "sky") == 0  # there, but nothing to cut out
    assert covered([], "car") is None


def test_cutting_and_pasting_at_full_size_moves_pixels() -> None:
    rng = np.random.default_rng(0)
    picture, background = (rng.integers(0, 256, (12, 12, 3), dtype=np.uint8) for _ in range(2))
    mask = np.zeros((12, 12), dtype=bool)
    mask[3:7, 2:8] = True
    mask[3, 2] = False
    cutout = cut_out(picture, mask)
    assert cutout.shape == (4, 6, 4)
    result, pasted = paste(background, cutout, scale=0.5, place=(0.0, 0.999))  # 6 of 12 pixels: nothing is scaled
    assert pasted.sum() == mask.sum()
    assert np.array_equal(pasted[:4, 6:], mask[3:7, 2:8])
    assert np.array_equal(result[pasted], picture[mask])
    assert np.array_equal(result[~pasted], background[~pasted])
    with pytest.raises(ValueError, match="mask of what is to be cut out is empty"):
        cut_out(picture, np.zeros_like(mask))


@pytest.mark.parametrize("scale", [0.02, 0.3, 0.77, 1.0])
@pytest.mark.parametrize("place", [(0.0, 0.0), (0.5, 0.3), (0.9999, 0.9999)])
def test_nothing_of_the_surroundings_comes_along(scale: float, place: tuple[float, float]) -> None:
    """Red on green: what is pasted is red and nothing but red, whole and inside, of the size asked for."""
    picture = np.zeros((40, 50, 3), dtype=np.uint8)
    picture[..., 1] = 255
    mask = np.hypot(*np.ogrid[-15:25, -20:30]) < 13
    picture[mask] = (255, 0, 0)
    background = np.full((60, 90, 3), 7, dtype=np.uint8)
    result, pasted = paste(background, cut_out(picture, mask), scale=scale, place=place)
    assert pasted.any()
    assert np.array_equal(np.unique(result[pasted], axis=0), [[255, 0, 0]])
    assert (result[~pasted] == 7).all()
    rows, columns = np.flatnonzero(pasted.any(axis=1)), np.flatnonzero(pasted.any(axis=0))
    assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(60 * scale, abs=1.5)
    if scale > 0.2:
        assert pasted.sum() / (60 * scale) ** 2 == pytest.approx(np.pi / 4, abs=0.08)


def test_a_thin_thing_does_not_vanish() -> None:
    thin = np.zeros((100, 100), dtype=bool)
    thin[np.arange(100), np.arange(100)] = True
    _, pasted = paste(np.zeros((20, 20, 3), np.uint8), cut_out(np.zeros((100, 100, 3), np.uint8), thin), scale=0.2,
                      place=(0, 0))  # fmt: skip
    assert pasted.any()


# The list ---------------------------------------------------------------------------------------------------------


def test_as_many_images_with_each_concept_as_without(tmp_path: Path) -> None:
    images = listed(made(tmp_path, "concepts=car, wheel;per_concept=3"))
    assert [image["_concept"] for image in images] == ["car"] * 3 + ["wheel"] * 3 + [""] * 3
    assert {image["source"] for image in images} == {"synthetic"}
    assert {image["split"] for image in images} == {"train", "val"}


def test_every_holder_is_cut_out_before_one_is_cut_out_again(tmp_path: Path) -> None:
    images = [image for image in listed(made(tmp_path, "concepts=car;per_concept=7")) if image["_concept"]]
    assert sorted(image["image_id"].rpartition("/")[2] for image in images) == list("0000111")
    assert len({image[PICTURE] for image in images[:4]}) == 4
    few = [image["image_id"] for image in listed(made(tmp_path / "few", "concepts=car;per_concept=3"))]
    assert few[:3] == [image["image_id"] for image in images[:3]]


def test_backgrounds_hold_none_of_the_concepts_and_share_the_split(tmp_path: Path) -> None:
    row = demo_row(tmp_path, "concepts=car,house;background=images;per_concept=20", split="")
    reader = open_dataset(row)
    images = listed(row)
    scenes = {image["image_id"]: image for image in records(reader.listing().images)}
    assert scenes
    for image in images:
        if not image["_background"]:
            pytest.fail("every image has a background")
        background = json.loads(image["_background"])
        assert not {"car", "house"} & {key.name for key in reader._source().present(background)}
        assert background["split"] == image["split"]
        if image["_source"]:
            source = json.loads(image["_source"])
            assert source["split"] == image["split"]
            assert image["_concept"] in {key.name for key in reader._source().present(source)}


def test_pictures_differ_from_their_backgrounds_exactly_where_something_was_pasted(tmp_path: Path) -> None:
    row = demo_row(tmp_path, "concepts=car;background=images;per_concept=5")
    reader = open_dataset(row)
    for image in listed(row):
        background = reader._source().picture(json.loads(image["_background"]))
        labels = list(reader.labels(image))
        changed = (reader.picture(image) != background).any(axis=2)
        if image["_concept"]:
            (label,) = labels
            assert label.concepts == {1: CAR}
            assert not (changed & (label.numbers == 0)).any()
            assert changed.sum() > 0.8 * (label.numbers == 1).sum()
        else:
            assert not labels
            assert not changed.any()


def test_noise_has_the_size_of_the_frame_and_no_colour_of_its_own(tmp_path: Path) -> None:
    row = demo_row(tmp_path, "concepts=car;per_concept=4")
    reader = open_dataset(row)
    bare = [image for image in listed(row) if not image["_concept"]]
    pictures = np.stack([reader.picture(image) for image in bare])
    assert pictures.shape == (4, 64, 64, 3)
    assert abs(pictures.mean() - 127.5) < 1
    assert len({picture.tobytes() for picture in pictures}) == 4


def test_the_seed_decides(tmp_path: Path) -> None:
    row = demo_row(tmp_path, "concepts=car;per_concept=4")
    first, again, other = (
        [
            (image["image_id"], open_dataset(row, study_seed=seed).picture(image).tobytes())
            for image in listed(row, seed=seed)
        ]
        for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other


def test_scales_are_kept(tmp_path: Path) -> None:
    row = demo_row(tmp_path, "concepts=car;per_concept=30;min_scale=0.5;max_scale=0.5")
    reader = open_dataset(row)
    for image in listed(row):
        for label in reader.labels(image):
            rows, columns = (np.flatnonzero(label.numbers.any(axis=axis)) for axis in (1, 0))
            assert max(np.ptp(rows), np.ptp(columns)) + 1 == pytest.approx(32, abs=2)


def test_modules_and_files_behind_a_synthetic_data_set(tmp_path: Path) -> None:
    row = made(tmp_path)
    assert format_modules(row) == [f"conceptatlas.datasets.{name}" for name in ("image_folder", "synthetic")]
    files = list(named_files(row))
    assert str(tmp_path / "members.tsv") in files
    assert str(tmp_path / "own" / "objects" / "names.tsv") in files


# What cannot be ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "option concepts names what is cut out"),
        ("concepts=cars", r"unknown concept 'cars' in data set own; did you mean 'car'"),
        ("concepts=car;background=noisy", r"unknown value of background 'noisy'; did you mean 'noise'"),
        ("concepts=car;per_concept=0", "per_concept is a number of images from 1, not '0'"),
        ("concepts=car;min_scale=0.8", "min_scale 0.8 is larger than max_scale 0.7"),
        ("concepts=car;max_scale=2", "max_scale is a share above 0 and up to 1, not '2'"),
        ("concepts=car;min_share=0.9", r"no image of data set own has a mask of 'car' that covers 0.9"),
        ("concepts=car;size=3", "unknown option 'size'"),
    ],
)
def test_what_cannot_be_is_named(tmp_path: Path, options: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        open_dataset(made(tmp_path, options)).listing()


def test_without_a_bare_image_there_is_no_background(tmp_path: Path) -> None:
    row = made(tmp_path, "concepts=car;background=images;per_concept=2")
    (tmp_path / "own" / "images" / "train" / "bare.png").unlink()
    with pytest.raises(
        ValueError, match=r"no image of data set own \(split 'train'\) is without car; use background=n"
    ):
        open_dataset(row).listing()


def test_one_member_is_cut_up(tmp_path: Path) -> None:
    row = made(tmp_path)
    write_members(tmp_path / "members.tsv", [{"dataset": name, "format": "demo"} for name in "ab"])
    with pytest.raises(ValueError, match="lists 2 data sets; expected the one that is cut up"):
        open_dataset(row)
    write_members(tmp_path / "members.tsv", [{"dataset": "a", "format": "synthetic"}])
    with pytest.raises(ValueError, match="a is a synthetic itself"):
        open_dataset(row)
    with pytest.raises(ValueError, match="leave the column path empty"):
        open_dataset(row | {"path": "x"})


def test_a_source_that_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    row = made(tmp_path)
    reader = open_dataset(row)
    image = next(image for image in listed(row) if image["_concept"])
    broken = reader._source().file(json.loads(image["_source"]))
    assert broken is not None
    broken.write_bytes(b"")
    with pytest.raises(ValueError, match=broken.name):
        reader.picture(image)

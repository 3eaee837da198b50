"""Framing a shard: files that map, quarantine, parallel decoding, and what a crash or damage leaves."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor

import h5py
import numpy as np
import pytest

from conceptatlas.datasets import framing
from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.frame_file import map_frames, read_records
from conceptatlas.datasets.frames import place
from conceptatlas.datasets.framing import FrameOptions
from conceptatlas.datasets.shards import check_shard
from conceptatlas.files import DamagedFileError, array_digest, file_sha256, read_json
from tiny_datasets import FRAME, TINY, frame_dataset, image_folder, picture, save_indices


@pytest.fixture
def row(tmp_path):
    return image_folder(tmp_path / "data")


def spoil(tmp_path, *names):
    for name in names:
        path = tmp_path / "data" / "images" / name
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_frames_map_into_memory_and_are_the_placed_pictures(row, tmp_path):
    paths = frame_dataset(row, tmp_path / "out", n_shards=2)
    frames, valid = map_frames(paths["frames"][0], manifest=paths["manifests"][0])
    assert isinstance(frames, np.memmap)
    assert frames.shape == (2, 32, 32, 3)
    assert valid.tolist() == [True, True]
    with h5py.File(paths["frames"][0]) as file:
        assert file["frames"].chunks is None
        np.testing.assert_array_equal(file["frames"][:], frames)
    # the second image of the list is a PNG, so its pixels are known exactly
    np.testing.assert_array_equal(frames[1], place(picture(16, 24, seed=1), "squash", 32))


def test_manifest_and_records(row, tmp_path):
    paths = frame_dataset(row, tmp_path / "out", n_shards=2)
    manifest = read_json(paths["manifests"][1])
    assert (manifest["start"], manifest["stop"], manifest["shard"], manifest["n_valid"]) == (2, 4, "001", 2)
    assert (manifest["frame"], manifest["frame_size"], manifest["mask_size"]) == ("squash", 32, 16)
    frames, _ = map_frames(paths["frames"][1])
    assert manifest["arrays"]["frames"] == array_digest(frames)
    assert set(manifest["annotation_arrays"]) == {
        "image_index",
        "concept_index",
        "category",
        "n_pixels",
        "mask_row",
        "masks",
    }
    met = read_records(paths["frames"][1], manifest=paths["manifests"][1])
    assert (met.width.tolist(), met.height.tolist()) == ([24, 24], [16, 16])
    assert met.sha256[0] == file_sha256(tmp_path / "data" / "images" / "val" / "a" / "four.jpg")
    assert met.digest == [array_digest(frame) for frame in frames]


def test_quarantine_keeps_the_row(row, tmp_path, caplog):
    spoil(tmp_path, "train/b/two.png")
    (tmp_path / "data" / "objects" / "val" / "a" / "four.png").unlink()
    paths = frame_dataset({**row, "frame": "pad"}, tmp_path / "out", n_shards=1)
    frames, valid = map_frames(paths["frames"][0])
    assert valid.tolist() == [True, False, False, True]
    assert not frames[1:3].any()
    assert frames[0].any()
    met = read_records(paths["frames"][0], manifest=paths["manifests"][0])
    assert "two.png: cannot be decoded" in met.reason[1]
    assert "no mask" in met.reason[2]
    # the broken picture has no size, the one without labels has; both files have their digest
    assert met.width.tolist() == [24, 0, 24, 24]
    assert all(len(digest) == 64 for digest in met.sha256)
    quarantine = read_json(paths["manifests"][0])["quarantine"]
    assert [(bad["image_index"], bad["image_id"]) for bad in quarantine] == [
        (1, "train/b/two.png"),
        (2, "val/a/four.jpg"),
    ]
    assert set(read_annotations(paths["annotations"][0]).image_index.tolist()) == {0, 3}
    assert "quarantine: train/b/two.png" in caplog.text


def test_a_file_that_vanished_is_quarantined(row, tmp_path, monkeypatch):
    original = framing.read_listing

    def vanish(**paths):
        (tmp_path / "data" / "images" / "train" / "b" / "two.png").unlink(missing_ok=True)
        return original(**paths)

    monkeypatch.setattr(framing, "read_listing", vanish)
    paths = frame_dataset(row, tmp_path / "out", n_shards=1)
    (bad,) = read_json(paths["manifests"][0])["quarantine"]
    assert "two.png: no such file" in bad["reason"]


def test_a_reason_that_names_no_file_gets_one(row, tmp_path):
    """What is said of geometry alone: here a mask of another aspect than its picture."""
    save_indices(tmp_path / "data" / "objects" / "train" / "b" / "two.png", np.ones((16, 40)))
    save_indices(tmp_path / "data" / "objects" / "val" / "a" / "four.png", np.full((16, 24), 9))
    paths = frame_dataset(row, tmp_path / "out", n_shards=1)
    geometry, value = (bad["reason"] for bad in read_json(paths["manifests"][0])["quarantine"])
    assert geometry.startswith("train/b/two.png: a label map of 16 x 40 pixels")
    assert value.startswith(str(tmp_path / "data" / "objects" / "val" / "a" / "four.png: values [9]"))


def test_an_error_of_the_code_is_not_quarantined(row, tmp_path, monkeypatch):
    def broken(*_, **__):
        raise KeyError("a bug")

    monkeypatch.setattr(framing, "rasterise", broken)
    with pytest.raises(KeyError):
        frame_dataset(row, tmp_path / "out", n_shards=1)
    left = [path.name for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert sorted(left) == ["listing.parquet", "vocabulary.parquet"]


def test_an_old_manifest_never_outlives_its_files(row, tmp_path, monkeypatch):
    paths = frame_dataset(row, tmp_path / "out", n_shards=1)
    monkeypatch.setattr(framing, "place", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        frame_dataset(row, tmp_path / "out", n_shards=1)
    assert not paths["manifests"][0].exists()


def test_parallel_decoding_gives_the_same_files(row, tmp_path, monkeypatch):
    monkeypatch.setattr(framing, "IMAGES_PER_TASK", 1)
    serial = frame_dataset(row, tmp_path / "serial", n_shards=1)
    with ProcessPoolExecutor(2) as pool:
        parallel = frame_dataset(row, tmp_path / "parallel", n_shards=1, map=pool.map)
    assert read_json(serial["manifests"][0]) == read_json(parallel["manifests"][0])
    for role in ("frames", "annotations"):
        assert serial[role][0].read_bytes() == parallel[role][0].read_bytes()


@pytest.mark.parametrize("role", ["frames", "annotations"])
def test_damage_is_found_and_the_manifest_set_aside(row, tmp_path, role):
    paths = frame_dataset(row, tmp_path / "out", n_shards=1)
    manifest, path = paths["manifests"][0], paths[role][0]
    check_shard(frames=paths["frames"][0], annotations=paths["annotations"][0], manifest=manifest)
    whole, listed = path.read_bytes(), manifest.read_bytes()
    with h5py.File(path, "r+") as file:
        array = file["frames" if role == "frames" else "masks"]
        array[0, ..., 0] ^= 1
    for damage in (None, whole[: len(whole) // 2], b""):
        if damage is not None:
            path.write_bytes(damage)
        manifest.write_bytes(listed)
        with pytest.raises(DamagedFileError, match="run the same command again"):
            check_shard(frames=paths["frames"][0], annotations=paths["annotations"][0], manifest=manifest)
        assert not manifest.exists()
        assert manifest.with_name("000.json.damaged").exists()


@pytest.mark.parametrize("name", ["valid", "width", "sha256", "reason"])
def test_damage_of_the_records_is_found(row, tmp_path, name):
    paths = frame_dataset(row, tmp_path / "out", n_shards=1)
    with h5py.File(paths["frames"][0], "r+") as file:
        file[name][0] = "0" * 64 if name in {"sha256", "reason"} else not file[name][0]
    with pytest.raises(DamagedFileError, match=f"000.h5:/{name} is damaged"):
        read_records(paths["frames"][0], manifest=paths["manifests"][0])


def test_a_missing_file_is_damage_too(row, tmp_path):
    paths = frame_dataset(row, tmp_path / "out", n_shards=1)
    paths["frames"][0].unlink()
    with pytest.raises(DamagedFileError, match="is missing"):
        check_shard(frames=paths["frames"][0], annotations=paths["annotations"][0], manifest=paths["manifests"][0])


def test_more_shards_than_images(row, tmp_path):
    paths = frame_dataset(row, tmp_path / "out", n_shards=6)
    shapes = [map_frames(f, manifest=m)[0].shape[0] for f, m in zip(paths["frames"], paths["manifests"], strict=True)]
    assert sum(shapes) == 4
    assert min(shapes) == 0


def test_options_of_a_row():
    assert FrameOptions.of({**FRAME, "frame_size": "96"}) == FrameOptions("squash", 96, 16)
    with pytest.raises(ValueError, match=r"unknown frame 'crop' in data set x; did you mean 'centre_crop'"):
        FrameOptions.of({**FRAME, "dataset": "x", "frame": "crop"})
    for size in ("", 0, -3):
        with pytest.raises(ValueError, match="mask_size is a number of pixels"):
            FrameOptions.of({**FRAME, "mask_size": size})


def test_tasks_are_small(row, tmp_path):
    """What is sent to another process are rows and names, not the data set."""
    seen = []

    def spy(function, tasks):
        tasks = list(tasks)
        seen.extend(tasks)
        return [function(task) for task in tasks]

    frame_dataset(row, tmp_path / "out", n_shards=1, map=spy)
    assert len(json.dumps(seen)) < 4000


def test_every_tiny_data_set_has_a_builder_that_frames(tmp_path):
    row = TINY["coco_panoptic"](tmp_path / "data")
    paths = frame_dataset(row, tmp_path / "out", n_shards=3)
    assert not [bad for manifest in paths["manifests"] for bad in read_json(manifest)["quarantine"]]

"""Damage is found by `conceptatlas verify`, named, and set aside so that exactly that file is made again."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from conceptatlas.__main__ import main
from conceptatlas.activations.mask_file import write_arrays
from conceptatlas.files import write_json
from conceptatlas.verification import verify_study
from tiny_datasets import frame_dataset, image_folder
from tiny_stores import write_store


@pytest.fixture
def study(tmp_path: Path) -> Path:
    maps = np.random.default_rng(0).normal(size=(12, 3, 4, 4)).astype(np.float16)
    write_store(tmp_path / "activations" / "scenes" / "net" / "main", maps, n_shards=3)
    return tmp_path


def shard(study: Path, name: str) -> Path:
    return study / "activations" / "scenes" / "net" / "main" / name


def flip_a_byte(path: Path) -> None:
    with h5py.File(path, "r") as file:
        offset = file["layer/activations"].id.get_offset()
    content = bytearray(path.read_bytes())
    content[offset + 5] ^= 1
    path.write_bytes(bytes(content))


def test_an_intact_study_has_no_damage(study: Path) -> None:
    assert verify_study(study) == (3, [])


def test_a_flipped_byte_is_found_and_repair_sets_only_that_manifest_aside(study: Path) -> None:
    flip_a_byte(shard(study, "001.h5"))
    n_checked, damages = verify_study(study)
    assert n_checked == 3
    assert [(damage.manifest.name, damage.reason) for damage in damages] == [
        ("001.json", "001.h5: layer/activations differs from its digest")
    ]
    assert shard(study, "001.json").exists()
    verify_study(study, repair=True)
    assert sorted(path.name for path in shard(study, "").glob("*.json*")) == [
        "000.json",
        "001.json.damaged",
        "002.json",
    ]


def test_a_truncated_file_a_missing_file_and_a_missing_manifest_are_named(study: Path) -> None:
    path = shard(study, "000.h5")
    path.write_bytes(path.read_bytes()[:-200])
    shard(study, "001.h5").unlink()
    shard(study, "002.json").unlink()
    reasons = {damage.manifest.name: damage.reason for damage in verify_study(study)[1]}
    assert reasons["000.json"].startswith("000.h5 cannot be read")
    assert reasons["001.json"] == "001.h5 is missing"
    assert reasons["002.json"] == "002.h5 has no manifest"


def test_the_command_reports_and_exits_with_1(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(study)]) == 0
    assert capsys.readouterr().out == "3 manifests checked, 0 damaged\n"
    flip_a_byte(shard(study, "002.h5"))
    assert main(["verify", str(study), "--repair"]) == 1
    assert "002.h5: layer/activations differs from its digest" in capsys.readouterr().out


def test_frames_and_annotations_of_a_data_set_are_checked_too(tmp_path: Path) -> None:
    row = image_folder(tmp_path / "data")
    paths = frame_dataset(row, tmp_path / "study" / "datasets" / "pictures", n_shards=2)
    n_checked, damages = verify_study(tmp_path / "study")
    assert (n_checked, damages) == (2, [])
    damaged = Path(paths["annotations"][1])
    with h5py.File(damaged, "r+") as file:
        file["n_pixels"][0] += 1
    with h5py.File(paths["frames"][0], "r+") as file:
        file["reason"][0] = "another"
    reasons = {damage.manifest.name: damage.reason for damage in verify_study(tmp_path / "study")[1]}
    assert reasons == {
        "000.json": "000.h5: reason differs from its digest",
        "001.json": f"{damaged.name}: n_pixels differs from its digest",
    }


def test_what_further_passes_left_is_checked_too(study: Path) -> None:
    """Layers that are not stored (`counted`, `scored`): the same manifests, nothing of them is overlooked."""
    for name in ("counted", "scored"):
        folder = study / name / "scenes" / "net" / "main"
        folder.mkdir(parents=True)
        with h5py.File(folder / "000.h5", "w") as file:
            arrays = write_arrays(file, {"layer/masks/words": np.arange(9, dtype=np.uint64)})
        write_json(folder / "000.json", {"arrays": arrays})
    assert verify_study(study) == (5, [])
    with h5py.File(study / "counted" / "scenes" / "net" / "main" / "000.h5", "r+") as file:
        file["layer/masks/words"][3] = 7
    (study / "scored" / "scenes" / "net" / "main" / "000.json").unlink()
    reasons = [damage.reason for damage in verify_study(study)[1]]
    assert reasons == ["000.h5: layer/masks/words differs from its digest", "000.h5 has no manifest"]


def test_a_folder_that_is_no_study_is_one_line_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", str(tmp_path / "nothing")]) == 1
    assert "is not a folder" in capsys.readouterr().err
    assert main(["verify", str(tmp_path)]) == 1
    assert "holds no manifests" in capsys.readouterr().err

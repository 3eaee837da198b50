"""Files that travel into the study, and rows that name them there."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from conceptatlas.models.rows import with_weights_in
from conceptatlas.outside import bring_files, relocated, unknown_to_git


def test_files_are_copied_under_their_names(tmp_path: Path) -> None:
    (tmp_path / "a.pth").write_bytes(b"weights")
    (tmp_path / "map.json").write_text("{}")
    bring_files([str(tmp_path / "a.pth"), str(tmp_path / "map.json")], tmp_path / "study" / "outside")
    assert {path.name for path in (tmp_path / "study" / "outside").iterdir()} == {"a.pth", "map.json"}
    assert (tmp_path / "study" / "outside" / "a.pth").read_bytes() == b"weights"


def test_what_cannot_be_brought_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"gone\.pth: no such file on the machine that runs Snakemake"):
        bring_files([str(tmp_path / "gone.pth")], tmp_path / "out")
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.pth").touch()
    with pytest.raises(ValueError, match="need different names"):
        bring_files([str(tmp_path / "one" / "a.pth"), str(tmp_path / "two" / "a.pth")], tmp_path / "out")


@pytest.mark.parametrize("prefix", ["", "shuffled:"])
def test_a_row_names_its_files_where_they_were_brought(prefix: str) -> None:
    row = {"model": "m", "weights": f"{prefix}/data/a.pth", "options": "key_map=/data/map.json; x=1", "seed": 3}
    assert with_weights_in(row, ["in/bucket"]) == {
        "model": "m",
        "weights": f"{prefix}in/bucket/a.pth",
        "options": "key_map=in/bucket/map.json; x=1",
        "seed": 3,
    }
    assert with_weights_in(row, []) == row


def test_rows_without_files_stay() -> None:
    row = {"model": "m", "weights": "IMAGENET1K_V2", "options": ""}
    assert with_weights_in(row, ["in/bucket"]) == row
    assert relocated({"path": "q.npy"}, ["q.npy"], []) == {"path": "q.npy"}


def test_files_that_git_does_not_know_are_named(tmp_path: Path) -> None:
    for name in ("study/known.tsv", "study/new.tsv", "elsewhere.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    files = ["known.tsv", "new.tsv", tmp_path / "study" / "known.tsv", tmp_path / "elsewhere.tsv"]
    assert unknown_to_git(files, tmp_path / "study") == [str(file) for file in files]  # no repository
    for arguments in (["init", "--quiet"], ["add", "study/known.tsv", "elsewhere.tsv"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True, capture_output=True)
    found = unknown_to_git(files, tmp_path / "study")
    assert found == ["new.tsv", str(tmp_path / "elsewhere.tsv")]  # known, but not below the folder of the run

"""The list of a vocabulary: each caption once, in its first place, however the text is cut into files and buckets."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.tables import Column, write_table
from conceptatlas.vocabularies import listing
from conceptatlas.vocabularies.caption_file import read_captions
from conceptatlas.vocabularies.listing import list_names, list_vocabulary
from conceptatlas.vocabularies.rows import text_files

LINES = ["a cat", "a dog", "", "a cat", "  a bird ", "a dog", "ein Vögelchen", "a_cat"]


def listed(folder: Path, path: str, options: str = "") -> tuple[list[str], list[int], dict[str, int]]:
    row = {"vocabulary": "v", "path": path, "options": options}
    list_vocabulary(row, captions=folder / "list.h5", manifest=folder / "list.json")
    with h5py.File(folder / "list.h5") as file:
        captions = read_captions(file, 0, len(file["offsets"]) - 1)
        lines = file["lines"][:].tolist()
    return captions, lines, json.loads((folder / "list.json").read_text())


def test_each_once_in_its_first_place(tmp_path: Path) -> None:
    (tmp_path / "v.txt").write_text("\n".join(LINES) + "\n")
    captions, lines, counts = listed(tmp_path, str(tmp_path / "v.txt"))
    assert captions == ["a cat", "a dog", "a bird", "ein Vögelchen", "a_cat"]
    assert lines == [0, 1, 4, 6, 7]
    assert [counts[key] for key in ("n_lines", "n_captions", "n_duplicates", "n_empty")] == [8, 5, 2, 1]
    captions, _, counts = listed(tmp_path, str(tmp_path / "v.txt"), "underscores=spaces")
    assert captions == ["a cat", "a dog", "a bird", "ein Vögelchen"]
    assert counts["n_duplicates"] == 3


def test_shards_are_one_text(tmp_path: Path) -> None:
    (tmp_path / "whole.txt").write_text("\n".join(LINES))
    shards = tmp_path / "shards"
    shards.mkdir()
    for i, line in enumerate(LINES):
        (shards / f"{i}.txt").write_text(line + "\n")
    whole = listed(tmp_path, str(tmp_path / "whole.txt"))[:2]
    assert listed(tmp_path, str(shards))[:2] == whole
    assert listed(tmp_path, str(shards / "*.txt"))[:2] == whole


def test_buckets_and_blocks_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    (tmp_path / "v.txt").write_text("\n".join(f"caption {i}" for i in rng.integers(0, 300, 2000)))
    expected = listed(tmp_path, str(tmp_path / "v.txt"))
    monkeypatch.setattr(listing, "LINES_PER_BUCKET", 40)
    monkeypatch.setattr(listing, "READ_BYTES", 100)
    found = listed(tmp_path, str(tmp_path / "v.txt"))
    assert found[:2] == expected[:2]
    assert found[2]["arrays"] == expected[2]["arrays"]


def test_mistakes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is no text file, no folder with files, and no pattern"):
        text_files({"vocabulary": "v", "path": str(tmp_path / "*.txt")})
    (tmp_path / "v.txt").write_bytes(b"\n\n")
    with pytest.raises(ValueError, match="holds no caption"):
        listed(tmp_path, str(tmp_path / "v.txt"))
    (tmp_path / "v.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(ValueError, match="is not UTF-8"):
        listed(tmp_path, str(tmp_path / "v.txt"))


def test_names_of_a_data_set(tmp_path: Path) -> None:
    write_table(tmp_path / "c.parquet", pd.DataFrame({"name": ["cat", "dog"]}), columns=[Column("name", "name")])
    list_names(
        tmp_path / "c.parquet", vocabulary="v", template="a photo of a {}", captions=tmp_path / "list.h5",
        manifest=tmp_path / "list.json",
    )  # fmt: skip
    with h5py.File(tmp_path / "list.h5") as file:
        assert read_captions(file, 0, 2) == ["a photo of a cat", "a photo of a dog"]

"""Who teaches and who judges: the data set's split, a seeded one, and never two pieces of one picture apart."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.datasets.holdings import read_holdings
from conceptatlas.datasets.splits import NEITHER, TRAIN, VAL, read_split
from conceptatlas.seeds import image_block


def write_index(
    path: Path, split: list[str], *, valid: list[bool] | None = None, blocks: list[int] | None = None
) -> Path:
    ids = [f"image_{n}" for n in range(len(split))]
    table = pd.DataFrame({"image_id": ids, "split": split})
    table["valid"] = [True] * len(split) if valid is None else valid
    table["block"] = [image_block(i) for i in ids] if blocks is None else blocks
    table.to_parquet(path)
    return path


def test_the_data_sets_own_split_counts(tmp_path: Path) -> None:
    index = write_index(tmp_path / "index.parquet", ["train", "val", "", "train"], valid=[True, True, True, False])
    split = read_split(index, train_share=0.7, seed=0)
    assert split.of.tolist() == [TRAIN, VAL, NEITHER, NEITHER]
    assert split.source == "data set"
    assert split.n_images == 4


def test_without_one_a_seeded_share_is_drawn_by_name(tmp_path: Path) -> None:
    index = write_index(tmp_path / "index.parquet", [""] * 2000)
    split = read_split(index, train_share=0.7, seed=0)
    assert (split.of == TRAIN).mean() == pytest.approx(0.7, abs=0.03)
    assert set(split.of) == {TRAIN, VAL}
    assert (read_split(index, train_share=0.7, seed=1).of != split.of).any()
    fewer = write_index(tmp_path / "fewer.parquet", [""] * 50)
    assert (read_split(fewer, train_share=0.7, seed=0).of == split.of[:50]).all()  # others do not matter
    assert split.source == "hash 0.7"


def test_pieces_of_a_picture_are_not_split(tmp_path: Path) -> None:
    index = write_index(tmp_path / "index.parquet", ["", ""], blocks=[40, 40])
    with pytest.raises(ValueError, match=r"column `split` of datasets\.tsv"):
        read_split(index, train_share=0.7, seed=0)


def test_holdings_are_one_entry_a_pair(tmp_path: Path) -> None:
    rows = [(0, 2, 0), (0, 2, 5), (1, 0, -1), (1, 2, 3), (3, 0, 4), (3, 0, -1), (4, 1, 6)]
    for name, part in (("a", rows[:4]), ("b", rows[4:])):
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            for column, values in zip(
                ("image_index", "concept_index", "mask_row"), zip(*part, strict=True), strict=True
            ):
                file[column] = np.array(values)
    keep = np.array([True, True, True, True, False])
    held = read_holdings([str(tmp_path / "b.h5"), str(tmp_path / "a.h5")], n_concepts=4, keep=keep)
    assert list(zip(held.concept.tolist(), held.image.tolist(), held.has_mask.tolist(), strict=True)) == [
        (0, 1, False), (0, 3, False), (2, 0, True), (2, 1, True)]  # fmt: skip
    assert held.starts.tolist() == [0, 2, 2, 4, 4]
    assert held.of(2) == slice(2, 4)

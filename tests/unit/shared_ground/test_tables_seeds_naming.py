"""Result tables carry definitions, seeds depend on names only, and errors name the nearest known word."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from conceptatlas import naming, seeds
from conceptatlas.tables import Column, read_definitions, read_table, write_table

PINNED_SEED = 8308569564191372310
PINNED_BLOCKS = [28, 2, 22, 7, 31, 26]
COLUMNS = [Column("unit", "unit of the layer"), Column("area", "active pixels", "mask pixels")]


def test_table_round_trip_with_definitions(tmp_path):
    path = tmp_path / "t.parquet"
    frame = pd.DataFrame({"unit": [0, 1], "area": [3.5, np.nan]})
    write_table(path, frame, columns=COLUMNS)
    pd.testing.assert_frame_equal(read_table(path), frame)
    assert read_definitions(path) == COLUMNS
    assert list(read_table(path, columns=["area"]).columns) == ["area"]


def test_undefined_and_missing_columns_are_refused(tmp_path):
    frame = pd.DataFrame({"unit": [0], "extra": [1]})
    with pytest.raises(ValueError, match=r"missing \['area'\], undefined \['extra'\]"):
        write_table(tmp_path / "t.parquet", frame, columns=COLUMNS)
    assert not (tmp_path / "t.parquet").exists()


def test_a_broken_table_is_named(tmp_path):
    path = tmp_path / "t.parquet"
    write_table(path, pd.DataFrame({"unit": [0], "area": [1]}), columns=COLUMNS)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="not a readable Parquet table"):
        read_table(path)
    with pytest.raises(FileNotFoundError):
        read_table(tmp_path / "none.parquet")


def test_seeds_depend_on_names_and_their_boundaries():
    assert seeds.derive_seed(0, "a", 1) == seeds.derive_seed(0, "a", 1)
    different = [
        seeds.derive_seed(*names)
        for names in [(0, "a", 1), (1, "a", 1), (0, "a", 2), (0, "a1"), (0, "a", "b"), (0, "ab")]
    ]
    assert len(set(different)) == len(different)
    assert all(0 <= seed < 2**63 for seed in different)
    assert seeds.generator(0, "x").integers(1 << 40) == seeds.generator(0, "x").integers(1 << 40)


def test_seeds_are_pinned():
    """Published results depend on them: a change of these numbers changes every seeded result."""
    assert seeds.derive_seed(0, "null", "conv5") == PINNED_SEED
    assert [seeds.image_block(f"image_{i}") for i in range(6)] == PINNED_BLOCKS


def test_blocks_are_even_and_depend_on_the_id_only():
    blocks = np.array([seeds.image_block(f"{i:012d}") for i in range(6400)])
    counts = np.bincount(blocks, minlength=32)
    assert len(counts) == 32
    assert 140 < counts.min() <= counts.max() < 265
    shares = [seeds.unit_interval(0, "split", i) for i in range(4000)]
    assert 0 <= min(shares) < 0.01
    assert 0.99 < max(shares) < 1
    assert abs(np.mean(shares) - 0.5) < 0.02


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a~b", "a b", "-x", "é", "a\n"])
def test_names_that_do_not_fit_into_paths_are_refused(name):
    with pytest.raises(ValueError, match="layer"):
        naming.check_name(name, kind="layer")


def test_names_that_fit():
    for name in ("conv5", "features.18.1", "2a", "x_y-z"):
        assert naming.check_name(name, kind="layer") == name


def test_nearest_names():
    known = ["features.4", "features.14", "classifier", "Conv_5"]
    assert naming.nearest("conv5", known)[0] == "Conv_5"
    message = str(naming.unknown("layer", "feature.14", known, where="model m"))
    assert message.startswith("unknown layer 'feature.14' in model m; did you mean 'features.14'")
    assert "classifier" in str(naming.unknown("layer", "zzz", known))

"""The jobs of linking on the three-coloured stripes, from pairs to figures."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.figures.link_figures import plot_link
from conceptatlas.linking.counterfactuals import find_counterfactuals
from conceptatlas.linking.linked import link_spaces
from conceptatlas.linking.pairs import sample_pairs
from conceptatlas.tables import read_definitions, read_table
from conceptatlas.validation import read_schema, with_defaults

ROOT = Path(__file__).resolve().parents[3]
TINY = ROOT / "tests" / "tiny_generators.py"
RUN = {"seed": 0, "batch": 16, "threads": 1, "device": "cpu", "tf32": False}
ROWS = {
    "generator": {"generator": "stripes", "source": "user", "architecture": f"{TINY}:stripes", "weights": ""},
    "model": {"model": "halves", "source": "user", "architecture": f"{TINY}:halves_model", "weights": ""},
}


def options(**given):
    config = {"study": "x", "sheets": {"datasets": "", "models": "", "layers": ""}}
    section = with_defaults(config, read_schema(ROOT / "workflow" / "schemas", "config"))["linking"]
    small = {"n_train": 40, "n_test": 12, "n_bootstrap": 20, "n_permutations": 9, "n_cycled": 20}
    section["clusters"] |= {"n_repeats": 3, "n_examples": 10, "n_inits": 2}
    section["counterfactuals"] |= {"n_images": 2, "n_inits": 2, "steps": 60, "learning_rate": 0.05}
    return section | small | given


def paths(folder, *names):
    return {name.partition(".")[0]: folder / name for name in names}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder, section = tmp_path_factory.mktemp("linked"), options()
    sample_pairs(**ROWS, part=0, n_parts=1, options=section, **RUN, pairs=folder / "p.h5", manifest=folder / "p.json")
    link_spaces(
        **ROWS, encoder=ROWS["model"], pairs=[folder / "p.h5"], manifests=[folder / "p.json"], options=section, **RUN,
        record=folder / "link.json", link=folder / "link.h5", table=folder / "link.parquet",
        classes=folder / "classes.parquet", cycled=folder / "cycled.h5",
    )  # fmt: skip
    find_counterfactuals(
        **ROWS, encoder=ROWS["model"], link=folder / "link.h5", pairs=[folder / "p.h5"],
        options=section["counterfactuals"], **RUN, table=folder / "counterfactuals.parquet",
        rates=folder / "rates.parquet", trajectories=folder / "counterfactuals.h5",
    )  # fmt: skip
    return folder


def test_the_link_is_nearly_perfect_where_r_tells_w(run):
    """r is linear in w (six numbers of five), so nothing is lost but what the clamp takes."""
    rows = read_table(run / "link.parquet").set_index(["measure", "scope"])
    assert rows.loc[("r2", "within class"), "value"] > 0.75
    assert rows.loc[("r2", "total"), "value"] > 0.9
    assert rows.loc[("recognised", "total"), "value"] > 0.9
    assert rows.loc[("image_rmse", "total"), "value"] < rows.loc[("image_rmse", "total"), "null"]
    assert rows.loc[("image_distance_halves", "total"), "value"] < 0.05
    assert rows.loc[("ari_r", "total"), "value"] > 0.5
    assert all(column.definition for column in read_definitions(run / "link.parquet"))


def test_the_record_says_how_it_was_made(run):
    record = json.loads((run / "link.json").read_text())
    assert (record["n_train"], record["n_test"], record["units"], record["w_dim"]) == (120, 36, 6, 5)
    assert record["head"] == "head"
    assert record["pooled_modules"] == []  # r is made of both halves, no layer's mean
    assert record["rectified"]
    assert len(record["ridges"]) == 6
    classes = read_table(run / "classes.parquet")
    assert classes["filled"].sum() == 156
    assert (classes["reason"] == "").all()


def test_counterfactuals_arrive_and_are_described(run):
    rows = read_table(run / "counterfactuals.parquet")
    assert len(rows) == 6 * 2 * 2
    won = rows[rows["success"]]
    assert len(won) >= 20
    assert (won["reason"] == "").all()
    assert (rows.loc[~rows["success"], "reason"] != "").all()
    assert (won["shift_l1"] >= won["shift_l2"]).all()
    assert (won["image_rmse"] > 0).all()
    assert won["image_distance"].notna().all()
    assert won["mahalanobis_rank"].between(0, 1).all()
    assert won["agreement"].dropna().between(-1, 1.0001).all()
    assert won["agreement"].notna().sum() >= 10
    rates = read_table(run / "rates.parquet").set_index(["origin", "target"])
    assert rates.loc[("any", "any"), "n_success"] == len(won)


def test_trajectories_begin_with_the_picture_and_end_with_the_target(run):
    rows = read_table(run / "counterfactuals.parquet")
    with h5py.File(run / "counterfactuals.h5") as store:
        found = {name: store[name][:] for name in store}
        names = json.loads(store.attrs["classes"])
    assert found["pictures"].dtype == np.uint8
    for row in np.unique(found["row"]):
        frames = np.flatnonzero(found["row"] == row)
        assert found["step"][frames[:2]].tolist() == [-2, -1]
        assert found["step"][frames[-1]] == rows.loc[row, "steps"]
        assert np.isnan(found["logits"][frames[0]]).all()
        if rows.loc[row, "success"]:
            channel = found["pictures"][frames[-1]].mean((1, 2)).argmax()
            assert names[channel] == rows.loc[row, "target"]


def test_the_same_again_gives_the_same(run, tmp_path):
    find_counterfactuals(
        **ROWS, encoder=None, link=run / "link.h5", pairs=[run / "p.h5"], options=options()["counterfactuals"], **RUN,
        table=tmp_path / "a.parquet", rates=tmp_path / "b.parquet", trajectories=tmp_path / "c.h5",
    )  # fmt: skip
    one, other = read_table(run / "counterfactuals.parquet"), read_table(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(one.drop(columns="image_distance"), other.drop(columns="image_distance"))


def test_unknown_classes_of_counterfactuals_are_named(run, tmp_path):
    section = options()["counterfactuals"] | {"pairs": [["red", "gren"]]}
    with pytest.raises(ValueError, match="did you mean 'green'"):
        find_counterfactuals(
            **ROWS, encoder=None, link=run / "link.h5", pairs=[run / "p.h5"], options=section, **RUN,
            table=tmp_path / "a.parquet", rates=tmp_path / "b.parquet", trajectories=tmp_path / "c.h5",
        )  # fmt: skip


def test_no_pairs_at_all_is_an_error_that_says_why(tmp_path):
    section = options(class_map={"red": "green", "green": "blue", "blue": "red"}, max_tries=2, n_train=3, n_test=2)
    sample_pairs(
        **ROWS, part=0, n_parts=1, options=section, **RUN, pairs=tmp_path / "p.h5", manifest=tmp_path / "p.json"
    )
    with pytest.raises(ValueError, match=r"0 training and 0 held-out pairs.*in 2 tries each.*is class_map right"):
        link_spaces(
            **ROWS, encoder=None, pairs=[tmp_path / "p.h5"], manifests=[tmp_path / "p.json"], options=section, **RUN,
            **paths(tmp_path, "link.h5", "record.json", "table.parquet", "classes.parquet", "cycled.h5"),
        )  # fmt: skip


def test_figures_are_drawn_and_listed(run, tmp_path):
    files = [str(run / name) for name in ("counterfactuals.parquet", "rates.parquet", "counterfactuals.h5")]
    for counterfactuals in (files, []):
        folder = tmp_path / str(len(counterfactuals))
        plot_link(
            generator="stripes", model="halves", table=run / "link.parquet", record=run / "link.json",
            cycled=run / "cycled.h5", counterfactuals=counterfactuals, changes=None,
            options={"dpi": 50, "formats": ["png"]}, folder=folder,
        )  # fmt: skip
        listed = json.loads((folder / "figures.json").read_text())["figures"]
        assert [entry["figure"] for entry in listed][:2] == ["link_quality", "cycled_pictures"]
        assert len(listed) == (4 if counterfactuals else 2)
        assert all((folder / name).stat().st_size > 1000 for entry in listed for name in entry["files"])

"""The jobs of tuning on the three-coloured stripes, from parts to figures."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

from conceptatlas.figures.linking_figures import plot_tuning
from conceptatlas.linking.head_training import learn_head
from conceptatlas.linking.linked import link_spaces
from conceptatlas.linking.pairs import sample_pairs
from conceptatlas.linking.shown import read_shown, show_units
from conceptatlas.linking.tuning_join import join_tuning
from conceptatlas.linking.tuning_part import tune_units
from conceptatlas.quantification.metric_names import METRICS
from conceptatlas.tables import read_definitions, read_table
from conceptatlas.validation import read_schema, with_defaults
from conceptatlas.verification import verify_study

ROOT = Path(__file__).resolve().parents[3]
TINY, MASKS = ROOT / "tests" / "tiny_generators.py", ROOT / "tests" / "tiny_masks.py"
RUN = {"seed": 0, "batch": 16, "device": "cpu", "tf32": False}
ROWS = {
    "generator": {"generator": "stripes", "source": "user", "architecture": f"{TINY}:stripes", "weights": ""},
    "model": {"model": "halves", "source": "user", "architecture": f"{TINY}:halves_model", "weights": ""},
}
TABLES = ("effects", "motion", "units", "map", "clusters", "label_pairs", "selective", "cycle", "agreement")


def section():
    config = {"study": "x", "sheets": {"datasets": "", "models": "", "layers": ""}}
    found = with_defaults(config, read_schema(ROOT / "workflow" / "schemas", "config"))["linking"]
    found |= {"n_train": 40, "n_test": 12, "n_bootstrap": 20, "n_permutations": 9, "n_cycled": 20}
    found["clusters"] |= {"n_repeats": 2, "n_examples": 5, "n_inits": 1}
    found["tuning"] |= {"n_seeds": 4, "n_flips": 19, "n_bootstrap": 20, "n_shown": 3, "n_pictures": 2}
    found["quantification"] |= {"masks": [f"{MASKS}:halves_labels"], "size": 32, "min_area": 8}
    found["quantification"] |= {"metrics": {"redness": f"{MASKS}:redness"}}
    found["quantification"]["motion"] |= {"n_seeds": 1}
    return found


@pytest.fixture(scope="module")
def linked(tmp_path_factory):
    folder, options = tmp_path_factory.mktemp("tuned"), section()
    sample_pairs(
        **ROWS, part=0, n_parts=1, options=options, **RUN, threads=1, pairs=folder / "p.h5", manifest=folder / "p.json"
    )
    link_spaces(
        **ROWS, encoder=None, pairs=[folder / "p.h5"], manifests=[folder / "p.json"], options=options, **RUN, threads=1,
        record=folder / "link.json", link=folder / "link.h5", table=folder / "link.parquet",
        classes=folder / "classes.parquet", cycled=folder / "cycled.h5",
    )  # fmt: skip
    return folder


def tuned(folder, out, n_parts, **changed):
    """Tune in parts and join; returns the folder of the tables."""
    out.mkdir(parents=True)
    options = section()
    options["tuning"] |= changed
    for part in range(n_parts):
        tune_units(
            **ROWS, part=part, n_parts=n_parts, pairs=[folder / "p.h5"], link=folder / "link.h5", head=None,
            options=options["tuning"], quantification=options["quantification"], **RUN, threads=1, mem_mb=1000,
            tuned=out / f"{part:03d}.h5", manifest=out / f"{part:03d}.json",
        )  # fmt: skip
    join_tuning(
        parts=sorted(out.glob("*.h5")), manifests=sorted(out.glob("*.json")), link=folder / "link.h5",
        options=options["tuning"], quantification=options["quantification"], seed=0,
        **{name: out / f"{name}.parquet" for name in TABLES},
    )  # fmt: skip
    return out


@pytest.fixture(scope="module")
def whole(linked):
    return tuned(linked, linked / "whole", 1, keep_seeds=True)


def test_one_part_is_many_parts(linked, whole):
    cut = tuned(linked, linked / "cut", 4)
    for name in TABLES:
        assert read_table(cut / f"{name}.parquet").equals(read_table(whole / f"{name}.parquet")), name


def test_tables_say_what_they_hold(whole):
    for name in TABLES:
        assert all(column.definition for column in read_definitions(whole / f"{name}.parquet")), name
    effects = read_table(whole / "effects.parquet")
    assert set(effects["label"]) == {"left", "right"}
    assert set(effects["metric"]) <= {*METRICS, "redness"}
    assert set(effects["class"]) == {"", "red", "green", "blue"}
    assert effects.loc[effects["class"] == "", "n"].max() == 12
    assert (read_table(whole / "units.parquet")["reason"] != "").any()  # areas never change
    assert len(read_table(whole / "agreement.parquet")) == 0
    motion = read_table(whole / "motion.parquet")
    assert (motion["n_unmatched"] == 3).all()  # stripes of 8 pixels have no points
    assert (motion["reason"] == "too few matches").all()


def test_units_of_the_red_channel_make_pictures_redder(whole):
    """Unit 0 is the mean of red on the left half; the link knows."""
    effects = read_table(whole / "effects.parquet")
    effects = effects[(effects["class"] == "") & (effects["metric"] == "redness")].set_index(["unit", "label"])
    assert effects.loc[(0, "left"), "mean"] > 0
    assert effects.loc[(1, "left"), "mean"] < 0  # of green
    cycle = read_table(whole / "cycle.parquet").set_index("unit")
    assert (cycle["verdict"].isin(["follows", "follows_unspecifically"])).sum() >= 4
    assert (cycle["share_right"] > cycle["null_share"]).mean() > 0.5


def test_changes_of_starting_points_are_kept_only_where_asked(whole, linked):
    with h5py.File(whole / "000.h5") as store:
        [source] = store["labels"]
        kept = store[f"labels/{source}/changes"][:]
        mean = store[f"labels/{source}/effects/mean"][0]
    assert kept.shape == (12, 6, 3, len(METRICS) + 1)
    position = list(METRICS).index("luminance")
    np.testing.assert_allclose(np.nanmean(kept[:, :, 1:, position], axis=0), mean[:, 1:, position], atol=1e-6)


def test_verify_reads_parts(whole, tmp_path):
    folder = tmp_path / "study" / "linking" / "stripes" / "halves" / "tuned"
    folder.mkdir(parents=True)
    for name in ("000.h5", "000.json"):
        (folder / name).write_bytes((whole / name).read_bytes())
    assert verify_study(tmp_path / "study") == (1, [])
    with h5py.File(folder / "000.h5", "r+") as store:
        store["risen"][0, 0] += 1
    assert len(verify_study(tmp_path / "study")[1]) == 1


def test_pictures_and_figures(linked, whole, tmp_path):
    options = section()
    show_units(
        **ROWS, selective=whole / "selective.parquet", tuned=whole / "000.json", pairs=[linked / "p.h5"],
        link=linked / "link.h5", head=None, options=options["tuning"], quantification=options["quantification"], **RUN,
        threads=1, shown=tmp_path / "shown.h5",
    )  # fmt: skip
    kept = list(read_shown(tmp_path / "shown.h5"))
    assert len(kept) == 3
    assert kept[0].arrays["pictures"].shape == (2, 3, 8, 8, 3)
    assert kept[0].reason  # stripes of 8 pixels have no points to match
    plot_tuning(
        generator="stripes", model="halves", metric="area", options={"dpi": 50, "formats": ["png"]},
        shown=tmp_path / "shown.h5", head=None, folder=tmp_path / "figures",
        **{name: whole / f"{name}.parquet" for name in TABLES},
    )  # fmt: skip
    listed = json.loads((tmp_path / "figures" / "figures.json").read_text())["figures"]
    assert {"unit_rows", "causal_check", "unit_map", "motion_fields"} <= {entry["figure"] for entry in listed}
    assert all((tmp_path / "figures" / file).exists() for entry in listed for file in entry["files"])


def test_mistakes_are_named(linked, tmp_path):
    with pytest.raises(ValueError, match="units 0 to 5"):
        tuned(linked, tmp_path / "a", 1, units=[7])
    with pytest.raises(ValueError, match="unknown metric 'aera'"):
        tuned(linked, tmp_path / "b", 1, metric="aera", units=[0])
    options = section()["quantification"]["head"]
    with pytest.raises(ValueError, match=r"has no features\(w\)"):
        learn_head(
            generator=ROWS["generator"], options=options, seed=0, threads=1, device="cpu", tf32=False,
            head=tmp_path / "head.h5", table=tmp_path / "head.parquet",
        )  # fmt: skip

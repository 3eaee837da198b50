"""Planted truth: tables find what each unit does, sparsity is 1, the causal check passes for linked units only."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.linking.effects import draws, flips
from conceptatlas.linking.labelling import make_labellers
from conceptatlas.linking.tuned_file import TunedParts, write_part
from conceptatlas.linking.tuned_frames import cycle_frame, effects_frame, units_frame
from conceptatlas.linking.tuning import Measuring, tune
from conceptatlas.linking.tuning_part import joined, statistics
from conceptatlas.quantification.matching import SiftMatcher
from planted_discs import LABELS, UNITS, DiscClassifier, DiscGenerator, planted_link, starting_points

OPTIONS = {"confidence": 0.95, "n_flips": 99, "n_bootstrap": 50}
CONSTANTS = {"generator": "discs", "model": "reader", "seed": 0, "n_flips": 99, "confidence": 0.95, "min_area": 20}
N = 8
CLASSES = np.repeat([0, 1], N // 2)


def measuring(**more):
    generator = DiscGenerator()
    return generator, Measuring(make_labellers(["twin"], generator, head=None, size=128), **more)


def tuned(units, r=None, *, batch=12, matched=False, pool=None):
    generator, how = measuring(matcher=SiftMatcher() if matched else None)
    r = starting_points(N) if r is None else r
    return tune(
        generator, DiscClassifier(), planted_link(), r, np.array(units), measuring=how,
        with_motion=[matched] * len(r), batch=batch, pool=pool,
    )  # fmt: skip


def written(folder, name, units):
    result = tuned(units)
    _, how = measuring()
    arrays = statistics(
        result, CLASSES, how.metric_names, link=planted_link(), units=np.array(units), options=OPTIONS, seed=0
    )
    facts = {
        "generator": "discs", "model": "reader", "units": list(units), "constant": [], "n_points": N, "n_matched": 0,
        "class_names": ["dark", "bright"], "labels": {"twin": LABELS}, "metrics": how.metric_names,
    }  # fmt: skip
    write_part(folder / f"{name}.h5", folder / f"{name}.json", arrays, facts)
    return folder / f"{name}.h5", folder / f"{name}.json"


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tuned")
    return TunedParts(*([each] for each in written(folder, "000", [0, 1, 2, 3])))


@pytest.fixture(scope="module")
def table(parts):
    frame = effects_frame(parts, "twin", CONSTANTS, first_label=1)
    return frame[frame["class"] == ""].set_index(["unit", "label", "metric"])


def test_tables_find_what_each_unit_does(table):
    disc = {name: table.loc[unit, "disc"] for name, unit in UNITS.items()}
    assert disc["x"].loc["centre_x", "mean"] == pytest.approx(24, abs=0.2)  # 12 pixels of 64, at 128
    assert abs(disc["x"].loc["area", "mean"]) < 0.03
    assert disc["scale"].loc["area", "mean"] == pytest.approx(np.exp(1.2) - 1, rel=0.05)
    assert abs(disc["scale"].loc["centre_x", "mean"]) < 0.2
    assert disc["brightness"].loc["luminance", "mean"] == pytest.approx(0.4, abs=0.02)  # less at its soft edge
    assert disc["brightness"].loc["area", "mean"] == 0
    for metric in ("area", "luminance", "centre_x", "centre_y"):
        assert disc["ignored"].loc[metric, "mean"] == 0
        assert disc["ignored"].loc[metric, "p"] == 1
    assert disc["x"].loc["centre_x", "p"] == pytest.approx(0.01, abs=0.02)
    assert disc["x"].loc["centre_x", "n"] == N
    low, high = disc["scale"].loc["area", ["low", "high"]]
    assert low <= disc["scale"].loc["area", "mean"] <= high


def test_one_label_that_changes_alone_is_sparsity_one(parts):
    frame = units_frame(parts, "twin", CONSTANTS, first_label=1)
    frame = frame[frame["class"] == ""].set_index(["unit", "metric"])
    for unit, metric in ((0, "centre_x"), (1, "area"), (2, "luminance")):
        row = frame.loc[unit, metric]
        assert row["sparsity"] == pytest.approx(1)
        assert row["strongest_label"] == "disc"
        assert row["n_labels"] == 2
        assert row["stability"] == pytest.approx(1)
        assert row["class_stability"] == pytest.approx(1)
        assert row["excess_sparsity"] == pytest.approx(row["sparsity"] - row["null_sparsity"])
    nothing = frame.loc[3, "area"]
    assert np.isnan(nothing["sparsity"])
    assert nothing["reason"] == "nothing changes"
    assert nothing["strongest_label"] == ""


def test_linked_units_follow_their_change_and_an_ignored_one_does_not(parts):
    frame = cycle_frame(parts, planted_link(), CONSTANTS).set_index("unit")
    for name in ("x", "scale", "brightness"):
        row = frame.loc[UNITS[name]]
        assert row["verdict"] == "follows"
        assert row["share_right"] == 1
        assert row["slope"] == pytest.approx(1, abs=0.05)
        assert row["rank"] == 1
        assert row["moved_most"] == UNITS[name]
        assert row["p"] == 0.25  # the smallest that four units allow
        assert abs(row["null_slope"]) < 0.05
    assert frame.loc[UNITS["ignored"], "verdict"] == "ignored"
    assert frame.loc[UNITS["ignored"], "share_right"] == 0


def test_units_do_not_depend_on_who_shares_their_pass():
    """1 part = N parts, one point a task = many, any batch that holds three pictures."""
    whole = tuned([0, 1, 2, 3])
    single = [tuned([unit], batch=3) for unit in range(4)]
    for unit, own in enumerate(single):
        np.testing.assert_array_equal(own.changes["twin"][:, 0], whole.changes["twin"][:, unit])
        np.testing.assert_allclose(own.own[:, 0], whole.own[:, unit], atol=1e-6)
    halves = joined([tuned([0, 1, 2, 3], starting_points(N)[half]) for half in (slice(0, 4), slice(4, N))])
    np.testing.assert_array_equal(halves.changes["twin"], whole.changes["twin"])
    np.testing.assert_allclose(halves.response, whole.response, atol=1e-6)
    np.testing.assert_array_equal(halves.risen, whole.risen)


def test_parts_join_to_the_whole(tmp_path, parts):
    files = [written(tmp_path, f"{i:03d}", units) for i, units in enumerate(([0, 1], [2, 3]))]
    two = TunedParts(*zip(*files, strict=True))
    for name in ("labels/twin/effects/mean", "labels/twin/effects/p", "labels/twin/sparsity/null", "own", "risen"):
        np.testing.assert_array_equal(two.read(name), parts.read(name))
    assert cycle_frame(two, planted_link(), CONSTANTS).equals(cycle_frame(parts, planted_link(), CONSTANTS))


def test_threads_measure_the_same():
    from concurrent.futures import ThreadPoolExecutor

    alone = tuned([0, 1, 2], matched=True)
    with ThreadPoolExecutor(3) as pool:
        together = tuned([0, 1, 2], matched=True, pool=pool)
    np.testing.assert_array_equal(together.changes["twin"], alone.changes["twin"])
    np.testing.assert_array_equal(together.motion, alone.motion)
    np.testing.assert_array_equal(together.unmatched, alone.unmatched)


def test_damaged_parts_are_set_aside(tmp_path):
    file, manifest = written(tmp_path, "000", [0, 1])
    import h5py

    with h5py.File(file, "r+") as store:
        store["own"][0, 0] = 77
    with pytest.raises(ValueError, match="own is damaged"):
        TunedParts([file], [manifest]).read("own")
    assert not manifest.exists()


def test_resampling_depends_on_names_only():
    np.testing.assert_array_equal(flips(6, 9, seed=1), flips(6, 9, seed=1))
    weights = draws(CLASSES, 20, seed=0)
    assert (weights[:, CLASSES == 0].sum(axis=1) == N // 2).all()

"""The join: positions between floor and ceiling by hand, and what is said over pairs."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from conceptatlas.similarity.joining import (
    agreement_rows,
    depth_rows,
    evenly_spaced,
    join_similarity,
    only_in_one_rows,
    propagation_rows,
    recognition_rows,
)
from conceptatlas.similarity.pair_tables import (
    CONCEPT_PAIR_COLUMNS,
    CONCEPT_PAIR_TYPES,
    FACTS,
    PAIR_COLUMNS,
    PAIR_TYPES,
    SUMMARY_COLUMNS,
)
from conceptatlas.similarity.positions import difference_interval, position_rows
from conceptatlas.tables import read_definitions, read_table, write_table
from conceptatlas.typed_tables import frame_of

PLACES = [["m", "1", 0.2], ["m", "2", 0.6], ["m", "3", 1.0], ["n", "1", 0.1], ["n", "2", 0.9], ["r", "1", 0.2],
          ["c", "1", 0.2]]  # fmt: skip
TWINS = [{"model": "r", "twin_of": "m", "twin_role": "floor"}, {"model": "c", "twin_of": "m", "twin_role": "ceiling"}]


def row(measure, a, b, value, *, low=None, high=None, threshold=np.nan, **other):
    """A row of the table of pairs; a, b : "model/layer"."""
    depth = {f"{model}/{layer}": d for model, layer, d in PLACES}
    sides = {f"{name}_{s}": part for s, place in (("a", a), ("b", b))
             for name, part in zip(("model", "layer"), place.split("/"), strict=True)}  # fmt: skip
    return {
        "dataset": "d", **sides, "depth_a": depth[a], "depth_b": depth[b], "measure": measure, "threshold": threshold,
        "value": value, "low": value - 0.05 if low is None else low, "high": value + 0.05 if high is None else high,
        "null_mean": 0.0, "null_high": 0.1, "p": 0.01, "n_images": 9, "n_concepts": pd.NA, "n_undefined": 0,
        "n_permutations": 99, "reason": "", **other,
    }  # fmt: skip


def frame(rows):
    return frame_of(rows, PAIR_COLUMNS, PAIR_TYPES)


def positions(rows, twins=TWINS):
    found = position_rows(frame(rows), twins)
    return {(one["measure"], f"{one['model_a']}/{one['layer_a']}", f"{one['model_b']}/{one['layer_b']}"): one
            for one in found}  # fmt: skip


def bounds(measure="cka", floor=0.2, ceiling=0.8, **options):
    return [row(measure, "m/1", "r/1", floor, **options), row(measure, "m/1", "c/1", ceiling, **options)]


def test_a_position_by_hand():
    found = positions([*bounds(), row("cka", "m/1", "n/1", 0.5)])
    one = found["cka", "m/1", "n/1"]
    assert one["value"] == pytest.approx(0.5)
    assert (one["floor"], one["ceiling"]) == (0.2, 0.8)
    assert one["low"] == pytest.approx((0.45 - 0.2) / 0.6)
    assert one["high"] == pytest.approx((0.55 - 0.2) / 0.6)
    assert len(found) == 1  # the twins themselves are not placed, and n has no twins


def test_a_position_does_not_depend_on_which_side_comes_first():
    direct = positions([*bounds(), row("cka", "n/1", "m/1", 0.5)])
    assert direct["cka", "m/1", "n/1"]["value"] == pytest.approx(0.5)
    turned = [row("cka", "r/1", "m/1", 0.2), row("cka", "c/1", "m/1", 0.8), row("cka", "m/1", "n/1", 0.5)]
    assert positions(turned)["cka", "m/1", "n/1"]["value"] == pytest.approx(0.5)


def test_directed_measures_turn_with_the_pair():
    rows = [
        row("regression_ab", "r/1", "m/1", 0.9), row("regression_ba", "r/1", "m/1", 0.2),
        row("regression_ab", "c/1", "m/1", 0.3), row("regression_ba", "c/1", "m/1", 0.8),
        row("regression_ab", "m/1", "n/1", 0.5), row("regression_ba", "m/1", "n/1", 0.6),
    ]  # fmt: skip
    assert positions(rows)["regression_ab", "m/1", "n/1"]["value"] == pytest.approx(0.5)  # 0.2 .. 0.8
    assert positions(rows)["regression_ba", "m/1", "n/1"]["value"] == pytest.approx(0.5)  # 0.9 .. 0.3


def test_positions_that_are_undefined_say_why():
    pair = row("cka", "m/1", "n/1", 0.5)
    near = positions([*bounds(floor=0.5, ceiling=0.55), pair])["cka", "m/1", "n/1"]
    assert "holds 0" in near["reason"]
    assert "value" not in near
    nothing = positions([*bounds(low=np.nan), pair])["cka", "m/1", "n/1"]
    assert nothing["reason"] == "floor or ceiling has no interval"
    other_layer = positions([*bounds(), row("cka", "m/2", "n/1", 0.5)])["cka", "m/2", "n/1"]
    assert "no similarity to the floor twin's layer 2" in other_layer["reason"]
    alone = positions([bounds()[0], pair], TWINS[:1])["cka", "m/1", "n/1"]
    assert alone["reason"] == "m has no ceiling twin"
    assert alone["floor"] == 0.2
    missing = positions([*bounds(), row("cka", "m/1", "n/1", np.nan, reason="alike")])["cka", "m/1", "n/1"]
    assert missing["reason"] == "alike"
    assert positions([*bounds(), pair], []) == {}


def test_thresholds_are_kept_apart():
    rows = [*bounds("ucs", threshold=0.5), *bounds("ucs", floor=0.0, ceiling=0.5, threshold=0.75)]
    rows += [row("ucs", "m/1", "n/1", 0.5, threshold=0.5), row("ucs", "m/1", "n/1", 0.25, threshold=0.75)]
    values = [one["value"] for one in position_rows(frame(rows), TWINS)]
    assert values == pytest.approx([0.5, 0.5])


def test_the_interval_of_a_difference():
    low, high = difference_interval((0.5, 0.4, 0.6), (0.5, 0.4, 0.6))
    assert low == pytest.approx(-np.sqrt(0.02))
    assert high == pytest.approx(np.sqrt(0.02))


def test_propagation_takes_as_many_layers_from_every_model():
    rows = [
        row("sfss", "m/1", "m/2", 0.9), row("sfss", "m/2", "m/3", 0.8), row("sfss", "m/1", "m/3", 0.5),
        row("sfss", "m/1", "m/1", 1.0), row("sfss", "n/1", "n/2", 0.3), row("sfss", "m/1", "n/1", 0.1),
    ]  # fmt: skip
    found = {one["model_a"]: one for one in propagation_rows(frame(rows), PLACES[:5])}
    assert found["m"]["value"] == pytest.approx(0.5)  # two layers, as n has: the first and the last
    assert found["n"]["value"] == pytest.approx(0.3)
    alone = {one["model_a"]: one for one in propagation_rows(frame(rows), PLACES[:3])}
    assert alone["m"]["value"] == pytest.approx(0.85)
    assert evenly_spaced([(0.0, "a"), (0.1, "b"), (0.5, "c"), (1.0, "d")], 3) == ["a", "c", "d"]
    assert evenly_spaced([(0.0, "a"), (0.01, "b"), (1.0, "c")], 3) == ["a", "b", "c"]


def test_concepts_are_counted_over_layers():
    tables = [
        pd.DataFrame({"concept": ["dog", "cat"], "category": "object", "recognised": flags, "reason": ["", why]})
        for flags, why in (([True, False], ""), ([True, True], ""), ([False, False], "too few"))
    ]
    found = {(one["model_a"], one["concept"]): one for one in recognition_rows(tables, PLACES[:3])}
    assert (found["m", "dog"]["value"], found["m", "dog"]["n_total"]) == (2, 3)
    assert (found["m", "dog"]["low"], found["m", "dog"]["high"]) == (0.2, 0.6)
    assert (found["m", "cat"]["value"], found["m", "cat"]["n_total"]) == (1, 2)


def many_pairs(seed=0):
    rng = np.random.default_rng(seed)
    rows = []
    for a, b in itertools.combinations_with_replacement([f"{m}/{layer}" for m, layer, _ in PLACES], 2):
        x = float(rng.random())
        rows += [row("cka", a, b, x), row("rsa", a, b, x + 0.3 * float(rng.random())),
                 row("ucs", a, b, float(rng.random()) if a != b else np.nan, threshold=0.5)]  # fmt: skip
    return frame(rows)


def test_agreement_is_the_rank_correlation_over_pairs_of_different_layers():
    pairs = many_pairs()
    found = {(one["measure"], one["other_measure"]): one for one in agreement_rows(pairs)}
    assert set(found) == {("cka", "rsa"), ("cka", "ucs"), ("rsa", "ucs")}
    different = pairs[(pairs["model_a"] != pairs["model_b"]) | (pairs["layer_a"] != pairs["layer_b"])]
    cka, rsa = (different.loc[different["measure"] == name, "value"].to_numpy() for name in ("cka", "rsa"))
    assert found["cka", "rsa"]["value"] == pytest.approx(spearmanr(cka, rsa).statistic)
    assert found["cka", "rsa"]["n"] == 21
    assert found["cka", "ucs"]["other_threshold"] == 0.5


def test_similarity_that_follows_depth_is_seen_and_noise_is_not():
    names = [f"l{i}" for i in range(6)]
    places = {f"{m}/{name}": i / 5 for m in "ab" for i, name in enumerate(names)}
    rng = np.random.default_rng(0)
    rows = []
    for (a, x), (b, y) in itertools.combinations(places.items(), 2):
        shown = row("cka", "m/1", "m/2", 1 - abs(x - y) + 0.1 * float(rng.random()))
        sides = {"model_a": a[0], "layer_a": a[2:], "depth_a": x, "model_b": b[0], "layer_b": b[2:], "depth_b": y}
        rows += [shown | sides, shown | sides | {"measure": "rsa", "value": float(rng.random())}]
    found = {(one["measure"], one["model_a"], one["model_b"]): one
             for one in depth_rows(frame(rows), n_permutations=99, seed=0)}  # fmt: skip
    assert found["cka", "", ""]["value"] < -0.9
    assert found["cka", "", ""]["p"] == pytest.approx(0.01)
    assert found["cka", "a", "b"]["n"] == 36
    assert found["cka", "a", "a"]["n"] == 15
    assert abs(found["rsa", "", ""]["value"]) < 0.35
    assert found["rsa", "", ""]["p"] > 0.01
    turned = frame(rows).iloc[::-1].reset_index(drop=True)
    again = {(one["measure"], one["model_a"], one["model_b"]): one
             for one in depth_rows(turned, n_permutations=99, seed=0)}  # fmt: skip
    for name in ("value", "p", "n"):
        assert again["cka", "a", "b"][name] == pytest.approx(found["cka", "a", "b"][name])


def concept_row(a, b, i, j, *, ucs=0.5, above=True, threshold=0.5):
    kept = row("", a, b, 0.0)
    return {name: kept.get(name, 0) for name in ("dataset", "model_a", "layer_a", "depth_a", "model_b", "layer_b",
                                                  "depth_b")} | {
        "threshold": threshold, "concept_a": i, "concept_b": j, "ucs": ucs, "low": np.nan, "high": np.nan,
        "n_defined": 5, "n_images": 9, "mutual_best": True, "hungarian": True, "null_high": 0.3, "above_null": above,
        "robustness": 1.0,
    }  # fmt: skip


def test_concepts_that_only_one_model_has():
    own = [concept_row(place, place, c, c, ucs=1.0) for place in ("m/1", "n/1", "n/2") for c in (0, 1)]
    rows = [
        *own,
        concept_row("m/1", "n/1", 0, 1), concept_row("m/1", "n/2", 0, 0, ucs=0.2, above=False),
        concept_row("m/1", "n/2", 1, 1, ucs=0.1, above=False),
        concept_row("m/1", "n/2", 1, 1, ucs=0.9, threshold=0.75),
    ]  # fmt: skip
    table = frame_of(rows, CONCEPT_PAIR_COLUMNS, CONCEPT_PAIR_TYPES)
    found = {(one["model_a"], one["layer_a"], one["concept"], one["model_b"]): one for one in only_in_one_rows(table)}
    # concept 0 of m/1 is concept 1 of n/1; all others have no partner above chance
    assert set(found) == {("m", "1", "1", "n"), ("n", "1", "0", "m"), ("n", "2", "0", "m"), ("n", "2", "1", "m")}
    assert found["m", "1", "1", "n"]["value"] == 0.1
    assert found["m", "1", "1", "n"]["n_total"] == 2
    assert "matched to no concept" in found["n", "1", "0", "m"]["reason"]


def test_the_job_writes_every_fact(tmp_path):
    rows = many_pairs()
    rows.loc[rows["measure"] == "rsa", "measure"] = "sfss"
    write_table(tmp_path / "m.parquet", rows, columns=PAIR_COLUMNS)
    concepts = [concept_row(place, place, 0, 0) for place in ("m/1", "n/1")]
    concepts.append(concept_row("m/1", "n/1", 0, 0, above=False))
    table = frame_of(concepts, CONCEPT_PAIR_COLUMNS, CONCEPT_PAIR_TYPES)
    write_table(tmp_path / "c.parquet", table, columns=CONCEPT_PAIR_COLUMNS)
    profile = pd.DataFrame({"concept": ["dog"], "category": ["object"], "recognised": [True], "reason": [""]})
    profile.to_parquet(tmp_path / "p.parquet")
    given = {
        "dataset": "d", "tables": [tmp_path / "m.parquet"], "concept_tables": [tmp_path / "c.parquet"],
        "sfss_tables": [], "places": PLACES, "twins": TWINS, "out": tmp_path / "summary.parquet",
        "options": {"n_permutations": 19, "confidence": 0.95}, "seed": 0,
    }  # fmt: skip
    join_similarity(**given, profile_tables=[tmp_path / "p.parquet"] * len(PLACES))
    found = read_table(tmp_path / "summary.parquet")
    assert set(found["fact"]) == set(FACTS)
    assert [column.name for column in read_definitions(tmp_path / "summary.parquet")] == [
        column.name for column in SUMMARY_COLUMNS
    ]
    missing = found["value"].isna()
    assert (missing == (found["reason"] != "")).all()
    with pytest.raises(ValueError, match="1 tables of profiles for 7 layers"):
        join_similarity(**given, profile_tables=[tmp_path / "p.parquet"])
    join_similarity(**given, profile_tables=[])
    assert "recognising_layers" not in set(read_table(tmp_path / "summary.parquet")["fact"])

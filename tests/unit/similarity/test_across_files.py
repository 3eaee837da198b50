"""Flat lists of a rule become the files of every layer on every data set."""

from __future__ import annotations

from typing import Any

import pytest

from conceptatlas.similarity.across_files import layers_on

PLACES = [["rich", "conv", 2, 0], ["poor", "conv", 1, 0], ["rich", "last", 2, 1], ["poor", "last", 1, 1]]


def lists(**changes: Any) -> dict[str, Any]:
    shards = [f"{dataset}/{layer}/{i}" for dataset, layer, n, _ in PLACES for i in range(n)]
    one = [f"{dataset}/{layer}" for dataset, layer, _, _ in PLACES]
    given: dict[str, Any] = {"shards": shards, "manifests": [f"{shard}.json" for shard in shards]}
    given["annotations"] = [f"{shard}.h5" for shard in shards]
    given |= {name: [f"{name}/{place}" for place in one] for name in ("dataset", "index", "tables", "discovered")}
    return given | {"reports": ["main.json", "late.json"]} | changes


def test_every_layer_gets_its_own_files() -> None:
    found = layers_on(PLACES, **lists())
    assert [[(of.dataset, of.layer) for of in sets] for sets in found] == [
        [("rich", "conv"), ("poor", "conv")], [("rich", "last"), ("poor", "last")],
    ]  # fmt: skip
    rich, poor = found[1]
    assert rich.shards == ["rich/last/0", "rich/last/1"]
    assert poor.manifests == ["poor/last/0.json"]
    assert poor.annotations == ["poor/last/0.h5"]
    assert (rich.about, rich.listing) == ("dataset/rich/last", "index/rich/last")
    assert (poor.table, poor.discovered) == ("tables/poor/last", "discovered/poor/last")
    assert [sets[0].report for sets in found] == ["main.json", "late.json"]


def test_lists_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match="5 shards for 6 shards"):
        layers_on(PLACES, **lists(shards=lists()["shards"][:5]))
    with pytest.raises(ValueError, match="3 tables for 4 places"):
        layers_on(PLACES, **lists(tables=lists()["tables"][:3]))

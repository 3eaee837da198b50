"""Net2Vec's distances as a measure of similarity: by hand, in the order of the sheets, and joined with the others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from conceptatlas.similarity.embeddings import embedding_pairs
from conceptatlas.similarity.joining import agreement_rows
from conceptatlas.similarity.positions import position_rows
from tiny_similarity_figures import distance_row, pair_row, pairs_table, write_distances

PLACES = [["m", "conv", 0.5], ["m", "last", 1.0], ["twin", "conv", 0.5], ["seed", "conv", 0.5]]


def test_likeness_by_hand(tmp_path: Path) -> None:
    of_presence = distance_row("m/conv", "twin/conv", 0.2, task="classification")
    left_out = [distance_row("m/conv", "words", 0.1), distance_row("m/conv", "other/conv", 0.1)]
    path = write_distances(tmp_path, distance_row("m/last", "m/conv", 0.05), *left_out, of_presence)
    found = embedding_pairs(path, PLACES)
    assert len(found) == 2  # neither words nor layers that are not compared
    first, second = (row for _, row in found.iterrows())
    assert (first["layer_a"], first["layer_b"], first["depth_a"], first["depth_b"]) == ("conv", "last", 0.5, 1.0)
    assert first["measure"] == "net2vec_segmentation"
    assert first["value"] == pytest.approx(0.75)
    assert [first["low"], first["high"]] == pytest.approx([0.75 - 1.959964 * 0.05, 0.75 + 1.959964 * 0.05])
    assert first["null_mean"] == 0
    assert first["null_high"] == pytest.approx(0.25)
    assert (first["p"], first["n_concepts"], first["n_permutations"], first["reason"]) == (0.01, 20, 99, "")
    assert second["measure"] == "net2vec_classification"
    assert second["value"] == pytest.approx(0)


def test_without_distances_nothing_changes(tmp_path: Path) -> None:
    assert len(embedding_pairs(None, PLACES)) == 0
    nothing = distance_row("m/conv", "m/last", np.nan, null_mean=np.nan, null_low=np.nan, reason="2 concepts in all")
    found = embedding_pairs(write_distances(tmp_path, nothing), PLACES).iloc[0]
    assert np.isnan(found["value"])
    assert found["reason"] == "2 concepts in all"
    unscaled = distance_row("m/conv", "m/last", 0.1, null_mean=np.nan, null_low=np.nan, n_permutations=0)
    assert "n_permutations is 0" in embedding_pairs(write_distances(tmp_path, unscaled), PLACES).iloc[0]["reason"]


def test_it_has_its_place_between_twins_and_agrees(tmp_path: Path) -> None:
    rows = [
        distance_row(a, b, value)
        for a, b, value in (
            ("m/conv", "m/last", 0.1), ("m/conv", "twin/conv", 0.2), ("m/conv", "seed/conv", 0.05),
            ("twin/conv", "seed/conv", 0.2), ("m/last", "twin/conv", 0.18),
        )
    ]  # fmt: skip
    embedded = embedding_pairs(write_distances(tmp_path, *rows), PLACES)
    twins = [{"model": "twin", "twin_of": "m", "twin_role": "floor"},
             {"model": "seed", "twin_of": "m", "twin_role": "ceiling"}]  # fmt: skip
    positions = {row["layer_b"]: row for row in position_rows(embedded, twins) if row["model_b"] == "m"}
    place = positions["last"]
    assert (place["floor"], place["ceiling"]) == (pytest.approx(0), pytest.approx(0.75))
    assert place["value"] == pytest.approx(0.5 / 0.75)
    named = [
        tuple(row[name] for name in ("model_a", "layer_a", "model_b", "layer_b")) for _, row in embedded.iterrows()
    ]
    others = [
        pair_row((a, la, 0.5), (b, lb, 0.5), "cka", 2 * value)
        for (a, la, b, lb), value in zip(named, embedded["value"], strict=True)
    ]
    (row,) = agreement_rows(pd.concat([pairs_table(others), embedded], ignore_index=True))
    assert (row["measure"], row["other_measure"]) == ("cka", "net2vec_segmentation")
    assert row["value"] == pytest.approx(1)

"""Pairs: distinct seeds, refused pictures tried again within bounds, parts that add up to the whole."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from conceptatlas.files import array_digest
from conceptatlas.linking.link_tables import class_frame
from conceptatlas.linking.pair_file import Pairs, check_part, read_manifests
from conceptatlas.linking.pairs import asked_slots, fill, sample_pairs
from conceptatlas.linking.slots import Slots
from tiny_generators import Stripes, halves

TINY = Path(__file__).resolve().parents[2] / "tiny_generators.py"
OPTIONS = {"classes": None, "class_map": {}, "class_from": "generator", "n_train": 6, "n_test": 2, "max_tries": 5}
RUN = {"seed": 0, "batch": 4, "threads": 1, "device": "cpu", "tf32": False}
MODEL = {"model": "halves", "source": "user", "architecture": f"{TINY}:halves_model", "weights": ""}


def generator_row(options=""):
    row = {"generator": "stripes", "source": "user", "architecture": f"{TINY}:stripes", "weights": ""}
    return row | {"options": options}


def drawn(folder, n_parts, options=OPTIONS, cells=""):
    files, manifests = [], []
    for part in range(n_parts):
        files.append(folder / f"{n_parts}-{part}.h5")
        manifests.append(folder / f"{n_parts}-{part}.json")
        sample_pairs(
            generator=generator_row(cells), model=MODEL, part=part, n_parts=n_parts, options=options, **RUN,
            pairs=files[-1], manifest=manifests[-1],
        )  # fmt: skip
    return files, manifests


def test_any_number_of_parts_gives_the_same_pairs(tmp_path):
    one, _ = drawn(tmp_path, 1, cells="wrong=0.4")
    five, _ = drawn(tmp_path, 5, cells="wrong=0.4")
    for test in (False, True):
        whole, cut = Pairs(one, test=test), Pairs(five, test=test)
        assert whole.n == cut.n > 0
        for block in ("w", "r"):
            together = [np.concatenate([getattr(b, block) for b in p.blocks(rows=3)]) for p in (whole, cut)]
            np.testing.assert_array_equal(*together)
        np.testing.assert_array_equal(whole.seeds, cut.seeds)


def test_seeds_never_repeat_and_the_splits_are_disjoint(tmp_path):
    files, _ = drawn(tmp_path, 2, options=OPTIONS | {"n_train": 60, "n_test": 20}, cells="wrong=0.3")
    train, test = (set(Pairs(files, test=which).seeds.tolist()) for which in (False, True))
    assert len(train) == 180
    assert len(test) == 60
    assert not train & test


def test_kept_pictures_are_of_their_class_and_tries_are_counted(tmp_path):
    files, manifests = drawn(tmp_path, 1, options=OPTIONS | {"n_train": 40}, cells="wrong=0.5")
    with h5py.File(files[0]) as store:
        filled, tries = store["filled"][:], store["tries"][:]
        classes = store["class"][:]
        w = store["w"][:]
    assert (w[filled, :3].argmax(1) == classes[filled]).all()
    assert tries[filled].max() > 1
    assert (tries[~filled] == 5).all()
    counts = json.loads(manifests[0].read_text())["counts"]
    assert sum(row["tries"] for row in counts) == tries.sum()
    assert sum(row["filled"] for row in counts) == filled.sum()


def test_a_class_that_does_not_fill_has_a_row_with_the_reason(tmp_path):
    """Red is shown where the generator is asked for green, so green never comes."""
    options = OPTIONS | {"class_map": {"red": "green"}, "classes": ["red", "blue"]}
    files, manifests = drawn(tmp_path, 1, options=options)
    told = read_manifests(manifests)
    frame = class_frame(told, ["red", "green", "blue"], generator="g", model="m", max_tries=5)
    rows = frame.set_index(["class_name", "split"])
    assert rows.loc[("green", "train"), "filled"] == 0
    assert rows.loc[("green", "train"), "tries"] == 30
    assert "in 5 tries each" in rows.loc[("green", "train"), "reason"]
    assert rows.loc[("blue", "train"), "reason"] == ""
    assert rows.loc[("blue", "train"), "share"] == 1
    assert set(Pairs(files, test=False).classes.tolist()) == {2}


def test_the_class_may_be_what_the_classifier_says(tmp_path):
    options = OPTIONS | {"class_from": "classifier", "n_train": 30}
    files, manifests = drawn(tmp_path, 3, options=options, cells="classes=0")
    pairs = Pairs(files, test=False)
    assert pairs.n == 90  # nothing is refused
    block = pairs.take(np.arange(90))
    np.testing.assert_array_equal(block.w[:, :3].argmax(1), pairs.classes)
    assert len(np.unique(pairs.classes)) == 3
    assert {row["class"] for row in json.loads(manifests[0].read_text())["counts"]} == {-1}


def test_an_unconditional_generator_needs_that_option():
    with pytest.raises(ValueError, match="class_from: classifier"):
        asked_slots(Stripes(classes=0), halves(), options=OPTIONS, seed=0)


def test_batches_are_full_until_the_end():
    """A place that a refused picture leaves is taken by the next try: the fewest passes there can be."""
    calls = []
    made, classifier = Stripes(wrong=0.4), halves()
    plain = classifier.represent
    classifier.represent = lambda images: calls.append(len(images)) or plain(images)
    slots = Slots("stripes", (0, 1, 2), (0, 1, 2), 40, 0, 5, seed=0)
    arrays = {"w": np.zeros((120, 5), np.float32), "r": np.zeros((120, 6), np.float32)}
    arrays |= {name: np.zeros(120, np.int64) for name in ("class", "seed", "tries")}
    arrays |= {name: np.zeros(120, bool) for name in ("test", "filled")}
    fill(made, classifier, slots, slots.part(0, 1), arrays, batch=8, device="cpu")
    assert set(calls) == {8}
    assert len(calls) <= -(-int(arrays["tries"].sum()) // 8) + 5


def test_pairs_are_taken_by_position(tmp_path):
    files, _ = drawn(tmp_path, 4)
    pairs = Pairs(files, test=False)
    whole = np.concatenate([block.r for block in pairs.blocks()])
    chosen = np.array([11, 0, 17, 5])
    block = pairs.take(chosen)
    np.testing.assert_array_equal(block.r, whole[chosen])
    np.testing.assert_array_equal(block.classes, pairs.classes[chosen])


def test_a_damaged_part_is_set_aside(tmp_path):
    files, manifests = drawn(tmp_path, 1)
    check_part(files[0], manifests[0])
    with h5py.File(files[0], "a") as store:
        store["r"][0] += 1
    with pytest.raises(ValueError, match="is damaged"):
        check_part(files[0], manifests[0])
    assert not manifests[0].exists()


def test_digests_are_those_of_whole_arrays(tmp_path):
    files, manifests = drawn(tmp_path, 1)
    with h5py.File(files[0]) as store:
        for name, digest in json.loads(manifests[0].read_text())["arrays"].items():
            assert digest == array_digest(store[name][:])


def test_parts_of_other_generators_are_refused(tmp_path):
    _, manifests = drawn(tmp_path, 2)
    content = json.loads(manifests[1].read_text())
    manifests[1].write_text(json.dumps(content | {"generator_digest": "another"}))
    with pytest.raises(ValueError, match="generator_digest is 'another'"):
        read_manifests(manifests)


def test_unknown_classes_are_named():
    with pytest.raises(ValueError, match="did you mean 'green'"):
        asked_slots(Stripes(), halves(), options=OPTIONS | {"classes": ["gren"]}, seed=0)
    with pytest.raises(ValueError, match="unknown class 'purple'"):
        asked_slots(Stripes(), halves(), options=OPTIONS | {"class_map": {"red": "purple"}}, seed=0)


def test_pictures_that_are_not_finite_are_refused():
    made, classifier = Stripes(), halves()
    plain = made.generate
    made.generate = lambda w: plain(w) * torch.where(w[:, 3:4, None, None] > 0.5, torch.nan, 1.0)
    slots = Slots("stripes", (0,), (0,), 20, 0, 2, seed=0)
    arrays = {"w": np.zeros((20, 5), np.float32), "r": np.zeros((20, 6), np.float32)}
    arrays |= {name: np.zeros(20, np.int64) for name in ("class", "seed", "tries")}
    arrays |= {name: np.zeros(20, bool) for name in ("test", "filled")}
    fill(made, classifier, slots, slots.part(0, 1), arrays, batch=8, device="cpu")
    assert 0 < arrays["filled"].sum() < 20
    assert (arrays["w"][arrays["filled"], 3] <= 0.5).all()

"""Moved labels and agreement of masks against their slow twins: loops over images, units and cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.upsample import unit_mask
from conceptatlas.robustness.agreement import ONE, AgreementSink
from conceptatlas.robustness.moving import move_labels
from conceptatlas.robustness.perturbations import identity, perturbation_of
from slow_twins import GEOMETRIES, grid_of, random_labels

N, SIZE = 9, 16
LEVELS = [("none", 0), ("rotation", 30), ("rotation", 90), ("patches", 4), ("patches", 3)]


class Block(NamedTuple):
    start: int
    stop: int
    valid: np.ndarray
    maps: np.ndarray

    def array(self, layer):
        return self.maps


def stream(maps, valid, *, batch, start):
    for first in range(0, len(maps), batch):
        last = min(first + batch, len(maps))
        yield Block(start + first, start + last, valid[first:last], maps[first:last])


def moves_of(kind, amount):
    row = {"level": "l", "kind": kind, "amount": amount, "seed": 0, "options": ""}
    made = perturbation_of(row, study_seed=0)
    return [made.move(f"image_{n}", size=SIZE, frame_size=48) for n in range(N)]


@pytest.mark.parametrize(("kind", "amount"), LEVELS)
@pytest.mark.parametrize("padded", [False, True])
def test_moved_labels_equal_the_slow_twin(kind, amount, padded):
    labels = random_labels(np.random.default_rng(2), n_images=N, n_concepts=6, size=SIZE, padded=padded)
    moves = moves_of(kind, amount)
    moved = move_labels(labels.bits(), lambda n: moves[n])
    assert moved.offsets.tolist() == labels.bits().offsets.tolist()
    assert moved.concepts.tolist() == labels.bits().concepts.tolist()
    areas = moved.areas()
    whole = labels.bits().rows < 0
    for n in range(N):
        hidden = np.zeros((SIZE, SIZE), dtype=bool)
        for p, q in enumerate(moves[n].source):
            clean = q >= 0 and not (padded and labels.ignore[n].ravel()[q])
            hidden.ravel()[p] = not clean
        found = np.zeros_like(hidden) if moved.ignore is None else unpack(moved.ignore[n], height=SIZE, width=SIZE)
        np.testing.assert_array_equal(found, hidden)
        for e in range(moved.offsets[n], moved.offsets[n + 1]):
            concept = int(moved.concepts[e])
            mask = labels.merged()[n, concept]
            expected = np.zeros_like(hidden)
            for p, q in enumerate(moves[n].source):
                expected.ravel()[p] = q >= 0 and mask.ravel()[q]
            assert (moved.rows[e] < 0) == whole[e]
            if moved.rows[e] >= 0:
                found = unpack(moved.words[moved.rows[e]], height=SIZE, width=SIZE)
                np.testing.assert_array_equal(found, expected)
            assert areas[e] == (~hidden).sum() if whole[e] else areas[e] == expected.sum()


def test_labels_that_stay_are_the_same_object():
    labels = random_labels(np.random.default_rng(2), n_images=N, n_concepts=6, size=SIZE).bits()
    assert move_labels(labels, lambda n: identity(SIZE)) is labels


@pytest.mark.parametrize(("kind", "amount"), LEVELS)
@pytest.mark.parametrize("geometry", [GEOMETRIES[0], GEOMETRIES[3]], ids=str)
@pytest.mark.parametrize("padded", [False, True])
def test_agreement_equals_the_slow_twin(kind, amount, geometry, padded):
    rng = np.random.default_rng(3)
    clean = rng.normal(size=(N, 4, 5, 5)).astype(np.float16)
    perturbed = (clean + rng.normal(size=clean.shape)).astype(np.float16)
    valid = np.ones(N, dtype=bool)
    valid[4] = False
    thresholds = np.array([0.5, 1.0, 9.0, 1.5], dtype=np.float32)
    blocks = rng.integers(0, 32, N)
    labels = random_labels(rng, n_images=N, n_concepts=3, size=SIZE, padded=padded)
    ignore = labels.bits().ignore
    grid, moves = grid_of((5, 5), SIZE, geometry), moves_of(kind, amount)
    sums, defined = np.zeros((4, 32), dtype=np.int64), np.zeros((4, 32), dtype=np.int64)
    for n in np.flatnonzero(valid):
        for k in range(4):
            before = unit_mask(clean[n, k], float(thresholds[k]), grid).ravel()
            after = unit_mask(perturbed[n, k], float(thresholds[k]), grid).ravel()
            both = either = 0
            for cell, place in enumerate(moves[n].inverse):
                hidden = padded and labels.ignore[n].ravel()[cell]
                if place < 0 or moves[n].source[place] < 0 or hidden:
                    continue
                both += int(before[cell] and after[place])
                either += int(before[cell] or after[place])
            if either:
                sums[k, blocks[n]] += both * ONE // either
                defined[k, blocks[n]] += 1
    assert defined.sum() > 10
    for batch in (1, 4, 20):
        sink = AgreementSink(
            "layer", clean=clean, thresholds=thresholds, blocks=blocks, ignore=ignore, move_of=lambda n: moves[n],
            grid=grid, start=100,
        )  # fmt: skip
        for block in stream(perturbed, valid, batch=batch, start=100):
            sink.consume(block)
        np.testing.assert_array_equal(sink.sums, sums)
        np.testing.assert_array_equal(sink.defined, defined)
    assert defined[2].sum() == 0


@pytest.mark.parametrize(("kind", "amount"), [("none", 0), ("rotation", 90), ("patches", 4), ("patches", 8)])
def test_masks_that_move_as_the_picture_agree_wholly(kind, amount):
    """Perturb, then undo: a unit that follows its picture has an agreement of exactly 1 where the move is exact."""
    rng = np.random.default_rng(4)
    clean = rng.normal(size=(N, 3, SIZE, SIZE)).astype(np.float16)
    moves = moves_of(kind, amount)
    perturbed = np.stack([
        clean[n].reshape(3, -1)[:, moves[n].source].reshape(3, SIZE, SIZE) for n in range(N)
    ])  # fmt: skip
    sink = AgreementSink(
        "layer", clean=clean, thresholds=np.full(3, 1.0, dtype=np.float32), blocks=np.arange(N), ignore=None,
        move_of=lambda n: moves[n], grid=grid_of((SIZE, SIZE), SIZE, GEOMETRIES[0]),
    )  # fmt: skip
    sink.consume(Block(0, N, np.ones(N, dtype=bool), perturbed))
    assert (sink.defined.sum(axis=1) == N).all()
    assert (sink.sums == sink.defined * ONE).all()


def test_overflow_is_refused():
    clean = np.zeros((1, 1, 2, 2), dtype=np.float16)
    sink = AgreementSink(
        "layer", clean=clean, thresholds=np.zeros(1), blocks=np.zeros(1, dtype=int), ignore=None,
        move_of=lambda n: identity(SIZE), grid=grid_of((2, 2), SIZE, GEOMETRIES[0]),
    )  # fmt: skip
    with pytest.raises(ValueError, match="float32"):
        sink.consume(Block(0, 1, np.ones(1, dtype=bool), np.full((1, 1, 2, 2), np.inf, dtype=np.float16)))

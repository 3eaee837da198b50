"""The kernel's descent is the paper's, whatever is learned beside it and on whichever engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from conceptatlas.masks.bitmask import as_words, pack
from conceptatlas.masks.upsample import make_grid
from conceptatlas.net2vec.descent import descend_block, descend_one
from conceptatlas.net2vec.firing import list_firing
from conceptatlas.net2vec.problems import Descent, Problem, Solutions, image_orders
from conceptatlas.net2vec.segmentation_kernel import sigmoids
from net2vec_twin import train

N, K, SHAPE, S = 23, 12, (5, 6), 20
OPTIONS: dict[str, Any] = {"loss": "net2vec", "upsample": "corners", "bias": False, "order": "shuffled",
                           "learning_rate": 2e-3,
                           "momentum": 0.9, "batch": 8, "epochs": 4, "l1": 0.0, "l2": 0.0}  # fmt: skip


class World:
    """Random bits and masks with the files' forms of both."""

    def __init__(self, *, padded: bool = False, upsample: str = "corners", **options: Any) -> None:
        rng = np.random.default_rng(3)
        self.bits = rng.random((N, K, *SHAPE)) < 0.06
        self.bits[4] = False  # an image in which nothing fires
        self.masks = np.zeros((N, S, S), dtype=bool)
        for n in range(N):
            y, x = rng.integers(0, S - 8, size=2)
            self.masks[n, y : y + 8, x : x + 7] = True
        self.ignore = np.zeros((N, S, S), dtype=bool)
        if padded:
            self.ignore[::2, :, :5] = True
            self.masks &= ~self.ignore
        self.padded = padded
        self.options = OPTIONS | options | {"upsample": upsample}
        self.grid = make_grid(SHAPE, S, upsample=upsample)
        firing = list_firing(np.packbits(self.bits.reshape(N, K, -1), axis=-1, bitorder="little"), map_shape=SHAPE)
        ignored = (
            as_words(pack(self.ignore)) if padded else np.zeros((1, as_words(pack(self.masks)).shape[1]), np.uint64)
        )
        self.descent = Descent(firing, self.grid, ignored, self.options)

    def problem(self, images: list[int], *, concept: str = "dog", alpha: float = 0.8) -> Problem:
        order = image_orders(len(images), concept=concept, options=self.options, seed=0)
        return Problem(np.array(images), as_words(pack(self.masks[images])), alpha, order)

    def starts(self, n: int = 1, *, seed: int = 0) -> Solutions:
        weights = np.random.default_rng(seed).uniform(-0.3, 0.3, size=(n, K))
        bias = np.full(n, 0.1) if self.options["bias"] else np.zeros(n)
        return Solutions(weights, bias, np.ones((n, K), dtype=bool))

    def twin(self, problem: Problem, start: Solutions, *, solution: int = 0) -> tuple[np.ndarray, float]:
        mine = problem.images
        o = self.options
        return train(
            self.bits[mine], self.masks[mine], self.grid, weights=start.weights[solution],
            bias=float(start.bias[solution]), order=problem.order, loss=o["loss"], alpha=problem.alpha,
            batch=o["batch"], learning_rate=self.descent.learning_rate, momentum=o["momentum"], has_bias=o["bias"],
            l1=o["l1"], l2=o["l2"], ignore=self.ignore[mine] if self.padded else None, member=start.member[solution],
        )  # fmt: skip


def test_sigmoid_is_exact_to_seven_digits() -> None:
    values = np.concatenate([np.linspace(-80, 80, 40001), [0.0, 1e-30, -1e-30]]).astype(np.float32)
    found = np.empty_like(values)
    sigmoids(values, found)
    wanted = 1 / (1 + np.exp(-values.astype(np.float64)))
    assert np.abs(found / wanted - 1).max() < 5e-7
    far = np.array([-1e9, 1e9, -200, 200], dtype=np.float32)
    out = np.empty_like(far)
    sigmoids(far, out)
    assert np.isfinite(out).all()
    assert out == pytest.approx([0, 1, 0, 1], abs=1e-30)


@pytest.mark.parametrize("loss", ["net2vec", "bce"])
@pytest.mark.parametrize("upsample", ["corners", "half_pixel"])
@pytest.mark.parametrize(
    ("bias", "padded", "l1", "l2"),
    [(False, False, 0, 0), (True, False, 0, 0), (False, True, 0, 0), (True, True, 0.01, 0.02)],
)
def test_the_kernel_descends_as_the_paper_does(
    loss: str, upsample: str, bias: bool, padded: bool, l1: float, l2: float
) -> None:
    world = World(padded=padded, upsample=upsample, loss=loss, bias=bias, l1=l1, l2=l2)
    problem, start = world.problem(list(range(N))), world.starts()
    wanted, wanted_bias = world.twin(problem, start)
    found = world.starts()
    descend_one(world.descent, problem, found)
    assert np.abs(wanted - start.weights[0]).max() > 0.05  # something was learned at all
    assert found.weights[0] == pytest.approx(wanted, abs=2e-6)
    assert found.bias[0] == pytest.approx(wanted_bias if bias else 0.0, abs=2e-6)


def test_masks_that_cover_everything_weigh_both_sides_alike() -> None:
    world = World()
    world.masks[:] = True
    problem, start = world.problem(list(range(N)), alpha=0.0), world.starts()
    assert problem.pixel_weights == (1.0, 1.0)
    wanted, _ = world.twin(problem, start)
    found = world.starts()
    descend_one(world.descent, problem, found)
    assert found.weights[0] == pytest.approx(wanted, abs=2e-6)
    assert (found.weights[0] > start.weights[0]).all()


def test_a_unit_that_never_fires_keeps_its_weight() -> None:
    world = World()
    world.bits[:, 3] = False
    firing = list_firing(np.packbits(world.bits.reshape(N, K, -1), axis=-1, bitorder="little"), map_shape=SHAPE)
    found = world.starts()
    start = found.weights.copy()
    descend_one(world.descent._replace(firing=firing), world.problem(list(range(N))), found)
    assert found.weights[0, 3] == start[0, 3]
    assert (found.weights[0, :3] != start[0, :3]).all()


def test_solutions_side_by_side_are_solutions_alone() -> None:
    world = World()
    problem, together = world.problem(list(range(N))), world.starts(5)
    together.member[1, :8] = False
    together.member[3, 4:] = False
    together.weights[~together.member] = 0
    alone = [Solutions(together.weights[v : v + 1].copy(), np.zeros(1), together.member[v : v + 1]) for v in range(5)]
    descend_one(world.descent, problem, together)
    for v in range(5):
        descend_one(world.descent, problem, alone[v])
        assert (alone[v].weights[0] == together.weights[v]).all()
    assert (together.weights[1, :8] == 0).all()


def test_a_subset_descends_as_the_paper_does() -> None:
    world = World()
    problem, start = world.problem(list(range(N))), world.starts()
    start.member[0, ::2] = False
    start.weights[0, ::2] = 0
    wanted, _ = world.twin(problem, start)
    descend_one(world.descent, problem, start)
    assert start.weights[0] == pytest.approx(np.where(start.member[0], wanted, 0), abs=2e-6)


def test_orders_are_the_concepts_own() -> None:
    first, other = (image_orders(30, concept=name, options=OPTIONS, seed=0) for name in ("dog", "cat"))
    assert first.shape == (4, 30)
    assert all(sorted(epoch) == list(range(30)) for epoch in first)
    assert (first[0] != first[1]).any()
    assert (first != other).any()
    assert (image_orders(30, concept="dog", options=OPTIONS, seed=0) == first).all()
    fixed = image_orders(5, concept="dog", options=OPTIONS | {"order": "fixed"}, seed=0)
    assert (fixed == np.arange(5)).all()


@pytest.mark.parametrize("loss", ["net2vec", "bce"])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_batched_products_give_the_same(loss: str, padded: bool, bias: bool) -> None:
    world = World(loss=loss, padded=padded, bias=bias, l1=0.001, l2=0.001)
    problems = [world.problem(list(range(N)), concept="dog"), world.problem([1, 5, 7], concept="cat", alpha=0.6),
                world.problem(list(range(3, 15)), concept="car", alpha=0.9)]  # fmt: skip
    kernel, batched = ([world.starts(2, seed=i) for i in range(3)] for _ in range(2))
    for solutions in (kernel, batched):
        solutions[1].member[1, 5:] = False
        solutions[1].weights[~solutions[1].member] = 0
    descend_block(world.descent, problems, kernel, device="cpu")
    from conceptatlas.net2vec.descent_torch import descend_batched

    descend_batched(world.descent, problems, batched, device="cpu")
    for a, b in zip(kernel, batched, strict=True):
        assert b.weights == pytest.approx(a.weights, abs=1e-4)
        assert b.bias == pytest.approx(a.bias, abs=1e-4)


@pytest.mark.gpu
def test_a_gpu_gives_the_same() -> None:
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")
    world = World()
    problems = [world.problem(list(range(N)), concept="dog"), world.problem([1, 5, 7], concept="cat", alpha=0.6)]
    kernel, batched = ([world.starts(2, seed=i) for i in range(2)] for _ in range(2))
    descend_block(world.descent, problems, kernel, device="cpu")
    descend_block(world.descent, problems, batched, device="cuda")
    for a, b in zip(kernel, batched, strict=True):
        assert b.weights == pytest.approx(a.weights, abs=1e-4)

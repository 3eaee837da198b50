"""Blocks: the same numbers however the images are cut, exact rounding, padding, back-off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import tiny_models
from conceptatlas.models.blocks import Block, iterate_blocks
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare

LAYERS = {"early": "conv1", "late": "bn2", "end": "head"}


def run(model: LoadedModel, frames: Any, layers: dict[str, str] = LAYERS, **options: Any) -> dict[str, np.ndarray]:
    blocks = list(iterate_blocks(model, layers, frames, **{"batch": 4, **options}))
    return {layer: np.concatenate([block.array(layer) for block in blocks]) for layer in layers}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return all(a[layer].tobytes() == b[layer].tobytes() for layer in a)


def test_blocks_cover_the_frames_in_order_with_stated_shapes() -> None:
    blocks = list(iterate_blocks(tiny_models.model(), LAYERS, tiny_models.frames(10), batch=4))
    assert [(block.start, block.stop) for block in blocks] == [(0, 4), (4, 8), (8, 10)]
    assert blocks[-1].array("early").shape == (2, 6, 32, 32)
    assert blocks[-1].array("end").shape == (2, 4, 1, 1)
    assert all(block.tensors["late"].is_contiguous() and block.batch_used == 4 for block in blocks)
    assert blocks[0].array("late").dtype == np.float16
    with pytest.raises(ValueError, match="unknown layer 'lat'"):
        blocks[0].array("lat")


def test_values_are_the_networks_own_rounded_once() -> None:
    model, pictures = tiny_models.model(), tiny_models.frames(6)
    with torch.inference_mode():
        inputs = prepare(pictures, model)
        expected = model.module.conv1(inputs)
    got = run(model, pictures, dtypes={"late": "float32"})
    assert got["late"].dtype == np.float32
    np.testing.assert_array_equal(got["early"], expected.to(torch.float16).numpy())


@pytest.mark.parametrize("threads", [1, 2])
def test_numbers_do_not_depend_on_shards(threads: int) -> None:
    """Bit for bit, wherever a shard begins; torchvision's net has depthwise and 1 x 1 convolutions of many sizes."""
    import torchvision

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = torchvision.models.mobilenet_v2(width_mult=0.35)
        model = tiny_models.model(net, input_size=64)
        layers = {"a": "features.2", "b": "features.7", "c": "features.18.1", "d": "classifier.1"}
        dtypes = dict.fromkeys(layers, "float32")
        pictures = tiny_models.frames(19, size=64)
        whole = run(model, pictures, layers, batch=8, dtypes=dtypes)
        for cut in (1, 7, 13):
            parts = [run(model, part, layers, batch=8, dtypes=dtypes) for part in (pictures[:cut], pictures[cut:])]
            assert same(whole, {layer: np.concatenate([part[layer] for part in parts]) for layer in layers})
        ranged = run(model, pictures, layers, batch=8, dtypes=dtypes, start=5, stop=17)
        assert same(ranged, {layer: values[5:17] for layer, values in whole.items()})
    finally:
        torch.set_num_threads(before)


def test_invalid_frames_run_as_black_and_change_nothing_else() -> None:
    model, pictures = tiny_models.model(), tiny_models.frames(6)
    valid = np.array([True, False, True, True, True, False])
    damaged = pictures.copy()
    damaged[~valid] = 255
    first, second = run(model, pictures, valid=valid), run(model, damaged, valid=valid)
    assert same(first, second)
    assert same({layer: v[valid] for layer, v in first.items()}, {k: v[valid] for k, v in run(model, pictures).items()})
    blocks = list(iterate_blocks(model, LAYERS, pictures, valid, batch=4))
    np.testing.assert_array_equal(np.concatenate([block.valid for block in blocks]), valid)


def test_output_on_request() -> None:
    model, pictures = tiny_models.model(), tiny_models.frames(5)
    blocks = list(iterate_blocks(model, {"a": "conv1"}, pictures, batch=2, with_output=True))
    outputs = torch.cat([block.output for block in blocks if block.output is not None])
    with torch.inference_mode():
        torch.testing.assert_close(outputs, model.module(prepare(pictures, model)))
    assert all(block.output is None for block in iterate_blocks(model, {"a": "conv1"}, pictures, batch=2))


class Tiny16(nn.Module):
    """Multiplies pictures by a power of two: what float16 loses is known."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor
        self.out = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(x * self.factor)


def test_underflow_is_counted() -> None:
    """Pictures are 0..255 / 255; scaled so that values below 128/255 round to zero (ties go to even)."""
    model = tiny_models.model(Tiny16(2.0**-25 * 255 / 128), mean=(0, 0, 0), std=(1, 1, 1))
    pictures = tiny_models.frames(3)
    (block,) = iterate_blocks(model, {"out": "out"}, pictures, batch=3)
    first = pictures[0].astype(int)
    assert block.underflow == {"out": (int(((first > 0) & (first <= 128)).sum()), int((first > 0).sum()))}
    np.testing.assert_array_equal(block.array("out")[0] == 0, (first <= 128).transpose(2, 0, 1))


class Greedy(nn.Module):
    """Runs out of memory above a number of images."""

    def __init__(self, fits: int) -> None:
        super().__init__()
        self.fits = fits
        self.conv = nn.Conv2d(3, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > self.fits:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return self.conv(x)


def test_out_of_memory_halves_the_batch_and_loses_no_image(caplog: pytest.LogCaptureFixture) -> None:
    pictures = tiny_models.frames(21)
    blocks: list[Block] = list(iterate_blocks(tiny_models.model(Greedy(5)), {"a": "conv"}, pictures, batch=16))
    assert [block.start for block in blocks] == [0, 4, 8, 12, 16, 20]
    assert {block.batch_used for block in blocks} == {4}
    assert caplog.text.count("batch is now") == 2
    with pytest.raises(torch.OutOfMemoryError, match="one image does not fit"):
        list(iterate_blocks(tiny_models.model(Greedy(0)), {"a": "conv"}, pictures, batch=4))


def test_other_errors_are_not_swallowed_and_hooks_come_off() -> None:
    model = tiny_models.model()
    with pytest.raises(ValueError, match="uint8"):
        list(iterate_blocks(model, LAYERS, tiny_models.frames(3).astype(np.int32), batch=2))
    generator = iterate_blocks(model, LAYERS, tiny_models.frames(9), batch=2)
    next(generator)
    generator.close()
    assert all(not child._forward_hooks for child in model.module.modules())
    with pytest.raises(ValueError, match="unknown storage type 'float61'"):
        next(iterate_blocks(model, LAYERS, tiny_models.frames(3), batch=2, dtypes={"late": "float61"}))


@pytest.mark.gpu
def test_cuda_agrees_within_tolerance() -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    pictures = tiny_models.frames(21)
    dtypes = dict.fromkeys(LAYERS, "float32")
    host = run(tiny_models.model(), pictures, dtypes=dtypes)
    device = run(tiny_models.model(), pictures, dtypes=dtypes, device="cuda")
    for layer in LAYERS:
        np.testing.assert_allclose(device[layer], host[layer], rtol=1e-4, atol=1e-5)
    assert same(device, run(tiny_models.model(), pictures, dtypes=dtypes, device="cuda", host_copies=False))


def test_float_frames_give_the_same_numbers_and_keep_fractions() -> None:
    """Perturbed frames are float32: the values of 8 bits where they are whole, not rounded where they are not."""
    pictures = tiny_models.frames(5)

    def maps(frames: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [b.array("one") for b in iterate_blocks(tiny_models.model(), {"one": "conv1"}, frames, batch=2)]
        )

    given = pictures.astype(np.float32)
    np.testing.assert_array_equal(maps(given), maps(pictures))
    np.testing.assert_array_equal(given, pictures)  # normalisation did not work in place on what was given
    assert (maps(given + np.float32(0.25)) != maps(pictures)).any()

"""Arithmetic of the structural copy: linear, the same centres, nothing from what mixes all places."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.ops import FrozenBatchNorm2d

from conceptatlas.models.structure import structural_copy
from conceptatlas.models.wiring import Wiring

GENERATOR = torch.Generator().manual_seed(0)
PICTURE = torch.rand(1, 4, 13, 13, generator=GENERATOR) - 0.5


def gradient(function: Callable[[torch.Tensor], torch.Tensor], inputs: torch.Tensor = PICTURE, **mode: bool) -> object:
    """|d output[0, :, 3, 5] / d input| summed over channels; None where none arrives."""
    inputs = inputs.clone().requires_grad_()
    with Wiring(**mode):
        output = function(inputs)
    (found,) = torch.autograd.grad(output[0, :, 3, 5].sum(), inputs, allow_unused=True)
    return None if found is None else found.abs().sum((0, 1)).numpy()


def centre(field: np.ndarray) -> tuple[float, float]:
    rows, columns = field.sum(1), field.sum(0)
    return (rows @ np.arange(len(rows)) / rows.sum(), columns @ np.arange(len(columns)) / columns.sum())


@pytest.mark.parametrize(
    "function",
    [
        functional.relu,
        torch.relu,
        functional.relu6,
        functional.gelu,
        functional.silu,
        functional.hardswish,
        functional.elu,
        functional.leaky_relu,
        torch.tanh,
        functional.mish,
        nn.PReLU(4),
    ],
    ids=lambda function: getattr(function, "__name__", "PReLU"),
)
def test_nonlinearities_pass_everything(function: Callable[[torch.Tensor], torch.Tensor]) -> None:
    with Wiring():
        assert torch.equal(function(PICTURE), PICTURE)
        assert torch.equal(PICTURE.relu(), PICTURE)
    assert not torch.equal(function(PICTURE), PICTURE)


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(4),
        nn.GroupNorm(2, 4),
        nn.InstanceNorm2d(4),
        lambda x: functional.normalize(x, dim=1),
        lambda x: nn.LayerNorm(4)(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
    ],
)
def test_normalisations_divide_by_one_number(norm: Callable[[torch.Tensor], torch.Tensor]) -> None:
    if isinstance(norm, nn.Module):
        norm.eval()
    with Wiring():
        ratio = norm(PICTURE) / PICTURE
    torch.testing.assert_close(ratio, ratio.mean().expand_as(ratio))


def test_standardised_weights_stay_as_they_are() -> None:
    """A weight-standardised convolution calls batch norm without statistics on its weights."""
    weights = torch.rand(1, 4, 9)
    with Wiring():
        assert functional.batch_norm(weights, None, None, training=True) is weights


WINDOWS = [
    (k, s, p, ceil)
    for k, s, p, ceil in itertools.product((1, 2, 3, 5), (1, 2, 3), (0, 1), (False, True))
    if p <= k // 2
]


@pytest.mark.parametrize(("kernel", "stride", "padding", "ceil"), WINDOWS)
@pytest.mark.parametrize("average", [False, True])
def test_pooling_averages_and_its_middle_has_the_same_centre(
    kernel: int, stride: int, padding: int, ceil: bool, average: bool
) -> None:
    pool = functional.avg_pool2d if average else functional.max_pool2d

    def function(x: torch.Tensor) -> torch.Tensor:
        return pool(x, kernel, stride, padding, ceil_mode=ceil)

    picture = torch.rand(1, 4, 20, 20, generator=GENERATOR)
    with Wiring(points=True):
        assert function(picture).shape == pool(picture, kernel, stride, padding, ceil_mode=ceil).shape
    full, points = gradient(function, picture), gradient(function, picture, points=True)
    expected = (3 * stride - padding + (kernel - 1) / 2, 5 * stride - padding + (kernel - 1) / 2)
    np.testing.assert_allclose(centre(full), expected, atol=1e-5)
    np.testing.assert_allclose(centre(points), expected, atol=1e-5)
    assert (points > 0).sum() == (2 - kernel % 2) ** 2


@pytest.mark.parametrize(
    ("kernel", "stride", "padding", "dilation"), [(3, 1, 1, 1), (4, 2, 1, 1), (7, 2, 3, 1), (3, 1, 2, 2), (2, 2, 0, 1)]
)
def test_convolutions_have_the_same_centre_as_points(kernel: int, stride: int, padding: int, dilation: int) -> None:
    copy = structural_copy(nn.Conv2d(4, 6, kernel, stride, padding, dilation))
    picture = torch.rand(1, 4, 24, 24, generator=GENERATOR)
    full, points = gradient(copy, picture), gradient(copy, picture, points=True)
    np.testing.assert_allclose(centre(full), centre(points), atol=1e-4)
    np.testing.assert_allclose(full.sum(), points.sum(), rtol=1e-4)
    assert (points > 0).sum() == (2 - kernel % 2) ** 2


def test_nearest_upsampling_interpolates() -> None:
    for mode in ("nearest", "nearest-exact"):
        with Wiring():
            found = functional.interpolate(PICTURE, scale_factor=2, mode=mode)
        torch.testing.assert_close(
            found, functional.interpolate(PICTURE, scale_factor=2, mode="bilinear", align_corners=False)
        )


def attention(x: torch.Tensor) -> torch.Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    weights = functional.softmax(tokens @ tokens.transpose(1, 2), dim=-1)
    return (weights @ tokens).transpose(1, 2).unflatten(2, x.shape[2:])


def fused(x: torch.Tensor) -> torch.Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    return functional.scaled_dot_product_attention(tokens, tokens, tokens).transpose(1, 2).unflatten(2, x.shape[2:])


def module(x: torch.Tensor) -> torch.Tensor:
    layer = structural_copy(nn.MultiheadAttention(4, 2, batch_first=True))
    tokens = x.flatten(2).transpose(1, 2)
    return layer(tokens, tokens, tokens)[0].transpose(1, 2).unflatten(2, x.shape[2:])


def linear_attention(x: torch.Tensor) -> torch.Tensor:
    tokens = x.flatten(2).transpose(1, 2)
    products = torch.einsum("bnc,bnd->bcd", tokens, tokens)
    return torch.einsum("bnc,bcd->bnd", tokens, products).transpose(1, 2).unflatten(2, x.shape[2:])


MIXERS = {
    "attention": attention,
    "fused": fused,
    "module": module,
    "linear_attention": linear_attention,
    "mean": lambda x: x.mean((2, 3), keepdim=True).expand_as(x),
    "mean_of_channel_last": lambda x: x.permute(0, 2, 3, 1).mean((1, 2), keepdim=True).permute(0, 3, 1, 2).expand_as(x),
    "flat_mean": lambda x: x.flatten(2).mean(-1)[:, :, None, None].expand_as(x),
    "adaptive": lambda x: functional.adaptive_avg_pool2d(x, 1).expand_as(x),
    "norm": lambda x: x.norm(p=2, dim=(2, 3), keepdim=True).expand_as(x),
    "whole_window": lambda x: functional.avg_pool2d(x, x.shape[2:]).expand_as(x),
    "whole_maximum": lambda x: functional.max_pool2d(x, x.shape[2]).expand_as(x),
}


@pytest.mark.parametrize("points", [False, True])
@pytest.mark.parametrize("name", MIXERS)
def test_what_mixes_all_places_passes_values_but_no_gradient(name: str, points: bool) -> None:
    mixer = MIXERS[name]
    assert gradient(mixer, points=points) is None
    beside = gradient(lambda x: x + 3 * mixer(x), points=points)
    assert centre(beside) == (3, 5)
    assert (gradient(mixer, points=points, passes_global=True) > 0).all()


def test_what_stays_local_keeps_its_gradient() -> None:
    for function in (
        lambda x: x.mean(1, keepdim=True).expand_as(x),  # over units
        lambda x: functional.adaptive_avg_pool2d(x, 13),
        lambda x: functional.linear(x.permute(0, 2, 3, 1), torch.eye(4)).permute(0, 3, 1, 2),
        lambda x: (x.permute(0, 2, 3, 1) @ torch.eye(4)).permute(0, 3, 1, 2),  # a product with weights
        lambda x: x * torch.sigmoid(x),
    ):
        field = gradient(function)
        assert centre(field) == (3, 5)


def test_frozen_batch_norm_becomes_the_identity() -> None:
    """Its weights and statistics are buffers; a negative or tiny gain must not weigh branches."""
    frozen = FrozenBatchNorm2d(4)
    for buffer in frozen.buffers():
        buffer.uniform_(-3, 3)
    frozen.running_var.abs_()
    before = [buffer.clone() for buffer in frozen.buffers()]
    torch.testing.assert_close(structural_copy(frozen)(PICTURE), PICTURE)
    assert all(torch.equal(a, b) for a, b in zip(before, frozen.buffers(), strict=True))

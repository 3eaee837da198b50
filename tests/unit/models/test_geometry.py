"""Geometry: probed centres against the arithmetic of kernels, strides and padding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torchvision
from torch import nn

import tiny_models
from conceptatlas.models.geometry import map_geometry
from conceptatlas.models.index import load_model


def analytic(layers: list[tuple[int, int, int, int]]) -> tuple[float, int]:
    """Centre of cell 0 in pixels, and the step, of (kernel, stride, padding, dilation) layers one after another."""
    centre, step = 0.5, 1
    for kernel, stride, padding, dilation in layers:
        centre += step * (dilation * (kernel - 1) / 2 - padding)
        step *= stride
    return centre, step


def chain(layers: list[tuple[int, int, int, int]], *, pool: str) -> nn.Sequential:
    modules: list[nn.Module] = []
    width = 3
    for n, (kernel, stride, padding, dilation) in enumerate(layers):
        if pool and n % 2:
            modules.append(nn.MaxPool2d(kernel, stride, padding, ceil_mode=pool == "ceil"))
        else:
            modules += [
                nn.Conv2d(width, 8, kernel, stride, padding, dilation),
                nn.BatchNorm2d(8),
                nn.ReLU(inplace=True),
            ]
            width = 8
    return nn.Sequential(*modules)


CHAINS = [
    [(3, 1, 1, 1)],
    [(11, 4, 2, 1), (3, 2, 0, 1), (5, 1, 2, 1)],
    [(7, 2, 0, 1), (3, 2, 0, 1), (3, 1, 1, 1), (3, 2, 0, 1)],
    [(3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 2, 2), (2, 2, 0, 1)],
    [(3, 3, 0, 1), (3, 1, 1, 1), (3, 1, 1, 1)],
]


@pytest.mark.parametrize("pool", ["", "floor", "ceil"])
@pytest.mark.parametrize("layers", CHAINS)
@pytest.mark.parametrize("size", [67, 96])
def test_centres_are_those_of_the_arithmetic(layers: list[tuple[int, int, int, int]], pool: str, size: int) -> None:
    if pool and any(dilation > 1 for _, _, _, dilation in layers[1::2]):
        layers = [(k, s, p, 1) for k, s, p, _ in layers]
    net = chain(layers, pool=pool)
    model = tiny_models.model(net, input_size=size)
    last = str(len(net) - 1)
    found = map_geometry(model, {"a": last})["a"]
    centre, step = analytic(layers)
    assert found["method"] == "gradient"
    pixels = np.array(found["rf_centres_y"]) * size
    np.testing.assert_allclose(pixels, centre + step * np.arange(found["height"]), atol=1e-6)
    np.testing.assert_allclose(found["rf_centres_x"], found["rf_centres_y"], atol=1e-9)
    if found["residual"] is not None:
        assert found["residual"] < 0.01


def test_measured_centres_move_inwards_at_the_border_only() -> None:
    model = tiny_models.model(chain([(3, 1, 1, 1), (3, 1, 1, 1), (3, 1, 1, 1)], pool=""), input_size=40)
    found = map_geometry(model, {"a": "8"})["a"]
    centres, measured = np.array(found["rf_centres_y"]) * 40, np.array(found["measured_y"]) * 40
    assert measured[0] > centres[0] + 0.3
    assert measured[-1] < centres[-1] - 0.3
    assert np.all(np.diff(measured) > 0)
    np.testing.assert_allclose(measured[9:-9], centres[9:-9], atol=0.02)  # nearer to the border: partly interpolated


def test_random_and_trained_weights_give_the_same_geometry() -> None:
    """It is a property of the wiring: other weights, other batch-norm statistics, the same centres."""
    found = [map_geometry(tiny_models.model(seed=seed), {"a": "pool"})["a"] for seed in (0, 1)]
    assert found[0]["rf_centres_y"] == found[1]["rf_centres_y"]


def test_the_model_is_not_touched() -> None:
    model = tiny_models.model()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    map_geometry(model, {"a": "pool", "b": "conv1"})
    assert all(torch.equal(before[name], tensor) for name, tensor in model.module.state_dict().items())
    assert all(not child._forward_hooks for child in model.module.modules())


def test_tokens_vectors_and_channel_last_maps() -> None:
    model = tiny_models.model(tiny_models.OddNet())
    found = map_geometry(model, {"tokens": "with_class", "last": "last", "patches": "patches", "vector": "head"})
    for layer in ("tokens", "last"):
        assert found[layer]["method"] == "patch"
        np.testing.assert_allclose(found[layer]["rf_centres_x"], [0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(found["patches"]["rf_centres_x"], [0.125, 0.375, 0.625, 0.875], atol=1e-6)
    assert found["vector"]["rf_centres_y"] == [0.5]
    assert (found["vector"]["n_units"], found["vector"]["height"]) == (3, 1)


class Spread(nn.Module):
    """Pools everything and lays the result out again as a map: every cell sees the picture alike."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.alike = nn.Identity()
        self.flipped = nn.Identity()
        self.turned = nn.Identity()
        self.blind = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        self.flipped(x.flip(2))
        self.turned(x.transpose(2, 3))
        self.blind(x.detach() * 0 + 1)
        return self.alike(x.mean((2, 3), keepdim=True).expand(-1, -1, 8, 8))


def test_geometry_is_refused_with_the_reason_where_undefined() -> None:
    found = map_geometry(tiny_models.model(Spread()), {name: name for name in ("alike", "flipped", "turned", "blind")})
    assert "alike" in found["alike"]["reason"]
    assert "order" in found["flipped"]["reason"]
    assert "order" in found["turned"]["reason"]
    assert "no gradient" in found["blind"]["reason"]
    for record in found.values():
        assert record["method"] == ""
        assert record["rf_centres_y"] is None
        assert record["rf_centres_x"] is None


class FixedInput(nn.Module):
    """Takes its own input size only."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 4, 8, stride=8)
        self.head = nn.Linear(4 * 16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.shape[2] != 32:
            raise ValueError("32 pixels only")
        return self.head(self.patches(x).flatten(1))


def test_a_network_of_fixed_input_size_needs_no_other() -> None:
    found = map_geometry(tiny_models.model(FixedInput()), {"a": "patches"})["a"]
    assert found["method"] == "gradient"
    np.testing.assert_allclose(found["rf_centres_y"], [0.125, 0.375, 0.625, 0.875], atol=1e-6)


def test_oblong_outputs_that_do_not_follow_the_picture_are_no_maps() -> None:
    """Heads by tokens, or windows: four dimensions, but neither rows nor columns."""

    class Heads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patches = nn.Conv2d(3, 8, 8, stride=8)
            self.heads = nn.Identity()
            self.columns = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            maps = self.patches(x)
            self.columns(maps[:, :, :, 1:])
            return self.heads(maps.flatten(2).transpose(1, 2).unflatten(2, (2, 4)).transpose(1, 2))

    model = tiny_models.model(Heads())
    with pytest.raises(ValueError, match="layer 'a': module 'heads' of model 'tiny' returns 2 x 16 x 4 values"):
        map_geometry(model, {"a": "heads"})
    oblong = map_geometry(model, {"a": "columns"})["a"]  # a map all the same
    np.testing.assert_allclose(oblong["rf_centres_x"], [0.375, 0.625, 0.875], atol=1e-6)
    np.testing.assert_allclose(oblong["rf_centres_y"], [0.125, 0.375, 0.625, 0.875], atol=1e-6)


class Tokens(nn.Module):
    """Patches (overlapping where kernel > stride) as tokens, in the order of the picture or another."""

    def __init__(self, kernel: int, *, mixing: bool = False) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, kernel, stride=4, padding=3 if kernel == 7 else 0)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mixing = nn.Linear(64, 64) if mixing else nn.Identity()
        self.tokens = nn.Identity()
        self.by_columns = nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = self.patches(x)
        tokens = self.mixing(maps.flatten(2)).transpose(1, 2)
        tokens = tokens + self.attention(tokens, tokens, tokens)[0]
        self.by_columns(tokens.unflatten(1, (8, 8)).unflatten(1, (2, 4)).transpose(1, 2).flatten(1, 3))
        return self.tokens(tokens)


@pytest.mark.parametrize(("kernel", "mixing", "method"), [(4, 0, "patch"), (7, 0, "gradient"), (4, 1, "patch")])
def test_token_grids_have_the_centres_of_their_patches(kernel: int, mixing: int, method: str) -> None:
    """Patches that overlap with an odd kernel are centred half a pixel off; layers over all tokens change nothing."""
    found = map_geometry(tiny_models.model(Tokens(kernel, mixing=bool(mixing))), {"a": "tokens"})["a"]
    assert found["method"] == method
    first = 0.5 if kernel == 7 else 2.0
    np.testing.assert_allclose(np.array(found["rf_centres_y"]) * 32, first + 4 * np.arange(8), atol=1e-4)


def test_tokens_in_another_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"layer 'a': the tokens of module 'by_columns' of model 'tiny' are not in "):
        map_geometry(tiny_models.model(Tokens(4)), {"a": "by_columns"})


@pytest.mark.parametrize("gate", ["se", "eca", "ese", "gc", "cbam"])
def test_gates_of_timm_do_not_blur_the_field(gate: str) -> None:
    from timm.layers import get_attn

    layers = [nn.Conv2d(3, 16, 3, 2, 1), get_attn(gate)(16), nn.Conv2d(16, 8, 5, 2, 2)]
    found = map_geometry(tiny_models.model(nn.Sequential(*layers), input_size=64), {"a": "2"})["a"]
    np.testing.assert_allclose(np.array(found["rf_centres_y"]) * 64, 0.5 + 4 * np.arange(16), atol=1e-4)
    assert found["residual"] < 1e-3


class Pyramid(nn.Module):
    """Steps of 4 and 8 pixels, and a feature pyramid over both."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Conv2d(3, 8, 4, stride=4)
        self.coarse = nn.Conv2d(8, 8, 3, stride=2, padding=1)
        self.pyramid = torchvision.ops.FeaturePyramidNetwork([8, 8], 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fine = self.fine(x)
        return self.pyramid({"0": fine, "1": self.coarse(fine)})


def test_levels_of_a_pyramid_lie_between_what_they_add() -> None:
    """Fine cells at 2 + 4 i; coarse ones, at 2 + 8 i, come upsampled as 4 i (on average): together 1 + 4 i."""
    layers = {"fine": "pyramid.layer_blocks.0", "coarse": "pyramid.layer_blocks.1"}
    found = map_geometry(tiny_models.model(Pyramid(), input_size=128), layers)
    assert found["coarse"]["rf_centres_y"][0] * 128 == pytest.approx(2.0, abs=1e-3)
    assert found["fine"]["rf_centres_y"][0] * 128 == pytest.approx(1.0, abs=0.3)
    assert found["fine"]["step_y"] * 128 == pytest.approx(4.0, abs=1e-3)
    assert found["fine"]["residual"] is None or found["fine"]["residual"] < 0.6  # nearest-neighbour jitter: +-1/2 cell


def test_wide_dilation_beside_image_pooling() -> None:
    """ASPP: most of its taps lie outside the picture, and pooled features come from everywhere."""
    from torchvision.models.segmentation.deeplabv3 import ASPP

    net = nn.Sequential(nn.Conv2d(3, 8, 3, stride=8, padding=1), ASPP(8, [12, 24, 36], 8))
    found = map_geometry(tiny_models.model(net, input_size=112), {"a": "1"})["a"]
    np.testing.assert_allclose(np.array(found["rf_centres_y"]) * 112, 0.5 + 8 * np.arange(14), atol=1e-3)


def test_frozen_batch_norm_weighs_nothing() -> None:
    """Two branches with centres 0.5 and 2.5: trained gains of +100 and -0.01 must not decide."""

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left = nn.Conv2d(3, 8, 3, stride=4, padding=1)
            self.right = nn.Conv2d(3, 8, 1, stride=4)
            self.norms = nn.ModuleList([torchvision.ops.FrozenBatchNorm2d(8) for _ in range(2)])
            self.norms[0].weight.fill_(100.0)
            self.norms[1].weight.fill_(-0.01)
            self.sum = nn.Identity()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.sum(self.norms[0](self.left(x)) + self.norms[1](self.right(x[:, :, 2:, 2:])))

    found = map_geometry(tiny_models.model(Branches()), {"a": "sum"})["a"]
    assert found["rf_centres_y"][0] * 32 == pytest.approx(1.5, abs=0.3)


PUBLISHED = [
    ("alexnet", 227, {"features.12": (31.5, 32)}),  # the fieldmap of its prototxt
    ("resnet18", 96, {"layer1": (0.5, 4), "layer3": (0.5, 16)}),
    ("mobilenet_v3_small", 96, {"features.12": (0.5, 32)}),
    ("googlenet", 96, {"inception3b": (6.5, 8), "inception4b": (14.5, 16)}),  # ceil mode, pooling branches
    ("densenet121", 64, {"features.denseblock2": (2.5, 8), "features.transition2": (6.5, 16)}),  # average pooling
    ("timm:tf_efficientnet_b0", 96, {"blocks.2": (7.5, 8), "blocks.3": (15.5, 16)}),  # padding at lower and right edge
    ("timm:convnext_atto", 64, {"stages.1": (4.0, 8)}),  # patches
    ("timm:vit_tiny_patch16_224", 64, {"blocks.1": (8.0, 16)}),
    ("timm:pvt_v2_b0", 64, {"stages.0": (0.5, 4), "stages.1.blocks.1": (0.5, 8)}),  # patches overlap
    ("ssdlite320_mobilenet_v3_large", 160, {"backbone.features.0.8": (0.5, 16), "backbone.extra.1": (0.5, 128)}),
]
"""Architecture, input size, module -> centre of cell 0 and step in pixels, by hand from kernels, strides, paddings."""

PUBLISHED_LONG = [
    ("inception_v3", 299, {"Mixed_5d": (13.5, 8), "Mixed_6e": (21.5, 16), "Mixed_7c": (37.5, 32)}),
    ("efficientnet_b0", 224, {"features.3": (0.5, 8), "features.8": (0.5, 32)}),
    ("regnet_y_400mf", 224, {"trunk_output.block4": (0.5, 32)}),
    ("convnext_tiny", 224, {"features.7": (16.0, 32)}),
    ("swin_t", 224, {"features.1": (2.0, 4), "features.7": (16.0, 32)}),
    ("maxvit_t", 224, {"blocks.0": (0.5, 4), "blocks.3": (0.5, 32)}),
    ("deeplabv3_mobilenet_v3_large", 224, {"backbone.16": (0.5, 16), "classifier": (0.5, 16)}),
    ("fcn_resnet50", 224, {"backbone.layer4": (0.5, 8), "classifier": (0.5, 8)}),
    (  # VGG: centres of 2 x 2 windows; conv6 of dilation 6 in extra.0; extra.3 without padding
        "ssd300_vgg16",
        300,
        {"backbone.features.22": (4.0, 8), "backbone.extra.0": (8.0, 16), "backbone.extra.3": (72.0, 64)},
    ),
    ("fasterrcnn_resnet50_fpn", 320, {"backbone.body.layer4": (0.5, 32), "backbone.fpn.layer_blocks.3": (0.5, 32)}),
    ("timm:regnety_004", 224, {"s2": (0.5, 8), "s4": (0.5, 32)}),
    ("timm:convnextv2_atto", 224, {"stages.3": (16.0, 32)}),
    ("timm:swin_tiny_patch4_window7_224", 224, {"layers.1": (4.0, 8)}),
    ("timm:vit_small_patch14_reg4_dinov2,depth=2", 224, {"blocks.1": (7.0, 14)}),
]


def check_published(architecture: str, size: int, expected: dict[str, tuple[float, float]]) -> None:
    source = "timm" if architecture.startswith("timm:") else "torchvision"
    name, _, options = architecture.removeprefix("timm:").partition(",")
    row = {"model": "m", "source": source, "architecture": name, "weights": "random", "options": options}
    found = map_geometry(load_model(row | {"input_size": size}), {module: module for module in expected})
    for module, (centre, step) in expected.items():
        record = found[module]
        assert not record["reason"]
        for side in "yx":
            assert record[f"rf_centres_{side}"][0] * size == pytest.approx(centre, abs=0.01 * step)
            assert record[f"step_{side}"] * size == pytest.approx(step, abs=1e-3)


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(("architecture", "size", "expected"), PUBLISHED)
def test_published_architectures(architecture: str, size: int, expected: dict[str, tuple[float, float]]) -> None:
    check_published(architecture, size, expected)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(("architecture", "size", "expected"), PUBLISHED_LONG)
def test_more_published_architectures(architecture: str, size: int, expected: dict[str, tuple[float, float]]) -> None:
    check_published(architecture, size, expected)


@pytest.mark.long
def test_tokens_of_hiera_are_refused() -> None:
    """They are sorted by units of its pooling, not by rows."""
    row = {"model": "m", "source": "timm", "architecture": "hiera_tiny_224", "weights": "random"}
    with pytest.raises(ValueError, match="not in the order of the picture"):
        map_geometry(load_model(row), {"a": "blocks.2"})


@pytest.mark.long
def test_windows_of_maxvit_are_refused() -> None:
    row = {"model": "m", "source": "torchvision", "architecture": "maxvit_t", "weights": "random"}
    inside = "blocks.0.layers.0.layers.window_attention"
    with pytest.raises(ValueError, match="heads or windows of an attention layer are no map"):
        map_geometry(load_model(row), {"a": f"{inside}.attn_layer.0"})

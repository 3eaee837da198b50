"""One bright patch on grey: the hot spot of every family's maps lies where the patch is, with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bright_patch import CENTRAL, PATCHES, Patch, answers, distance, hot_spot, liven
from conceptatlas.models.geometry import map_geometry
from conceptatlas.models.index import load_model
from conceptatlas.models.loaded import LoadedModel

Family = tuple[str, int, tuple[str, ...]]
"""Architecture (of another source than torchvision: after its name; "," before options), side of the input, modules."""

FAST: tuple[Family, ...] = (
    ("resnet18", 96, ("conv1", "layer2", "layer4")),
    ("squeezenet1_1", 96, ("features.3", "features.12")),
    ("mobilenet_v2", 128, ("features.6", "features.13")),
    ("efficientnet_b0", 96, ("features.3", "features.6")),
    ("timm:convnext_atto", 64, ("stem", "stages.1")),
    ("timm:vit_tiny_patch16_224,depth=3", 96, ("patch_embed", "blocks.0.mlp.fc1", "blocks.2", "norm")),
    ("user:tiny_models:small_swin", 112, ("features.0", "features.1", "features.3")),
    ("ssdlite320_mobilenet_v3_large", 160, ("backbone.features.0.8", "backbone.features.1")),
    ("fasterrcnn_mobilenet_v3_large_320_fpn", 160, ("backbone.body.6", "backbone.fpn.layer_blocks.0")),
    ("lraspp_mobilenet_v3_large", 128, ("backbone.6", "classifier")),
)

LONG: tuple[Family, ...] = (
    ("alexnet", 224, ("features.2", "features.12")),
    ("vgg11_bn", 128, ("features.10", "features.27")),
    ("googlenet", 224, ("inception3b", "inception4e", "inception5b")),
    ("inception_v3", 299, ("Mixed_5d", "Mixed_6b")),
    ("resnet50", 224, ("layer1", "layer2.1", "layer4")),
    ("mobilenet_v2", 224, ("features.13", "features.18.1")),
    ("mobilenet_v3_small", 224, ("features.4", "features.12")),
    ("regnet_y_400mf", 224, ("trunk_output.block3", "trunk_output.block4")),
    ("densenet121", 224, ("features.denseblock2", "features.denseblock4")),
    ("efficientnet_b0", 224, ("features.2", "features.4", "features.8")),
    ("convnext_tiny", 224, ("features.2", "features.5.4", "features.7")),
    ("shufflenet_v2_x1_0", 224, ("stage2", "stage4")),
    ("mnasnet1_0", 224, ("layers.8", "layers.13")),
    ("vit_b_32", 224, ("conv_proj", "encoder.layers.encoder_layer_5", "encoder.ln")),
    ("swin_t", 224, ("features.0", "features.3", "features.5.1", "features.7")),
    ("swin_t", 384, ("features.1.0", "features.1.1.mlp")),  # cubes
    ("swin_v2_t", 256, ("features.3", "features.7")),
    ("maxvit_t", 224, ("blocks.0", "blocks.2")),
    ("ssd300_vgg16", 300, ("backbone.features.11", "backbone.features.22")),
    ("ssdlite320_mobilenet_v3_large", 320, ("backbone.features.0.8", "backbone.extra.0")),
    ("fasterrcnn_mobilenet_v3_large_320_fpn", 320, ("backbone.body.12", "backbone.fpn.layer_blocks.1")),
    ("fasterrcnn_resnet50_fpn", 320, ("backbone.body.layer2", *(f"backbone.fpn.layer_blocks.{n}" for n in range(4)))),
    ("retinanet_resnet50_fpn", 320, ("backbone.fpn.inner_blocks.0", "backbone.fpn.layer_blocks.0")),
    ("deeplabv3_mobilenet_v3_large", 224, ("backbone.5", "backbone.10")),
    ("fcn_resnet50", 224, ("backbone.layer2", "backbone.layer3", "classifier.3")),
    ("lraspp_mobilenet_v3_large", 224, ("backbone.9", "classifier")),
    ("timm:vit_small_patch14_reg4_dinov2,depth=4", 224, ("blocks.1", "blocks.3")),
    ("timm:deit_tiny_distilled_patch16_224", 224, ("blocks.5", "blocks.11")),
    ("timm:swin_tiny_patch4_window7_224", 224, ("layers.0", "layers.2.blocks.1", "layers.3")),
    ("timm:pvt_v2_b0", 224, ("stages.0", "stages.1.blocks.1", "stages.3")),
    ("timm:coatnet_0_rw_224", 224, ("stages.1", "stages.2.blocks.4", "stages.3")),
    ("timm:mixer_s16_224", 224, ("blocks.1",)),
    ("timm:efficientnet_b0", 224, ("blocks.2", "blocks.4", "bn2")),
    ("timm:tf_efficientnet_b0", 224, ("blocks.2", "bn2")),  # pads as TensorFlow does
    ("timm:mobilenetv3_small_100", 224, ("blocks.1", "blocks.5")),
    ("timm:regnety_004", 224, ("s2", "s4")),
    ("timm:ecaresnet26t", 224, ("layer1", "layer2", "layer3", "layer4")),
    ("timm:convnextv2_atto", 224, ("stages.1", "stages.3")),
    ("timm:nf_resnet26", 224, ("stages.1", "stages.3")),
)


def loaded(architecture: str, size: int, seed: int = 0) -> LoadedModel:
    source = next((source for source in ("timm", "user") if architecture.startswith(source)), "torchvision")
    name, _, options = architecture.removeprefix(f"{source}:").partition(",")
    row = {"model": "m", "source": source, "architecture": name, "options": options, "seed": seed}
    return liven(load_model(row | {"weights": "random", "input_size": size}))


def check(
    model: LoadedModel, modules: tuple[str, ...], patches: tuple[Patch, ...] = PATCHES, *, whole: bool = False
) -> None:
    layers = {name: name for name in modules}
    geometry = map_geometry(model, layers)
    for layer, maps in answers(model, layers, patches).items():
        record = geometry[layer]
        assert not record["reason"], f"{layer}: {record['reason']}"
        distances = {
            patch: distance(answer, patch, record, whole=whole) for answer, patch in zip(maps, patches, strict=True)
        }
        assert max(distances.values()) <= 1.0, f"{layer}: cells between patch and hot spot {distances}"


@pytest.mark.parametrize(("architecture", "size", "modules"), FAST, ids=lambda value: str(value))
def test_the_hot_spot_lies_where_the_patch_is(architecture: str, size: int, modules: tuple[str, ...]) -> None:
    check(loaded(architecture, size), modules)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(("architecture", "size", "modules"), LONG, ids=lambda value: str(value))
def test_the_hot_spot_lies_where_the_patch_is_in_full_networks(
    architecture: str, size: int, modules: tuple[str, ...]
) -> None:
    check(loaded(architecture, size), modules)


@pytest.mark.long
@pytest.mark.parametrize(
    ("architecture", "size", "modules"),
    [
        ("ssd300_vgg16", 300, ("backbone.extra.0",)),
        ("deeplabv3_mobilenet_v3_large", 320, ("backbone.13", "backbone.16", "classifier.0.convs.0")),
    ],
)
def test_wide_dilation_answers_around_the_patch(architecture: str, size: int, modules: tuple[str, ...]) -> None:
    """Random kernels of dilation 6 answer in nine places far apart; their centre is the patch if all lie inside."""
    check(loaded(architecture, size), modules, CENTRAL, whole=True)


@pytest.mark.parametrize(
    ("architecture", "size", "module"),
    [
        ("resnet18", 96, "layer3"),
        ("timm:vit_tiny_patch16_224,depth=2", 96, "blocks.1"),
        ("user:tiny_models:small_swin", 112, "features.3"),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", 160, "backbone.fpn.layer_blocks.0"),
        ("lraspp_mobilenet_v3_large", 128, "classifier"),
    ],
)
def test_rows_are_rows_and_columns_are_columns(architecture: str, size: int, module: str) -> None:
    """A patch at the upper right is answered there, and least at the lower left."""
    upper_right, lower_left = answers(
        loaded(architecture, size), {"a": module}, [(0.15, 0.85, 0.2), (0.85, 0.15, 0.2)]
    )["a"]
    half = len(upper_right) / 2 - 0.5
    assert hot_spot(upper_right)[0] < half < hot_spot(upper_right)[1]
    assert hot_spot(lower_left)[0] > half > hot_spot(lower_left)[1]
    assert upper_right[0, -1] > upper_right[-1, 0]


def test_the_check_finds_what_is_wrong() -> None:
    """Maps that are transposed, mirrored or moved by two cells do not pass."""
    model = loaded("resnet18", 96)
    record: dict[str, Any] = map_geometry(model, {"a": "layer2"})["a"]
    maps = answers(model, {"a": "layer2"}, PATCHES)["a"]

    def worst(turn: Any) -> float:
        return max(distance(turn(answer), patch, record) for answer, patch in zip(maps, PATCHES, strict=True))

    assert worst(lambda answer: answer) <= 1
    assert worst(np.transpose) > 1
    assert worst(lambda answer: answer[::-1]) > 1
    assert worst(lambda answer: answer[:, ::-1]) > 1
    assert worst(lambda answer: np.roll(answer, 2, axis=1)) > 1

"""Segmenters and detectors of torchvision: the same networks as torchvision's, run as far as there are maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn
from torchvision.models._api import WeightsEnum
from torchvision.ops import FrozenBatchNorm2d

from conceptatlas.models import torchvision_registry
from conceptatlas.models.check import check_model
from conceptatlas.models.cost import multiply_adds
from conceptatlas.models.index import load_model
from conceptatlas.models.preprocessing import prepare
from conceptatlas.models.suggest import layer_listing
from conceptatlas.models.torchvision_classifiers import Classifiers
from conceptatlas.models.torchvision_detectors import FROZEN, Detectors
from conceptatlas.models.torchvision_segmenters import Segmenters
from conceptatlas.models.weights import load_state

models = torchvision.models
ROW = {"model": "m", "source": "torchvision", "weights": "random"}
SSDLITE = ROW | {"architecture": "ssdlite320_mobilenet_v3_large", "input_size": 64}
LRASPP = ROW | {"architecture": "lraspp_mobilenet_v3_large", "input_size": 64}

DETECTORS = models.list_models(module=models.detection)
SEGMENTERS = models.list_models(module=models.segmentation)


def seeded(architecture: str, **options: Any) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = models.get_model(architecture, weights=None, weights_backbone=None, **options).eval()
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm2d):  # statistics with which epsilon shows
                layer.running_mean.normal_(std=0.1)
                layer.running_var.uniform_(0.5, 1.5)
        return network


def saved(network: nn.Module, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path


def plant(folder: Path, architecture: str, network: nn.Module) -> Any:
    """Put the weights of a network into torch's cache as the registered ones; returns the registry's entry."""
    entry = models.get_model_weights(architecture).DEFAULT
    (folder / "checkpoints").mkdir()
    torch.save(network.state_dict(), folder / "checkpoints" / Path(entry.url).name)
    return entry


def pictures(size: int = 64) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, size, size))).float()


@pytest.mark.parametrize("architecture", DETECTORS)
def test_trained_detectors_have_torchvisions_layers(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen batch norm and its epsilon as `weights=...` gives them, for every entry; without memory or weights."""
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: {})
    with torch.device("meta"):
        for entry in models.get_model_weights(architecture):
            theirs = models.get_model(architecture, weights=entry)
            row = ROW | {"architecture": architecture, "weights": entry.name}
            ours = Detectors(row, architecture, entry).fit(dict(theirs.state_dict()))
            assert repr(ours.backbone) == repr(theirs.backbone)
            assert [*ours.state_dict()] == [*theirs.state_dict()]
    if architecture in FROZEN:  # twins can be calibrated
        with torch.device("meta"):
            shuffled = Detectors(row | {"weights": f"shuffled:{entry.name}"}, architecture, entry)
            kinds = {type(layer) for layer in shuffled.fit(dict(theirs.state_dict())).modules()}
        assert FrozenBatchNorm2d not in kinds
        assert nn.BatchNorm2d in kinds


@pytest.mark.parametrize("architecture", SEGMENTERS)
def test_trained_segmenters_have_torchvisions_layers(architecture: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Module, "load_state_dict", lambda *_, **__: None)
    monkeypatch.setattr(WeightsEnum, "get_state_dict", lambda *_, **__: {})
    with torch.device("meta"):
        entry = models.get_model_weights(architecture).DEFAULT
        theirs = models.get_model(architecture, weights=entry)
        row = ROW | {"architecture": architecture, "weights": entry.name}
        ours = Segmenters(row, architecture, entry).fit(dict(theirs.state_dict()))
    assert [*ours.state_dict()] == [*theirs.state_dict()]
    for name, child in theirs.named_children():
        assert repr(ours.get_submodule(name)) == repr(child)


def test_registered_detector_weights_give_torchvisions_backbone_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    architecture = "retinanet_resnet50_fpn"  # frozen, with an epsilon of 0
    entry = plant(tmp_path, architecture, seeded(architecture))
    model = load_model(ROW | {"architecture": architecture, "weights": entry.name, "input_size": 64})
    theirs = models.get_model(architecture, weights=entry).eval()
    with torch.inference_mode():
        ours, wanted = model.module(pictures()), theirs.backbone(pictures())
    assert list(ours) == list(wanted)
    for level in wanted:
        assert bool(torch.isfinite(wanted[level]).all())
        assert torch.equal(ours[level], wanted[level])
    for layer in model.module.modules():
        if isinstance(layer, FrozenBatchNorm2d):
            layer.eps = 1e-5
    with torch.inference_mode():
        assert not torch.equal(model.module(pictures())["0"], wanted["0"])  # epsilon shows
    assert model.source["registered_as"] == "RetinaNet_ResNet50_FPN_Weights.COCO_V1"
    assert model.classes is None


def test_registered_segmenter_weights_give_torchvisions_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    entry = plant(tmp_path, str(LRASPP["architecture"]), seeded(str(LRASPP["architecture"])))
    model = load_model(LRASPP | {"weights": entry.name, "input_size": ""})
    assert model.input_size == 520
    assert model.classes is not None
    assert model.classes[0] == "__background__"
    theirs = models.get_model(LRASPP["architecture"], weights=entry).eval()
    with torch.inference_mode():
        assert torch.equal(model.module(pictures()), theirs(pictures())["out"])


@pytest.mark.parametrize(
    ("architecture", "size", "mean"),
    [
        ("ssd300_vgg16", 300, 0.48235),
        ("ssdlite320_mobilenet_v3_large", 320, 0.5),
        ("fasterrcnn_mobilenet_v3_large_320_fpn", 320, 0.485),
        ("keypointrcnn_resnet50_fpn", 800, 0.485),
    ],
)
def test_pictures_are_what_the_detector_itself_makes_of_them(architecture: str, size: int, mean: float) -> None:
    with torch.device("meta"):
        family = Detectors(ROW | {"architecture": architecture}, architecture, None)
        picture = family.picture(family.build())
    assert (picture.input_size, picture.mean[0]) == (size, mean)


def test_a_detector_sees_what_torchvisions_own_transform_shows_it() -> None:
    """A frame of the model's size, normalised here, against torchvision's scaling, padding and normalisation."""
    model = load_model(ROW | {"architecture": "ssdlite320_mobilenet_v3_large"})
    frames = np.random.default_rng(0).integers(0, 256, (2, 320, 320, 3)).astype("uint8")
    theirs, _ = model.module.transform([torch.from_numpy(frame).permute(2, 0, 1) / 255 for frame in frames])
    torch.testing.assert_close(prepare(frames, model), theirs.tensors, rtol=1e-5, atol=1e-5)


def test_layers_behind_the_backbone_are_refused_with_the_reason() -> None:
    for module, said in [
        ("head.classification_head", "behind the backbone.*hook a module inside `backbone`"),
        ("head", "behind the backbone"),
        ("transform", "the frame has the model's input size already"),
    ]:
        with pytest.raises(ValueError, match=f"layer 'a': module '{module}' of model 'm' does not run: .*{said}"):
            check_model(SSDLITE, [{"layer": "a", "module": module}])
    assert "\nhead does not run: it lies behind the backbone" in layer_listing(load_model(SSDLITE))
    with pytest.raises(ValueError, match="returns a OrderedDict"):
        check_model(SSDLITE, [{"layer": "a", "module": "backbone"}])
    with pytest.raises(ValueError, match=r"unknown module 'backbone\.extras\.0'.*did you mean 'backbone\.extra\.0'"):
        check_model(SSDLITE, [{"layer": "a", "module": "backbone.extras.0"}])


def test_costs_count_what_runs() -> None:
    model = load_model(SSDLITE)
    with torch.no_grad():
        alone = load_model(SSDLITE).module.get_submodule("backbone")
    backbone = type(model)(name="b", module=alone, input_size=64)
    assert multiply_adds(model) == multiply_adds(backbone) > 0.01


def test_a_local_detector_file_decides_classes_and_batch_norm() -> None:
    architecture = "fasterrcnn_mobilenet_v3_large_320_fpn"
    row = ROW | {"architecture": architecture, "weights": "w.pth"}
    with torch.device("meta"):
        counted = dict(seeded(architecture, num_classes=7).state_dict())
        frozen = {name: tensor for name, tensor in counted.items() if not name.endswith("num_batches_tracked")}
        fitted = {
            "counted": Detectors(row, architecture, None).fit(counted),
            "frozen": Detectors(row, architecture, None).fit(frozen),
            "without": Detectors(row | {"options": "frozen_epsilon=0"}, architecture, None).fit(frozen),
        }
    norms = {name: module.get_submodule("backbone.body.0.1") for name, module in fitted.items()}
    assert all(m.get_submodule("roi_heads.box_predictor.cls_score").out_features == 7 for m in fitted.values())
    assert isinstance(norms["counted"], nn.BatchNorm2d)
    assert isinstance(norms["frozen"], FrozenBatchNorm2d)
    assert (norms["frozen"].eps, norms["without"].eps) == (1e-5, 0)


@pytest.mark.parametrize("architecture", ["ssdlite320_mobilenet_v3_large", "lraspp_mobilenet_v3_large"])
def test_other_local_files_decide_the_classes_too(tmp_path: Path, architecture: str) -> None:
    network = seeded(architecture, num_classes=7)
    path = saved(network, tmp_path / "w.safetensors")
    loaded = load_model(ROW | {"architecture": architecture, "weights": str(path)}).module.state_dict()
    assert loaded.keys() == network.state_dict().keys()
    assert all(torch.equal(tensor, loaded[name]) for name, tensor in network.state_dict().items())
    with pytest.raises(ValueError, match=r"other shape: (head|classifier)"):
        load_model(ROW | {"architecture": architecture, "weights": str(path), "options": "num_classes=5"})


def test_an_auxiliary_classifier_comes_with_its_file_or_an_option() -> None:
    architecture = "fcn_resnet50"
    with torch.device("meta"):
        states = [
            models.get_model(architecture, weights=None, weights_backbone=None, aux_loss=aux) for aux in (False, True)
        ]
        for network, wanted in zip(states, (False, True), strict=True):
            family = Segmenters(ROW | {"architecture": architecture}, architecture, None)
            assert (family.fit(dict(network.state_dict())).aux_classifier is not None) == wanted
        asked = Segmenters(ROW | {"architecture": architecture, "options": "aux_loss=true"}, architecture, None)
        assert asked.build().aux_classifier is not None


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"architecture": "ssd300_vgg16", "options": "min_size=400"}, "unknown option 'min_size'.*known: num_classes"),
        ({"architecture": "lraspp_mobilenet_v3_large", "options": "aux_loss=true"}, "unknown option 'aux_loss'"),
        ({"architecture": "fcn_resnet50", "options": "num_clases=3"}, "did you mean 'num_classes'"),
        ({"architecture": "fasterrcnn_resnet_50"}, "did you mean 'fasterrcnn_resnet50_fpn'"),
        ({"architecture": "mobilenet_v3_small", "options": "num_clases=3"}, "did you mean 'num_classes'"),
        ({"architecture": "vit_b_32", "options": "image_size=64", "input_size": 96}, "64 and input_size 96 differ"),
        ({"architecture": "squeezenet1_1", "options": "weights=x"}, "column `weights` names them"),
        ({"architecture": "ssd300_vgg16", "weights": "COCO_V2"}, "unknown weights 'COCO_V2'.*did you mean 'COCO_V1'"),
    ],
)
def test_rows_that_do_not_fit_are_named(cells: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_model(ROW | cells)


def test_nothing_is_downloaded_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise AssertionError("asked for a download")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with torch.device("meta"):
        for architecture in ("fasterrcnn_resnet50_fpn", "ssd300_vgg16", "deeplabv3_resnet50"):
            family = Detectors if architecture in DETECTORS else Segmenters
            family(ROW | {"architecture": architecture}, architecture, None).build()


def test_a_local_file_that_is_a_registered_one_counts_as_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by the digest in the registered name: classes, preprocessing and epsilon come along."""
    path = saved(seeded("lraspp_mobilenet_v3_large"), tmp_path / "fetched.safetensors")
    monkeypatch.setattr(torchvision_registry, "file_sha256", lambda _path: "d234d4ea" + "0" * 56)
    model = load_model(LRASPP | {"weights": str(path)})
    assert model.source["registered_as"] == "LRASPP_MobileNet_V3_Large_Weights.COCO_WITH_VOC_LABELS_V1"
    assert model.classes is not None
    assert len(model.classes) == 21


def test_names_of_older_files_are_understood() -> None:
    """DenseNet's first files say norm.1; feature pyramids of the first detectors have one module less."""
    family = Classifiers(ROW | {"architecture": "densenet121"}, "densenet121", None)
    old = {"features.denseblock1.denselayer2.norm.1.weight": torch.ones(1), "features.norm0.weight": torch.ones(1)}
    assert list(family.convert(nn.Identity(), old)) == [
        "features.denseblock1.denselayer2.norm1.weight",
        "features.norm0.weight",
    ]
    pyramid = torchvision.ops.FeaturePyramidNetwork([4, 8], 2)
    new = {name: torch.rand_like(tensor) for name, tensor in pyramid.state_dict().items()}
    first = {name.replace(".0.weight", ".weight", 1).replace(".0.bias", ".bias", 1): t for name, t in new.items()}
    load_state(pyramid, first, where="here")
    assert all(torch.equal(tensor, new[name]) for name, tensor in pyramid.state_dict().items())

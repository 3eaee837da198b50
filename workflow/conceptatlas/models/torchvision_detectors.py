"""Detectors of torchvision up to their backbones: SSD, Faster, Mask and Keypoint R-CNN, RetinaNet, FCOS.

A detector takes pictures of any size, scales and pads them itself, and works behind its backbone on boxes, as many as
it finds. Here it gets the frame as everything else does, and runs its backbone (with the feature pyramid, where it has
one) and nothing behind it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import torch
import torchvision
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from conceptatlas.models.options import Options, builder_options, built
from conceptatlas.models.torchvision_family import Family, Picture
from conceptatlas.models.weights import State

FROZEN = (
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fcos_resnet50_fpn",
    "keypointrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
    "retinanet_resnet50_fpn",
)
"""Architectures whose trained networks have frozen batch norm in the backbone; untrained ones have the usual one."""

WITHOUT_EPSILON = (
    "FasterRCNN_ResNet50_FPN_Weights.COCO_V1",
    "KeypointRCNN_ResNet50_FPN_Weights.COCO_V1",
    "MaskRCNN_ResNet50_FPN_Weights.COCO_V1",
    "RetinaNet_ResNet50_FPN_Weights.COCO_V1",
)
"""Registered weights that were trained with an epsilon of 0 in the frozen batch norm (pytorch/vision#2933)."""

EPSILON = 1e-5

_BEHIND = (
    "it lies behind the backbone, where a detector works level by level and on as many boxes as it proposes, so that "
    "there is no one map; hook a module inside `backbone`"
)
_BEFORE = "it scales and pads pictures of any size; the frame has the model's input size already"

_CLASSIFIERS = (  # the bias has (boxes a cell) x (classes) entries
    "roi_heads.box_predictor.cls_score.bias",
    "head.classification_head.cls_logits.bias",
    "head.classification_head.module_list.0.bias",
    "head.classification_head.module_list.0.1.bias",
)


class Detector(nn.Module):
    """A detector whose forward pass is that of its backbone: level -> map (image, unit, height, width).

    All modules have the names they have in torchvision, also those that do not run, so that weights load strictly.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        for name, child in network.named_children():
            self.add_module(name, child)

    def forward(self, pictures: torch.Tensor) -> dict[str, torch.Tensor]:
        """Run the backbone on pictures that have the model's size and are normalised."""
        maps: Any = self.get_submodule("backbone")(pictures)
        return OrderedDict({"0": maps}) if isinstance(maps, torch.Tensor) else maps


class Detectors(Family):
    """Everything in `torchvision.models.detection`."""

    home = torchvision.models.detection

    def __init__(self, row: dict[str, Any], architecture: str, entry: Any) -> None:
        super().__init__(row, architecture, entry)
        known = ["num_classes"]
        known += ["num_keypoints"] if architecture.startswith("keypointrcnn") else []
        known += ["frozen_epsilon"] if architecture in FROZEN else []
        self.options: Options = builder_options(row, known=known)
        self.epsilon = float(self.options.pop("frozen_epsilon", 0.0 if str(entry) in WITHOUT_EPSILON else EPSILON))

    def build(self) -> nn.Module:
        """The network with PyTorch's own initialisation and a batch norm that can be calibrated."""
        return Detector(self._network(self.options))

    def fit(self, state: State) -> nn.Module:
        """The network with the classes of the state dict, its batch norm frozen where the trained one's was.

        Frozen layers keep no counter of batches, so a file without counters comes from a network that had them.
        Shuffled weights are calibrated, which frozen layers cannot be.
        """
        options = dict(self.options)
        network = self._network(options)
        own = network.state_dict()
        for name in _CLASSIFIERS:
            if name in state and name in own and "num_classes" not in options:
                boxes = own[name].numel() // (2 if self.architecture.startswith("keypointrcnn") else 91)
                options["num_classes"] = state[name].numel() // boxes
        if options != self.options:
            network = self._network(options)
        counted = any(name.endswith("num_batches_tracked") for name in state)
        if self.trained and self.architecture in FROZEN and (self.entry is not None or not counted):
            _freeze(network, epsilon=self.epsilon)
        return Detector(network)

    def picture(self, module: nn.Module) -> Picture:
        """What the network's own transform does: its mean and standard deviation, and the shorter side it scales to."""
        transform: Any = module.get_submodule("transform")
        size = transform.fixed_size[0] if transform.fixed_size is not None else transform.min_size[-1]
        mean, std = tuple(transform.image_mean), tuple(transform.image_std)
        return Picture(int(size), mean, std, "the detector's image_mean and image_std")

    def classes(self) -> list[str] | None:
        """None: what runs has maps as outputs."""
        return None

    def outside(self, module: nn.Module) -> dict[str, str]:
        """Everything but the backbone."""
        names = [name for name, _ in module.named_children() if name != "backbone"]
        return {name: _BEFORE if name == "transform" else _BEHIND for name in names}

    def _network(self, options: Options) -> nn.Module:
        def make(**given: Any) -> nn.Module:
            return torchvision.models.get_model(self.architecture, weights=None, weights_backbone=None, **given)

        return built(make, options, row=self.row)


def _freeze(module: nn.Module, *, epsilon: float) -> None:
    """Replace batch norm by the frozen one, everywhere below."""
    for name, child in module.named_children():
        if isinstance(child, nn.BatchNorm2d):
            setattr(module, name, FrozenBatchNorm2d(child.num_features, eps=epsilon))
        else:
            _freeze(child, epsilon=epsilon)

"""Networks of torchvision that label every pixel: FCN, DeepLabV3, LR-ASPP."""

from __future__ import annotations

from typing import Any

import torch
import torchvision
from torch import nn

from conceptatlas.models.loaded import IMAGENET_MEAN, IMAGENET_STD
from conceptatlas.models.options import Options, builder_options, built
from conceptatlas.models.torchvision_family import Family, Picture
from conceptatlas.models.weights import State

DEFAULT_INPUT_SIZE = 520
"""Pixels to which torchvision resizes the shorter side for all of them."""

_CLASSIFIERS = ("classifier.4.bias", "classifier.low_classifier.bias")  # FCN and DeepLabV3; LR-ASPP


class Segmenter(nn.Module):
    """A segmentation network that returns one tensor, the scores (image, class, height, width) of every pixel.

    Its modules have the names they have in torchvision; the auxiliary classifier, used in training only, is kept and
    runs where the network has one.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.backbone = network.backbone
        self.classifier = network.classifier
        self.aux_classifier = getattr(network, "aux_classifier", None)
        self._of_torchvision = type(network).forward

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Run torchvision's own forward pass and keep `out`."""
        return self._of_torchvision(self, pictures)["out"]


class Segmenters(Family):
    """Everything in `torchvision.models.segmentation`."""

    home = torchvision.models.segmentation

    def __init__(self, row: dict[str, Any], architecture: str, entry: Any) -> None:
        super().__init__(row, architecture, entry)
        known = ("num_classes",) if architecture.startswith("lraspp") else ("num_classes", "aux_loss")
        self.options: Options = builder_options(row, known=known)

    def build(self) -> nn.Module:
        """The network with PyTorch's own initialisation; nothing is downloaded for its backbone."""
        return self._network(self.options)

    def fit(self, state: State) -> nn.Module:
        """The network with the classes of the state dict, and an auxiliary classifier if the state dict has one."""
        options = dict(self.options)
        for name in _CLASSIFIERS:
            if name in state:
                options.setdefault("num_classes", int(state[name].shape[0]))
        if any(name.startswith("aux_classifier.") for name in state):
            options.setdefault("aux_loss", True)
        return self._network(options)

    def picture(self, module: nn.Module) -> Picture:
        """ImageNet's mean and standard deviation, as torchvision's training has them; 520 pixels."""
        del module
        if self.entry is None:
            return Picture(DEFAULT_INPUT_SIZE, IMAGENET_MEAN, IMAGENET_STD, "default (ImageNet)")
        transform = self.entry.transforms()
        return Picture(
            int(transform.resize_size[0]), tuple(transform.mean), tuple(transform.std), f"weights {self.entry}"
        )

    def _network(self, options: Options) -> nn.Module:
        def make(**given: Any) -> nn.Module:
            return torchvision.models.get_model(self.architecture, weights=None, weights_backbone=None, **given)

        return Segmenter(built(make, options, row=self.row))

"""Classifiers of torchvision: any of them, with as many classes as the weights have."""

from __future__ import annotations

import re
from typing import Any

import torchvision
from torch import nn

from conceptatlas.models.loaded import IMAGENET_MEAN, IMAGENET_STD
from conceptatlas.models.options import Options, builder_options, built, class_keys, where
from conceptatlas.models.rows import integer_cell
from conceptatlas.models.torchvision_family import Family, Picture
from conceptatlas.models.weights import State
from conceptatlas.naming import unknown

DEFAULT_INPUT_SIZE = 224

_BUILDER_KEYS = ("width_mult", "reduced_tail", "dilated", "image_size", "aux_logits")
_REFUSED = {"weights": "column `weights` names them", "progress": "it changes no network"}
_DENSE_LAYER = re.compile(r"^(.*denselayer\d+\.(?:norm|relu|conv))\.([12]\..*)$")


class Classifiers(Family):
    """Everything directly in `torchvision.models`."""

    home = torchvision.models

    def __init__(self, row: dict[str, Any], architecture: str, entry: Any) -> None:
        super().__init__(row, architecture, entry)
        self.options: Options = builder_options(row, refused=_REFUSED)
        size = integer_cell(row, "input_size", 0)
        if architecture.startswith("vit_") and size:
            given = self.options.setdefault("image_size", size)  # position embeddings of that size
            if given != size:
                raise ValueError(
                    f"{where(row)}: image_size={given} and input_size {size} differ; one of them is enough"
                )

    def build(self) -> nn.Module:
        """The network with PyTorch's own initialisation."""
        return self._network(self.options)

    def fit(self, state: State) -> nn.Module:
        """The network with as many classes as the state dict has outputs (a fine-tuned file may differ from 1000).

        Two architectures take their input differently with registry weights: those are built as torchvision does.
        """
        options = dict(self.options)
        if self.entry is not None and self.architecture in {"googlenet", "inception_v3"}:
            options.setdefault("transform_input", True)
        module = self._network(options)
        heads = [name for name, layer in module.named_modules() if isinstance(layer, nn.Linear | nn.Conv2d)]
        bias = state.get(f"{heads[-1]}.bias")
        if bias is None or bias.shape == module.get_parameter(f"{heads[-1]}.bias").shape or "num_classes" in options:
            return module
        return self._network(options | {"num_classes": int(bias.shape[0])})

    def convert(self, _module: nn.Module, state: State) -> State:
        """Names of torchvision's first DenseNet files (norm.1) as they are now (norm1); other files as they are."""
        if not self.architecture.startswith("densenet"):
            return state
        return {_DENSE_LAYER.sub(r"\1\2", name): tensor for name, tensor in state.items()}

    def picture(self, module: nn.Module) -> Picture:
        """As the registry entry says; without one, ImageNet's mean and standard deviation, and 224 pixels."""
        size = int(getattr(module, "image_size", DEFAULT_INPUT_SIZE))
        if self.entry is None:
            return Picture(size, IMAGENET_MEAN, IMAGENET_STD, "default (ImageNet)")
        transform = self.entry.transforms()
        return Picture(
            int(transform.crop_size[0]), tuple(transform.mean), tuple(transform.std), f"weights {self.entry}"
        )

    def _network(self, options: Options) -> nn.Module:
        def make(**given: Any) -> nn.Module:
            return torchvision.models.get_model(self.architecture, weights=None, **given)

        network = built(make, options, row=self.row, also=_BUILDER_KEYS)
        if self.architecture.startswith("mobilenet_v3"):  # whose class ignores what it does not know
            known = class_keys(network, _BUILDER_KEYS)
            for key in options:
                if key not in known:
                    raise unknown("option", key, known, where=where(self.row))
        return network

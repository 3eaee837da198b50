"""Digits: two generators and a classifier of a user's own, as functions that the sheets name.

Weights: github.com/csinva/gan-vae-pretrained-pytorch (an autoencoder's decoder, a GAN of linear layers, a LeNet-5).
Neither generator has classes: the class of a digit is what the classifier says (``class_from: classifier``).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from conceptatlas.files import file_sha256
from conceptatlas.models.weights import read_state
from conceptatlas.seeds import generator as random_generator

SIDE = 28


class Digits:
    """A network from normal noise to digits; the style vector is the noise, or what the first layers make of it."""

    n_classes = 0
    image_size = SIDE

    def __init__(self, name: str, net: nn.Sequential, *, mapping: int, digest: str, device: torch.device) -> None:
        """mapping: modules at the beginning of `net` that lead from the noise to the style vector."""
        self.name, self.digest, self._device = name, digest, device
        net = net.to(device).eval().requires_grad_(False)
        self._mapping, self._drawing = net[:mapping], net[mapping:]
        self._noise = net[0].in_features
        self.w_dim = self._drawing[0].in_features

    def sample(self, seeds: np.ndarray, classes: np.ndarray) -> torch.Tensor:
        """Style vectors; the classes are not looked at."""
        draws = [random_generator(int(seed), "digit").standard_normal(self._noise) for seed in seeds]
        return self._mapping(torch.from_numpy(np.array(draws, dtype=np.float32)).to(self._device))

    def generate(self, w: torch.Tensor) -> torch.Tensor:
        """Pictures, white on black, the same in all three channels."""
        grey = self._drawing(w).reshape(-1, 1, SIDE, SIDE)
        return grey.expand(-1, 3, -1, -1)


def decoder(name: str, weights: list[str], device: torch.device) -> Digits:
    """The decoder of the variational autoencoder: 20 numbers to a digit."""
    state = read_state(weights[0])
    net = nn.Sequential(nn.Linear(20, 400), nn.ReLU(), nn.Linear(400, 784), nn.Sigmoid())
    own = {"0.weight": "fc3.weight", "0.bias": "fc3.bias", "2.weight": "fc4.weight", "2.bias": "fc4.bias"}
    net.load_state_dict({key: state[theirs] for key, theirs in own.items()})
    return Digits(name, net, mapping=0, digest=file_sha256(weights[0]), device=device)


class Brightness(nn.Module):
    """-1..1 to 0..1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Any shape."""
        return (x + 1) / 2


def gan(name: str, weights: list[str], device: torch.device, mapping: int = 0) -> Digits:
    """The generator of the GAN: 64 numbers to a digit. mapping: 0 for the noise as style vector, 1 or 2 for what the
    first or second layer makes of it (256 numbers), as StyleGAN's mapping network makes its w."""
    layers = [nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh()]
    net = nn.Sequential(*layers)
    net.load_state_dict(read_state(weights[0]))
    digest = f"{file_sha256(weights[0])} {mapping}"
    return Digits(name, nn.Sequential(*net, Brightness()), mapping=2 * mapping, digest=digest, device=device)


class LeNet(nn.Module):
    """LeNet-5 on 32 x 32 pixels; the three channels of a picture are averaged."""

    def __init__(self) -> None:
        super().__init__()
        self.convnet = nn.ModuleDict({"c1": nn.Conv2d(1, 6, 5), "c3": nn.Conv2d(6, 16, 5), "c5": nn.Conv2d(16, 120, 5)})
        self.fc = nn.ModuleDict({"f6": nn.Linear(120, 84), "f7": nn.Linear(84, 10)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.mean(1, keepdim=True)
        for name in ("c1", "c3"):
            x = nn.functional.max_pool2d(self.convnet[name](x).relu(), 2)
        x = self.convnet["c5"](x).relu().flatten(1)
        return self.fc["f7"](self.fc["f6"](x).relu())


def lenet() -> tuple[nn.Module, dict]:
    """The classifier, for source `user` of models.tsv; its weights are a column."""
    return LeNet(), {
        "classes": [str(digit) for digit in range(10)],
        "input_size": 32,
        "mean": (0, 0, 0),
        "std": (1, 1, 1),
    }

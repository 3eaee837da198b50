"""A generator and a classifier so small that everything about them can be worked out: stripes in three colours.

The generator's w is (class colour's strength, brightness of the left half, of the right half); the classifier's
representation is the mean of the three channels on either half, its head subtracts channels.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from conceptatlas.linking.classifier import Classifier
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.seeds import generator as random_generator

SIZE = 8
NAMES = ["red", "green", "blue"]


class Stripes:
    """w: three strengths of colours and two brightnesses, all in 0..1."""

    n_classes, w_dim, image_size = 3, 5, SIZE

    def __init__(self, name: str = "stripes", *, strength: float = 0.6, wrong: float = 0.0, classes: int = 3) -> None:
        """wrong: share of draws that show another class than asked for. classes: 0 for an unconditional generator."""
        self.name, self.digest = name, f"stripes {strength} {wrong}"
        self.strength, self.wrong, self.n_classes = strength, wrong, classes
        self.class_names = NAMES[:classes]
        self.asked: list[int] = []

    def sample(self, seeds: Any, classes: Any) -> torch.Tensor:
        rows = []
        for seed, index in zip(seeds, classes, strict=True):
            rng = random_generator(int(seed), "stripes")
            shown = int(rng.integers(3)) if not self.n_classes else int(index)
            if rng.random() < self.wrong:
                shown = (shown + 1) % 3
            w = np.concatenate([rng.uniform(0, 0.1, 3), rng.uniform(0.2, 0.8, 2)])
            w[shown] += self.strength
            rows.append(w)
        self.asked.extend(int(seed) for seed in seeds)
        return torch.from_numpy(np.array(rows, dtype=np.float32).reshape(-1, 5))

    def generate(self, w: torch.Tensor) -> torch.Tensor:
        halves = torch.cat([w[:, 3:4].expand(-1, SIZE // 2), w[:, 4:5].expand(-1, SIZE // 2)], dim=1)
        picture = 0.5 * w[:, :3, None, None] + 0.4 * halves[:, None, None, :]
        return picture.expand(-1, 3, SIZE, SIZE).clamp(0, 1)


class Halves(nn.Module):
    """Means of the channels of both halves (6 units, never negative), then a linear head of three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.head = nn.Linear(6, 3)
        with torch.no_grad():
            self.head.weight.copy_(torch.cat([torch.eye(3), torch.eye(3)], dim=1) * 4 - 4 / 3)
            self.head.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        half = x.shape[3] // 2
        means = torch.cat([x[..., :half].mean((2, 3)), x[..., half:].mean((2, 3))], dim=1)
        return self.head(self.relu(means))


def halves(name: str = "halves") -> Classifier:
    """The classifier; its input is the picture as it is."""
    model = LoadedModel(name, Halves(), input_size=SIZE, mean=(0, 0, 0), std=(1, 1, 1), classes=list(NAMES))
    return Classifier(model)


def stripes(name: str = "stripes", wrong: float = 0.0, classes: int = 3) -> Stripes:
    """For source `user`."""
    return Stripes(name, wrong=wrong, classes=classes)


def halves_model() -> tuple[nn.Module, dict[str, Any]]:
    """For source `user` of models.tsv."""
    return Halves(), {"classes": list(NAMES), "input_size": SIZE, "mean": (0, 0, 0), "std": (1, 1, 1)}

"""A network whose two units are known: one sees red, one sees cars, which are red to the left of green."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn

from slow_twins import Labels

Array = np.ndarray[Any, Any]

SIZE, MASK = 32, 16
HEIGHT, HALF = 12, 9
"""A car is 12 pixels high; its halves are 9 wide."""


class RedAndCars(nn.Module):
    """Unit 0: how red a pixel is. Unit 1: as much red some pixels to the left as green some pixels to the right; what
    it looks at is wider than a patch of a 4 x 4 grid."""

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.AvgPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        red = (x[:, :1] - x[:, 1:2]).clamp(min=0)
        green = (x[:, 1:2] - x[:, :1]).clamp(min=0)
        mean = nn.functional.avg_pool2d
        left = mean(nn.functional.pad(red, (7, 0, 1, 1)), (3, 4), stride=1)[..., :SIZE]
        right = mean(nn.functional.pad(green, (0, 7, 1, 1)), (3, 4), stride=1)[..., -SIZE:]
        return self.units(torch.cat([red, torch.minimum(left, right)], dim=1))


class Scored(RedAndCars):
    """The same units, and a head over them: scores of three classes."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(2, 3)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 4.0], [-1.0, -1.0]]))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(super().forward(x).mean(dim=(2, 3)))


def scored(weights: str | None = None, seed: int = 0) -> nn.Module:
    """A function as the source `user` expects one."""
    del weights, seed
    return Scored()


def red_and_cars(weights: str | None = None, seed: int = 0) -> nn.Module:
    """A function as the source `user` expects one."""
    del weights, seed
    return RedAndCars()


def streets(n_images: int, *, names: list[str], seed: int = 0) -> tuple[Array, Labels]:
    """Pictures (image, 32, 32, 3) with a car in half of them and a red spot in half of them; labels `car`, `red`, at
    16 x 16, and `street` of whole images."""
    rng = np.random.default_rng(seed)
    pictures = rng.integers(60, 80, (n_images, SIZE, SIZE, 1)).repeat(3, axis=3).astype(np.uint8)
    rows: list[tuple[int, int, Array | None]] = []
    for n in range(n_images):
        car, red = np.zeros((SIZE, SIZE), dtype=bool), np.zeros((SIZE, SIZE), dtype=bool)
        y, x = 2 * rng.integers(0, (SIZE - HEIGHT) // 2 + 1), 2 * rng.integers(0, (SIZE - 2 * HALF) // 2 + 1)
        if rng.random() < 0.5:
            car[y : y + HEIGHT, x : x + 2 * HALF] = True
            red[y : y + HEIGHT, x : x + HALF] = True
            pictures[n][car] = (20, 220, 40)
        if rng.random() < 0.5:
            top = (y + HEIGHT) % (SIZE - 4)
            red[top : top + 4, :6] |= ~car[top : top + 4, :6]
        shades = rng.integers(170, 240, (SIZE // 2, SIZE // 2)).repeat(2, 0).repeat(2, 1)  # else T would be the maximum
        pictures[n][red] = (0, 20, 40)
        pictures[n][..., 0] += (red * shades).astype(np.uint8)
        rows += [(n, names.index(name), mask[1::2, 1::2]) for name, mask in (("car", car), ("red", red)) if mask.any()]
        if rng.random() < 0.3:
            rows.append((n, names.index("street"), None))
    return pictures, Labels(rows, n_images, MASK)

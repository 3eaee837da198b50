"""A generator, classifier and link with planted truth: each unit moves, scales or brightens one disc, or does nothing.

w = (x, log scale, brightness) of a disc beside a square that never changes. The classifier reads the same three numbers
off the picture, and a fourth that the link ignores.
"""

from __future__ import annotations

import numpy as np
import torch

from conceptatlas.linking.link import Link

SIZE = 64
UNITS = {"x": 0, "scale": 1, "brightness": 2, "ignored": 3}
LABELS = ["background", "disc", "square"]


class DiscGenerator:
    """Pictures of a disc and a square, with true labels."""

    name, w_dim, n_classes, image_size, digest = "discs", 3, 2, SIZE, "planted"
    label_names = LABELS

    def sample(self, seeds, classes):
        rows = [
            np.random.default_rng([int(seed), int(c)]).uniform(-1, 1, 3) for seed, c in zip(seeds, classes, strict=True)
        ]
        return torch.tensor(np.array(rows), dtype=torch.float32).reshape(-1, 3)

    def _discs(self, w):
        y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
        middle = 26 + 6 * w[:, 0, None, None]
        radius = 10 * torch.exp(0.3 * w[:, 1, None, None])
        return (radius + 0.5 - torch.hypot(x - middle, y - 24.0)).clamp(0, 1)

    def _square(self):
        square = torch.zeros(SIZE, SIZE, dtype=torch.bool)
        square[46:58, 40:60] = True
        return square

    def generate(self, w):
        disc = self._discs(w)[:, None]
        bright = (0.6 + 0.2 * w[:, 2])[:, None, None, None]
        picture = torch.full((len(w), 3, SIZE, SIZE), 0.1)
        picture = picture * (1 - disc) + bright * disc
        return torch.where(self._square(), torch.tensor(0.4), picture)

    def labels(self, w):
        labels = (self._discs(w) > 0.5).to(torch.uint8)
        labels[:, self._square()] = 2
        return labels

    def features(self, w):
        disc = self._discs(w)[:, None]
        square = self._square().float().expand(len(w), 1, SIZE, SIZE)
        coarse = torch.nn.functional.avg_pool2d(disc, 2)
        return [coarse, torch.cat([disc, square], dim=1)]


class DiscClassifier:
    """Reads place, scale and brightness of the disc off the picture; the fourth unit is the mean of the last columns,
    which no w changes. Class 1 where the disc is bright."""

    name, n_units, n_classes, classes = "reader", 4, 2, ["dark", "bright"]

    def represent(self, images):
        grey = images.mean(dim=1)[:, :46]
        mass = ((grey - 0.1) / (grey.amax(dim=(1, 2), keepdim=True) - 0.1)).clamp(0, 1)
        at = torch.arange(SIZE, dtype=images.dtype)
        area = mass.sum(dim=(1, 2))
        x = ((mass * at).sum(dim=(1, 2)) / area - 26) / 6
        scale = torch.log(torch.sqrt(area / np.pi) / 10) / 0.3
        bright = (grey.amax(dim=(1, 2)) - 0.6) / 0.2
        r = torch.stack([x, scale, bright, images[:, :, 60:].mean(dim=(1, 2, 3))], dim=1)
        return r, self.head(r)

    def head(self, r):
        return torch.stack([-r[:, 2], r[:, 2]], dim=1)


def planted_link():
    """Each of three units drives its own coordinate of w; the fourth none."""
    weights = np.eye(4, 3, dtype=np.float32)
    low, high = np.full(4, -1, dtype=np.float32), np.full(4, 1, dtype=np.float32)
    zero = np.zeros(4, dtype=np.float32)
    return Link(
        weights=weights, intercept=np.zeros(3, dtype=np.float32), r_mean=zero, r_std=zero + 0.5, r_min=low, r_max=high,
        w_mean=np.zeros(3, dtype=np.float32), w_std=np.ones(3, dtype=np.float32),
    )  # fmt: skip


def starting_points(n, *, seed=0):
    """Representations to start from, float32 (n, 4), the fourth constant."""
    r = np.random.default_rng(seed).uniform(-0.6, 0.6, (n, 4)).astype(np.float32)
    r[:, 3] = 0.1
    return r

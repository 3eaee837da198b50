"""A few-shot segmentation head: one linear layer from a generator's feature maps to the label of every pixel.

Source: the idea of Tritrong et al. 2021 ("Repurposing GANs for one-shot semantic part segmentation"), which Wehrheim
et al. 2024 take: features of a generator know its parts, so a few labelled samples train a segmentation. Here the head
is a logistic regression per pixel on all feature maps, each as it is, averaged around the pixel, and averaged over the
picture (their network of dilated convolutions sees as much). All of this is linear, so the weights are applied to each
map at its own size, and scores are averaged and enlarged, not features.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.files import atomic_path

Array = np.ndarray[Any, Any]

VIEWS = ("pixel", "neighbourhood", "picture")
"""What the head sees of every feature map: its value at the pixel, its mean around it, its mean over the picture."""
NEIGHBOURHOOD = 7
"""The neighbourhood is a square of this part of the picture's side."""
SIZE = 128
"""Side at which features are sampled and labels are told, pixels."""


@dataclass(frozen=True)
class Head:
    """Weights of the head.

    weights : float32 (channel, label): channels of all maps one after the other as the first view, then as the second,
    then as the third. bias : float32 (label,).
    label_names : of the labels, 0 is the background.
    """

    weights: Array
    bias: Array
    label_names: list[str]

    def label(self, features: Sequence[Any], *, size: int = SIZE) -> Any:
        """The label of every pixel.

        features : torch float32 tensors (n, channel, height, width), on one device.

        Returns
        -------
        torch uint8 (n, size, size).

        Raises
        ------
        ValueError
            if the channels are not those it was trained on.
        """
        import torch
        from torch.nn import functional

        channels = [int(maps.shape[1]) for maps in features]
        n_known = len(self.weights) // len(VIEWS)
        if sum(channels) != n_known:
            raise ValueError(
                f"segmentation head: trained on {n_known} channels of features, got {sum(channels)}; the generator is "
                "another one, delete head.h5 and run again"
            )
        weights = torch.from_numpy(self.weights.reshape(len(VIEWS), n_known, -1)).to(features[0].device)
        by_side: dict[int, Any] = {}
        begin = 0
        for maps, n in zip(features, channels, strict=True):
            pixel, near, whole = weights[:, begin : begin + n]
            both, kernel = torch.cat([maps, around(maps)], dim=1), torch.cat([pixel, near]).T[:, :, None, None]
            own = functional.conv2d(both, kernel.contiguous())
            own += (maps.mean(dim=(2, 3)) @ whole)[:, :, None, None]
            side = int(maps.shape[-1])
            by_side[side] = by_side[side] + own if side in by_side else own
            begin += n
        # maps of one size are added before they are enlarged
        scores: Any = torch.from_numpy(self.bias).to(features[0].device)[:, None, None]
        for own in by_side.values():
            own = own.contiguous(memory_format=torch.channels_last)  # enlarged in half the time on a CPU
            scores = scores + functional.interpolate(own, size=(size, size), mode="bilinear", align_corners=False)
        return scores.max(dim=1).indices.to(torch.uint8)  # argmax takes four times as long on a CPU


def around(maps: Any) -> Any:
    """Mean over the neighbourhood of every pixel, inside the picture: torch (n, channel, height, width)."""
    import torch

    # as two products of matrices: torch's pooling takes ten times as long on a CPU
    size = int(maps.shape[-1])
    reach = size // NEIGHBOURHOOD // 2
    at = torch.arange(size, device=maps.device)
    near = ((at[:, None] - at[None, :]).abs() <= reach).to(maps.dtype)
    near = near / near.sum(dim=1, keepdim=True)
    return near @ maps.contiguous() @ near.T


def enlarged(features: Sequence[Any], *, size: int = SIZE) -> Any:
    """All views of all feature maps at one size: torch float32 (n, channel, size, size), see `Head.weights`."""
    import torch
    from torch.nn import functional

    def view(number: int, maps: Any) -> Any:
        own = (maps, around(maps), maps.mean(dim=(2, 3), keepdim=True).expand_as(maps))[number]
        return functional.interpolate(own, size=(size, size), mode="bilinear", align_corners=False)

    return torch.cat([view(number, maps) for number in range(len(VIEWS)) for maps in features], dim=1)


def train_head(features: Array, labels: Array, weights: Array, *, label_names: list[str], penalty: float) -> Head:
    """Fit the logistic regression on pixels.

    Parameters
    ----------
    features : float32 (pixel, channel). labels : uint8 (pixel,). weights : float64 (pixel,), see `choose_pixels`.
    penalty : weight of the squared weights of standardised features against the mean loss of a pixel.

    Raises
    ------
    ValueError
        if the pixels show fewer than two labels.
    """
    from sklearn.linear_model import LogisticRegression

    seen = np.unique(labels)
    if len(seen) < 2:
        raise ValueError("segmentation head: the labelled samples show one label only; label more of them")
    mean, spread = features.mean(axis=0, dtype=np.float64), features.std(axis=0, dtype=np.float64)
    spread = np.where(spread > 1e-8, spread, 1.0)
    scaled = (features - mean) / spread
    regression = LogisticRegression(C=1.0 / (penalty * len(labels)), max_iter=300)
    fitted = regression.fit(scaled, labels, sample_weight=weights / weights.mean())
    rows, offsets = fitted.coef_, fitted.intercept_
    if len(seen) == 2:  # scikit-learn keeps one row for two labels: the second's against the first's
        rows, offsets = np.concatenate([0 * rows, rows]), np.concatenate([0 * offsets, offsets])
    matrix = np.zeros((features.shape[1], len(label_names)))
    bias = np.full(len(label_names), -1e4)  # a label no sample shows is never told
    matrix[:, seen] = rows.T / spread[:, None]
    bias[seen] = offsets - (mean / spread) @ rows.T
    return Head(matrix.astype(np.float32), bias.astype(np.float32), list(label_names))


def choose_pixels(labels: Array, *, per_label: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Flat positions in one label map, at most `per_label` of every label, drawn without replacement; and how many
    pixels each stands for, float64: rare labels are seen, frequent ones stay frequent."""
    flat = labels.ravel()
    chosen, weights = [], []
    for label in np.unique(flat):
        places = np.flatnonzero(flat == label)
        drawn = np.sort(rng.permutation(places)[:per_label])
        chosen.append(drawn)
        weights.append(np.full(len(drawn), len(places) / len(drawn)))
    return np.concatenate(chosen), np.concatenate(weights)


def overlap(found: Array, truth: Array, *, n_labels: int) -> tuple[Array, Array, Array]:
    """Pixels of every label in both maps, in either, and in the truth: int64 (label,) each, to be added up."""
    both = np.bincount(truth.ravel().astype(np.int64) * n_labels + found.ravel(), minlength=n_labels * n_labels)
    table = both.reshape(n_labels, n_labels)
    agree, true = np.diag(table), table.sum(axis=1)
    return agree, true + table.sum(axis=0) - agree, true


def write_head(path: str | Path, head: Head, *, digest: str) -> None:
    """Write a head atomically as HDF5; digest : of the generator it was trained on."""
    with atomic_path(path) as part, h5py.File(part, "w") as store:
        store["weights"], store["bias"] = head.weights, head.bias
        store["label_names"] = np.array(head.label_names, dtype=h5py.string_dtype())
        store.attrs["generator_digest"] = digest


def read_head(path: str | Path, *, digest: str) -> Head:
    """Read what `write_head` wrote.

    Raises
    ------
    ValueError
        for a file that does not open, and a head of another generator.
    """
    try:
        with h5py.File(path, "r") as store:
            names = [name.decode() for name in store["label_names"][:]]
            head, trained_on = Head(store["weights"][:], store["bias"][:], names), str(store.attrs["generator_digest"])
    except (OSError, KeyError) as error:
        if not Path(path).exists():
            raise
        raise ValueError(f"{path}: no readable segmentation head ({error}); delete it and run again") from None
    if trained_on != digest:
        raise ValueError(f"{path}: trained on another generator; delete it and run again")
    return head

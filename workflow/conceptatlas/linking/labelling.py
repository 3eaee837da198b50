"""Where the labels of generated pictures come from: the generator's own truth, a few-shot head, or a user's model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from conceptatlas.generators.generator import Generator, label_names
from conceptatlas.plugins import find_callable
from conceptatlas.quantification.segmentation import Head, read_head
from conceptatlas.sheets import expand_cell

Array = np.ndarray[Any, Any]

TWIN, HEAD = "twin", "head"
"""Sources of labels that are not a function of the user's."""


class Labeller(NamedTuple):
    """A source of labels.

    source : `twin`, `head` or ``module:function``. names : of the labels, 0 is the background.
    label : (w, pictures uint8 (n, size, size, 3)) -> uint8 (n, size, size).
    """

    source: str
    names: list[str]
    label: Callable[[torch.Tensor, Array], Array]


def make_labellers(
    sources: list[str], generator: Generator, *, head: str | Path | None, size: int
) -> dict[str, Labeller]:
    """The labellers that a config names.

    head : file of the few-shot head, where `head` is among them. size : side of the label maps, pixels.

    Raises
    ------
    ValueError
        for `twin` where the generator has no true labels, `head` where it has no features, and a user's function that
        cannot be found or has no `label_names`.
    """
    return {source: _labeller(source, generator, head, size) for source in sources}


def _labeller(source: str, generator: Generator, head: str | Path | None, size: int) -> Labeller:
    if source == TWIN:
        names = label_names(generator)
        if names is None:
            raise ValueError(f"generator {generator.name!r} has no true labels; take another of masks than `twin`")
        return Labeller(source, names, lambda w, _pictures: true_labels(generator, w, size=size))
    if source == HEAD:
        need_features(generator)
        if head is None:
            raise ValueError("linking.quantification: masks name `head`, but no head was trained")
        trained = read_head(head, digest=generator.digest)
        return Labeller(source, trained.label_names, lambda w, _pictures: head_labels(generator, trained, w, size=size))
    function = find_callable(expand_cell(source), where="linking.quantification.masks")
    names = getattr(function, "label_names", None)
    if not isinstance(names, list | tuple) or not names:
        raise ValueError(
            f"linking.quantification.masks: {source} has no names of its labels; set `{source.rpartition(':')[2]}"
            '.label_names = ["background", ...]` below the function'
        )
    return Labeller(source, [str(name) for name in names], _checked(function, source, len(names)))


def need_features(generator: Generator) -> None:
    """ValueError where a generator shows no feature maps for a segmentation head."""
    if not callable(getattr(generator, "features", None)):
        raise ValueError(
            f"generator {generator.name!r} has no features(w) for a segmentation head; take other masks than `head`"
        )


def true_labels(generator: Any, w: torch.Tensor, *, size: int) -> Array:
    """True labels at another size, nearest: uint8 (n, size, size)."""
    labels = torch.as_tensor(np.asarray(torch.as_tensor(generator.labels(w)).cpu(), dtype=np.uint8))
    if labels.shape[-1] != size:
        labels = functional.interpolate(labels[:, None].float(), size=(size, size), mode="nearest-exact")[:, 0]
    return labels.to(torch.uint8).numpy()


def head_labels(generator: Any, head: Head, w: torch.Tensor, *, size: int) -> Array:
    """Labels that the head reads off a generator's features: uint8 (n, size, size)."""
    with torch.no_grad():
        labels: Array = head.label(generator.features(w), size=size).cpu().numpy()
    return labels


def _checked(function: Callable[..., Any], source: str, n_labels: int) -> Callable[[torch.Tensor, Array], Array]:
    def label(_w: torch.Tensor, pictures: Array) -> Array:
        labels = np.asarray(function(pictures))
        if labels.shape != pictures.shape[:3] or labels.min(initial=0) < 0 or labels.max(initial=0) >= n_labels:
            raise ValueError(
                f"linking.quantification.masks: {source} gives shape {labels.shape} with values up to "
                f"{labels.max(initial=0)}; expected {pictures.shape[:3]} below {n_labels}, its number of label_names"
            )
        return labels.astype(np.uint8)

    return label


def to_pictures(images: torch.Tensor, *, size: int | None = None) -> Array:
    """Generated images, float (n, 3, S, S) in 0..1, as uint8 (n, size, size, 3); bilinear, averaged when reduced."""
    if size is not None and images.shape[-1] != size:
        images = functional.interpolate(
            images, size=(size, size), mode="bilinear", align_corners=False, antialias=size < images.shape[-1]
        )
    pictures: Array = (images * 255).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return np.ascontiguousarray(pictures)


def used_labels(names: list[str], *, background: bool) -> Mapping[int, str]:
    """Labels that are told, number -> name: all but the background, unless it is asked for."""
    return {number: name for number, name in enumerate(names) if number or background}

"""What a generator is to this project: seeds and classes to style vectors w, style vectors to pictures.

Whatever draws pictures (a GAN, the decoder of an autoencoder, a renderer) fits behind these few names. The style vector
w is the space that the linking network maps into: StyleGAN's w, another generator's z.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch


@runtime_checkable
class Generator(Protocol):
    """A generator ready to run, without gradients in its own parameters.

    Attributes
    ----------
    name : name of the generator (column `generator` of generators.tsv).
    w_dim : length of a style vector.
    n_classes : classes it can be asked for; 0 for an unconditional generator.
    image_size : side of its square pictures in pixels.
    digest : of its weights and options: another digest means other pictures.

    A generator may also have

    class_names : list of str, one a class.
    features(w) : list of float32 (n, channels, height, width), maps inside the generator, coarse to fine, for a
        segmentation head.
    labels(w) : uint8 (n, image_size, image_size), true label of every pixel, index into `label_names` (0 is the
        background). Only the demo's rendered twins know the truth.
    label_names : list of str.
    """

    name: str
    w_dim: int
    n_classes: int
    image_size: int
    digest: str

    def sample(self, seeds: np.ndarray[Any, Any], classes: np.ndarray[Any, Any]) -> torch.Tensor:
        """Draw style vectors.

        seeds, classes : int64 (n,); a row depends on its own seed and class only, so draws can be cut into any parts.
            An unconditional generator ignores the classes.

        Returns
        -------
        float32 (n, w_dim), on the generator's device, truncated as the row says.
        """

    def generate(self, w: torch.Tensor) -> torch.Tensor:
        """The pictures of style vectors, float32 (n, 3, image_size, image_size) in 0..1, differentiable in w."""


def class_names(generator: Generator) -> list[str]:
    """Names of a generator's classes; their numbers as text where it has no names; none if it is unconditional."""
    names = getattr(generator, "class_names", None)
    return [str(name) for name in names] if names is not None else [str(i) for i in range(generator.n_classes)]


def label_names(generator: Generator) -> list[str] | None:
    """Names of a generator's true labels; None where it has none."""
    names: Sequence[str] | None = getattr(generator, "label_names", None)
    return None if names is None or not hasattr(generator, "labels") else list(names)

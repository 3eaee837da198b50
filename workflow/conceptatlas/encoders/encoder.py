"""An image-text encoder: pictures and sentences as unit vectors of one space, whatever made them.

Two encodings of the same input are the same to the last bit on one device and batch size; every consumer stores the
vectors once and reads them from there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np

Array = np.ndarray[Any, Any]


@runtime_checkable
class Encoder(Protocol):
    """What every encoder of a study can do.

    Attributes
    ----------
    name : column `encoder` of encoders.tsv.
    dim : number of components of a vector.
    digest : of weights and everything else that decides about the vectors.
    """

    name: str
    dim: int
    digest: str

    def encode_images(self, pictures: Array) -> Array:
        """uint8 (image, height, width, 3), RGB -> float32 (image, dim), rows of length 1."""
        ...

    def encode_texts(self, texts: Sequence[str]) -> Array:
        """Sentences -> float32 (text, dim), rows of length 1; ValueError where there is no text side."""
        ...


@dataclass(frozen=True)
class Sides:
    """What a source hands over: functions on one batch, which need not return rows of length 1.

    dim : number of components. digest : see `Encoder`. images : uint8 (image, height, width, 3) -> (image, dim).
    texts : sentences -> (text, dim), or None. about : what is recorded of weights and preprocessing, plain values.
    """

    dim: int
    digest: str
    images: Callable[[Array], Array]
    texts: Callable[[Sequence[str]], Array] | None = None
    about: dict[str, Any] = field(default_factory=dict)


def unit_rows(vectors: Array, *, where: str) -> Array:
    """Rows divided by their length, float32 (row, dim).

    The length is computed in float64 from the components in their order, so a row does not depend on the others.

    Raises
    ------
    ValueError
        naming the first row that is not finite or has no direction.
    """
    exact = np.asarray(vectors, dtype=np.float64)
    if exact.ndim != 2:
        raise ValueError(f"{where}: expected an array (row, dim), got shape {exact.shape}")
    with np.errstate(over="ignore", invalid="ignore"):
        lengths = np.sqrt(np.add.reduce(exact * exact, axis=1))
    wrong = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(wrong):
        raise ValueError(f"{where}: row {wrong[0]} has length {lengths[wrong[0]]}, which is no direction")
    unit: Array = (exact / lengths[:, None]).astype(np.float32)
    return unit

"""One annotation of PASCAL-Part: a MATLAB file with the masks of the objects of a picture and of their parts.

``anno.objects[].class``, ``.mask``, ``.parts[].part_name``, ``.mask``: masks are pictures of zeros and ones, as
large as the photograph.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Thing:
    """An object (`part` is ""), or a part of one.

    mask : bool, shape (height, width).
    """

    name: str
    part: str
    mask: Array


def read_things(path: Path) -> list[Thing]:
    """Objects and their parts, in the order of the file; all masks of one size.

    Loading executes nothing: what MATLAB stores as code (functions, objects of classes) stays opaque.

    Raises
    ------
    ValueError
        naming the file: missing, not readable, another content, masks of several sizes.
    """
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    try:
        anno = loadmat(path, variable_names=["anno"])["anno"]
        things = list(_things(anno.reshape(-1)[0]))
    except Exception as error:  # damaged files raise whatever scipy's parser meets
        detail = f"no {error}" if isinstance(error, KeyError) else str(error) or type(error).__name__
        raise ValueError(f"{path}: not an annotation of PASCAL-Part ({detail})") from error
    sizes = sorted({thing.mask.shape for thing in things})
    if len(sizes) > 1:
        raise ValueError(f"{path}: masks of {' and '.join(f'{h} x {w}' for h, w in sizes)} pixels in one annotation")
    return things


def _things(anno: Any) -> Iterator[Thing]:
    for thing in anno["objects"].reshape(-1):
        name = _text(thing["class"])
        yield Thing(name, "", _mask(thing["mask"]))
        parts = thing["parts"]
        if parts.dtype.names is None and parts.size:
            raise ValueError(f"parts of {name!r} are no list of parts")
        for part in parts.reshape(-1):
            yield Thing(name, _text(part["part_name"]), _mask(part["mask"]))


def _text(value: Array) -> str:
    if value.size != 1 or value.dtype.kind != "U" or not str(value.reshape(-1)[0]).strip():
        raise ValueError("a name is empty or no text")
    return str(value.reshape(-1)[0]).strip()


def _mask(value: Array) -> Array:
    if value.ndim != 2 or value.dtype.kind not in "biuf":
        raise ValueError(f"a mask is {value.dtype} of shape {value.shape}, expected a picture of zeros and ones")
    mask: Array = value != 0
    return mask

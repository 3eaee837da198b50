"""Decoding: one decided way from a picture file to RGB bytes, and from a mask file to whole numbers.

Everything a decoder may silently do (ignore a rotation, keep colours hidden under transparency, return half a picture)
is decided here, once for all formats. What cannot be decoded raises `ValueError` with the file's name; the caller
quarantines the image.
"""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

logger = logging.getLogger(__name__)

PICTURE_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
"""Suffixes (lower case) that count as pictures where a folder is listed."""

_NOT_DECODED = (  # what Pillow's decoders raise on damaged files, by experience
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    TypeError,
    OverflowError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
_SIXTEEN_BIT = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N"})

Array = np.ndarray[Any, Any]


def read_picture(path: str | Path) -> Array:
    """Decode a picture as people see it: uint8, shape (height, width, 3), RGB, EXIF rotation applied.

    Grey becomes three equal channels, CMYK is converted, transparency is laid on white, 16-bit values keep their high
    byte, of several frames the first is taken, colour profiles are not applied.

    Raises
    ------
    ValueError
        for a file that is missing, truncated, damaged, no picture, or of floating-point values.
    """
    image = _load(path, upright=True)
    if image.mode in _SIXTEEN_BIT:
        values = np.asarray(image).astype(np.int64)
        if values.min() < 0 or values.max() > 65535:
            raise ValueError(f"{path}: values from {values.min()} to {values.max()}, expected 0 to 65535")
        grey = (values >> 8).astype(np.uint8)
        return np.repeat(grey[:, :, None], 3, axis=2)
    if image.mode == "F":
        raise ValueError(f"{path}: floating-point pictures have no agreed range; store 8 or 16 bits a channel")
    try:
        if image.has_transparency_data:
            colours = image.convert("RGBA")
            white = Image.new("RGBA", colours.size, (255, 255, 255, 255))
            image = Image.alpha_composite(white, colours)
        picture: Array = np.asarray(image.convert("RGB"))
    except _NOT_DECODED as error:
        raise ValueError(f"{path}: mode {image.mode} cannot be converted to RGB ({error})") from error
    return picture


def shrunk(picture: Array, *, side: int) -> Array:
    """A picture whose longer side is `side` pixels or less, by averaging; small pictures come back as they are.

    picture : uint8, shape (height, width, 3).
    """
    height, width = picture.shape[:2]
    scale = side / max(height, width)
    if scale >= 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BOX))


def read_indices(path: str | Path) -> Array:
    """Read an index mask: int32, shape (height, width). The indices of a palette PNG, not its colours.

    Raises
    ------
    ValueError
        for a file that cannot be decoded or has more than one channel.
    """
    image = _load(path, upright=False)
    if image.mode not in _SIXTEEN_BIT | {"1", "L", "P"}:
        raise ValueError(f"{path}: an index mask has one channel, this file has {len(image.getbands())} ({image.mode})")
    return np.asarray(image).astype(np.int32)


def read_coded_numbers(path: str | Path) -> Array:
    """Read numbers coded as colours: int32, shape (height, width), number = R + 256 G + 65536 B.

    Broden (B = 0) and COCO panoptic masks are stored like this.

    Raises
    ------
    ValueError
        for a file that cannot be decoded or is not RGB.
    """
    image = _load(path, upright=False)
    if image.mode == "P":  # an optimised PNG: the same colours through a palette
        image = image.convert("RGB")
    if image.mode not in {"RGB", "RGBA"}:
        raise ValueError(f"{path}: expected an RGB mask that codes numbers as R + 256 G + 65536 B, found {image.mode}")
    # four bytes a pixel read as one little-endian word: the numbers without arithmetic on bytes, which would overflow
    words = np.frombuffer(image.tobytes("raw", "RGBX" if image.mode == "RGB" else "RGBA"), dtype="<u4")
    return (words & 0xFFFFFF).astype(np.int32).reshape(image.height, image.width)


def stored_size(path: str | Path) -> tuple[int, int]:
    """Height and width of a picture or mask as stored, from the head of the file: its pixels are not decoded.

    Raises
    ------
    ValueError
        for a file that is missing or no picture; a damaged one may pass.
    """
    if not Path(path).exists():
        raise ValueError(f"{path}: no such file")
    try:
        with Image.open(path) as image:
            return image.height, image.width
    except _NOT_DECODED as error:
        raise ValueError(f"{path}: cannot be decoded ({type(error).__name__})") from error


def _load(path: str | Path, *, upright: bool) -> Image.Image:
    """Open and decode a file completely; `upright` applies the EXIF rotation."""
    if not Path(path).exists():
        raise ValueError(f"{path}: no such file")
    try:
        with Image.open(path) as image:
            image.load()
            return _turned(image, path) if upright else image
    except _NOT_DECODED as error:
        detail = str(error) if str(path) not in str(error) else type(error).__name__
        raise ValueError(f"{path}: cannot be decoded ({detail})") from error


def _turned(image: Image.Image, path: str | Path) -> Image.Image:
    """The picture with its EXIF rotation applied; as stored where the EXIF block itself is damaged."""
    try:
        return ImageOps.exif_transpose(image)
    except Exception as error:  # a damaged EXIF block raises whatever its parser meets; the pixels are fine
        logger.warning("%s: unreadable EXIF block ignored (%s)", path, error)
        return image

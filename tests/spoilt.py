"""Ways to spoil files: pictures, masks, tables. What each format makes of them is in the contract test of bad input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Action = Callable[[Path], None]


def deleted(path: Path) -> None:
    path.unlink()


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def text(path: Path) -> None:
    """What a failed download leaves."""
    path.write_text("<html><body>404 Not Found</body></html>\n")


def noise(path: Path) -> None:
    """Bytes that are neither a picture nor text."""
    path.write_bytes(np.random.default_rng(0).integers(0, 256, size=300, dtype=np.uint8).tobytes())


def _rewritten(path: Path, change: Callable[[Image.Image], Image.Image], *, kind: str = "", **options: Any) -> None:
    with Image.open(path) as image:
        kind = kind or str(image.format)
        changed = change(image.convert("RGB"))
    stream = BytesIO()
    changed.save(stream, format=kind, **options)
    path.write_bytes(stream.getvalue())


def cmyk(path: Path) -> None:
    _rewritten(path, lambda image: image.convert("CMYK"), kind="JPEG")


def grey(path: Path) -> None:
    _rewritten(path, lambda image: image.convert("L"))


def palette(path: Path) -> None:
    """A palette PNG of which one colour is transparent, whatever the suffix: the content decides."""
    _rewritten(path, lambda image: image.quantize(8), kind="PNG", transparency=0)


def turned(path: Path) -> None:
    """EXIF orientation 6: people see the picture turned by a quarter."""
    exif = Image.Exif()
    exif[274] = 6
    _rewritten(path, lambda image: image, exif=exif)


def wider(path: Path) -> None:
    """One column of pixels more."""
    _rewritten(path, lambda image: image.resize((image.width + 1, image.height)))


def larger(path: Path) -> None:
    """Twice as wide, and as high as before: another aspect."""
    _rewritten(path, lambda image: image.resize((image.width * 2, image.height)))


@dataclass(frozen=True)
class Spoiler:
    """One way to spoil the labels of a tiny data set, and what must come of it.

    action : receives the folder of the tiny data set.
    stops : pattern of the ValueError of `listing`; or
    quarantines : pattern of the reason for which images (those at `images`, by position) go to quarantine. Neither: the
        data set is read, and all images are valid.
    alone : False where concepts are counted over images, so that others may lose one that has become too rare.
    wrong : what happens instead, where it is known to be wrong and still to be put right in the format concerned.
    """

    what: str
    action: Action
    stops: str = ""
    quarantines: str = ""
    images: tuple[int, ...] = (0,)
    alone: bool = True
    wrong: str = ""

    def __str__(self) -> str:
        return self.what


def on(file: str, action: Action) -> Action:
    """An action on a file of the tiny data set."""
    return lambda folder: action(folder / file)


def edited(file: str, old: str, new: str) -> Action:
    """Replace one piece of a text file."""

    def edit(folder: Path) -> None:
        content = (folder / file).read_bytes().decode()
        assert old in content, f"{file} holds no {old!r}"
        (folder / file).write_bytes(content.replace(old, new, 1).encode())

    return edit


def json_edited(file: str, change: Callable[[Any], None]) -> Action:
    """Change the content of a JSON file in place."""

    def edit(folder: Path) -> None:
        content = json.loads((folder / file).read_text())
        change(content)
        (folder / file).write_text(json.dumps(content))

    return edit


def repainted(file: str, change: Callable[[Image.Image], Image.Image]) -> Action:
    """Change a mask and store it as PNG."""

    def paint(folder: Path) -> None:
        with Image.open(folder / file) as image:
            image.load()
        change(image).save(folder / file, format="PNG")

    return paint


def as_palette(image: Image.Image) -> Image.Image:
    """The same colours through a palette, as PNG optimisers write them."""
    return image.convert("RGB").quantize(256)


def as_colours(image: Image.Image) -> Image.Image:
    """The colours that a palette shows instead of its indices, as many programs save them."""
    return image.convert("RGB")

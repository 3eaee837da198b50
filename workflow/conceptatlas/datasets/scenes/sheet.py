"""Contact sheets of generated scenes: ``python -m conceptatlas.datasets.scenes.sheet FILE.png``.

The upper rows show scenes as the data set draws them; the lower ones what is known about some of them: objects, parts
(with parts of parts on top), materials, and the eleven colours.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from conceptatlas.datasets.colors import COLOR_NAMES
from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.datasets.scenes.vocabulary import CONCEPTS, PALETTE
from conceptatlas.seeds import generator

Array = np.ndarray[Any, Any]


def contact_sheet(seed: int, indices: list[int], *, columns: int, size: int = 96, gap: int = 3) -> Array:
    """Pictures of a seed's scenes in rows.

    Returns
    -------
    uint8 array, shape (rows * (size + gap) + gap, columns * (size + gap) + gap, 3), white between pictures.
    """
    return _tiled([render(draw_scene(seed, index), size).picture for index in indices], columns=columns, gap=gap)


def label_sheet(seed: int, indices: list[int], *, size: int = 96, gap: int = 3) -> Array:
    """A row a scene: picture, objects, parts, materials, colours; one colour a concept, white unlabelled."""
    hues = generator(0, "label sheet").uniform(0.15, 0.95, (len(CONCEPTS) + 1, 3))
    hues[0] = 1.0
    names = np.array([PALETTE[name][0] for name in COLOR_NAMES])
    tiles = []
    for index in indices:
        rendered = render(draw_scene(seed, index), size)
        parts = np.where(rendered.detail > 0, rendered.detail, rendered.part)
        maps = [hues[rendered.object], hues[parts], hues[rendered.material], names[rendered.color]]
        tiles += [rendered.picture, *((255 * shown).astype(np.uint8) for shown in maps)]
    return _tiled(tiles, columns=5, gap=gap)


def _tiled(tiles: list[Array], *, columns: int, gap: int) -> Array:
    size = tiles[0].shape[0]
    rows = -(-len(tiles) // columns)
    sheet = np.full((rows * (size + gap) + gap, columns * (size + gap) + gap, 3), 255, dtype=np.uint8)
    for position, tile in enumerate(tiles):
        top, left = gap + (position // columns) * (size + gap), gap + (position % columns) * (size + gap)
        sheet[top : top + size, left : left + size] = tile
    return sheet


def main() -> None:
    """Write a sheet of 50 scenes, and the labels of six of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="PNG file to write")
    parser.add_argument("--seed", type=int, default=0, help="seed of the data set (default 0)")
    parser.add_argument("--size", type=int, default=96, help="pixels of a picture's side (default 96)")
    options = parser.parse_args()
    scenes = contact_sheet(options.seed, list(range(50)), columns=10, size=options.size)
    labels = label_sheet(options.seed, [2, 4, 6, 20, 45, 22], size=options.size)
    half = labels.shape[0] // 2
    pair = np.concatenate([labels[:half], labels[-half:]], axis=1)[:, : scenes.shape[1]]
    options.file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate([scenes, pair])).save(options.file, optimize=True)


if __name__ == "__main__":
    main()

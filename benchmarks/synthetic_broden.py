"""A synthetic Broden with the real one's proportions: 63,305 images, 1,197 concepts, label maps of 112 x 112.

Pictures and label maps come from pools through hard links, so the folder takes some megabytes and is written in a
minute. Pools are drawn so that concepts fall in frequency like 1/rank and none is in fewer than ten images (at the full
number of images). Numbers of images and of concepts by category are those of Bau et al. 2017, table 1; which source has
which layers, and the number of labels an image, are near the real ones.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Array = np.ndarray[Any, Any]

SOURCES = {"pascal": 10_103, "ade20k": 22_210, "opensurfaces": 25_352, "dtd": 5_640}
N_IMAGES = sum(SOURCES.values())
N_CONCEPTS = {"object": 584, "part": 234, "scene": 468, "material": 32, "texture": 47, "color": 11}
SHARED = {"part": 171, "material": 8}
"""Concepts of a category that are objects too: 1,376 in all categories, 1,197 different ones."""

LAYERS = {
    "pascal": ("object", "part", "color"),
    "ade20k": ("object", "part", "part", "color"),  # parts of parts are a layer of their own
    "opensurfaces": ("object", "material", "color"),
    "dtd": ("color",),
}
POOL = {"object": 4096, "part": 2048, "material": 1024, "color": 512}
PER_IMAGE = {"object": (1.2, 0.6), "part": (0.6, 0.5), "material": (0.8, 0.6), "color": (2.2, 0.98)}
"""Share of images that hold the concept of rank r: the first number / r, at most the second."""

SIZE, LABEL_SIZE = 224, 112
N_PICTURES = 256


def write_broden(folder: Path, *, n_images: int = N_IMAGES, seed: int = 0) -> None:
    """Write index.csv, label.csv and images/ below `folder`; nothing if index.csv is there already."""
    if (folder / "index.csv").exists():
        return
    rng = np.random.default_rng(seed)
    numbers = label_numbers()
    pool = folder / "pool"
    pool.mkdir(parents=True, exist_ok=True)
    for i in range(N_PICTURES):
        _picture(rng).save(pool / f"picture_{i}.jpg", quality=90)
    for category, size in POOL.items():
        for i, found in enumerate(_drawn(numbers[category], size, *PER_IMAGE[category], rng=rng)):
            _label_map(found, rng, blocks=category == "color").save(pool / f"{category}_{i}.png", compress_level=1)
    rows = _rows(folder, numbers, n_images=n_images, rng=rng)
    header = ["image", "split", "ih", "iw", "sh", "sw", *N_CONCEPTS]
    _write_labels(folder / "label.csv", numbers)
    lines = [",".join(header), *(",".join(row) for row in rows)]
    (folder / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def label_numbers() -> dict[str, Array]:
    """The label numbers of every category, frequent first; some objects are parts or materials too."""
    numbers, free = {}, 1
    for category, n in N_CONCEPTS.items():
        n_shared = SHARED.get(category, 0)
        own = np.arange(free, free + n - n_shared)
        free += n - n_shared
        shared = numbers["object"][: 3 * n_shared : 3] if n_shared else own[:0]
        numbers[category] = np.concatenate([own[: n // 8], shared, own[n // 8 :]])
    return numbers


def _rows(folder: Path, numbers: dict[str, Array], *, n_images: int, rng: np.random.Generator) -> list[list[str]]:
    """Link the files of every image; the rows of index.csv."""
    used = dict.fromkeys([*POOL, "picture"], 0)
    pool = folder / "pool"

    def link(kind: str, size: int, target: Path, suffix: str) -> None:
        # a step coprime to the pool's size: each file is used equally often, and neighbours differ between layers
        used[kind] += 1
        os.link(pool / f"{kind}_{used[kind] * 1021 % size}{suffix}", target)

    rows = []
    shares = {source: max(1, round(n_images * n / N_IMAGES)) for source, n in SOURCES.items()}
    for source, n in shares.items():
        (folder / "images" / source).mkdir(parents=True)
        scenes = _scenes(numbers["scene"], n, rng) if source == "ade20k" else None
        split = np.where(rng.random(n) < 0.7, "train", "val").tolist()
        for i in range(n):
            name = f"{source}/{source}_{i:06d}"
            link("picture", N_PICTURES, folder / "images" / f"{name}.jpg", ".jpg")
            cells: dict[str, list[str]] = {category: [] for category in N_CONCEPTS}
            for layer, category in enumerate(LAYERS[source]):
                file = f"{name}_{category}_{layer}.png"
                link(category, POOL[category], folder / "images" / file, ".png")
                cells[category].append(file)
            if scenes is not None:
                cells["scene"].append(str(scenes[i]))
            if source == "dtd":
                cells["texture"].append(str(numbers["texture"][i % len(numbers["texture"])]))
            sizes = [str(SIZE)] * 2 + [str(LABEL_SIZE)] * 2
            rows.append([f"{name}.jpg", split[i], *sizes, *(";".join(cells[category]) for category in N_CONCEPTS)])
    return rows


def _drawn(numbers: Array, size: int, share: float, most: float, *, rng: np.random.Generator) -> list[Array]:
    """The label numbers of each map of a pool: rank r in min(most, share / r) of the maps, in one at least."""
    members: list[list[int]] = [[] for _ in range(size)]
    for rank, number in enumerate(numbers, start=1):
        n = max(1, round(size * min(most, share / rank)))
        for i in rng.choice(size, size=n, replace=False):
            members[i].append(int(number))
    return [np.array(found, dtype=np.int64) for found in members]


def _scenes(numbers: Array, n: int, rng: np.random.Generator) -> Array:
    """A scene an image: ten images each where there are enough, the rest falling like 1/rank."""
    often = rng.choice(
        numbers, size=n, p=1 / np.arange(1, len(numbers) + 1) / (1 / np.arange(1, len(numbers) + 1)).sum()
    )
    sure = np.repeat(numbers, min(10, n // len(numbers)))
    often[: sure.size] = sure
    return rng.permutation(often)


def _label_map(found: Array, rng: np.random.Generator, *, blocks: bool) -> Image.Image:
    """A map that shows the label numbers: blocks of 4 pixels, as colours are scattered, or ellipses, large first."""
    size = LABEL_SIZE
    numbers = np.zeros((size, size), dtype=np.int64)
    if blocks and found.size:
        coarse = rng.choice(found, size=(size // 4, size // 4))
        coarse.reshape(-1)[: found.size] = found
        numbers = np.kron(coarse, np.ones((4, 4), dtype=np.int64))
    elif found.size:
        y, x = np.mgrid[:size, :size]
        radii = np.sort(rng.uniform(4, size / 2, size=(found.size, 2)).prod(axis=1))[::-1] ** 0.5
        for number, radius in zip(rng.permutation(found), radii, strict=True):
            centre = rng.uniform(0, size, size=2)
            stretch = rng.uniform(0.6, 1.6)
            numbers[((y - centre[0]) * stretch) ** 2 + ((x - centre[1]) / stretch) ** 2 < radius**2] = number
    return Image.fromarray(np.stack([numbers & 255, numbers >> 8, numbers * 0], axis=-1).astype(np.uint8))


def _picture(rng: np.random.Generator) -> Image.Image:
    """Smooth colours with some texture: a JPEG of 15 kB."""
    coarse = rng.integers(0, 256, size=(14, 14, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((SIZE, SIZE), Image.Resampling.BICUBIC), dtype=np.int64)
    return Image.fromarray(np.clip(smooth + rng.integers(-12, 13, size=(SIZE, SIZE, 1)), 0, 255).astype(np.uint8))


def _write_labels(path: Path, numbers: dict[str, Array]) -> None:
    categories: dict[int, list[str]] = {}
    for category, found in numbers.items():
        for number in found.tolist():
            categories.setdefault(number, []).append(category)
    lines = ["number,name,category,frequency,coverage,syns"]
    for number in sorted(categories):
        cell = ";".join(f"{category}(10)" for category in categories[number])
        lines.append(f"{number},{categories[number][0]} {number},{cell},10,1.0,")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")

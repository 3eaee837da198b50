"""The pictures and captions that the demo encoder learns from and is tested on, and the demo's vocabulary."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
from tqdm import tqdm

from conceptatlas.datasets.scenes.captions import captions
from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.files import atomic_path
from conceptatlas.seeds import derive_seed

PICTURE_SIZE = 96
N_TRAIN, N_VAL, N_VOCABULARY = 6000, 1000, 2500
SCENE_SEEDS = {name: derive_seed(0, "demo encoder", name) for name in ("train", "val", "vocabulary")}
"""Seeds of the scenes; neither a study's data set nor the demo classifiers share a scene with them."""


def draw_captioned_scenes(*, out: str | Path, n_train: int = N_TRAIN, n_val: int = N_VAL) -> None:
    """Render pictures and write their captions into one HDF5 file.

    Groups `train` and `val` hold `pictures` uint8 (image, 96, 96, 3) and `captions`, the captions of each picture in
    one text, a line each.
    """
    with atomic_path(out) as part, h5py.File(part, "w") as store:
        for split, n_images in (("train", n_train), ("val", n_val)):
            group = store.create_group(split)
            pictures = group.create_dataset("pictures", (n_images, PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)
            texts = []
            for index in tqdm(range(n_images), desc=f"{split} scenes", unit="picture", mininterval=5):
                scene = draw_scene(SCENE_SEEDS[split], index)
                pictures[index] = render(scene, PICTURE_SIZE).picture
                texts.append("\n".join(captions(scene)))
            group.create_dataset("captions", data=texts, dtype=h5py.string_dtype())


def write_demo_vocabulary(*, out: str | Path, n_scenes: int = N_VOCABULARY) -> None:
    """Write the captions of further scenes, each once, in the order in which they first come: the demo's vocabulary."""
    seen: dict[str, None] = {}
    for index in range(n_scenes):
        seen.update(dict.fromkeys(captions(draw_scene(SCENE_SEEDS["vocabulary"], index))))
    with atomic_path(out) as part:
        part.write_text("".join(f"{caption}\n" for caption in seen), encoding="utf-8")

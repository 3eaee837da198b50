"""The pictures and captions that the demo encoder learns from and is tested on, and the demo's vocabulary."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tqdm import tqdm

from conceptatlas.datasets.scenes.captions import captions
from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.parameters import Scene, vary
from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.datasets.scenes.vocabulary import INDOORS, KIND_TEXTURES, TEXTURES
from conceptatlas.encoders.demo_towers import words_of
from conceptatlas.files import atomic_path
from conceptatlas.seeds import derive_seed, generator

PICTURE_SIZE = 96
N_TRAIN, N_PATTERNED, N_VAL, N_VOCABULARY = 6000, 4000, 1000, 2500
SCENE_SEEDS = {name: derive_seed(0, "demo encoder", name) for name in ("train", "patterned", "val", "vocabulary")}
"""Seeds of the scenes; neither a study's data set nor the demo classifiers share a scene with them."""


def draw_captioned_scenes(
    *, out: str | Path, n_train: int = N_TRAIN, n_patterned: int = N_PATTERNED, n_val: int = N_VAL
) -> None:
    """Render pictures and write their captions into one HDF5 file.

    Groups `train`, `patterned` and `val` hold `pictures` uint8 (image, 96, 96, 3), `captions`, the captions of each
    picture in one text, a line each, and `patterns`, what the main object or the room wears.
    """
    with atomic_path(out) as part, h5py.File(part, "w") as store:
        for split, n_images in (("train", n_train), ("patterned", n_patterned), ("val", n_val)):
            write_scenes(store.create_group(split), split, n_images)


def write_scenes(group: Any, split: str, n_images: int) -> None:
    """Write the first scenes of a split into a group (see `draw_captioned_scenes`)."""
    pictures = group.create_dataset("pictures", (n_images, PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)
    texts, patterns = [], []
    for index in tqdm(range(n_images), desc=f"{split} scenes", unit="picture", mininterval=5):
        scene = scene_of(split, index)
        pictures[index] = render(scene, PICTURE_SIZE).picture
        texts.append("\n".join(captions(scene)))
        patterns.append(patterns_of(scene))
    group.create_dataset("captions", data=texts, dtype=h5py.string_dtype())
    group.create_dataset("patterns", data=patterns, dtype=h5py.string_dtype())


def scene_of(split: str, index: int) -> Scene:
    """A scene of a split.

    In `patterned` every main object that can wears a pattern, and so do half of the rooms: as drawn, one main object in
    twenty is striped, too few to learn the word from.
    """
    scene = draw_scene(SCENE_SEEDS[split], index)
    if split != "patterned":
        return scene
    rng = generator(SCENE_SEEDS[split], "pattern", index)
    worn = KIND_TEXTURES.get(scene.main.kind, ())
    if worn:
        scene = vary(scene, "main.texture", str(rng.choice(worn)))
    if scene.background.place in INDOORS:
        texture = str(rng.choice(TEXTURES[1:])) if rng.random() < 0.5 else "plain"
        scene = vary(scene, "background.texture", texture)
    return scene


def patterns_of(scene: Scene) -> str:
    """The patterns of the main object and the room that captions name, one word each; empty for plain ones."""
    said = words_of(" ".join(captions(scene)))  # not the pattern of sails that a boat does not carry
    worn = dict.fromkeys((scene.main.texture, scene.background.texture))
    return " ".join(texture for texture in worn if texture in said)


def write_demo_vocabulary(*, out: str | Path, n_scenes: int = N_VOCABULARY) -> None:
    """Write the captions of further scenes, each once, in the order in which they first come: the demo's vocabulary."""
    seen: dict[str, None] = {}
    for index in range(n_scenes):
        seen.update(dict.fromkeys(captions(draw_scene(SCENE_SEEDS["vocabulary"], index))))
    with atomic_path(out) as part:
        part.write_text("".join(f"{caption}\n" for caption in seen), encoding="utf-8")

"""The pictures that the demo models learn from and are tested on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
from tqdm import tqdm

from conceptatlas.datasets.colors import COLOR_NAMES
from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.renderer import Rendered, render
from conceptatlas.datasets.scenes.vocabulary import CLASSES, CONCEPT_NUMBERS, CONCEPTS
from conceptatlas.files import atomic_path
from conceptatlas.seeds import derive_seed

PICTURE_SIZE = 96
N_TRAIN, N_VAL = 8000, 2000
SCENE_SEEDS = {"train": derive_seed(0, "demo models", "train"), "val": derive_seed(0, "demo models", "val")}
"""Seeds of the scenes to learn from and to test on; a study's data set (seed 0, 1, ...) shares no scene with them."""

MIN_PRESENT = 0.005  # a concept counts as present from this share of the picture on


def draw_demo_scenes(*, out: str | Path, n_train: int = N_TRAIN, n_val: int = N_VAL) -> None:
    """Render the pictures to learn from and to test on into one HDF5 file.

    Groups `train` and `val` hold `pictures` uint8 (image, 96, 96, 3), `classes` uint8 (image,), index into CLASSES, and
    `concepts` bool (image, concept), whether the concept covers at least 0.5 % of the picture (or is image-level).
    """
    with atomic_path(out) as part, h5py.File(part, "w") as store:
        for split, n_images in (("train", n_train), ("val", n_val)):
            group = store.create_group(split)
            pictures = group.create_dataset("pictures", (n_images, PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)
            classes = np.zeros(n_images, dtype=np.uint8)
            concepts = np.zeros((n_images, len(CONCEPTS)), dtype=bool)
            for index in tqdm(range(n_images), desc=f"{split} scenes", unit="picture", mininterval=5):
                scene = draw_scene(SCENE_SEEDS[split], index)
                rendered = render(scene, PICTURE_SIZE)
                pictures[index] = rendered.picture
                classes[index] = CLASSES.index(scene.main.kind)
                concepts[index] = concepts_present(rendered)
            group["classes"], group["concepts"] = classes, concepts


def concepts_present(rendered: Rendered) -> np.ndarray[Any, Any]:
    """Which of CONCEPTS a picture shows: bool (concept,)."""
    n_pixels = np.zeros(len(CONCEPTS) + 1, dtype=np.int64)
    for numbers in (rendered.object, rendered.part, rendered.detail, rendered.material):
        n_pixels += np.bincount(numbers.ravel(), minlength=n_pixels.size)
    for name, count in zip(COLOR_NAMES, np.bincount(rendered.color.ravel(), minlength=len(COLOR_NAMES)), strict=True):
        n_pixels[CONCEPT_NUMBERS[name]] = count
    for name in (*rendered.scenes, *rendered.textures):
        n_pixels[CONCEPT_NUMBERS[name]] = rendered.object.size
    present: np.ndarray[Any, Any] = n_pixels[1:] >= MIN_PRESENT * rendered.object.size
    return present

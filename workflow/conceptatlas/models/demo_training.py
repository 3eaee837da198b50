"""The recipe of the shipped demo models: train, round to float16, count hits on scenes never seen.

The shipped files in resources/demo_models were made by these functions, one thread each; `snakemake train_demo_models`
calls them again. Besides the class of the main object the network learns, through a second linear head that is thrown
away, which concepts are in the picture: units then have reasons to become detectors of parts, materials, scenes and
textures.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from conceptatlas.datasets.scenes.vocabulary import CLASSES, CONCEPTS
from conceptatlas.files import atomic_path, file_sha256, read_json, write_json
from conceptatlas.inference.shares import wilson_interval
from conceptatlas.models.demo_nets import MEAN, STD, build
from conceptatlas.models.demo_recipes import RECIPES, Recipe
from conceptatlas.models.randomise import seeded_build
from conceptatlas.models.weights import load_state, read_state
from conceptatlas.seeds import generator

logger = logging.getLogger(__name__)

MAX_SHIFT = 6  # pixels, augmentation
RECORD_COLUMNS = (
    "model",
    "architecture",
    "seed",
    "n_params",
    "n_train",
    "n_val",
    "accuracy",
    "accuracy_low",
    "accuracy_high",
    "epochs",
    "training_s",
    "threads",
    "torch",
    "weights_sha256",
)
BATCH, SMOOTHING, WEIGHT_DECAY, CONCEPT_WEIGHT = 64, 0.05, 0.05, 3.0


def train_demo_model(
    *, name: str, scenes: str | Path, weights: str | Path, record: str | Path, threads: int = 1
) -> None:
    """Train one of the demo models and write its float16 weights and what is known about it.

    Parameters
    ----------
    name : a key of `demo_recipes.RECIPES`.
    scenes : file of `demo_pictures.draw_demo_scenes`.
    weights : safetensors file to write.
    record : JSON file to write; the accuracy in it is that of the rounded weights in the file, read back.
    threads : of torch; the sums of a convolution, and so the last digits of the weights, may depend on it.
    """
    recipe = RECIPES[name]
    torch.set_num_threads(threads)
    with h5py.File(scenes, "r") as store:
        pictures, classes = store["train/pictures"][:], store["train/classes"][:]
        concepts = store["train/concepts"][:]
        test_pictures, test_classes = store["val/pictures"][:], store["val/classes"][:]
    module = seeded_build(lambda: build(recipe.architecture, len(CLASSES)), seed=recipe.seed)
    started = time.monotonic()
    _fit(module, recipe, pictures, classes, concepts, name=name)
    seconds = time.monotonic() - started

    state = {key: tensor.half() for key, tensor in module.state_dict().items() if tensor.is_floating_point()}
    with atomic_path(weights) as part:
        save_file({key: tensor.contiguous() for key, tensor in state.items()}, part)
    rounded = build(recipe.architecture, len(CLASSES))
    load_state(rounded, read_state(weights), where=str(weights))
    predicted = predict(rounded, test_pictures)
    n_correct, n_val = int((predicted == test_classes).sum()), len(test_classes)
    low, high = wilson_interval(n_correct, n_val)
    found = {
        "model": name,
        "architecture": recipe.architecture,
        "seed": recipe.seed,
        "n_params": sum(parameter.numel() for parameter in module.parameters()),
        "n_train": len(classes),
        "n_val": n_val,
        "accuracy": n_correct / n_val,
        "accuracy_low": low,
        "accuracy_high": high,
        "epochs": recipe.epochs,
        "training_s": round(seconds, 1),
        "threads": threads,
        "torch": torch.__version__,
        "weights_sha256": file_sha256(weights),
    }
    logger.info("%s: accuracy %.4f (%.4f to %.4f) on %d held-out scenes", name, n_correct / n_val, low, high, n_val)
    write_json(record, found)


def join_demo_models(*, records: Sequence[str | Path], out: str | Path) -> None:
    """Join the records of `train_demo_model` into a tab-separated table with one row a model."""
    table = pd.DataFrame([read_json(record) for record in records])[list(RECORD_COLUMNS)]
    shares = ["accuracy", "accuracy_low", "accuracy_high"]
    table[shares] = table[shares].round(4)
    with atomic_path(out) as part, part.open("w", encoding="utf-8", newline="") as handle:
        handle.write(
            "# Held-out accuracy of the demo models (class of the main object, 10 classes, fresh scenes) with\n"
        )
        handle.write("# its 95 % Wilson interval; `snakemake train_demo_models` makes such a table\n")
        table.to_csv(handle, sep="\t", index=False, lineterminator="\n")


def predict(module: nn.Module, pictures: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Index of the class with the largest logit for uint8 pictures (image, 96, 96, 3)."""
    module.eval()
    with torch.inference_mode():
        logits = [module(as_input(pictures[at : at + 250])) for at in range(0, len(pictures), 250)]
    predicted: np.ndarray[Any, Any] = torch.cat(logits).argmax(dim=1).numpy()
    return predicted


def as_input(pictures: np.ndarray[Any, Any]) -> torch.Tensor:
    """uint8 (image, height, width, 3) to the normalised float32 (image, 3, height, width) the networks take."""
    tensor = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255
    return (tensor - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]


def _fit(
    module: nn.Module,
    recipe: Recipe,
    pictures: np.ndarray[Any, Any],
    classes: np.ndarray[Any, Any],
    concepts: np.ndarray[Any, Any],
    *,
    name: str,
) -> None:
    """AdamW with a one-cycle learning rate; the loss is that of the class plus that of the concepts present."""
    module.to(memory_format=torch.channels_last)
    head: Any = module.head
    concept_head = seeded_build(lambda: nn.Linear(head.in_features, len(CONCEPTS)), seed=recipe.seed)
    parameters = [*module.parameters(), *concept_head.parameters()]
    optimiser = torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
            {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
        ],
        lr=recipe.learning_rate,
    )
    n_steps = recipe.epochs * (len(classes) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, recipe.learning_rate, total_steps=n_steps, pct_start=0.25)
    module.train()
    losses: list[float] = []
    with tqdm(total=n_steps, desc=name, unit="step", mininterval=5) as progress:
        for batch in _batches(recipe, len(classes)):
            x = as_input(_augmented(pictures, batch)).contiguous(memory_format=torch.channels_last)
            features = module.features(x)  # type: ignore[operator]
            target = torch.from_numpy(classes[batch["image"]].astype(np.int64))
            present = torch.from_numpy(concepts[batch["image"]].astype(np.float32))
            loss = functional.cross_entropy(head(features), target, label_smoothing=SMOOTHING)
            loss = loss + CONCEPT_WEIGHT * functional.binary_cross_entropy_with_logits(concept_head(features), present)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()
            schedule.step()
            losses.append(float(loss.detach()))
            progress.update()
            if len(losses) % 100 == 0:
                progress.set_postfix(loss=f"{np.mean(losses[-100:]):.3f}", refresh=False)
                logger.info("%s: step %d of %d, loss %.3f", name, len(losses), n_steps, np.mean(losses[-100:]))


def _batches(recipe: Recipe, n_images: int) -> Iterator[Mapping[str, np.ndarray[Any, Any]]]:
    """Every image once an epoch, in an order and with flips and shifts that follow from (seed, epoch)."""
    for epoch in range(recipe.epochs):
        rng = generator(recipe.seed, "epoch", epoch)
        order = rng.permutation(n_images)
        flips = rng.random(n_images) < 0.5
        shifts = rng.integers(0, 2 * MAX_SHIFT + 1, (n_images, 2))
        for at in range(0, n_images - n_images % BATCH, BATCH):
            image = np.sort(order[at : at + BATCH])
            yield {"image": image, "flip": flips[image], "shift": shifts[image]}


def _augmented(pictures: np.ndarray[Any, Any], batch: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The pictures of a batch, mirrored and shifted by up to 6 pixels (edges reflected)."""
    chosen = pictures[batch["image"]]
    size = chosen.shape[1]
    padded = np.pad(chosen, ((0, 0), (MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT), (0, 0)), mode="reflect")
    moved = np.empty_like(chosen)
    for position, (down, right) in enumerate(batch["shift"].tolist()):
        window = padded[position, down : down + size, right : right + size]
        moved[position] = window[:, ::-1] if batch["flip"][position] else window
    return moved


def read_accuracy(path: str | Path) -> pd.DataFrame:
    """The table of `join_demo_models`, indexed by model."""
    return pd.read_csv(path, sep="\t", comment="#").set_index("model")

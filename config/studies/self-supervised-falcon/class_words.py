"""A stand-in for CLIP's image tower: a picture is the mean of the text vectors of classes, weighted by a classifier.

This is ConSE (Norouzi et al. 2014), no image-text model: the picture's vector is a convex combination of the vectors of
names that the classifier knows, so words beyond its classes are reached only through their likeness in text. It serves
to run a study where CLIP's image weights cannot be had; what it says of MobileNetV2 is not independent of MobileNetV2,
which is the classifier.
"""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as functional

from conceptatlas.files import file_sha256, text_digest
from conceptatlas.models.index import load_model
from conceptatlas.models.preprocessing import prepare

SIZE = 224


class ClassWords:
    """Softmax over the classes that have a text vector, times these vectors, less the mean of all names."""

    preprocessing = "the whole picture at 224 x 224, torchvision's MobileNetV2"

    def __init__(self, weights: str, classes: str, names: str, vectors: str, device: str) -> None:
        row = {"model": "class-words", "source": "torchvision", "architecture": "mobilenet_v2", "weights": weights}
        self.model = load_model({**row, "input_size": SIZE})
        self.model.module.to(device)
        texts = np.load(vectors).astype(np.float64)
        texts /= np.linalg.norm(texts, axis=1, keepdims=True)
        texts -= texts.mean(axis=0)  # "a <name>" is in all of them: without their mean the names differ
        texts /= np.linalg.norm(texts, axis=1, keepdims=True)
        place: dict[str, int] = {}
        for number, name in enumerate(Path(names).read_text(encoding="utf-8").splitlines()):
            place.setdefault(folded(name), number)
        with Path(classes).open(encoding="utf-8", newline="") as lines:
            known = [(int(index), name) for index, _, name in csv.reader(lines, delimiter="\t")]
        pairs = [(index, found) for index, name in known if (found := row_of(name, place)) is not None]
        if not pairs:
            raise ValueError(f"{classes}: no class has a name that {names} holds")
        self.outputs = torch.tensor([index for index, _ in pairs])
        self.texts = texts[[found for _, found in pairs]]
        self.dim = texts.shape[1]
        self.digest = text_digest(*map(file_sha256, (classes, names, vectors)))

    def encode_images(self, pictures: np.ndarray) -> np.ndarray:
        """uint8 (image, height, width, 3) -> (image, 512)."""
        frames = torch.from_numpy(np.ascontiguousarray(pictures)).float().permute(0, 3, 1, 2)
        frames = functional.interpolate(frames, size=(SIZE, SIZE), mode="bilinear", antialias=True)
        with torch.inference_mode():
            logits = self.model.module(prepare(frames.permute(0, 2, 3, 1).contiguous(), self.model))
        shares = torch.softmax(logits.cpu()[:, self.outputs].double(), dim=1).numpy()
        return shares @ self.texts


def folded(name: str) -> str:
    """A name without case, signs, and what stands in brackets: `car_(automobile)` is `car`."""
    return " ".join(re.findall(r"[a-z0-9]+", re.sub(r"\(.*?\)", "", name.lower())))


def row_of(name: str, place: dict[str, int]) -> int | None:
    """The row of a class's name, or of its last word (`robin` for `american robin`); None where neither has one."""
    words = folded(name)
    return place.get(words, place.get(words.split()[-1] if words else ""))


def build(*, weights: str, classes: str, names: str, vectors: str, device: str) -> ClassWords:
    """What encoders.tsv names."""
    return ClassWords(weights, classes, names, vectors, device)

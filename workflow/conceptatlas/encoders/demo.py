"""Encoder source `demo`: the project's own small image-text model of the demo scenes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from safetensors import SafetensorError, safe_open

from conceptatlas.encoders.demo_towers import DIM, Towers
from conceptatlas.encoders.encoder import Array, Sides
from conceptatlas.encoders.rows import name_of, options_of
from conceptatlas.files import file_sha256
from conceptatlas.models.demo_nets import INPUT_SIZE
from conceptatlas.models.demo_training import as_input
from conceptatlas.models.weights import load_state, read_state
from conceptatlas.sheets import Row


def load(row: Row, device: str) -> Sides:
    """Load the demo encoder (see `encoders.loaded.load_encoder` for the row and the errors)."""
    where, weights = f"encoder {name_of(row)!r}", str(row.get("weights", "") or "")
    options_of(row, known=())
    if not Path(weights).is_file():
        raise ValueError(f"{where}: weights file {weights!r} does not exist; the demo's lies in resources/demo_encoder")
    towers = read_towers(weights).to(device)
    return Sides(
        dim=DIM,
        digest=file_sha256(weights),
        images=lambda pictures: encode_pictures(towers, pictures),
        texts=lambda texts: encode_sentences(towers, texts),
        about={
            "weights_sha256": file_sha256(weights),
            "preprocessing": {"input_size": INPUT_SIZE, "resize": "bilinear, antialiased, of the whole picture"},
        },
    )


def read_towers(weights: str | Path) -> Towers:
    """The towers of a weights file in evaluation mode; one that is not the demo's raises ValueError."""
    try:
        with safe_open(weights, framework="pt") as file:
            words = ((file.metadata() or {}).get("words") or "").split()
    except SafetensorError as error:
        raise ValueError(f"weights file {weights} is not a whole safetensors file ({error})") from None
    if not words:
        raise ValueError(f"weights file {weights} holds no words in its metadata: it is not one of the demo encoder")
    towers = Towers(words)
    load_state(towers, read_state(weights), where=f"weights file {weights}")
    towers.eval().requires_grad_(False)
    return towers


def encode_pictures(towers: Any, pictures: Array) -> Array:
    """uint8 (image, height, width, 3) -> float32 (image, DIM), any length; other sizes are resampled as a whole."""
    x = as_input(pictures)
    if x.shape[2:] != (INPUT_SIZE, INPUT_SIZE):
        x = F.interpolate(x, size=(INPUT_SIZE, INPUT_SIZE), mode="bilinear", align_corners=False, antialias=True)
    with torch.inference_mode():
        vectors: Array = towers.pictures(x.to(towers.log_scale.device)).cpu().numpy()
    return vectors


def encode_sentences(towers: Any, texts: Sequence[str]) -> Array:
    """Sentences -> float32 (text, DIM), any length."""
    with torch.inference_mode():
        vectors: Array = towers.sentences(towers.bags(texts).to(towers.log_scale.device)).cpu().numpy()
    return vectors

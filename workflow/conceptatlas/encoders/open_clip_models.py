"""Encoder source `open_clip`: an architecture of the open_clip library, a local weights file, explicit preprocessing.

A bare weights file does not say how its pictures were prepared, and open_clip would silently take the architecture's
default; a model read with another mean or another resize gives other vectors without any error. So the options
image_size, mean, std, interpolation and resize_mode must stand in the sheet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from conceptatlas.encoders.encoder import Array, Sides
from conceptatlas.encoders.rows import name_of, options_of, triple_option, whole_option
from conceptatlas.files import file_sha256, text_digest
from conceptatlas.naming import unknown
from conceptatlas.sheets import Row

REQUIRED = ("image_size", "mean", "std", "interpolation", "resize_mode")
"""Options without which a picture cannot be prepared."""
OPTIONAL = ("quick_gelu",)
INTERPOLATIONS = ("bicubic", "bilinear")
RESIZE_MODES = ("shortest", "longest", "squash")


def load(row: Row, device: str) -> Sides:
    """Load an open_clip model (see `encoders.loaded.load_encoder` for the row and the errors)."""
    where = f"encoder {name_of(row)!r}"
    options = options_of(row, known=(*REQUIRED, *OPTIONAL))
    missing = [key for key in REQUIRED if key not in options]
    if missing:
        raise ValueError(
            f"{where}: the preprocessing must be stated, options lack {', '.join(missing)}. A weights file does not "
            "hold it and open_clip would take the architecture's default without a word. OpenAI's CLIP ViT-B/32 takes "
            "image_size=224;mean=0.48145466,0.4578275,0.40821073;std=0.26862954,0.26130258,0.27577711;"
            "interpolation=bicubic;resize_mode=shortest"
        )
    for key, known in (("interpolation", INTERPOLATIONS), ("resize_mode", RESIZE_MODES)):
        if options[key] not in known:
            raise unknown(key, options[key], known, where=where)
    if options.get("quick_gelu", "no") not in ("yes", "no"):
        raise ValueError(f"{where}: quick_gelu is {options['quick_gelu']!r}, expected yes or no")
    preprocessing = {
        "size": whole_option(row, options, "image_size"),
        "mean": triple_option(row, options, "mean"),
        "std": triple_option(row, options, "std"),
        "interpolation": options["interpolation"],
        "resize_mode": options["resize_mode"],
    }
    weights = str(row.get("weights", "") or "")
    if not Path(weights).is_file():
        raise ValueError(f"{where}: weights file {weights!r} does not exist; open_clip needs a local file")
    model, tokenizer, transform = _built(row, weights, preprocessing, quick_gelu=options.get("quick_gelu") == "yes")
    model.to(device)
    return Sides(
        dim=_dim(model, tokenizer, device),
        digest=text_digest(file_sha256(weights), str(row.get("architecture")), repr(sorted(options.items()))),
        images=lambda pictures: _images(model, transform, pictures, device),
        texts=lambda texts: _texts(model, tokenizer, texts, device),
        about={"preprocessing": dict(options), "weights_sha256": file_sha256(weights)},
    )


def _built(row: Row, weights: str, preprocessing: dict[str, Any], *, quick_gelu: bool) -> tuple[Any, Any, Any]:
    """The network in evaluation mode, its tokenizer, and the transform of one PIL picture."""
    import open_clip
    from open_clip.transform import PreprocessCfg, image_transform_v2

    from conceptatlas.models.weights import load_state

    architecture = str(row.get("architecture", "") or "")
    where = f"encoder {name_of(row)!r}"
    if architecture not in open_clip.list_models():
        raise unknown("architecture", architecture, open_clip.list_models(), where=f"{where} (source open_clip)")
    model = open_clip.create_model(
        architecture, load_weights=False, force_quick_gelu=quick_gelu, force_image_size=preprocessing["size"]
    )
    load_state(model, _state(row, weights), where=f"{where}: weights file {weights}")
    model.eval().requires_grad_(False)
    try:
        tokenizer = open_clip.get_tokenizer(architecture)
    except (OSError, ImportError) as error:
        raise ValueError(f"{where}: the tokenizer of {architecture} is not on this machine ({error})") from None
    return model, tokenizer, image_transform_v2(PreprocessCfg(**preprocessing), is_train=False)


def _state(row: Row, weights: str) -> dict[str, Any]:
    """The state dict of a weights file; one that runs code when it is read only where the row trusts it."""
    from conceptatlas.models.weights import read_state

    if row.get("trust_pickle") != "yes":
        return read_state(weights)
    import torch

    try:
        loaded: Any = torch.jit.load(weights, map_location="cpu")  # OpenAI's files are TorchScript archives
        state = loaded.state_dict()
    except RuntimeError:
        loaded = torch.load(weights, map_location="cpu", weights_only=False)
        state = loaded.get("state_dict", loaded) if isinstance(loaded, dict) else loaded.state_dict()
    scalars = ("input_resolution", "context_length", "vocab_size")
    return {name.removeprefix("module."): tensor.float() for name, tensor in state.items() if name not in scalars}


def _dim(model: Any, tokenizer: Any, device: str) -> int:
    return int(_texts(model, tokenizer, ["a"], device).shape[1])


def _images(model: Any, transform: Any, pictures: Array, device: str) -> Array:
    import torch
    from PIL import Image

    batch = torch.stack([transform(Image.fromarray(picture)) for picture in np.ascontiguousarray(pictures)])
    with torch.inference_mode():
        vectors: Array = model.encode_image(batch.to(device)).float().cpu().numpy()
    return vectors


def _texts(model: Any, tokenizer: Any, texts: Sequence[str], device: str) -> Array:
    import torch

    with torch.inference_mode():
        vectors: Array = model.encode_text(tokenizer(list(texts)).to(device)).float().cpu().numpy()
    return vectors

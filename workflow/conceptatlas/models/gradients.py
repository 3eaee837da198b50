"""Which way every pixel raises a model's own loss: the step of the fast gradient sign method.

The loss is the cross entropy of the scores with the class that the model itself gives the clean picture (no labels are
needed, and none of the data set leaks in). Only the sign of its gradient with respect to the frame is used, so one
backward pass an image says everything about all amounts. Source: Goodfellow, Shlens and Szegedy, "Explaining and
Harnessing Adversarial Examples" (2015).
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)

from conceptatlas.models.arithmetic import exact_arithmetic, is_out_of_memory
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]


def gradient_signs(
    model: LoadedModel,
    frames: Any,
    valid: Array,
    *,
    batch: int,
    device: torch.device | str = "cpu",
    tf32: bool = False,
) -> Array:
    """The sign of the loss's gradient at every pixel and channel of some frames.

    Parameters
    ----------
    model : moved to `device` in channels-last layout and left there.
    frames : uint8 (image, size, size, 3); anything that slices to an array. valid : bool (image,); the others, which
        are in quarantine, get zeros.
    batch : images a pass; the last one is padded, so that on a CPU no sign depends on how images are cut into shards.
    tf32 : as in `blocks.iterate_blocks`.

    Returns
    -------
    int8 (image, size, size, 3): -1, 0 or 1. An image whose gradient vanishes everywhere is counted in the log.

    Raises
    ------
    ValueError
        naming the model, if its output is not class scores (image, class), at least two classes.
    torch.OutOfMemoryError
        where a single image does not fit.
    """
    device = torch.device(device)
    model.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    signs = np.zeros((len(frames), *frames.shape[1:]), dtype=np.int8)
    first = 0
    while first < len(frames):
        last = min(first + batch, len(frames))
        rows = np.zeros((batch, *frames.shape[1:]), dtype=np.float32)
        rows[: last - first] = frames[first:last]
        found = _attempt(model, rows, device=device, tf32=tf32)
        if found is None:
            if batch == 1:
                raise torch.OutOfMemoryError(
                    f"model {model.name!r}: the gradient of one image does not fit into the memory of {device}"
                )
            batch = max(1, batch // 2)
            logger.warning("model %s: out of memory on %s; gradients take %d images now", model.name, device, batch)
            continue
        signs[first:last] = found[: last - first]
        first = last
    signs[~valid] = 0
    flat = int((valid & ~signs.any(axis=(1, 2, 3))).sum())
    if flat:
        logger.warning("model %s: the gradient of %d images is 0 everywhere; they stay as they are", model.name, flat)
    return signs


def _attempt(model: LoadedModel, rows: Array, *, device: torch.device, tf32: bool) -> Array | None:
    """The signs of one batch; None where memory ran out."""
    try:
        with torch.enable_grad(), exact_arithmetic(tf32=tf32):
            frames = torch.from_numpy(rows).to(device).requires_grad_()
            scores = model.module(prepare(frames, model, device=device))
            _check_scores(scores, n_images=len(rows), name=model.name)
            own = scores.detach().argmax(dim=1)
            [gradient] = torch.autograd.grad(F.cross_entropy(scores, own, reduction="sum"), [frames])
            found: Array = torch.sign(gradient).to(torch.int8).cpu().numpy()
            return found
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def _check_scores(output: Any, *, n_images: int, name: str) -> None:
    """Refuse an output that has no predicted class."""
    if isinstance(output, torch.Tensor) and output.is_floating_point():
        if output.ndim == 2 and len(output) == n_images and output.shape[1] >= 2:
            return
        found = f"{output.dtype} {tuple(output.shape)}"
    else:
        found = f"a {type(output).__name__}"
    raise ValueError(
        f"model {name!r} returns {found}; fgsm needs class scores (image, class) of at least two classes: leave the "
        "model out of `robustness.models`, or the level out of perturbations.tsv"
    )

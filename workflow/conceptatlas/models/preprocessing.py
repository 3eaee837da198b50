"""Frames to network input: one resize of the whole frame, one normalisation, nothing that could move the picture.

Masks live in frame coordinates, so a model may resample and normalise a frame but never crop or flip it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)

from conceptatlas.models.loaded import LoadedModel


def prepare(
    frames: np.ndarray[Any, Any] | torch.Tensor, model: LoadedModel, *, device: torch.device | str | None = None
) -> torch.Tensor:
    """The input of a model for some frames.

    Parameters
    ----------
    frames : uint8 or float32 (image, size, size, 3), RGB on the scale 0..255; a tensor may lie on the device already.
        Perturbed frames are float32: rounding them to 8 bits would swallow weak noise.
    model : gives input_size (pixels), mean and std (of pictures scaled to 0..1).
    device : where the input is made; default: where the model lives.

    Returns
    -------
    float32 (image, 3, input_size, input_size), channels-last in memory. Frames of another size are resampled
    bilinearly with antialiasing (half-pixel centres, in float32, not rounded back to 8 bits).
    """
    tensor = torch.from_numpy(np.ascontiguousarray(frames)) if isinstance(frames, np.ndarray) else frames
    square = tensor.ndim == 4 and tensor.shape[3] == 3 and tensor.shape[1] == tensor.shape[2]
    if tensor.dtype not in (torch.uint8, torch.float32) or not square:
        raise ValueError(
            f"frames must be uint8 or float32 (image, size, size, 3), got {tensor.dtype} {tuple(tensor.shape)}"
        )
    device = model.device if device is None else torch.device(device)
    values = tensor.to(device, non_blocking=True).to(torch.float32)
    if values.data_ptr() == tensor.data_ptr():
        values = values.clone()  # normalised in place below
    if values.shape[1] != model.input_size:
        planes = values.permute(0, 3, 1, 2)  # a view that is channels-last already
        size = (model.input_size, model.input_size)
        planes = F.interpolate(planes, size=size, mode="bilinear", align_corners=False, antialias=True)
        values = planes.permute(0, 2, 3, 1).contiguous()
    # one row of all columns and channels: broadcasting over three channels innermost would be slow
    scale = torch.tensor([1.0 / (255.0 * s) for s in model.std], device=device).repeat(model.input_size)
    shift = torch.tensor([-m / s for m, s in zip(model.mean, model.std, strict=True)], device=device)
    rows = values.view(-1, model.input_size * 3)
    rows.mul_(scale).add_(shift.repeat(model.input_size))
    return values.permute(0, 3, 1, 2)

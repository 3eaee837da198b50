"""Frames to network input: normalisation by hand, resizing by another library."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_models
from conceptatlas.models.preprocessing import prepare


def test_normalisation_by_hand() -> None:
    model = tiny_models.model(mean=(0.1, 0.2, 0.3), std=(0.5, 0.25, 2.0))
    pictures = tiny_models.frames(3)
    got = prepare(pictures, model)
    expected = (pictures.transpose(0, 3, 1, 2) / 255 - np.reshape(model.mean, (3, 1, 1))) / np.reshape(
        model.std, (3, 1, 1)
    )
    np.testing.assert_allclose(got.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert got.dtype == torch.float32
    assert got.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [20, 48, 64, 33])
def test_resize_agrees_with_pillow(size: int) -> None:
    """Pillow's antialiased bilinear filter, to the 8 bits that Pillow rounds to."""
    model = tiny_models.model(mean=(0, 0, 0), std=(1 / 255, 1 / 255, 1 / 255))
    smooth = np.stack(
        [np.asarray(Image.fromarray(f).resize((9, 9)).resize((size, size))) for f in tiny_models.frames(2)]
    )
    expected = [np.asarray(Image.fromarray(f).resize((32, 32), Image.Resampling.BILINEAR)) for f in smooth]
    got = prepare(smooth, model).numpy().transpose(0, 2, 3, 1)
    assert got.shape == (2, 32, 32, 3)
    assert np.abs(got - np.stack(expected)).max() < 1.01


def test_frames_of_a_wrong_type_are_refused() -> None:
    model = tiny_models.model()
    for wrong in (np.zeros((2, 8, 8, 3)), np.zeros((2, 8, 9, 3), np.uint8), np.zeros((8, 8, 3), np.uint8)):
        with pytest.raises(ValueError, match="frames must be uint8"):
            prepare(wrong, model)

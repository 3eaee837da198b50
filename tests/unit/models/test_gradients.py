"""The direction that raises a model's own loss: by hand for a linear network, and whatever the cut into batches."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
import torch.nn.functional as F  # noqa: N812  (torch's own convention)
from torch import nn

from conceptatlas.models.gradients import gradient_signs
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare
from conceptatlas.models.rows import why_no_scores

SIZE = 8


class TwoClasses(nn.Module):
    """Scores (s, -s), s the product of the picture with fixed weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = (x * self.weight).sum(dim=(1, 2, 3))
        return torch.stack([score, -score], dim=1)


def convolutions() -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(inplace=True), nn.Conv2d(16, 24, 3, stride=2),
        nn.ReLU6(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 7),
    )  # fmt: skip


def loaded(module: nn.Module, *, size: int = SIZE) -> LoadedModel:
    return LoadedModel("net", module, input_size=size)


def frames(n: int, size: int = SIZE) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8)


def test_a_linear_network_by_hand():
    """The loss falls with the winning score, so the step goes against its weights."""
    model, pictures = loaded(TwoClasses()), frames(5)
    signs = gradient_signs(model, pictures, np.ones(5, dtype=bool), batch=2)
    weights = np.sign(model.module.weight.detach().numpy().transpose(1, 2, 0))
    wins = model.module(prepare(pictures, model)).argmax(dim=1).numpy()
    assert set(wins) == {0, 1}
    for n in range(5):
        np.testing.assert_array_equal(signs[n], weights if wins[n] else -weights)


def test_a_small_step_raises_the_loss_of_every_image():
    model, pictures = loaded(convolutions(), size=24), frames(6, size=32)  # resampled on the way
    signs = gradient_signs(model, pictures, np.ones(6, dtype=bool), batch=4)
    with torch.no_grad():
        clean = model.module(prepare(pictures, model))
        moved = model.module(prepare(pictures.astype(np.float32) + np.float32(0.05) * signs, model))
    own = clean.argmax(dim=1)
    before, after = F.cross_entropy(clean, own, reduction="none"), F.cross_entropy(moved, own, reduction="none")
    assert (after > before).all()


def test_signs_do_not_depend_on_how_images_are_cut():
    model, pictures = loaded(convolutions(), size=24), frames(11, size=24)
    torch.set_num_threads(1)
    there = np.ones(11, dtype=bool)
    whole = gradient_signs(model, pictures, there, batch=4)
    parts = [gradient_signs(model, pictures[a:b], there[a:b], batch=4) for a, b in ((0, 3), (3, 9), (9, 11))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_images_in_quarantine_and_pictures_without_a_gradient_stay(caplog):
    model, valid = loaded(TwoClasses()), np.array([True, False, True])
    assert not gradient_signs(model, frames(3), valid, batch=2)[1].any()
    model.module.weight.data.zero_()
    with caplog.at_level("WARNING"):
        assert not gradient_signs(model, frames(3), valid, batch=2).any()
    assert "gradient of 2 images is 0 everywhere" in caplog.text


def test_the_network_is_left_without_gradients():
    model = loaded(convolutions(), size=SIZE)
    gradient_signs(model, frames(2), np.ones(2, dtype=bool), batch=2)
    assert all(p.grad is None and not p.requires_grad for p in model.module.parameters())
    assert not model.module.training


class Maps(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x


class Named(nn.Module):
    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"out": x}


@pytest.mark.parametrize(
    ("module", "found"),
    [
        (Maps(), r"\(2, 3, 8, 8\)"),
        (Named(), "a dict"),
        (nn.Sequential(nn.Flatten(), nn.Linear(192, 1)), r"\(2, 1\)"),
    ],
)
def test_a_model_without_class_scores_is_refused_by_name(module, found):
    with pytest.raises(ValueError, match=rf"model 'net' returns .*{found}; fgsm needs class scores"):
        gradient_signs(loaded(module), frames(2), np.ones(2, dtype=bool), batch=2)


def test_memory_that_runs_out_halves_the_batch(monkeypatch):
    model, pictures = loaded(TwoClasses()), frames(5)
    expected = gradient_signs(model, pictures, np.ones(5, dtype=bool), batch=1)
    forward = model.module.forward

    def limited(x: torch.Tensor) -> torch.Tensor:
        if len(x) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return forward(x)

    monkeypatch.setattr(model.module, "forward", limited)
    np.testing.assert_array_equal(gradient_signs(model, pictures, np.ones(5, dtype=bool), batch=8), expected)


def test_rows_of_detectors_and_segmenters_are_known_without_torch():
    pytest.importorskip("torchvision")
    from conceptatlas.models.torchvision_models import FAMILIES

    kinds = {"Classifiers": "", "Segmenters": "a segmenter", "Detectors": "a detector"}
    for family in FAMILIES:
        for architecture in family.architectures():
            row = {"source": "torchvision", "architecture": architecture}
            assert why_no_scores(row) == kinds[family.__name__], architecture
    assert why_no_scores({"source": "user", "architecture": "ssd300_vgg16"}) == ""

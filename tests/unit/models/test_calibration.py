"""Calibration: statistics by hand, a random MobileNetV2 that lives in float16, trained models untouched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import tiny_models
from conceptatlas.models.blocks import iterate_blocks
from conceptatlas.models.calibration import calibrate, calibrate_model, calibration_rows
from conceptatlas.models.calibration_file import apply_calibration, save_calibration
from conceptatlas.models.index import load_model
from conceptatlas.models.preprocessing import prepare
from tiny_datasets import demo, frame_dataset

ROW = {"model": "m", "source": "torchvision", "architecture": "mobilenet_v2", "weights": "random", "input_size": 64}


def test_statistics_by_hand() -> None:
    model, pictures = tiny_models.model(), tiny_models.frames(13)
    state = calibrate(model, pictures, batch=4)  # three whole batches, one picture left over
    with torch.inference_mode():
        values = [model.module.conv2(model.module.conv1(prepare(pictures[i : i + 4], model)).relu()) for i in (0, 4, 8)]
    mean = torch.stack([v.mean((0, 2, 3)) for v in values]).mean(0)
    variance = torch.stack([v.transpose(0, 1).flatten(1).var(1) for v in values]).mean(0)
    torch.testing.assert_close(state["bn2.running_mean"], mean, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(state["bn2.running_var"], variance, rtol=1e-4, atol=1e-6)


def test_calibrating_leaves_the_model_as_it_was() -> None:
    model = tiny_models.model()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    calibrate(model, tiny_models.frames(8), batch=4)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.module.state_dict().items())
    assert model.module.bn2.momentum == 0.1
    assert not any(child.training for child in model.module.modules())


def test_layers_that_no_picture_reaches_keep_their_statistics() -> None:
    net = nn.Module()
    net.used, net.spare = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
    net.spare.running_mean.fill_(7)
    net.forward = lambda pictures: net.used(pictures)
    state = calibrate(tiny_models.model(net), tiny_models.frames(8), batch=4)
    assert bool((state["spare.running_mean"] == 7).all())
    assert not bool((state["used.running_mean"] == 0).any())


def varying_share(model_row: dict[str, object], calibration: Path | None) -> float:
    """Share of units of features.18 that take more than one value in float16."""
    model = load_model(model_row, calibration=calibration)
    blocks = iterate_blocks(model, {"last": "features.18"}, tiny_models.frames(16, size=64, seed=1), batch=8)
    values = np.concatenate([block.array("last") for block in blocks]).transpose(1, 0, 2, 3).reshape(1280, -1)
    return float((values.max(1) > values.min(1)).mean())


def test_a_random_mobilenet_is_alive_in_float16_only_when_calibrated(tmp_path: Path) -> None:
    state = calibrate(load_model(ROW), tiny_models.frames(32, size=64), batch=16)
    save_calibration(tmp_path / "c.safetensors", state)
    assert varying_share(ROW, None) < 0.5
    assert varying_share(ROW, tmp_path / "c.safetensors") > 0.9


def test_networks_without_batch_norm_get_an_empty_state(tmp_path: Path) -> None:
    row = ROW | {"architecture": "squeezenet1_1"}
    model = load_model(row)
    state = calibrate(model, tiny_models.frames(4, size=64))
    assert state == {}
    save_calibration(tmp_path / "c.safetensors", state)
    calibrated = load_model(row, calibration=tmp_path / "c.safetensors")
    for name, tensor in model.module.state_dict().items():
        assert torch.equal(calibrated.module.state_dict()[name], tensor)
    assert len(calibrated.calibration_sha256) == 64


def test_trained_models_and_other_networks_files_are_refused(tmp_path: Path) -> None:
    model = tiny_models.model()
    save_calibration(tmp_path / "c.safetensors", calibrate(model, tiny_models.frames(4)))
    with pytest.raises(ValueError, match="made for another network"):
        load_model(ROW, calibration=tmp_path / "c.safetensors")
    torch.save(model.module.state_dict(), tmp_path / "w.pth")
    row = {"model": "m", "source": "user", "architecture": "tiny_models:user_net", "weights": str(tmp_path / "w.pth")}
    with pytest.raises(ValueError, match="has trained weights"):
        load_model(row, calibration=tmp_path / "c.safetensors")
    (tmp_path / "c.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="cannot be read"):
        apply_calibration(model, tmp_path / "c.safetensors")


def test_what_cannot_be_calibrated_is_refused() -> None:
    from torchvision.ops import FrozenBatchNorm2d

    with pytest.raises(ValueError, match="at least 2 pictures"):
        calibrate(tiny_models.model(), tiny_models.frames(1))
    frozen = tiny_models.model(nn.Sequential(nn.Conv2d(3, 2, 1), FrozenBatchNorm2d(2)))
    with pytest.raises(ValueError, match="frozen"):
        calibrate(frozen, tiny_models.frames(4))


def test_sample_is_fixed_valid_and_sorted() -> None:
    valid = np.ones(1000, dtype=bool)
    valid[::3] = False
    rows = calibration_rows(valid, n=50)
    assert rows == calibration_rows(valid, n=50) == sorted(set(rows))
    assert len(rows) == 50
    assert valid[rows].all()
    assert calibration_rows(valid[:9], n=50) == [1, 2, 4, 5, 7, 8]


def test_statistics_of_a_data_set_do_not_depend_on_its_shards(tmp_path: Path) -> None:
    row = {
        "model": "m",
        "source": "user",
        "architecture": "tiny_models:user_net",
        "weights": "random",
        "input_size": 32,
    }
    written = []
    for n_shards in (1, 3):
        folder = tmp_path / str(n_shards)
        paths = frame_dataset(demo(folder), folder, n_shards=n_shards)
        out = folder / "c.safetensors"
        backwards = {"frames": paths["frames"][::-1], "manifests": paths["manifests"][::-1]}
        calibrate_model(row, **backwards, out=out)
        written.append(out.read_bytes())
        assert load_model(row, calibration=out).module.bn2.running_var.min() > 0
    assert written[0] == written[1]

"""The check report, the trace, and the suggestions."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from torch import nn

import tiny_models
from conceptatlas.__main__ import main
from conceptatlas.models import check
from conceptatlas.models.check import check_model
from conceptatlas.models.suggest import COLUMNS, layer_listing, suggest_layers
from conceptatlas.models.trace import trace_modules

ROW = {"model": "tiny", "source": "user", "architecture": "tiny_models:user_net", "weights": "", "input_size": 32}


def layer(name: str, **cells: Any) -> dict[str, Any]:
    return {
        "model": "tiny",
        "layer": name,
        "module": name,
        "group": "main",
        "dtype": "float16",
        "store": "full",
    } | cells


def test_report_of_a_model() -> None:
    report = check_model(ROW, [layer("conv1"), layer("bn2", dtype="float32"), layer("relu2"), layer("head")])
    json.dumps(report, allow_nan=False)
    maps = {name: (r["n_units"], r["height"], r["width"], r["kind"]) for name, r in report["layers"].items()}
    assert maps == {
        "conv1": (6, 32, 32, "map"),
        "bn2": (10, 16, 16, "map"),
        "relu2": (10, 16, 16, "map"),
        "head": (4, 1, 1, "vector"),
    }
    relu = report["layers"]["relu2"]
    assert (relu["clipped"], relu["before_clip"], relu["rectified"]) == (True, "bn2", True)
    assert any("ReLU6" in note and "bn2" in note for note in relu["notes"])
    assert not report["layers"]["bn2"]["clipped"]
    assert report["layers"]["bn2"]["dtype"] == "float32"
    assert len(report["layers"]["conv1"]["geometry"]["rf_centres_y"]) == 32
    assert report["n_parameters"] == sum(p.numel() for p in tiny_models.PlainNet().parameters())
    assert len(report["weights_sha256"]) == 64
    assert report["preprocessing"]["input_size"] == 32


def test_unknown_layers_stop_with_near_matches() -> None:
    with pytest.raises(ValueError, match="unknown module 'relu_2' in model 'tiny'; did you mean 'relu2'"):
        check_model(ROW, [layer("conv1"), layer("relu_2")])


@pytest.mark.parametrize(("name", "said"), [("varying", "size varies"), ("random", "not the same twice")])
def test_maps_that_cannot_be_stored_are_refused(name: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "load_model", lambda _row: tiny_models.model(tiny_models.OddNet()))
    with pytest.raises(ValueError, match=said):
        check_model(ROW, [layer(name)])


def test_a_size_with_which_the_network_does_not_run_is_named() -> None:
    row = ROW | {"source": "torchvision", "architecture": "squeezenet1_1", "weights": "random", "input_size": 8}
    with pytest.raises(ValueError, match=r"model 'tiny': a picture of 8 x 8 pixels does not run through it \("):
        check_model(row, [layer("features.3")])


def test_values_that_float16_cannot_hold_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_models.model()
    model.module.conv1.weight.mul_(1e6)
    monkeypatch.setattr(check, "load_model", lambda _row: model)
    (note,) = check_model(ROW, [layer("conv1")])["layers"]["conv1"]["notes"]
    assert "float32" in note
    assert check_model(ROW, [layer("conv1", dtype="float32")])["layers"]["conv1"]["notes"] == []


def test_trace_lists_modules_in_the_order_in_which_they_finish() -> None:
    calls = trace_modules(tiny_models.model())
    run = [name for name, call in calls.items() if call.n_calls]
    assert run == ["conv1", "relu1", "conv2", "bn2", "relu2", "pool", "drop", "head"]
    assert calls["unused"].n_calls == 0
    assert calls["pool"].shape == (10, 8, 8)
    assert [calls[name].depth for name in run] == pytest.approx([(i + 1) / 8 for i in range(8)])
    odd = trace_modules(tiny_models.model(tiny_models.OddNet()))
    assert not odd["shared"].hookable
    assert "2 times" in odd["shared"].reason
    assert "tuple" in odd["attention"].reason
    assert "never runs" in calls["unused"].reason
    outside = trace_modules(tiny_models.model(outside={"unused": "it is spare"}))
    assert outside["unused"].reason == "it is spare"


def deep(n: int) -> nn.Module:
    blocks = [nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.BatchNorm2d(3), nn.ReLU()) for _ in range(n)]
    return nn.Sequential(*blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))


@pytest.mark.parametrize("n", [1, 2, 4, 5, 8])
def test_suggestions_are_even_in_depth_and_are_blocks(n: int) -> None:
    calls = trace_modules(tiny_models.model(deep(16)))
    chosen = suggest_layers(calls, n=n)
    assert len(chosen) == n
    depths = [call.depth for call in chosen]
    assert depths == sorted(set(depths))
    assert chosen[-1].name == "15"
    steps = [b - a for a, b in itertools.pairwise(depths)]
    assert all(abs(step - depths[-1] / n) <= 3.5 / 51 for step in steps)
    assert all(call.shape is not None and call.shape[1] > 1 for call in chosen)


def test_suggestions_avoid_the_clip_and_small_networks_give_what_they_have() -> None:
    calls = trace_modules(tiny_models.model())
    names = [call.name for call in suggest_layers(calls, n=20)]
    assert "bn2" in names
    assert "relu2" not in names
    with pytest.raises(ValueError, match="at least 1"):
        suggest_layers(calls, n=0)


def test_listing_ends_with_rows_for_the_sheet() -> None:
    text = layer_listing(tiny_models.model(), n=2)
    assert "clips; bn2 does not" in text
    header, *rows = text.split("Rows for layers.tsv:")[1].strip("\n").split("\n")
    assert header.split("\t") == list(COLUMNS)
    assert len(rows) == 2
    assert all(len(row.split("\t")) == len(COLUMNS) for row in rows)


def test_command_line(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.yaml").write_text("sheets: {models: models.tsv}\n")
    (tmp_path / "models.tsv").write_text(
        "model\tsource\tarchitecture\tinput_size\ntiny\tuser\ttiny_models:user_net\t32\n"
    )
    assert main(["layers", "tiny", "--config", str(tmp_path / "config.yaml"), "--n", "3"]) == 0
    assert capsys.readouterr().out.count("\tmain\tfloat16\tfull\t") == 3
    assert main(["layers", "tiyn", "--config", str(tmp_path / "config.yaml")]) == 1
    assert "did you mean 'tiny'" in capsys.readouterr().err
    given = ["--source", "torchvision", "--architecture", "squeezenet1_1", "--input-size", "64"]
    assert main(["layers", "any", *given]) == 0
    assert "features.12" in capsys.readouterr().out
    assert main(["layers", "any", *given, "--options", "num_clases=3"]) == 1
    assert "did you mean 'num_classes'" in capsys.readouterr().err
    assert main(["layers", "any", "--source", "torchvision"]) == 1

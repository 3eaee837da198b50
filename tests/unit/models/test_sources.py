"""Sources torchvision and user: names, weights, errors."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch
import torchvision
from safetensors.torch import save_file

from conceptatlas.models.index import load_model

TORCHVISION = {"model": "m", "source": "torchvision", "architecture": "squeezenet1_1", "weights": "random"}
USER = {"model": "m", "source": "user", "architecture": "tiny_models:user_net", "input_size": 32, "weights": ""}


def test_torchvision_by_name_with_the_sheets_preprocessing() -> None:
    model = load_model(TORCHVISION | {"input_size": "64", "mean": "0,0,0", "std": 0.5, "seed": 3})
    assert (model.input_size, model.mean, model.std) == (64, (0, 0, 0), (0.5, 0.5, 0.5))
    assert model.preprocessing["normalisation"] == "sheet"
    assert not model.module.training
    assert not any(parameter.requires_grad for parameter in model.module.parameters())


def test_unknown_architecture_and_weights_have_near_matches() -> None:
    with pytest.raises(ValueError, match="did you mean 'squeezenet1_1'"):
        load_model(TORCHVISION | {"architecture": "squeezenet_1_1"})
    with pytest.raises(ValueError, match="did you mean 'IMAGENET1K_V1'"):
        load_model(TORCHVISION | {"weights": "IMAGENET1K_V2"})
    with pytest.raises(ValueError, match="no weights given"):
        load_model(TORCHVISION | {"weights": ""})


def test_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def offline(*_: Any, **__: Any) -> None:
        raise URLError("no route to host")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torchvision.models.SqueezeNet1_1_Weights, "get_state_dict", offline)
    with pytest.raises(ValueError, match=r"cannot be downloaded .*give its path in column `weights`"):
        load_model(TORCHVISION | {"weights": "IMAGENET1K_V1"})


def test_registry_weights_bring_classes_and_preprocessing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    entry = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
    net = torchvision.models.squeezenet1_1()
    torch.save(net.state_dict(), tmp_path / "checkpoints" / Path(entry.url).name)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    model = load_model(TORCHVISION | {"weights": "IMAGENET1K_V1"})
    assert model.classes is not None
    assert len(model.classes) == 1000
    assert model.preprocessing["normalisation"] == "weights SqueezeNet1_1_Weights.IMAGENET1K_V1"
    assert torch.equal(model.module.state_dict()["features.0.weight"], net.state_dict()["features.0.weight"])


def test_a_fine_tuned_file_decides_the_number_of_classes(tmp_path: Path) -> None:
    net = torchvision.models.squeezenet1_1(num_classes=7)
    save_file(net.state_dict(), tmp_path / "w.safetensors")
    model = load_model(TORCHVISION | {"weights": str(tmp_path / "w.safetensors")})
    assert model.module(torch.zeros(1, 3, 64, 64)).shape == (1, 7)


def test_user_function_by_module_and_by_file(tmp_path: Path) -> None:
    by_module = load_model(USER)
    path = tmp_path / "nets.py"
    path.write_text(
        "from torch import nn\n"
        "def build(seed, weights=None, other=2):\n"
        "    assert weights is None and seed == 4\n"
        "    return nn.Sequential(nn.Conv2d(3, 5, 3)), {'classes': ['a'], 'input_size': 40, 'mean': (0, 0, 0)}\n"
        "def wrong():\n    return 3\n"
        "def misspelt():\n    return nn.Identity(), {'klasses': []}\n"
    )
    row = USER | {"architecture": f"{path}:build", "seed": 4, "input_size": ""}
    by_file = load_model(row)
    assert (by_module.input_size, by_file.input_size) == (32, 40)
    assert by_file.classes == ["a"]
    assert by_file.mean == (0, 0, 0)
    assert load_model(row).weights_sha256 == by_file.weights_sha256  # seeded initialisation
    for name, said in [
        ("wrong", "returned a int"),
        ("misspelt", "did you mean 'classes'"),
        ("biuld", "did you mean 'build'"),
    ]:
        with pytest.raises(ValueError, match=said):
            load_model(row | {"architecture": f"{path}:{name}"})
    for architecture, said in [
        ("nets", "expected `module:function`"),
        (f"{tmp_path}/none.py:f", "does not exist"),
        ("no_such_package.nets:f", "cannot be imported"),
    ]:
        with pytest.raises(ValueError, match=said):
            load_model(USER | {"architecture": architecture})


def test_weights_are_loaded_where_the_function_takes_none(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text("from torch import nn\ndef f():\n    return nn.Conv2d(3, 2, 1)\n")
    save_file({"weight": torch.ones(2, 3, 1, 1), "bias": torch.zeros(2)}, tmp_path / "w.safetensors")
    row = USER | {"architecture": f"{tmp_path}/nets.py:f", "weights": str(tmp_path / "w.safetensors")}
    assert bool((load_model(row).module.weight == 1).all())
    with pytest.raises(ValueError, match="does not exist"):
        load_model(row | {"weights": "none.safetensors"})


def test_options_are_handed_to_a_function_that_takes_them(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n"
        "def f(n_units=2, bias=True):\n    return nn.Conv2d(3, n_units, 1, bias=bias)\n"
        "def g(weights, **others):\n    assert others.pop('seed') == 0\n    return nn.Conv2d(3, **others)\n"
    )
    row = USER | {"architecture": f"{tmp_path}/nets.py:f"}
    assert load_model(row | {"options": "n_units=5;bias=false"}).module.weight.shape[0] == 5
    assert load_model(row).source["options"] == {}
    any_option = row | {"architecture": f"{tmp_path}/nets.py:g", "options": "out_channels=4;kernel_size=1"}
    assert load_model(any_option).module.weight.shape[0] == 4
    for options, said in [
        ("units=5", "unknown option 'units'.*did you mean 'n_units'"),
        ("seed=5", "option 'seed' is not for the sheet: it is a column"),
        ("key_map=a.json", "nothing to rename: there is no weights file"),
    ]:
        with pytest.raises(ValueError, match=said):
            load_model(row | {"options": options})
    save_file({"weight": torch.ones(2, 3, 1, 1)}, tmp_path / "w.safetensors")
    with pytest.raises(ValueError, match="nothing to rename: the function reads its weights itself"):
        load_model(any_option | {"weights": str(tmp_path / "w.safetensors"), "options": "key_map=a.json"})


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("seed", "three", "seed is 'three', expected a whole number"),
        ("mean", "1,2", "mean is '1,2', expected three numbers"),
        ("std", "0,1,1", "std must be positive"),
        ("input_size", 0, "at least 1 pixel"),
        ("model", "a/b", "may hold letters"),
    ],
)
def test_cells_that_do_not_fit_are_named(column: str, value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_model(TORCHVISION | {column: value})

"""Weights: what is read, what is refused, and what random and shuffled twins are."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import tiny_models
from conceptatlas.files import file_sha256
from conceptatlas.models.index import load_model, source_module
from conceptatlas.models.randomise import seeded_build, shuffle_parameters
from conceptatlas.models.rows import needs_calibration, weights_file
from conceptatlas.models.weights import load_state, read_state, state_sha256, weighted


def state() -> dict[str, torch.Tensor]:
    return tiny_models.model(seed=3).module.state_dict()


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("wrapper", ["", "state_dict", "model"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_state_dicts_in_their_usual_wrappings(tmp_path: Path, wrapper: str, prefix: str) -> None:
    content: Any = OrderedDict((prefix + name, tensor) for name, tensor in state().items())
    path = tmp_path / "w.pth"
    torch.save({wrapper: content, "epoch": 3} if wrapper else content, path)
    assert same(read_state(path), state())


def test_float16_files_become_float32(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({name: t.half() if t.is_floating_point() else t for name, t in state().items()}, path)
    read = read_state(path)
    assert read["conv1.weight"].dtype == torch.float32
    torch.testing.assert_close(read["conv1.weight"], state()["conv1.weight"], rtol=1e-3, atol=1e-4)
    assert read["bn2.num_batches_tracked"].dtype == torch.int64


class Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (self.path,)


def test_a_pickle_that_runs_code_is_refused_and_does_not_run(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    torch.save({"state_dict": Bomb(str(tmp_path / "ran"))}, path)
    with pytest.raises(ValueError, match="would run code"):
        read_state(path)
    path.write_bytes(pickle.dumps(Bomb(str(tmp_path / "ran"))))
    with pytest.raises(ValueError, match="is refused"):
        read_state(path)
    assert not (tmp_path / "ran").exists()


def test_files_that_are_no_weights_are_named(tmp_path: Path) -> None:
    path = tmp_path / "w.pth"
    with pytest.raises(ValueError, match="does not exist"):
        read_state(path)
    torch.save([torch.zeros(2)], path)
    with pytest.raises(ValueError, match="holds a list"):
        read_state(path)
    torch.save({"a": torch.zeros(2), "b": 3}, path)
    with pytest.raises(ValueError, match="more than tensors"):
        read_state(path)
    torch.save({"a": torch.tensor([1.0, float("nan")])}, path)
    with pytest.raises(ValueError, match="not finite"):
        read_state(path)
    torch.save(state(), path)
    path.write_bytes(path.read_bytes()[:-400])
    with pytest.raises(ValueError, match=r"w\.pth"):
        read_state(path)
    cut = tmp_path / "w.safetensors"
    save_file(state(), cut)
    cut.write_bytes(cut.read_bytes()[:-40])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        read_state(cut)


def test_strict_loading_lists_names_with_their_nearest() -> None:
    wrong = state()
    wrong["conv_1.weight"] = wrong.pop("conv1.weight")
    wrong["head.bias"] = torch.zeros(7)
    del wrong["bn2.num_batches_tracked"]  # old files have none: allowed
    with pytest.raises(ValueError) as error:
        load_state(tiny_models.PlainNet(), wrong, where="model 'm'")
    text = str(error.value)
    assert "missing: conv1.weight (nearest: conv_1.weight)" in text
    assert "unexpected: conv_1.weight (nearest: conv1.weight)" in text
    assert "head.bias (7,) instead of (4,)" in text
    assert "num_batches_tracked" not in text


def test_sha256_is_that_of_the_file_and_is_checked(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(state(), path)
    row = {"model": "m", "weights": str(path)}
    module, sha256 = weighted(row, tiny_models.PlainNet)
    assert sha256 == file_sha256(path)
    assert same(module.state_dict(), state())
    weighted(row | {"weights_sha256": sha256.upper()}, tiny_models.PlainNet)
    with pytest.raises(ValueError, match="the sheet says abc"):
        weighted(row | {"weights_sha256": "abc"}, tiny_models.PlainNet)


def test_random_weights_depend_on_the_seed_alone_and_leave_the_generator() -> None:
    row = {"model": "m", "weights": "random", "seed": 5}
    before = torch.get_rng_state()
    first, second = weighted(row, tiny_models.PlainNet), weighted(row, tiny_models.PlainNet)
    other = weighted(row | {"seed": 6}, tiny_models.PlainNet)
    assert torch.equal(torch.get_rng_state(), before)
    assert first[1] == second[1] != other[1]
    assert first[1] == state_sha256(first[0].state_dict())


def test_shuffling_keeps_every_tensors_values_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file(state(), path)
    row = {"model": "m", "weights": f"shuffled:{path}", "seed": 1}
    shuffled = weighted(row, tiny_models.PlainNet)[0].state_dict()
    for name, tensor in state().items():
        assert torch.equal(shuffled[name].flatten().sort().values, tensor.flatten().sort().values), name
    assert not torch.equal(shuffled["conv1.weight"], state()["conv1.weight"])
    assert weighted(row, tiny_models.PlainNet)[1] != weighted(row | {"seed": 2}, tiny_models.PlainNet)[1]


def test_a_parameters_permutation_depends_on_its_name_only() -> None:
    small = torch.nn.ModuleDict({"b": torch.nn.Linear(4, 4)})
    large = torch.nn.ModuleDict({"a": torch.nn.Linear(9, 9), "b": torch.nn.Linear(4, 4)})
    large["b"].load_state_dict(small["b"].state_dict())
    shuffle_parameters(small, seed=0)
    shuffle_parameters(large, seed=0)
    assert same(small["b"].state_dict(), large["b"].state_dict())
    assert same(
        seeded_build(tiny_models.PlainNet, seed=1).state_dict(), seeded_build(tiny_models.PlainNet, seed=1).state_dict()
    )


def test_what_rules_learn_from_a_row_without_torch() -> None:
    assert needs_calibration({"weights": "random"})
    assert needs_calibration({"weights": "shuffled:IMAGENET1K_V1"})
    assert not needs_calibration({"weights": "IMAGENET1K_V1"})
    assert weights_file({"weights": "shuffled:a/b.safetensors"}) == "a/b.safetensors"
    assert weights_file({"weights": "IMAGENET1K_V1"}) == weights_file({"weights": "random"}) == ""
    assert source_module({"source": "user"}) == "conceptatlas.models.user"
    with pytest.raises(ValueError, match="did you mean 'torchvision'"):
        load_model({"model": "m", "source": "torch-vision"})

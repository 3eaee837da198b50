"""Source timm: names and tags, options, weights from the registry, from files and from a cache; offline."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import timm
import torch
from safetensors.torch import save_file

import conceptatlas
from conceptatlas.files import file_sha256
from conceptatlas.models.index import load_model
from conceptatlas.models.trace import trace_modules

ROW = {"model": "m", "source": "timm", "architecture": "resnet10t", "weights": "random"}
VIT = ROW | {"architecture": "vit_tiny_patch16_224"}


def saved(network: torch.nn.Module, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, path)
    return path


def seeded(architecture: str, **options: Any) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return timm.create_model(architecture, **options).eval()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return tmp_path


def plant(cache: Path, full_name: str, network: torch.nn.Module) -> Path:
    folder = cache / f"models--timm--{full_name}"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    return saved(network, folder / "snapshots" / ("0" * 40) / "model.safetensors")


def assert_same(module: torch.nn.Module, other: torch.nn.Module) -> None:
    ours, theirs = module.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_preprocessing_is_timms_and_what_is_not_used_is_recorded() -> None:
    model = load_model(VIT)
    assert (model.input_size, model.mean, model.std) == (224, (0.5,) * 3, (0.5,) * 3)
    assert model.preprocessing["not_used"] == {"interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center"}
    assert model.preprocessing["normalisation"].startswith("timm vit_tiny_patch16_224")
    assert model.prefix_tokens == 1
    assert load_model(ROW).prefix_tokens is None


def test_token_grids_are_maps_with_and_without_their_class_token() -> None:
    calls = trace_modules(load_model(VIT | {"input_size": 64}))
    for module in ("patch_embed", "pos_drop", "blocks.0", "blocks.11.attn", "norm"):
        assert (calls[module].kind, calls[module].shape) == ("token", (192, 4, 4)), module
    assert calls["patch_embed.proj"].kind == "map"
    assert calls["head"].shape == (1000, 1, 1)


def test_a_tag_in_the_architecture_chooses_preprocessing_and_classes() -> None:
    model = load_model(VIT | {"architecture": "vit_tiny_patch16_224.augreg_in21k"})
    assert model.module.num_classes == 21843
    assert model.source["configuration"] == "vit_tiny_patch16_224.augreg_in21k"


@pytest.mark.parametrize("row", [VIT | {"input_size": 64}, VIT | {"options": "img_size=64"}])
def test_networks_of_a_fixed_size_are_built_for_the_size_of_the_row(row: dict[str, Any]) -> None:
    model = load_model(row)
    assert model.input_size == 64
    assert model.module.pos_embed.shape == (1, 17, 192)
    assert model.module(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)


def test_options_build_the_network() -> None:
    def padding(options: str) -> str:
        row = ROW | {"architecture": "mobilenetv2_050", "options": options}
        return type(load_model(row).module.conv_stem).__name__

    assert padding("") == "Conv2d"
    assert padding("pad_type=same") == "Conv2dSame"
    assert load_model(ROW | {"options": "num_classes=7"}).module.num_classes == 7


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"architecture": "resnet_10t"}, "unknown architecture 'resnet_10t'.*did you mean 'resnet10t'"),
        ({"architecture": "hf-hub:a/b"}, "unknown architecture"),
        ({"architecture": "resnet10t.c3"}, "unknown pretrained tag 'c3'.*did you mean 'c3_in1k'"),
        ({"weights": "a1_in1k"}, "unknown weights 'a1_in1k' in timm's resnet10t; .*c3_in1k"),
        ({"weights": ""}, "no weights given"),
        ({"architecture": "resnet18.a1_in1k", "weights": "a2_in1k"}, "name two tags; one is enough"),
        ({"architecture": "mobilenetv2_100", "options": "pad_typ=same"}, "unknown option 'pad_typ'.*'pad_type'"),
        ({"options": "num_classes=many"}, "num_classes=many builds no network"),
        ({"options": "features_only=true"}, "layers are hooked by name"),
        ({"options": "in_chans=1"}, "three channels"),
        ({"options": "checkpoint_path=a.pth"}, "column `weights`"),
        ({"options": "img_size=64;a=1", "input_size": 96}, "img_size=64 and input_size 96 differ"),
        ({"architecture": "vit_tiny_patch16_224", "options": "img_size=big"}, "whole number of pixels"),
    ],
)
def test_rows_that_do_not_fit_are_named(cells: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        load_model(ROW | cells)


def test_random_weights_depend_on_the_seed_alone() -> None:
    first, second = load_model(ROW | {"seed": 1}), load_model(ROW | {"seed": 1})
    assert first.weights_sha256 == second.weights_sha256 != load_model(ROW | {"seed": 2}).weights_sha256


def test_a_local_file_decides_the_number_of_classes(tmp_path: Path) -> None:
    path = saved(seeded("resnet10t", num_classes=7), tmp_path / "w.safetensors")
    model = load_model(ROW | {"weights": str(path)})
    assert_same(model.module, seeded("resnet10t", num_classes=7))
    assert (model.weights_sha256, model.classes) == (file_sha256(path), None)
    with pytest.raises(ValueError, match=r"fc\.weight \(7, 512\) instead of \(5, 512\)"):
        load_model(ROW | {"weights": str(path), "options": "num_classes=5"})
    with pytest.raises(ValueError, match=r"does not fit MobileNetV2|does not fit EfficientNet"):
        load_model(ROW | {"architecture": "mobilenetv2_050", "weights": str(path)})


def test_a_local_file_of_another_size_is_converted_as_timm_does(tmp_path: Path) -> None:
    """Position embeddings are resampled, with other numbers of classes, too."""
    path = saved(seeded("test_vit", num_classes=7), tmp_path / "w.safetensors")
    model = load_model(ROW | {"architecture": "test_vit", "weights": str(path), "input_size": 96})
    own = seeded("test_vit", num_classes=7).state_dict()
    loaded = model.module.state_dict()
    assert loaded["pos_embed"].shape != own["pos_embed"].shape
    for name, tensor in own.items():
        assert name == "pos_embed" or torch.equal(tensor, loaded[name]), name


@pytest.mark.parametrize(
    ("architecture", "tag", "options"),
    [
        ("resnet10t", "c3_in1k", {}),
        ("test_vit", "r160_in1k", {"img_size": 96}),
        ("resnet10t", "c3_in1k", {"num_classes": 0}),
    ],
)
def test_registered_weights_are_what_timm_itself_loads(
    cache: Path, architecture: str, tag: str, options: dict[str, Any]
) -> None:
    path = plant(cache, f"{architecture}.{tag}", seeded(architecture))
    cell = ";".join(f"{key}={value}" for key, value in options.items())
    model = load_model(ROW | {"architecture": architecture, "weights": tag, "options": cell})
    assert_same(model.module, timm.create_model(f"{architecture}.{tag}", pretrained=True, **options))
    assert model.weights_sha256 == file_sha256(path)
    if "num_classes" not in options:
        assert model.classes is not None
        assert (len(model.classes), model.classes[0]) == (1000, "tench")
    # the same file, fetched elsewhere
    local = ROW | {"architecture": f"{architecture}.{tag}", "weights": str(path), "options": cell}
    if options != {"num_classes": 0}:
        assert_same(load_model(local).module, model.module)


def test_registered_weights_have_their_own_classes_and_can_be_shuffled(cache: Path) -> None:
    plant(cache, "resnet10t.c3_in1k", seeded("resnet10t"))
    row = ROW | {"weights": "c3_in1k"}
    with pytest.raises(ValueError, match="num_classes=7, weights c3_in1k have 1000 classes"):
        load_model(row | {"options": "num_classes=7"})
    shuffled = load_model(row | {"weights": "shuffled:c3_in1k"}).module.state_dict()["conv1.0.weight"]
    trained = load_model(row).module.state_dict()["conv1.0.weight"]
    assert not torch.equal(shuffled, trained)
    assert torch.equal(shuffled.flatten().sort().values, trained.flatten().sort().values)


def test_offline_says_what_to_fetch_and_where_to_name_it(
    cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="not on this machine") as error:
        load_model(ROW | {"weights": "c3_in1k"})
    text = str(error.value)
    assert "model.safetensors or pytorch_model.bin of https://huggingface.co/timm/resnet10t.c3_in1k" in text
    assert "column `weights` of the sheet, with `resnet10t.c3_in1k` as architecture" in text
    assert cache == tmp_path

    def offline(*_: Any, **__: Any) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(ValueError, match=r"no route to host\)\. Fetch https://github\.com/.*seresnet18"):
        load_model(ROW | {"architecture": "legacy_seresnet18", "weights": "in1k"})


def test_other_sources_do_not_import_timm() -> None:
    """Only the modules of this source do, and nothing imports those: the index names them."""
    for path in Path(conceptatlas.__file__).parent.rglob("*.py"):
        if path.name.startswith("timm_"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                assert name.split(".")[0] not in ("timm", "huggingface_hub"), path
                assert not name.startswith("conceptatlas.models.timm_"), path

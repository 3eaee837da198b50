"""The demo models: architectures, shipped weights and what they can, and the recipe that made them."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.datasets.scenes.renderer import render
from conceptatlas.datasets.scenes.vocabulary import CLASSES, CONCEPTS
from conceptatlas.files import read_json
from conceptatlas.models import demo_nets, demo_training
from conceptatlas.models.demo_pictures import SCENE_SEEDS, concepts_present, draw_demo_scenes
from conceptatlas.models.demo_recipes import RECIPES
from conceptatlas.models.index import load_model

SHIPPED = Path(__file__).parents[3] / "resources" / "demo_models"
FRESH_SEED = 20_260_101  # of no shipped data set and no training scenes
N_FRESH = 200


def _row(name: str, **cells: object) -> dict[str, object]:
    weights = str(SHIPPED / f"{name}.safetensors")
    return {"model": name, "source": "demo", "architecture": RECIPES[name].architecture, "weights": weights, **cells}


@pytest.fixture(scope="module")
def fresh() -> tuple[np.ndarray, np.ndarray]:
    """Pictures nobody has trained on, and their classes."""
    scenes = [draw_scene(FRESH_SEED, index) for index in range(N_FRESH)]
    classes = np.array([CLASSES.index(scene.main.kind) for scene in scenes])
    return np.stack([render(scene, demo_nets.INPUT_SIZE).picture for scene in scenes]), classes


# Architectures -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("architecture", "shapes"),
    [
        ("plain", {"conv1": (32, 48, 48), "conv2": (64, 24, 24), "conv3": (96, 12, 12), "conv5": (128, 12, 12)}),
        ("residual", {"stem": (32, 48, 48), "stage1": (64, 24, 24), "stage3": (128, 12, 12), "stage4": (160, 6, 6)}),
        ("transformer", {"stem": (128, 12, 12), "blocks.0": (145, 128), "blocks.3": (145, 128)}),
    ],
)
def test_layers_have_the_shapes_that_the_docs_name(architecture: str, shapes: dict[str, tuple[int, ...]]) -> None:
    module = demo_nets.build(architecture, len(CLASSES)).eval()
    found: dict[str, tuple[int, ...]] = {}
    for name in shapes:
        module.get_submodule(name).register_forward_hook(
            lambda _module, _inputs, output, name=name: found.update({name: tuple(output.shape[1:])})
        )
    with torch.inference_mode():
        logits = module(torch.zeros(2, 3, demo_nets.INPUT_SIZE, demo_nets.INPUT_SIZE))
    assert found == shapes
    assert logits.shape == (2, len(CLASSES))


def test_unknown_architectures_are_named_with_the_nearest() -> None:
    with pytest.raises(ValueError, match="residual"):
        demo_nets.build("resdual", 10)
    with pytest.raises(ValueError, match="did you mean 'plain'"):
        load_model({"model": "m", "source": "demo", "architecture": "plainn", "weights": "random"})


def test_architectures_import_no_torchvision() -> None:
    """An import of torchvision costs every job of the demo a second."""
    for name in ("demo", "demo_nets"):
        source = (Path(demo_nets.__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        imported = [
            alias.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import) for alias in node.names
        ]
        imported += [node.module or "" for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ImportFrom)]
        assert not any(module.startswith("torchvision") for module in imported)


def test_random_weights_follow_from_the_seed() -> None:
    rows = [
        {"model": "m", "source": "demo", "architecture": "residual", "weights": "random", "seed": s} for s in (0, 0, 1)
    ]
    same, again, other = (load_model(row) for row in rows)
    assert same.weights_sha256 == again.weights_sha256 != other.weights_sha256


def test_the_transformer_takes_its_own_size_only() -> None:
    with pytest.raises(ValueError, match="96 pixels"):
        load_model(
            {"model": "t", "source": "demo", "architecture": "transformer", "weights": "random", "input_size": 64}
        )


# Shipped weights ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_weights_load_strictly_and_are_those_of_the_table(name: str) -> None:
    recorded = demo_training.read_accuracy(SHIPPED / "accuracy.tsv").loc[name]
    model = load_model(_row(name, weights_sha256=recorded["weights_sha256"]))
    assert model.classes == list(CLASSES)
    assert not model.module.training
    assert sum(parameter.numel() for parameter in model.module.parameters()) == recorded["n_params"]


@pytest.mark.parametrize("name", RECIPES)
def test_shipped_models_do_what_the_table_says(name: str, fresh: tuple[np.ndarray, np.ndarray]) -> None:
    recorded = demo_training.read_accuracy(SHIPPED / "accuracy.tsv").loc[name]
    pictures, classes = fresh
    accuracy = (demo_training.predict(load_model(_row(name)).module, pictures) == classes).mean()
    assert recorded["accuracy"] > 0.85
    assert accuracy > recorded["accuracy"] - 0.08


def test_the_other_seed_twin_is_another_network() -> None:
    one, two = (load_model(_row(name)).module.get_parameter("stem.0.weight") for name in ("residual", "residual_seed1"))
    assert torch.corrcoef(torch.stack([one.flatten(), two.flatten()]))[0, 1].abs() < 0.3


def test_all_shipped_files_are_a_few_megabytes() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) <= 6_000_000
    assert {path.stem for path in SHIPPED.glob("*.safetensors")} == set(RECIPES)


# The recipe --------------------------------------------------------------------------------------------------------


def test_the_recipe_learns_from_held_out_scenes_and_repeats_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(demo_training.RECIPES, "plain", dataclasses.replace(RECIPES["plain"], epochs=1))
    draw_demo_scenes(out=tmp_path / "scenes.h5", n_train=128, n_val=20)
    with h5py.File(tmp_path / "scenes.h5") as store:
        assert store["train/pictures"].shape == (128, 96, 96, 3)
        assert store["train/concepts"].shape == (128, len(CONCEPTS))
        first = render(draw_scene(SCENE_SEEDS["train"], 0), 96)
        assert np.array_equal(store["train/pictures"][0], first.picture)
        assert np.array_equal(store["train/concepts"][0], concepts_present(first))
        assert not np.array_equal(store["train/pictures"][0], store["val/pictures"][0])
    found = []
    for run in ("one", "two"):
        weights, record = tmp_path / f"{run}.safetensors", tmp_path / f"{run}.json"
        demo_training.train_demo_model(name="plain", scenes=tmp_path / "scenes.h5", weights=weights, record=record)
        found.append(read_json(record))
    assert found[0]["weights_sha256"] == found[1]["weights_sha256"]
    assert 0 <= found[0]["accuracy_low"] <= found[0]["accuracy"] <= found[0]["accuracy_high"] <= 1
    demo_training.join_demo_models(records=[tmp_path / "one.json"], out=tmp_path / "accuracy.tsv")
    assert demo_training.read_accuracy(tmp_path / "accuracy.tsv").loc["plain", "n_train"] == 128


def test_wilson_interval_of_known_shares() -> None:
    assert demo_training.wilson_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=2e-4)  # Newcombe 1998
    low, high = demo_training.wilson_interval(0, 20)
    assert low == pytest.approx(0, abs=1e-12)
    assert high == pytest.approx(0.1611, abs=2e-4)


def test_concepts_present_counts_pixels_and_image_labels() -> None:
    rendered = render(draw_scene(0, 2), 64)
    present = {name for (name, _), there in zip(CONCEPTS, concepts_present(rendered), strict=True) if there}
    assert set(rendered.scenes) | set(rendered.textures) <= present
    for number, (name, category) in enumerate(CONCEPTS, start=1):
        if category == "material":
            assert (name in present) == ((rendered.material == number).sum() >= 0.005 * 64 * 64)


def test_the_docs_print_the_recorded_accuracy() -> None:
    page = (SHIPPED.parents[1] / "docs" / "demo.md").read_text(encoding="utf-8")
    for name, row in demo_training.read_accuracy(SHIPPED / "accuracy.tsv").iterrows():
        line = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert f"{100 * row['accuracy']:.1f} % ({100 * row['accuracy_low']:.1f} to" in line
        assert f"| {row['n_params']:,} |" in line

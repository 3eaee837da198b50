"""The recipe of the demo generator, on a few scenes: it learns, writes float16 weights that load, and judges them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from conceptatlas.generators.demo_family import SHARES, SLICES
from conceptatlas.generators.demo_net import DemoNet
from conceptatlas.generators.demo_training import draw_scenes, fit, judge, train_demo_generator
from conceptatlas.generators.loaded import load_generator
from conceptatlas.models.randomise import seeded_build

RESOURCES = Path(__file__).resolve().parents[3] / "resources"


def test_twins_differ_in_one_word():
    ws, pictures, objects = draw_scenes(6, 4)
    for i in range(6):
        changed = [name for name in SHARES if (ws[i, 0, SLICES[name]] != ws[i, 1, SLICES[name]]).any()]
        assert len(changed) <= (i < 4)
        assert (pictures[i, 0] != pictures[i, 1]).any() == bool(changed)
    assert objects.any(axis=(2, 3)).all()


def test_training_lowers_the_error_and_is_seeded():
    scenes = draw_scenes(8, 2)
    losses = []
    for n_steps in (1, 5):
        net = seeded_build(DemoNet, seed=0)
        fit(net, *scenes, n_steps=n_steps)
        import torch

        with torch.no_grad():
            shown = net(torch.from_numpy(scenes[0][:, 0]))[0]
        wanted = torch.from_numpy(scenes[1][:, 0]).permute(0, 3, 1, 2).float() / 255
        losses.append(float((shown - wanted).abs().mean()))
    assert losses[1] < losses[0]


def test_the_recipe_writes_what_loads(tmp_path, monkeypatch):
    monkeypatch.setattr("conceptatlas.generators.demo_training.judge", lambda *a, **k: judge(*a, n=10, **k))
    weights, table = tmp_path / "decoder.safetensors", tmp_path / "recognised.tsv"
    judges = {"plain": str(RESOURCES / "demo_models" / "plain.safetensors")}
    train_demo_generator(classifiers=judges, weights=weights, table=table, n_scenes=4, n_twins=2, n_steps=2)
    made = load_generator({"generator": "mine", "source": "demo", "weights": str(weights), "options": ""})
    assert made.generate(made.sample(np.array([1]), np.array([1]))).shape == (1, 3, 64, 64)
    row = pd.read_csv(table, sep="\t", comment="#").iloc[0]
    assert row["n"] == 10
    assert row["recognised_low"] <= row["recognised"] <= row["recognised_high"]
    assert row["twins_recognised"] >= 0.8


def test_the_shipped_table_belongs_to_the_shipped_weights():
    from conceptatlas.files import file_sha256

    folder = RESOURCES / "demo_generator"
    table = pd.read_csv(folder / "recognised.tsv", sep="\t", comment="#").set_index("classifier")
    assert set(table["weights_sha256"]) == {file_sha256(folder / "decoder.safetensors")}
    assert table.loc["residual", "recognised_low"] > 0.95
    assert (folder / "decoder.safetensors").stat().st_size < 3e6

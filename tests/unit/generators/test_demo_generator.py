"""The demo generator: w is the scene, draws depend on their seed alone, pictures are like their true twins."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from conceptatlas.datasets.scenes.vocabulary import CLASSES
from conceptatlas.generators.demo_family import (
    FACTORS,
    LABELS,
    REACH,
    SHARES,
    SLICES,
    W_DIM,
    W_NAMES,
    compose,
    draw_w,
    scene_of,
)
from conceptatlas.generators.demo_net import DemoNet, placement
from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.classifier import load_classifier

RESOURCES = Path(__file__).resolve().parents[3] / "resources"
ROW = {"generator": "decoder", "source": "demo", "weights": str(RESOURCES / "demo_generator" / "decoder.safetensors")}


@pytest.fixture(scope="module")
def demo():
    return load_generator({**ROW, "options": ""})


def test_every_coordinate_of_w_has_a_name():
    assert len(W_NAMES) == W_DIM == SLICES["noise"].stop


def test_w_carries_the_scene():
    words = {"kind": "boat", "place": "desert", "color": "red", "texture": "dotted", "style": "2"}
    at = np.linspace(-1, 1, len(FACTORS))
    scene = scene_of(compose(words, at, np.zeros(4)))
    assert (scene.main.kind, scene.background.place, scene.main.color) == ("boat", "desert", "red")
    for value, (name, (low, high)) in zip(at, FACTORS.items(), strict=True):
        holder = next(part for part in (scene.main, scene.background, scene.light) if hasattr(part, name))
        assert getattr(holder, name) == pytest.approx(low + (high - low) * (value + 1) / 2, abs=1e-6)


def test_the_largest_share_counts_and_factors_end():
    w = compose({name: options[0] for name, options in SHARES.items()}, np.full(len(FACTORS), 9.0), np.zeros(4))
    w[SLICES["kind"]] = 0.1
    w[SLICES["kind"].start + CLASSES.index("tree")] = 0.2
    scene = scene_of(w)
    low, high = FACTORS["scale"]
    assert scene.main.kind == "tree"
    assert scene.main.scale == pytest.approx((low + high) / 2 + REACH * (high - low) / 2)


def test_a_draw_depends_on_its_seed_and_class_alone(demo):
    seeds, classes = np.arange(6), np.arange(6) % 3
    whole = demo.sample(seeds, classes)
    for i in (5, 0, 3):
        assert torch.equal(demo.sample(seeds[i : i + 1], classes[i : i + 1])[0], whole[i])
    assert len({row.tobytes() for row in whole.numpy()}) == 6
    assert [int(row[SLICES["kind"]].argmax()) for row in whole] == classes.tolist()


def test_truncation_draws_factors_to_the_middle():
    full, half = draw_w(3, 1), draw_w(3, 1, truncation=0.5)
    np.testing.assert_allclose(half[SLICES["factors"]], full[SLICES["factors"]] / 2, rtol=1e-6)
    np.testing.assert_array_equal(half[SLICES["color"]], full[SLICES["color"]])


def test_the_canvas_is_placed_as_the_renderer_places_things():
    """The pixel at the foot looks at the canvas' foot, half a length below its middle; turned as the thing is."""
    factors = torch.zeros(1, len(FACTORS))
    factors[0, list(FACTORS).index("tilt")] = 1.0
    grid = placement(factors)[0]
    x, y = (sum(FACTORS[name]) / 2 for name in ("x", "y"))
    at = grid[round(y * 64 - 0.5), round(x * 64 - 0.5)]
    assert at[0].abs() < 0.05
    assert float(at[1]) == pytest.approx(0.5 / 0.62, abs=0.05)


def test_pictures_are_like_their_twins_and_recognised(demo):
    classes = np.arange(40) % 10
    w = demo.sample(np.arange(1000, 1040), classes)
    flat = w.clone()
    flat[:, SLICES["noise"]] = 0
    twins = np.stack([twin.picture for twin in demo.twin(w)]).astype(np.float32) / 255
    shown = demo.generate(flat).permute(0, 2, 3, 1).numpy()
    assert np.abs(shown - twins).mean() < 0.035
    weights = str(RESOURCES / "demo_models" / "residual.safetensors")
    row = {"model": "residual", "source": "demo", "architecture": "residual", "weights": weights}
    answers = load_classifier(row).represent(demo.generate(w))[1].argmax(1).numpy()
    assert (answers == classes).mean() >= 0.9


def test_labels_are_the_main_object_and_its_parts(demo):
    w = demo.sample(np.array([4, 5]), np.array([CLASSES.index("car"), CLASSES.index("tree")]))
    labels = demo.labels(w)
    assert labels.shape == (2, 64, 64)
    assert labels.dtype == np.uint8
    seen = [{LABELS[i] for i in np.unique(one)} for one in labels]
    assert {"wheel", "background"} <= seen[0]
    assert {"trunk", "crown", "background"} <= seen[1]
    assert demo.labels(w, size=128).shape == (2, 128, 128)
    own = [twin.instance == 1 for twin in demo.twin(w)]
    np.testing.assert_array_equal(labels > 0, own)


def test_pictures_follow_w_smoothly(demo):
    w = demo.sample(np.array([1]), np.array([2])).requires_grad_()
    demo.generate(w).mean().backward()
    assert float(w.grad.abs().sum()) > 0
    assert all(maps.shape[2:] == (64, 64) for maps in demo.features(w.detach()))


def test_style_noise_moves_light_only(demo):
    w = demo.sample(np.array([1]), np.array([2]))
    other = w.clone()
    other[:, SLICES["noise"]] += 1
    change = (demo.generate(w) - demo.generate(other)).abs()
    assert 0 < float(change.mean()) < 0.08
    np.testing.assert_array_equal(demo.labels(w), demo.labels(other))


def test_options_and_files_are_checked():
    with pytest.raises(ValueError, match="did you mean 'truncation'"):
        load_generator({**ROW, "options": "truncatoin=0.5"})
    with pytest.raises(ValueError, match="expected a number"):
        load_generator({**ROW, "options": "truncation=much"})
    with pytest.raises(ValueError, match="does not exist"):
        load_generator({**ROW, "weights": "gone.safetensors", "options": ""})


def test_the_net_takes_any_batch():
    net = DemoNet().eval()
    w = torch.from_numpy(np.stack([draw_w(i, i) for i in range(3)]))
    with torch.no_grad():
        together, maps = net(w)
        assert together.shape == (3, 3, 64, 64)
        assert torch.allclose(net(w[1:2])[0], together[1:2], atol=1e-5)
    assert float(together.min()) >= 0
    assert float(together.max()) <= 1
    assert len(maps) == 3

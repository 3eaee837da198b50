"""The demo's own encoder: bags of words, vectors that do not depend on the batch, the recorded accuracy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file

from conceptatlas.datasets.scenes.captions import captions
from conceptatlas.datasets.scenes.vocabulary import TEXTURES
from conceptatlas.encoders.demo_captions import patterns_of, scene_of
from conceptatlas.encoders.demo_scores import area_under_roc
from conceptatlas.encoders.demo_towers import Towers, words_of
from conceptatlas.encoders.loaded import load_encoder
from conceptatlas.files import file_sha256

SHIPPED = Path(__file__).resolve().parents[3] / "resources" / "demo_encoder"
ROW = {"encoder": "words", "source": "demo", "weights": str(SHIPPED / "encoder.safetensors")}


def test_bags_count_known_words() -> None:
    towers = Towers(["a", "cat", "red"])
    assert towers.bags(["A red, red cat.", "dogs", "", "cats"]).tolist() == [[1, 1, 2], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert words_of("It's 2 cats!") == ["it", "s", "cats"]


def test_vectors_do_not_depend_on_the_batch() -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (7, 96, 96, 3), dtype=np.uint8)
    texts = ["a red car", "snow", "unheard", ""]
    vectors = []
    for batch, order in ((3, np.arange(7)), (3, np.arange(7)[::-1])):
        encoder = load_encoder(ROW, device="cpu", batch=batch)
        vectors.append((encoder.encode_images(pictures[order])[np.argsort(order)], encoder.encode_texts(texts)))
    np.testing.assert_array_equal(vectors[0][0], vectors[1][0])
    np.testing.assert_allclose(np.linalg.norm(vectors[0][1], axis=1), 1, rtol=1e-6)


def test_pictures_of_any_size_are_taken_whole() -> None:
    encoder = load_encoder(ROW, device="cpu", batch=2)
    assert encoder.encode_images(np.full((2, 120, 80, 3), 90, np.uint8)).shape == (2, 64)


def test_what_is_recorded_is_what_is_shipped() -> None:
    text = (SHIPPED / "accuracy.tsv").read_text()
    assert file_sha256(SHIPPED / "encoder.safetensors") in text
    table = pd.read_csv(SHIPPED / "accuracy.tsv", sep="\t", comment="#").set_index("score")["value"]
    assert table["image_to_text_recall@5"] > 0.8
    assert table["auc_of_striped"] > 0.6
    assert (SHIPPED / "encoder.safetensors").stat().st_size < 2e6
    assert (SHIPPED / "captions.txt").stat().st_size < 3e5


def test_half_a_file_and_another_model_are_refused(tmp_path: Path) -> None:
    (tmp_path / "half.safetensors").write_bytes((SHIPPED / "encoder.safetensors").read_bytes()[:1000])
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        load_encoder(ROW | {"weights": str(tmp_path / "half.safetensors")}, device="cpu", batch=1)
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not one of the demo encoder"):
        load_encoder(ROW | {"weights": str(tmp_path / "other.safetensors")}, device="cpu", batch=1)
    with pytest.raises(ValueError, match="the demo's lies in resources/demo_encoder"):
        load_encoder(ROW | {"weights": "no.safetensors"}, device="cpu", batch=1)


def test_scenes_of_the_second_round_wear_patterns() -> None:
    scenes = [scene_of("patterned", i) for i in range(60)]
    worn = [patterns_of(scene) for scene in scenes]
    assert sum(map(bool, worn)) > 40
    for scene, patterns in zip(scenes, worn, strict=True):
        assert set(patterns.split()) <= set(words_of(" ".join(captions(scene)))) & set(TEXTURES)


def test_area_under_roc_is_the_share_of_ordered_pairs() -> None:
    scores, present = np.array([0.1, 0.4, 0.4, 0.9]), np.array([False, True, False, True])
    assert area_under_roc(scores, present) == (1 + 0.5 + 1 + 1) / 4
    assert np.isnan(area_under_roc(scores, np.zeros(4, bool)))

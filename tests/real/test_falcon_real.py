"""FALCON on real images and weights: needs imagenet_samples_200 and mobilenet_v2_imagenet.

The paper's own thresholds (mean plus five standard deviations, more than ten images with the same set of features) are
for tens of thousands of images; some hundred hold no group. Crops and head of a real classifier are looked at too.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from conceptatlas.falcon.cams import GroupCams
from conceptatlas.falcon.crops import box_of, enlarge
from conceptatlas.falcon.heads import own_head
from conceptatlas.falcon.selecting import find_groups
from conceptatlas.falcon.selection import high_images, normalise_rows
from conceptatlas.models.index import load_model

pytestmark = pytest.mark.real

N_IMAGES, BATCH = 48, 8


@pytest.fixture(scope="module")
def run(real_data: Path):
    weights = real_data / "mobilenet_v2_imagenet" / "mobilenet_v2.tf2ptq.torchvision.safetensors"
    row = {"model": "mobilenet", "source": "torchvision", "architecture": "mobilenet_v2", "weights": str(weights)}
    model = load_model({**row, "input_size": 224})
    files = sorted((real_data / "imagenet_samples_200" / "images").rglob("*.*"))
    pictures = [path for path in files if path.suffix.lower() in (".jpg", ".jpeg", ".png")][:N_IMAGES]
    frames = np.stack([np.asarray(Image.open(path).convert("RGB").resize((224, 224))) for path in pictures])
    cams = GroupCams(model, "features.18")
    features, scores, maps = [], [], []
    for first in range(0, N_IMAGES, BATCH):
        found = cams.of(frames[first : first + BATCH], [[[0], [3, 700]]] * BATCH)
        features.append(found[0])
        scores.append(found[1])
        maps += found[2]
    return model, np.concatenate(features), np.concatenate(scores), maps


def test_some_images_hold_no_group_at_the_thresholds_of_the_paper(run):
    h = normalise_rows(run[1])
    high = high_images(h, rule="mean_sd", sds=5)
    assert find_groups(high, by="identical", min_images=10, max_size=3) == []
    assert len(find_groups(high_images(h, rule="top_n", top_n=8), by="common", min_images=5, max_size=1)) > 1000


def test_the_classifier_reads_these_features(run):
    model, features, scores, _ = run
    head = own_head(model.module, features, scores)
    assert head is not None
    assert head.weight.shape == (1000, 1280)
    assert head.error < 1e-3


def test_maps_give_boxes_inside_the_frame(run):
    for maps in run[3]:
        assert maps.shape == (2, 7, 7)
        for cam in enlarge(maps, 224):
            box = box_of(cam)
            assert 0 <= box.top < box.bottom <= 224
            assert 0 <= box.left < box.right <= 224
            assert box.whole == (cam.max() <= 0)

"""What FALCON is said to need: nothing where it is off, more for more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from conceptatlas import costs_falcon
from conceptatlas.preflight_falcon import falcon_stage
from conceptatlas.validation import read_schema, with_defaults

SCHEMAS = Path(__file__).resolve().parents[3] / "workflow" / "schemas"
DATA = {"scenes": {"dataset": "scenes", "frame_size": 96, "mask_size": 48}}
MODELS = [{"model": name, "input_size": ""} for name in ("one", "two")]
LAYERS = [{"model": model, "layer": layer, "store": "full"} for model in ("one", "two") for layer in ("early", "late")]
SHAPES = {(model, layer): [64, 6, 6] for model in ("one", "two") for layer in ("early", "late")}
PAIRS = [("scenes", "one"), ("scenes", "two")]


def stage(n_images: int = 200, **falcon: Any):
    config = with_defaults(
        {"study": "one", "falcon": {"datasets": ["scenes"]} | falcon}, read_schema(SCHEMAS, "config")
    )
    bases = [{**LAYERS[0], "layer": "early", "store": "none", "basis": "pca"}]
    return falcon_stage(config, DATA, MODELS, [*LAYERS, *bases], {"scenes": n_images}, SHAPES, PAIRS, {})


def test_off_needs_nothing():
    assert stage(datasets=[]) == []


def test_jobs_are_counted():
    assert [one.jobs for one in stage()] == [2 * 3 + 2 + 2], "the last layer of two models"
    assert [one.jobs for one in stage(layers=["early", "late"])] == [4 * 3 + 2 + 2]
    assert [one.jobs for one in stage(models=["one"])] == [3 + 1 + 2]


def test_more_images_and_groups_take_longer():
    (few,), (many,), (less,) = stage(), stage(20_000), stage(groups={"max_groups": 10, "max_singles": 10})
    assert many.seconds > few.seconds > less.seconds
    assert many.disk_mb >= few.disk_mb > less.disk_mb


def test_crops_are_those_of_groups_and_of_random_images():
    section = {"groups": {"max_groups": 5, "max_singles": 10, "max_size": 3}, "random_groups": {"n_images": 40}}
    assert costs_falcon.crops_of(1000, section) == 15 * costs_falcon.IMAGES_OF_GROUP + 40
    section["groups"]["max_size"] = 1
    assert costs_falcon.groups_of(section) == 10

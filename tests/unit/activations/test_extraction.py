"""Extraction of a tiny network: shards and batches change no byte, errors name unit and image."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import h5py
import numpy as np
import pytest

from conceptatlas.activations.extraction import in_background
from conceptatlas.activations.store import merged_histogram, open_shard, open_shards
from conceptatlas.files import DamagedFileError, array_digest, read_json, write_json
from tiny_shards import extract, write_frames

torch = pytest.importorskip("torch")
tiny_models = pytest.importorskip("tiny_models")

LAYERS = [
    {"model": "tiny", "layer": "one", "module": "relu1", "group": "main", "dtype": "float16", "store": "full"},
    {"model": "tiny", "layer": "two", "module": "bn2", "group": "main", "dtype": "float32", "store": "full"},
    {"model": "tiny", "layer": "none", "module": "relu2", "group": "main", "dtype": "float16", "store": "none"},
]
SHAPES = {"one": (6, 32, 32), "two": (10, 16, 16), "none": (10, 16, 16)}


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "report.json"
    layers = {name: dict(zip(("n_units", "height", "width"), shape, strict=True)) for name, shape in SHAPES.items()}
    write_json(path, {"layers": layers})
    return path


def run(folder, report, *, n_images=11, n_shards=1, valid=None, layers=LAYERS, **options):
    files = write_frames(folder, tiny_models.frames(n_images), n_shards=n_shards, valid=valid)
    return extract(files, report, layers, **options)


def everything(files, layer):
    shards = open_shards(files.shards, files.manifests, layer)
    for shard in shards:
        shard.verify()
    return (
        np.concatenate([shard.activations() for shard in shards]),
        np.concatenate([shard.read("max") for shard in shards]),
        np.concatenate([shard.read("mean") for shard in shards]),
        merged_histogram(shards),
    )


def test_one_shard_equals_four(tmp_path, report):
    """11 images in batches of 4: the last batch of every shard is padded."""
    valid = np.ones(11, dtype=bool)
    valid[6] = False
    one = run(tmp_path / "one", report, valid=valid)
    four = run(tmp_path / "four", report, n_shards=4, valid=valid)
    for layer in ("one", "two"):
        for found, expected in zip(everything(four, layer)[:3], everything(one, layer)[:3], strict=True):
            assert array_digest(found) == array_digest(expected)
        np.testing.assert_array_equal(everything(four, layer)[3].counts, everything(one, layer)[3].counts)
    assert read_json(one.manifests[0])["quarantined"] == [6]


def test_values_are_those_of_the_network(tmp_path, report):
    files = run(tmp_path, report)
    model = read_json(files.manifests[0])["model"]
    assert model["architecture"] == "tiny_models:user_net"
    from conceptatlas.models.index import load_model

    loaded = load_model({"model": "tiny", "source": "user", "architecture": "tiny_models:user_net", "weights": "random",
                         "seed": 3, "input_size": 32})  # fmt: skip
    pictures = torch.from_numpy(tiny_models.frames(11)).permute(0, 3, 1, 2).float() / 255
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (loaded.mean, loaded.std))
    with torch.no_grad():
        first = loaded.module.conv1((pictures - mean) / std).relu()
        second = loaded.module.bn2(loaded.module.conv2(first))
    np.testing.assert_allclose(everything(files, "one")[0], first.numpy(), atol=2e-3)
    np.testing.assert_allclose(everything(files, "two")[0], second.numpy(), atol=1e-4)
    stored = everything(files, "one")[0]
    assert stored.dtype == np.float16
    assert not np.signbit(stored[stored == 0]).any()


def test_quarantined_images_are_zero_and_count_nowhere(tmp_path, report):
    valid = np.ones(11, dtype=bool)
    valid[[0, 5, 10]] = False
    files = run(tmp_path, report, n_shards=2, valid=valid)
    maps, maximum, mean, histogram = everything(files, "two")
    for values in (maps, maximum, mean):
        assert (values[~valid] == 0).all()
        assert (values[valid] != 0).any(axis=tuple(range(1, values.ndim))).all()
    assert histogram.n_values == 8 * 256
    shard = open_shard(files.shards[0], files.manifests[0], "two")
    np.testing.assert_array_equal(shard.valid, valid[:5])


def test_layers_that_are_not_stored_keep_their_statistics(tmp_path, report):
    files = run(tmp_path, report)
    shard = open_shard(files.shards[0], files.manifests[0], "none")
    assert shard.read("max").shape == (11, 10)
    shard.verify()
    with pytest.raises(ValueError, match="store: none"):
        _ = shard.shape


def test_a_second_run_writes_the_same_bytes(tmp_path, report):
    one = run(tmp_path / "a", report)
    two = run(tmp_path / "b", report)
    assert read_json(one.manifests[0])["arrays"] == read_json(two.manifests[0])["arrays"]


def test_overflow_names_unit_and_image_and_leaves_no_shard(tmp_path, report):
    with pytest.raises(ValueError, match=r"layer one of model tiny: .*first is unit 2 in image_index \d+.*float32"):
        run(tmp_path, report, n_shards=2, architecture="tiny_models_broken:overflowing")
    assert not list((tmp_path / "activations").glob("*"))


def test_nan_names_unit_and_image(tmp_path, report):
    only = [LAYERS[1]]
    with pytest.raises(ValueError, match=r"1 units have infinite or NaN values, the first is unit 4 in image_index 0$"):
        run(tmp_path, report, architecture="tiny_models_broken:undefined", layers=only)


def test_negative_infinity_in_float16_is_named_too(tmp_path, report):
    layer = [{**LAYERS[1], "dtype": "float16"}]
    with pytest.raises(ValueError, match=r"unit 1 in image_index \d+.*set `dtype` to float32"):
        run(tmp_path, report, architecture="tiny_models_broken:very_negative", layers=layer)


def test_float16_underflow_warns(tmp_path, report, caplog):
    with caplog.at_level(logging.WARNING):
        run(tmp_path, report, architecture="tiny_models_broken:tiny_values", layers=[LAYERS[0]])
    assert "subnormal" in caplog.text
    assert "float32" in caplog.text


def test_damaged_frames_stop_the_job(tmp_path, report):
    files = write_frames(tmp_path, tiny_models.frames(4))
    content = bytearray(Path(files.frames[0]).read_bytes())
    with h5py.File(files.frames[0]) as file:
        content[file["frames"].id.get_offset() + 7] ^= 1
    Path(files.frames[0]).write_bytes(bytes(content))
    with pytest.raises(DamagedFileError, match="frames"):
        extract(files, report, LAYERS)
    assert not Path(files.shards[0]).exists()


def test_background_keeps_order_passes_errors_and_ends_its_thread():
    assert list(in_background(iter(range(20)))) == list(range(20))

    def failing():
        yield 1
        raise KeyError("inside")

    found = in_background(failing())
    assert next(found) == 1
    with pytest.raises(KeyError, match="inside"):
        next(found)
    early = in_background(iter(range(1000)))
    assert next(early) == 0
    early.close()
    assert not [t for t in threading.enumerate() if t.name == "forward"]

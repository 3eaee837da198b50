"""The store keeps what it is given, and every kind of damage is named and set aside."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from conceptatlas.activations.store import (
    ShardWriter,
    create_contiguous,
    map_dataset,
    merged_histogram,
    open_shard,
    open_shards,
)
from conceptatlas.files import DamagedFileError, array_digest, read_json
from tiny_stores import write_store


def maps_of(seed=0, *, n_images=13, dtype=np.float16):
    return np.random.default_rng(seed).normal(size=(n_images, 5, 4, 3)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("n_shards", [1, 3])
def test_round_trip(tmp_path, dtype, n_shards):
    maps = maps_of(dtype=dtype)
    maps[2, 1] = -0.0
    valid = np.ones(13, dtype=bool)
    valid[[4, 9]] = False
    store = write_store(tmp_path, maps, n_shards=n_shards, valid=valid)
    shards = open_shards(store.shards[::-1], store.manifests[::-1], "layer")
    stored = np.concatenate([shard.activations() for shard in shards])
    assert stored.dtype == dtype
    np.testing.assert_array_equal(stored[valid], maps[valid])
    assert not np.signbit(stored[stored == 0]).any()
    assert (stored[~valid] == 0).all()
    np.testing.assert_array_equal(np.concatenate([shard.valid for shard in shards]), valid)
    expected = np.where(valid[:, None], maps.max(axis=(2, 3)).astype(np.float32), 0)
    np.testing.assert_array_equal(np.concatenate([shard.read("max") for shard in shards]), expected)
    for shard in shards:
        shard.verify()
        assert isinstance(shard.activations(), np.memmap)
        assert shard.shape == (5, 4, 3)
    histogram = merged_histogram(shards)
    assert histogram.n_values == 11 * 12
    assert (histogram.counts.sum(axis=1) == 11 * 12).all()


def test_every_array_has_its_digest(tmp_path):
    store = write_store(tmp_path, maps_of())
    arrays = read_json(store.manifests[0])["arrays"]
    with h5py.File(store.shards[0]) as file:
        found = {}
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    assert set(arrays) == set(found)
    for name, values in found.items():
        assert arrays[name] == {
            "digest": array_digest(values), "shape": list(values.shape), "dtype": str(values.dtype)
        }  # fmt: skip


def test_the_layout_maps_into_memory_and_is_written_once(tmp_path):
    maps = maps_of()
    store = write_store(tmp_path, maps)
    with h5py.File(store.shards[0]) as file:
        dataset = file["layer/activations"]
        assert dataset.chunks is None
        assert dataset.compression is None
        assert dataset.id.get_offset() is not None
        assert file["layer"].attrs["dimensions"] == "image unit height width"


def flip(path, name):
    with h5py.File(path) as file:
        offset = file[name].id.get_offset()
        if offset is None:  # chunked: the first chunk
            offset = file[name].id.get_chunk_info(0).byte_offset
    content = bytearray(Path(path).read_bytes())
    content[offset + 3] ^= 4
    Path(path).write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("layer/activations", lambda shard: shard.verify()),
        ("layer/max", lambda shard: shard.read("max")),
        ("layer/mean", lambda shard: shard.read("mean")),
        ("layer/histogram/counts", lambda shard: shard.histogram()),
        ("layer/histogram/patterns", lambda shard: shard.histogram()),
        ("layer/histogram/offsets", lambda shard: shard.histogram()),
    ],
)
def test_a_flipped_byte_is_named_and_only_that_shard_is_set_aside(tmp_path, name, read):
    store = write_store(tmp_path, maps_of(), n_shards=2)
    flip(store.shards[1], name)
    first, second = open_shards(store.shards, store.manifests, "layer")
    read(first)
    with pytest.raises(DamagedFileError, match=r"001\.json.*001\.h5"):
        read(second)
    assert Path(store.manifests[0]).exists()
    assert not Path(store.manifests[1]).exists()
    assert Path(store.manifests[1] + ".damaged").exists()


@pytest.mark.parametrize("keep", [0, 10, 300, -1, -100], ids=lambda n: f"{n} bytes")
@pytest.mark.parametrize(
    "read", [lambda s: s.verify(), lambda s: s.read("max"), lambda s: s.histogram()], ids=["maps", "max", "histogram"]
)
def test_a_truncated_file_is_named_and_set_aside(tmp_path, keep, read):
    store = write_store(tmp_path, maps_of())
    content = Path(store.shards[0]).read_bytes()
    shard = open_shard(store.shards[0], store.manifests[0], "layer")
    Path(store.shards[0]).write_bytes(content[:keep])
    with pytest.raises(DamagedFileError, match=r"000\.h5"):
        read(shard)
    assert Path(store.manifests[0] + ".damaged").exists()


def test_missing_files(tmp_path):
    store = write_store(tmp_path, maps_of(), n_shards=3)
    Path(store.manifests[1]).unlink()
    with pytest.raises(FileNotFoundError, match=r"001\.json"):
        open_shards(store.shards, store.manifests, "layer")
    Path(store.shards[0]).unlink()
    with pytest.raises(DamagedFileError, match=r"000\.h5 is missing"):
        open_shard(store.shards[0], store.manifests[0], "layer")
    assert Path(store.manifests[0] + ".damaged").exists()


def test_an_array_of_another_shape_is_damage(tmp_path):
    store = write_store(tmp_path, maps_of())
    with h5py.File(store.shards[0], "r+") as file:
        del file["layer/max"]
    with pytest.raises(DamagedFileError, match="cannot be read"):
        open_shard(store.shards[0], store.manifests[0], "layer").read("max")


def test_a_wrong_layer_names_the_nearest(tmp_path):
    store = write_store(tmp_path, maps_of(), layer="conv5")
    with pytest.raises(ValueError, match=r"unknown layer 'conv_5'.*did you mean 'conv5'"):
        open_shard(store.shards[0], store.manifests[0], "conv_5")
    assert Path(store.manifests[0]).exists(), "a wrong name is no damage"


def test_shards_that_leave_a_gap_are_refused(tmp_path):
    store = write_store(tmp_path, maps_of(), n_shards=3)
    with pytest.raises(ValueError, match="do not join"):
        open_shards([store.shards[0], store.shards[2]], [store.manifests[0], store.manifests[2]], "layer")


def test_blocks_arrive_in_order_and_completely(tmp_path):
    writer = ShardWriter(tmp_path / "a.h5", n_images=4)
    writer.add_layer("layer", (1, 2, 2), dtype="float16", store=True)
    writer.write_maps("layer", 0, np.zeros((2, 1, 2, 2), dtype=np.float16))
    with pytest.raises(ValueError, match="starts at image 3, expected 2"):
        writer.write_maps("layer", 3, np.zeros((1, 1, 2, 2), dtype=np.float16))
    with pytest.raises(ValueError, match="2 of 4 images were written"):
        writer.finish()
    writer.close()
    writer.close()


def test_more_shards_than_images(tmp_path):
    maps = maps_of(n_images=2)
    store = write_store(tmp_path, maps, n_shards=4)
    shards = open_shards(store.shards, store.manifests, "layer")
    assert [shard.n_images for shard in shards].count(0) == 2
    for shard in shards:
        shard.verify()
    np.testing.assert_array_equal(np.concatenate([s.activations() for s in shards]), maps)
    assert merged_histogram(shards).n_values == 24


def test_compressed_arrays_do_not_map(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", data=np.zeros((9, 9)), compression="gzip")
        create_contiguous(file, "empty", (0, 3), "float16")
    with pytest.raises(ValueError, match="not contiguous"):
        map_dataset(tmp_path / "a.h5", "x")
    assert map_dataset(tmp_path / "a.h5", "empty").shape == (0, 3)

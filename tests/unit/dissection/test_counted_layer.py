"""A layer that is not stored gives the tables of a stored one, value for value, for any number of shards."""

from __future__ import annotations

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.activations.mask_file import read_masks, verify_counts, whole_masks
from conceptatlas.activations.passes import largest
from conceptatlas.activations.store import open_shards
from conceptatlas.files import DamagedFileError
from conceptatlas.masks.bitmask import unpack
from conceptatlas.masks.upsample import unit_mask
from conceptatlas.tables import read_table
from planted import GEOMETRY, detectors, dissect, noise, scenes
from slow_twins import grid_of

N_IMAGES = 90
TABLES = ("labels", "units", "summary")
SCORES = ["f1", "pearson", "cosine", "auprc"]


def arrays(path):
    """Every array of an HDF5 file by name."""
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def assert_same_file(one, other):
    first, second = arrays(one), arrays(other)
    assert set(first) == set(second)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)
        assert values.dtype == second[name].dtype, name


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "padded"])
def planted(request, tmp_path_factory):
    """Detectors, noise around zero, a unit that is negative everywhere, a dead one; two images in quarantine."""
    labels = scenes(N_IMAGES, padded=request.param)
    negative = -1 - np.abs(noise(N_IMAGES, 1, seed=3))
    dead = np.zeros_like(negative)
    maps = np.concatenate([detectors(labels, ["car", "wheel", "sky"]), noise(N_IMAGES, 3), negative, dead], axis=1)
    maps[:, 4, 0, 0] = -0.0
    valid = np.ones(N_IMAGES, dtype=bool)
    valid[[4, 70]] = False
    folder = tmp_path_factory.mktemp("counted")
    return {"labels": labels, "maps": maps, "valid": valid, "folder": folder,
            "stored": dissect(folder / "stored", maps, labels, valid=valid)}  # fmt: skip


@pytest.mark.parametrize("n_shards", [1, 3])
def test_counts_of_a_layer_that_is_not_stored_are_those_of_a_stored_one(planted, n_shards):
    folder = planted["folder"] / f"counts{n_shards}"
    found = dissect(
        folder, planted["maps"], planted["labels"], valid=planted["valid"], n_shards=n_shards, store_maps="counts"
    )
    stored = planted["stored"]
    for shard in open_shards(found["store"].shards, found["store"].manifests, "layer"):
        assert not any("activations" in name for name in arrays(shard.path))
    assert_same_file(found["tally"], stored["tally"])
    assert_same_file(found["gallery"], stored["gallery"])
    for name in TABLES:
        pd.testing.assert_frame_equal(read_table(found[name]), read_table(stored[name]), check_exact=True)
    assert found["netdissect"].read_bytes() == stored["netdissect"].read_bytes()


def test_without_the_third_pass_the_scores_beside_iou_are_missing(planted):
    found = dissect(
        planted["folder"] / "two", planted["maps"], planted["labels"], valid=planted["valid"], store_maps="counts",
        with_scores=False,
    )  # fmt: skip
    table, stored = read_table(found["labels"]), read_table(planted["stored"]["labels"])
    assert table[SCORES].isna().all(axis=None)
    assert stored[SCORES].notna().any(axis=None)
    pd.testing.assert_frame_equal(table.drop(columns=SCORES), stored.drop(columns=SCORES), check_exact=True)
    for name in ("units", "summary"):
        pd.testing.assert_frame_equal(read_table(found[name]), read_table(planted["stored"][name]), check_exact=True)


def test_kept_masks_are_those_of_the_maps(planted):
    """By the slow way: upsample a map, compare; masks of quarantined images are not kept."""
    found = dissect(
        planted["folder"] / "masks", planted["maps"], planted["labels"], valid=planted["valid"], n_shards=2,
        store_maps="counts",
    )  # fmt: skip
    with h5py.File(found["statistics"]) as file:
        thresholds = file["thresholds"][0]
    size = planted["maps"].shape[2]
    grid = grid_of((size, size), size, GEOMETRY)
    for shard in open_shards(found["counted"], found["counted_manifests"], "layer"):
        for unit in range(planted["maps"].shape[1]):
            words, meta = read_masks(shard, slice(unit, unit + 1))
            whole = unpack(whole_masks(words, meta, n_pixels=size * size), height=size, width=size)
            kept = dict(zip(meta[:, 0].tolist(), whole, strict=True))
            for image in range(shard.start, shard.stop):
                mask = unit_mask(planted["maps"][image, unit], float(thresholds[unit]), grid)
                if not planted["valid"][image]:
                    mask[:] = False
                np.testing.assert_array_equal(kept.get(image, np.zeros_like(mask)), mask)


def test_another_value_in_the_second_pass_is_refused_by_name(planted, tmp_path, monkeypatch):
    changed = planted["maps"].copy()
    changed[31, 2, 5, 5] = 40
    import tiny_counts

    run = tiny_counts.run_pass
    monkeypatch.setattr(tiny_counts, "run_pass", lambda store, maps, *rest: run(store, changed, *rest))
    with pytest.raises(ValueError, match=r"unit 2 of image_index 31 reaches 40 now and .* in the first pass"):
        dissect(tmp_path, planted["maps"], planted["labels"], valid=planted["valid"], n_shards=2, store_maps="counts")


def test_damage_is_named_and_set_aside(planted, tmp_path):
    found = dissect(tmp_path, planted["maps"], planted["labels"], valid=planted["valid"], store_maps="counts")
    (shard,) = open_shards(found["counted"], found["counted_manifests"], "layer")
    verify_counts(shard)
    with h5py.File(shard.path, "r+") as file:
        file["layer/masks/words"][3] ^= 1
    with pytest.raises(DamagedFileError, match="masks/words"):
        verify_counts(shard)
    assert not shard.manifest_path.exists()


def test_largest_value_of_float16_maps():
    maps = np.array([[[[-3, -0.5]], [[-1, 2]], [[0, -4]], [[1e-7, 6e4]]]], dtype=np.float16)
    np.testing.assert_array_equal(largest(maps), maps.max(axis=(2, 3)).astype(np.float32))
    assert largest(maps).dtype == np.float32

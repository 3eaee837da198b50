"""The second and third pass as jobs: a tiny network runs again over its frames and gives what its stored maps give."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from conceptatlas.activations.store import open_shards
from conceptatlas.activations.summary import summarise_layer
from conceptatlas.dissection.counted_layer import tally_counts
from conceptatlas.dissection.label_scores import scores_of_sums
from conceptatlas.dissection.tally import tally_layer
from conceptatlas.files import read_json, write_json
from planted import GEOMETRY, THRESHOLDS, scenes, write_dataset
from tiny_shards import extract, write_frames

torch = pytest.importorskip("torch")
tiny_models = pytest.importorskip("tiny_models")
counting = pytest.importorskip("conceptatlas.activations.counting")
scoring = pytest.importorskip("conceptatlas.activations.scoring")

N = 11
SHAPES = {"one": (6, 32, 32), "two": (10, 16, 16)}
MODEL = {"model": "tiny", "source": "user", "architecture": "tiny_models:user_net", "weights": "random", "seed": 3,
         "input_size": 32, "mean": "", "std": "", "weights_sha256": ""}  # fmt: skip


def rows(store):
    return [
        {"model": "tiny", "layer": "one", "module": "relu1", "group": "main", "dtype": "float16", "store": store},
        {"model": "tiny", "layer": "two", "module": "bn2", "group": "main", "dtype": "float16", "store": store},
    ]


class Study:
    """A tiny network over 11 frames of which one is in quarantine."""

    def __init__(self, folder, store, n_shards):
        self.folder, self.layers, self.n_shards = folder, rows(store), n_shards
        folder.mkdir()
        valid = np.ones(N, dtype=bool)
        valid[6] = False
        self.data = write_dataset(folder / "data", scenes(N), n_shards=n_shards, valid=valid)
        self.report = folder / "report.json"
        shapes = {
            name: dict(zip(("n_units", "height", "width"), s, strict=True)) | {"geometry": {}}
            for name, s in SHAPES.items()
        }
        write_json(self.report, {"layers": shapes})
        frames = write_frames(folder, tiny_models.frames(N), n_shards=n_shards, valid=valid)
        self.files = extract(frames, self.report, self.layers)
        self.statistics = [str(folder / f"{row['layer']}.h5") for row in self.layers]
        self.tallies = [str(folder / f"{row['layer']}_tally.h5") for row in self.layers]
        for row, path in zip(self.layers, self.statistics, strict=True):
            summarise_layer(
                layer=row, shards=self.files.shards, manifests=self.files.manifests, dataset=self.data["dataset"],
                report=self.report, out=path, manifest=path.replace(".h5", ".json"), thresholds=THRESHOLDS,
                geometry=GEOMETRY,
            )  # fmt: skip

    def common(self, shard):
        return {
            "model": MODEL, "layers": self.layers, "frames": self.files.frames[shard],
            "frames_manifest": self.files.frame_manifests[shard], "calibration": None,
            "store": self.files.shards[shard], "manifest": self.files.manifests[shard],
            "statistics": self.statistics, "concepts": self.data["concepts"],
            "annotations": self.data["annotations"][shard], "batch": 4, "threads": 1, "device": "cpu",
        }  # fmt: skip

    def pass_files(self, name):
        paths = [str(self.folder / name / f"{shard}.h5") for shard in range(self.n_shards)]
        return paths, [path.replace(".h5", ".json") for path in paths]

    def count(self, **changes):
        for shard, (path, manifest) in enumerate(zip(*self.pass_files("counted"), strict=True)):
            counting.count_shard(
                **self.common(shard) | changes, report=self.report, dataset=self.data["dataset"],
                index=self.data["index"], counted=path, counted_manifest=manifest, geometry=GEOMETRY,
            )  # fmt: skip

    def tally(self):
        for row, statistics, out in zip(self.layers, self.statistics, self.tallies, strict=True):
            shared = {
                "layer": row["layer"], "statistics": statistics, "index": self.data["index"],
                "concepts": self.data["concepts"], "annotations": self.data["annotations"],
                "dataset": self.data["dataset"], "out": out, "n_permutations": 9, "seed": 0,
            }  # fmt: skip
            if row["store"] == "full":
                maps = {"shards": self.files.shards, "manifests": self.files.manifests}
                tally_layer(**shared, **maps, report=self.report, geometry=GEOMETRY)
            else:
                shards, manifests = self.pass_files("counted")
                tally_counts(**shared, shards=shards, manifests=manifests)

    def score(self):
        for shard, (path, manifest) in enumerate(zip(*self.pass_files("scored"), strict=True)):
            scoring.score_shard(
                **self.common(shard), tallies=self.tallies, scored=path, scored_manifest=manifest, top_labels=5
            )  # fmt: skip


def contents(path):
    found = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    study = Study(tmp_path_factory.mktemp("passes") / "stored", "full", 1)
    study.tally()
    return study


@pytest.mark.parametrize("n_shards", [1, 3])
def test_passes_give_the_counts_of_stored_maps(stored, tmp_path, n_shards):
    """11 images in batches of 4: the last batch of every shard is padded."""
    study = Study(tmp_path / "counts", "counts", n_shards)
    study.count()
    study.tally()
    study.score()
    for found, expected in zip(study.tallies, stored.tallies, strict=True):
        now, before = contents(found), contents(expected)
        assert set(now) == set(before)
        for name, values in before.items():
            np.testing.assert_array_equal(now[name], values, err_msg=name)
    shards = open_shards(*study.pass_files("scored"), "two")
    top = shards[0].read("top")
    scores = scores_of_sums(scoring.merged_sums(shards, top))
    assert all(np.isfinite(values).any() for values in scores)
    with pytest.raises(ValueError, match="was made for other labels"):
        scoring.merged_sums(shards, top[::-1])
    manifest = read_json(study.pass_files("counted")[1][0])
    assert manifest["differing_maxima"] == {"one": 0, "two": 0}
    assert manifest["layers"]["one"]["store"] == "counts"


def test_other_weights_than_in_the_first_pass_are_refused(tmp_path):
    study = Study(tmp_path / "other", "counts", 1)
    with pytest.raises(ValueError, match="the first pass was made with other weights; run it again"):
        study.count(model={**MODEL, "seed": 4})
    assert not (tmp_path / "other" / "counted").exists() or not list((tmp_path / "other" / "counted").iterdir())


def test_shards_must_cover_the_data_set(tmp_path):
    study = Study(tmp_path / "half", "counts", 2)
    study.count()
    shards, manifests = study.pass_files("counted")
    with pytest.raises(ValueError, match=r"counts of layer one cover images 0\.\.5, the data set has 11"):
        tally_counts(
            layer="one", shards=shards[:1], manifests=manifests[:1], statistics=study.statistics[0],
            index=study.data["index"], concepts=study.data["concepts"], annotations=study.data["annotations"],
            dataset=study.data["dataset"], out=tmp_path / "tally.h5", n_permutations=9, seed=0,
        )  # fmt: skip

"""What a classifier's answer owes to concepts: by hand for a linear network, through the whole job."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

import tiny_profiles
from conceptatlas.datasets.frame_file import FrameWriter
from conceptatlas.datasets.labelled_images import read_images
from conceptatlas.files import write_json
from conceptatlas.inference.multiple_testing import benjamini_hochberg
from conceptatlas.models.layer_gradients import LayerGradients
from conceptatlas.seeds import image_block
from conceptatlas.similarity.discovered_file import create_discovered, digest_of_images, finish_discovered
from conceptatlas.similarity.fidelity import Replacements, Told, fidelity_numbers
from conceptatlas.similarity.projecting import Basis
from conceptatlas.similarity.response_tables import RESPONSE_COLUMNS
from conceptatlas.similarity.responses import choose_images, respond_to_concepts
from conceptatlas.similarity.setting import Comparing
from conceptatlas.similarity.tcav import FLAT, ORTHOGONAL, derivatives, followed_classes, ranked, tcav_numbers
from conceptatlas.similarity.vectors_file import read_vectors
from conceptatlas.tables import read_definitions, read_table

Array = np.ndarray[Any, Any]

N, SIZE, UNITS, SIDE = 60, 8, 6, 2
OPTIONS = {"max_images": 0, "min_class_images": 5, "max_classes": 0}
HEAD = np.array([[1, -1, 0.5, 0, 0.3, 0], [-1, 1, 0.5, 0.3, 0, 0], [0.2, 0.1, -0.4, 0, 0, 0]], dtype=np.float32)


def linear() -> tuple[nn.Module, dict[str, Any]]:
    """A map of 6 units, 2 x 2 (unit 5 is negative), `dead` beside it, and scores = HEAD . its spatial mean + 1."""

    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.maps = nn.Conv2d(3, UNITS, 4, stride=4)
            self.dead = nn.Identity()
            self.head = nn.Linear(UNITS, 3)
            values = np.random.default_rng(3).uniform(0, 1, size=(UNITS, 3, 4, 4)).astype(np.float32)
            values *= np.eye(3, dtype=np.float32)[np.arange(UNITS) % 3][:, :, None, None]  # a unit sees one colour
            values[5] *= -1
            self.maps.weight.data, self.maps.bias.data = torch.from_numpy(values), torch.zeros(UNITS)
            self.head.weight.data, self.head.bias.data = torch.from_numpy(HEAD), torch.ones(3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.maps(x)
            self.dead(x * 2)
            return self.head(x.mean((2, 3)))

    return Linear(), {"classes": ["a", "b", "c"], "input_size": SIZE, "mean": [0, 0, 0], "std": [1, 1, 1]}


def scoreless() -> tuple[nn.Module, dict[str, Any]]:
    return nn.Sequential(nn.Conv2d(3, UNITS, 4, stride=4), nn.ReLU()), {"input_size": SIZE}


def row(function: str = "linear", **cells: Any) -> dict[str, Any]:
    return {"model": "net", "source": "user", "architecture": f"{__file__}:{function}", "weights": "random"} | cells


def layer_row(layer: str) -> dict[str, Any]:
    return {"model": "net", "layer": layer, "module": layer}


class Study:
    """Frames and an index on disk; files of layers and the job on demand."""

    def __init__(self, folder: Path, *, n_shards: int = 1) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        rng = np.random.default_rng(0)
        self.frames = rng.integers(0, 256, (N, SIZE, SIZE, 3), dtype=np.uint8)
        self.frames[: N // 2, ..., 0] //= 4  # class b
        self.frames[N // 2 :, ..., 1] //= 4  # class a
        self.ids = [f"image_{i}" for i in range(N)]
        self.index = folder / "index.parquet"
        pd.DataFrame(
            {"image_id": self.ids, "block": [image_block(i) for i in self.ids], "source": "s", "valid": True,
             "split": ""}
        ).to_parquet(self.index)  # fmt: skip
        edges = np.linspace(0, N, n_shards + 1).astype(int)
        self.shards, self.manifests = [], []
        for start, stop in itertools.pairwise(edges):
            path = folder / f"{start}.h5"
            with FrameWriter(path, start=start, stop=stop, size=SIZE) as writer:
                for frame in self.frames[start:stop]:
                    writer.add(frame, width=SIZE, height=SIZE, sha256="", reason="")
            write_json(folder / f"{start}.json", {"start": int(start), "stop": int(stop), "arrays": writer.digests})
            self.shards.append(str(path))
            self.manifests.append(str(folder / f"{start}.json"))
        self.test = np.arange(N)[::2]
        self.maps = np.asarray(self.network().maps(self.inputs()).detach())

    def network(self) -> Any:
        return linear()[0]

    def inputs(self) -> torch.Tensor:
        return torch.from_numpy(self.frames.astype(np.float32) / 255).permute(0, 3, 1, 2)

    def scores(self, maps: Array) -> Array:
        """float64 (image, class) of maps, by hand."""
        return maps.astype(np.float64).mean(axis=(2, 3)) @ HEAD.T.astype(np.float64) + 1

    def discovered(self, components: Array, *, name: str = "d.h5", method: str = "nmf", offset: Any = 0, **cells: Any):
        path = self.folder / name
        test = cells.get("test_images", self.test)
        create_discovered(
            path, components=components, offset=np.zeros(components.shape[1]) + offset, test_images=test,
            thresholds=[0.5], size=4, images_digest=cells.get("digest", digest_of_images(self.ids, test)),
            method=method, projection="nnls", normalise="dataset", rectify=method == "nmf",
        )  # fmt: skip
        shape = (1, len(test), len(components))
        finish_discovered(path, areas=np.zeros(shape), peaks=np.zeros(shape[2]), maxima=np.zeros(shape[1:]))
        return str(path)

    def profiles(self, cav: Array, random: Array | None, *, features: str = "pooled", name: str = "p.h5") -> str:
        path, n = self.folder / name, len(cav)
        with h5py.File(path, "w") as file:
            file["concept_index"] = np.arange(n) + 7
            for key, values in (("concept", [f"c{i}" for i in range(n)]), ("category", ["object"] * n)):
                file.create_dataset(key, data=values, dtype=h5py.string_dtype())
            file["recognised"] = np.ones(n, dtype=bool)
            file["test_images"] = self.test
            file["cav"] = cav.astype(np.float32)
            if random is not None:
                file["random_cav"] = random.astype(np.float32)
            for key in ("cosines", "balanced", "present"):
                file[key] = np.zeros((n, len(self.test)), dtype="float64" if key == "cosines" else bool)
            file.attrs.update({"dataset": "d", "model": "net", "layer": "maps", "features": features})
            file.attrs["images_digest"] = digest_of_images(self.ids, self.test)
        return str(path)

    def run(self, *, layers: tuple[str, ...] = ("maps",), discovered: Any = (), profiles: Any = (), **cells: Any):
        out = self.folder / "responses.parquet"
        options = {name: cells.pop(name) for name in list(cells) if name in OPTIONS}
        given: dict[str, Any] = {"model": row(), "batch": 7, "calibration": None} | cells
        torch.set_num_threads(1)
        respond_to_concepts(
            dataset="d", layers=[layer_row(layer) for layer in layers], frames=self.shards,
            frames_manifests=self.manifests, index=self.index, discovered=list(discovered), profiles=list(profiles),
            table=out, options=OPTIONS | options, n_bootstrap=50, confidence=0.95, seed=0, device="cpu", **given,
        )  # fmt: skip
        assert [column.name for column in read_definitions(out)] == [column.name for column in RESPONSE_COLUMNS]
        return read_table(out)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


# Fidelity -------------------------------------------------------------------------------------------------------------


def by_hand(study: Study, replaced: Array, images: Array) -> tuple[float, float, float]:
    """score_error, score_change and top_class_stays of maps that replace those of all images, straight from ICE."""
    f, g = study.scores(study.maps)[images], study.scores(replaced)[images]
    own = f.argmax(axis=1)
    errors, changes = [], []
    for c in np.unique(own):
        mine = own == c
        if mine.sum() >= 5:
            errors.append(np.abs(g - f)[mine, c].mean() / abs(f[mine, c].mean()))
            changes.append((g - f)[mine, c].mean() / abs(f[mine, c].mean()))
    assert len(errors) > 1
    return float(np.mean(errors)), float(np.mean(changes)), float((g.argmax(axis=1) == own).mean())


def test_a_linear_network_by_hand(study: Study) -> None:
    """Concepts are the units 0, 1 and 3: the reconstruction keeps these, and the negative unit 5."""
    table = study.run(discovered=[study.discovered(np.eye(UNITS)[[0, 1, 3]])]).set_index(["kind", "component"])
    keeps = {("all", pd.NA): [0, 1, 3], ("nothing", pd.NA): [], ("without", 0): [1, 3], ("without", 2): [0, 1]}
    for key, units in keeps.items():
        kept = np.zeros_like(study.maps)
        kept[:, [*units, 5]] = study.maps[:, [*units, 5]]
        error, change, stays = by_hand(study, kept, study.test)
        found = table.loc[[key]].iloc[0]
        assert found["score_error"] == pytest.approx(error, rel=1e-5)
        assert found["score_change"] == pytest.approx(change, rel=1e-5)
        assert found["top_class_stays"] == stays
        assert found["n_images"] == len(study.test)
        assert found["score_error_low"] <= found["score_error"] <= found["score_error_high"]
        assert found["top_class_stays_low"] <= stays <= found["top_class_stays_high"]
        assert found["negative_kept"]
    assert len(table) == 5


def test_an_exact_reconstruction_changes_nothing(study: Study) -> None:
    table = study.run(discovered=[study.discovered(np.eye(UNITS))]).set_index("kind")
    assert table.loc["all", "score_error"] == 0
    assert table.loc["all", "score_change"] == 0
    assert table.loc["all", "top_class_stays"] == 1
    assert table.loc["nothing", "score_error"] > 0.1
    rotated = np.linalg.qr(np.random.default_rng(0).normal(size=(UNITS, UNITS)))[0]
    basis = study.discovered(rotated, name="pca.h5", method="pca", offset=0.3)
    table = study.run(discovered=[basis]).set_index("kind")
    assert table.loc["all", "score_error"] < 1e-5
    assert not table.loc["all", "negative_kept"]


def test_without_components_the_offset_and_the_negative_part_stay(study: Study) -> None:
    table = study.run(discovered=[study.discovered(np.zeros((2, UNITS)))]).set_index("kind")
    assert table.loc["all", "score_error"] == table.loc["nothing", "score_error"] > 0
    assert list(table.loc["without", "reason"]) == ["no such concept, see discovered.parquet"] * 2
    assert table.loc["without", "score_error"].isna().all()
    pca = study.discovered(np.zeros((2, UNITS)), name="pca.h5", method="pca", offset=0.3)
    error = by_hand(study, np.full_like(study.maps, np.float32(0.3)), study.test)[0]
    assert study.run(discovered=[pca]).set_index("kind").loc["all", "score_error"] == pytest.approx(error, rel=1e-5)


def test_a_layer_nothing_reads_is_replaced_without_consequence(study: Study) -> None:
    files = [study.discovered(np.eye(UNITS)[[0]], name=name) for name in ("a.h5", "b.h5")]
    table = study.run(layers=("maps", "dead"), discovered=files)
    assert (table[table["layer"] == "dead"]["score_error"] == 0).all()
    assert (table[table["layer"] == "maps"]["score_error"] > 0).all()
    alone = study.run(discovered=files[:1])
    pd.testing.assert_frame_equal(table[table["layer"] == "maps"], alone)


def test_replacements_are_terms_of_the_reconstruction() -> None:
    rng = np.random.default_rng(0)
    basis = Basis(rng.gamma(0.5, size=(3, 5)), np.zeros(5), "nmf", "dot", rectify=True)
    basis.components[1] = 0
    maps = rng.normal(size=(2, 5, 3, 4)).astype(np.float32)
    replaced = Replacements(basis)
    everything, nothing, first, last = replaced(maps)
    assert np.array_equal(nothing, np.minimum(maps, 0))
    np.testing.assert_allclose(everything - first + everything - last, everything - nothing, atol=1e-5)
    assert replaced.negative
    again = Replacements(basis)
    again.counted = 1
    assert next(iter(again(np.abs(maps)))).shape == maps.shape
    assert not again.negative
    with pytest.raises(ValueError, match="the layer has 4 units, its discovered concepts 5"):
        list(replaced(maps[:, :4]))


def test_classes_weigh_equally_and_small_ones_are_left_out() -> None:
    own = np.array([0] * 10 + [1] * 5 + [2] * 4)
    score = np.where(own == 0, 2.0, -4.0).astype(np.float32)
    moved = score + np.where(own == 0, 1, 1).astype(np.float32)
    told = Told(own, score, np.stack([own, own * 0]), np.stack([score, moved]))
    images = np.arange(19)
    comparing = Comparing(images % 32, images * 0, n_permutations=0, n_bootstrap=20, confidence=0.95, seed=0)
    same, other = fidelity_numbers(told, images, comparing, min_class_images=5)
    assert (same["score_error"], same["top_class_stays"], same["n_classes"]) == (0, 1, 2)
    assert other["score_error"] == other["score_change"] == pytest.approx((1 / 2 + 1 / 4) / 2)
    assert other["top_class_stays"] == 10 / 19
    none = fidelity_numbers(told, images, comparing, min_class_images=11)[1]
    assert np.isnan(none["score_error"])
    assert none["reason"] == "no class is predicted for at least 11 images"


# TCAV -----------------------------------------------------------------------------------------------------------------


def test_the_direction_of_a_linear_network_is_known(study: Study) -> None:
    """The gradient is HEAD_c / 4 at each of 4 positions; the length of the CAV changes nothing."""
    cav = np.array([[1, 0, 0, 0, 0, 0], [0, 3, 0, 0, 0, 0], [0, 0, 0, 0, 0, 2], [0, 0, 0, 0, 0, 0]])
    random = np.random.default_rng(1).normal(size=(4, 19, UNITS))
    table = study.run(profiles=[study.profiles(cav, random)])
    own = study.scores(study.maps).argmax(axis=1)[study.test]
    counts = np.bincount(own, minlength=3)
    classes = [int(c) for c in np.argsort(-counts, kind="stable") if counts[c] >= 5]
    assert len(table) == 4 * len(classes)
    assert len(classes) > 1
    found = table.set_index(["concept", "class_index"])
    for c, unit in (("c0", 0), ("c1", 1)):
        for k in classes:
            one = found.loc[(c, k)]
            assert one["derivative"] == pytest.approx(HEAD[k, unit] / 4, abs=1e-6)
            assert one["tcav"] == float(HEAD[k, unit] > 0)
            assert (one["n_images"], one["n_flat"], one["class_name"]) == (counts[k], 0, "abc"[k])
            assert (one["n_random"], one["smallest_p"], one["n_tests"]) == (19, 0.05, 2 * len(classes))
            slopes = random[int(c[1])] @ HEAD[k] / 4
            slopes /= np.linalg.norm(random[int(c[1])], axis=1)
            assert one["null_mean"] == pytest.approx((slopes > 0).mean())
            everything = np.append(one["derivative"], slopes)
            far = np.abs(everything - everything.mean())
            assert one["derivative_p"] == (far >= far[0] - 1e-9).sum() / 20
            assert one["concept_index"] == 7 + int(c[1])
    assert (found.loc["c3", "reason"] == "its CAV has length 0").all()
    assert found.loc["c3", "tcav"].isna().all()
    flat = found.loc["c2"]
    assert flat["tcav"].isna().all()
    assert (flat["n_flat"] == flat["n_images"]).all()
    assert (flat["reason"] == ORTHOGONAL).all()
    tested = table[table["p"].notna()]
    np.testing.assert_array_equal(tested["q"], benjamini_hochberg(tested["p"].to_numpy()))


def test_only_images_of_followed_classes_pass_backwards(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[int] = []
    whole = LayerGradients.of

    def counted(self: LayerGradients, frames: Array) -> Any:
        passed.append(len(frames))
        return whole(self, frames)

    monkeypatch.setattr(LayerGradients, "of", counted)
    cav, random = np.eye(UNITS)[:1], np.random.default_rng(1).normal(size=(1, 19, UNITS))
    counts = np.bincount(study.scores(study.maps).argmax(axis=1)[study.test], minlength=3)
    all_classes = study.run(profiles=[study.profiles(cav, random)])
    one = study.run(profiles=[study.profiles(cav, random)], max_classes=1)
    batches = -(-int(counts.max()) // 7)
    assert len(passed) == -(-int(counts[counts >= 5].sum()) // 7) + batches
    same = all_classes[all_classes["class_index"] == counts.argmax()].reset_index(drop=True)
    for column in ("tcav", "derivative", "p", "null_mean"):
        assert one[column].to_list() == same[column].to_list()
    passed.clear()
    none = study.run(profiles=[study.profiles(cav, random)], min_class_images=N)
    assert passed == []
    assert none["reason"].to_list() == [f"no class is predicted for at least {N} of the {len(study.test)} test images"]


def test_flattened_vectors_act_position_by_position(study: Study) -> None:
    """Every position has the gradient HEAD_c / 4; flattened features have no random CAVs, so no p."""
    cav = np.zeros((1, UNITS * SIDE * SIDE))
    cav[0, :4] = [1, 1, 1, -1]  # unit 0
    table = study.run(profiles=[study.profiles(cav, None, features="flattened")]).set_index("class_index")
    for k, one in table.iterrows():
        assert one["derivative"] == pytest.approx(HEAD[k, 0] / 4, abs=1e-6)
        assert one["tcav"] == float(HEAD[k, 0] > 0)
    assert table["p"].isna().all()
    assert (table["n_random"] == 0).all()
    wrong = study.profiles(np.ones((1, UNITS)), None, features="flattened", name="wrong.h5")
    with pytest.raises(ValueError, match=r"wrong\.h5: concept vectors of 6 flattened features, the layer has 24"):
        study.run(profiles=[wrong])


def test_a_layer_the_score_does_not_read_says_so(study: Study) -> None:
    files = [study.profiles(np.eye(UNITS)[:2], np.ones((2, 3, UNITS)), name=name) for name in ("a.h5", "b.h5")]
    table = study.run(layers=("maps", "dead"), profiles=files)
    dead = table[table["layer"] == "dead"]
    assert (dead["reason"] == FLAT).all()
    assert dead["tcav"].isna().all()
    assert (dead["n_tests"] == 0).all()
    few = study.run(profiles=files[:1], min_class_images=N)
    assert list(few["reason"]) == [f"no class is predicted for at least {N} of the {len(study.test)} test images"]
    most = study.run(profiles=files[:1], max_classes=1)
    assert len(most) == 2
    assert most["class_index"].nunique() == 1
    assert study.run(profiles=[study.profiles(np.zeros((0, UNITS)), None, name="none.h5")]).empty


def test_the_rank_is_two_sided_and_exact() -> None:
    assert ranked(np.array([10, 4, 5, 6, 5])) == 1 / 5
    assert ranked(np.array([0, 4, 5, 6, 5])) == 1 / 5
    assert ranked(np.array([5, 5, 5])) == 1
    assert ranked(np.array([1, 0, 1, 0])) == 1  # scores of 0 and 1 alone say nothing
    assert np.isnan(ranked(np.array([3])))
    rng = np.random.default_rng(0)
    p = np.array([ranked(rng.normal(size=20)) for _ in range(4000)])  # exchangeable: uniform on 1/20 .. 1
    assert abs((p <= 0.05).mean() - 0.05) < 0.012
    assert abs((p <= 0.5).mean() - 0.5) < 0.03


def test_scores_by_hand_and_opposite_directions() -> None:
    slopes = np.array([[1.0, 2, -1, 0, 3], [-1, -2, 1, 0, -3], [1, 1, 1, 1, 1]])
    images = np.arange(5)
    comparing = Comparing(images, images * 0, n_permutations=0, n_bootstrap=20, confidence=0.95, seed=0)
    numbers = tcav_numbers(slopes, images, comparing)
    assert (numbers["tcav"], numbers["n_flat"], numbers["derivative"]) == (0.6, 1, 1.0)
    assert numbers["null_mean"] == pytest.approx((0.2 + 1) / 2)
    assert np.isnan(numbers["tcav_low"])  # 5 blocks
    assert tcav_numbers(slopes[[1, 0]], images, comparing)["tcav"] == 0.2
    rng = np.random.default_rng(0)
    gradients, cav = rng.normal(size=(9, 4)).astype(np.float32), rng.normal(size=(3, 4))
    np.testing.assert_allclose(derivatives(gradients, -2 * cav), -derivatives(gradients, cav), atol=1e-12)
    assert not derivatives(gradients, np.zeros((1, 4))).any()
    assert followed_classes(np.array([3, 3, 1, 1, 1, 0, 2, 2]), min_class_images=2, max_classes=0) == [1, 2, 3]
    assert followed_classes(np.array([3, 3, 1, 1, 1, 0, 2, 2]), min_class_images=2, max_classes=2) == [1, 2]


def test_a_planted_direction_is_significant_and_random_ones_are_not() -> None:
    """Gradients are noise with a push along feature 0: that direction rises everywhere, random ones in about half."""
    rng = np.random.default_rng(0)
    gradients = rng.normal(size=(100, 50))
    gradients[:, 0] += 3
    images = np.arange(100)
    comparing = Comparing(images % 32, images * 0, n_permutations=0, n_bootstrap=50, confidence=0.95, seed=0)

    def numbers(direction: Array) -> dict[str, Any]:
        return tcav_numbers(
            derivatives(gradients, np.vstack([direction, rng.normal(size=(39, 50))])), images, comparing
        )

    for sign, score in ((1, 1.0), (-1, 0.0)):
        found = numbers(sign * np.eye(50)[0])
        assert found["tcav"] == pytest.approx(score, abs=0.02)
        assert found["p"] == found["derivative_p"] == found["smallest_p"] == 1 / 40
        assert found["null_low"] < 0.5 < found["null_high"]
        assert found["tcav_low"] <= found["tcav"] <= found["tcav_high"]
    p = np.array([[found["p"], found["derivative_p"]] for found in (numbers(rng.normal(size=50)) for _ in range(200))])
    assert ((p <= 0.1).mean(axis=0) < 0.17).all()


def test_vectors_are_those_that_concept_profiles_write(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    maps = np.maximum(rng.normal(size=(200, 5, 2, 3)), 0).astype(np.float32)
    study = tiny_profiles.Study(tmp_path, tiny_profiles.any_images(200, 2), n_images=200)
    out = study.add("l", maps.mean(axis=(2, 3)))
    vectors = read_vectors(out["profiles"])
    assert (vectors.features, vectors.pooled, vectors.n_seen) == ("pooled", True, 5)
    assert vectors.random_cav.shape == (2, 20, 5)
    assert vectors.concepts == ["concept 0", "concept 1"]
    gradient = rng.normal(size=(5, 2, 3)).astype(np.float32)
    slopes = vectors.slopes(vectors.seen(gradient)[None], 1)
    unit = vectors.cav[1] / np.linalg.norm(vectors.cav[1])
    assert slopes.shape == (21, 1)
    assert slopes[0, 0] == pytest.approx((gradient * unit[:, None, None]).sum() / 6, rel=1e-5)
    assert slopes[4, 0] == pytest.approx((gradient * vectors.random_cav[1, 3][:, None, None]).sum() / 6, rel=1e-5)
    flat = read_vectors(study.add("flat", maps, features="flattened")["profiles"])
    assert (flat.features, flat.n_seen, flat.random_cav.shape) == ("flattened", 2, (2, 0, 30))
    unit = flat.cav[0] / np.linalg.norm(flat.cav[0])
    kept = np.stack([flat.seen(gradient)] * 3)
    np.testing.assert_allclose(flat.slopes(kept, 0), [[gradient.reshape(-1) @ unit] * 3], rtol=1e-5)


# The job --------------------------------------------------------------------------------------------------------------


def test_one_shard_or_many_give_the_same_bits(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    components, cav, random = (
        rng.gamma(0.5, size=(3, UNITS)),
        rng.normal(size=(2, UNITS)),
        rng.normal(size=(2, 9, UNITS)),
    )
    tables = []
    for n_shards in (1, 4):
        study = Study(tmp_path / str(n_shards), n_shards=n_shards)
        files = {"discovered": [study.discovered(components)], "profiles": [study.profiles(cav, random)]}
        tables.append(study.run(**files))
    pd.testing.assert_frame_equal(tables[0], tables[1])
    assert set(tables[0]["kind"]) == {"all", "nothing", "without", "tcav"}
    other = study.run(**files, batch=16)
    pd.testing.assert_frame_equal(tables[0], other, check_exact=False, rtol=1e-4)


def test_fewer_images_are_chosen_by_their_ids(study: Study) -> None:
    table = study.run(discovered=[study.discovered(np.eye(UNITS)[:2])], max_images=20)
    assert (table["n_images"] == 20).all()
    ids = read_images(study.index).ids
    chosen = choose_images(study.test, ids, at_most=20, seed=0)
    assert np.array_equal(chosen, np.sort(chosen))
    assert set(choose_images(study.test, ids, at_most=10, seed=0)) < set(chosen) < set(study.test)
    kept = np.zeros_like(study.maps)
    kept[:, [0, 1, 5]] = study.maps[:, [0, 1, 5]]
    assert table["score_error"][0] == pytest.approx(by_hand(study, kept, chosen)[0], rel=1e-5)


def test_models_without_class_scores_get_no_rows_and_are_named(study: Study, caplog: pytest.LogCaptureFixture) -> None:
    file = [study.discovered(np.eye(UNITS))]
    assert study.run(model=row(source="torchvision", architecture="ssd300_vgg16"), discovered=file).empty
    assert "model 'net' is a detector: it has no class scores" in caplog.text
    caplog.clear()
    assert study.run(model=row("scoreless"), layers=("0",), discovered=file).empty
    assert "model 'net' returns torch.float32 (7, 6, 2, 2)" in caplog.text
    assert study.run(model=row("scoreless"), layers=("0",), profiles=[study.profiles(np.eye(UNITS), None)]).empty


def test_files_of_other_images_and_wrong_options_are_refused(study: Study) -> None:
    with pytest.raises(ValueError, match=r"d\.h5: its test images are not those of the data set"):
        study.run(discovered=[study.discovered(np.eye(UNITS), digest="other")])
    files = [study.discovered(np.eye(UNITS)), study.discovered(np.eye(UNITS), name="b.h5", test_images=np.arange(9))]
    with pytest.raises(ValueError, match=r"b\.h5: its test images differ from those of .*d\.h5"):
        study.run(layers=("maps", "dead"), discovered=files)
    with pytest.raises(ValueError, match="2 files of discovered for 1 layers"):
        study.run(discovered=files)
    with pytest.raises(ValueError, match=r"similarity\.responses\.min_class_images: 0; expected 1 or more"):
        study.run(min_class_images=0)
    study.shards, study.manifests = study.shards[:0], study.manifests[:0]
    with pytest.raises(ValueError, match="frames of 0 of 30 images"):
        study.run(discovered=files[:1])


def test_nothing_to_do_is_an_empty_table(study: Study) -> None:
    assert study.run().empty

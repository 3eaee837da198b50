"""The jobs of FALCON on a few scenes: every step against the files of the step before."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from conceptatlas.falcon.crop_tables import read_crop_file
from conceptatlas.falcon.cropping import modules_before, wanted_crops
from conceptatlas.falcon.explaining import explain_groups
from conceptatlas.falcon.joining import facts
from conceptatlas.figures.falcon_facts import shown_groups
from conceptatlas.figures.falcon_figures import SHOWS, plot_falcon
from conceptatlas.files import read_json, write_json
from conceptatlas.tables import read_table
from tiny_falcon import N_IMAGES, SIZE, Place, cropped, scenes, selected
from tiny_vocabularies import write_part

OPTIONS = {
    "words": {"n_captions": 2, "centre": False, "contrast": "score", "contrast_cut": 0.1},
    "similarity": {"diagonal": "exclude", "judged_by": "percentile", "cut": 90.0},
    "random_groups": {"n_images": 10, "n_random": 19, "level": 0.2},
    "failures": {"category": "object", "n_images": 0, "n_features": 2},
    "train_share": 0.7,
    "n_bootstrap": 20,
    "confidence": 0.95,
}
CAPTIONS = {
    "a dark red thing": [1, -1, -1],
    "green grass": [-1, 1, -1],
    "blue sky": [-1, -1, 1],
    "a grey street": [0, 0, 0],
}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return scenes(tmp_path_factory.mktemp("falcon"))


@pytest.fixture(scope="module")
def chosen(place: Place) -> dict[str, Path]:
    return selected(place.index.parent, place)


@pytest.fixture(scope="module")
def crops(place: Place, chosen: dict[str, Path]) -> tuple[Path, Path]:
    return cropped(place.index.parent, place, chosen)


def test_selection_names_high_and_low_images(chosen):
    groups, members = read_table(chosen["groups"]), read_table(chosen["members"])
    assert len(groups)
    assert set(groups["n_features"]) <= {1, 2}
    high = members[members["kind"] == "high"].groupby("group").size()
    assert high.to_dict() == dict(zip(groups["group"], groups["n_high"], strict=True))
    assert (groups["n_high"] > 5).all()
    first = members[(members["kind"] == "high") & (members["group"] == groups["group"].iloc[0])]
    assert (np.diff(first["value"]) <= 0).all()
    features = read_table(chosen["features"])
    assert features["qualifies"].sum() >= features["has_group"].sum() > 0


def test_crops_are_boxes_in_frames_and_the_head_is_found(crops, chosen):
    table = read_table(crops[0])
    found = read_crop_file(crops[1])
    assert len(found.embeddings) == len(table)
    np.testing.assert_allclose(np.linalg.norm(found.embeddings, axis=1), 1, rtol=1e-5)
    assert ((table["bottom"] > table["top"]) & (table["right"] > table["left"])).all()
    assert table[["bottom", "right"]].to_numpy().max() <= SIZE
    assert (table["kind"] == "random").sum() == 10
    assert found.head is not None, "plain reads the pooled conv5"
    assert found.head.error < 1e-3
    assert len(found.classes) == 10
    whole = table[table["whole"]]
    assert (whole[["top", "left", "bottom", "right"]] == [0, 0, SIZE, SIZE]).all().all()


def test_shards_and_batches_change_no_box(place, chosen, crops, tmp_path):
    other = scenes(tmp_path, n_shards=3)
    table, arrays = cropped(tmp_path, other, selected(tmp_path, other))
    again = read_table(crops[0])
    assert read_table(table).equals(again)
    np.testing.assert_array_equal(read_crop_file(arrays).embeddings, read_crop_file(crops[1]).embeddings)


def test_random_crops_are_at_least_as_many_as_the_largest_group(place, chosen):
    groups, members, index = (read_table(path) for path in (chosen["groups"], chosen["members"], place.index))
    wanted = wanted_crops(groups, members, index, n_images=1, seed=0)
    random = [one for one in wanted if one.kind == "random"]
    assert len(random) == groups["n_high"].max()
    assert len({one.image for one in random}) == len(random)
    everything = wanted_crops(groups, members, index, n_images=0, seed=0)
    assert sum(one.kind == "random" for one in everything) == N_IMAGES
    assert wanted_crops(groups.head(0), members.head(0), index, n_images=5, seed=0) == []


def test_modules_before_a_vector_are_those_with_positions(place):
    report = read_json(place.report)
    found = modules_before(report, "head")
    assert found[-1].startswith("conv5")
    assert "head" not in found


def explained(folder: Path, place: Place, chosen, crops, *, n_parts: int = 1) -> dict[str, Path]:
    vectors = np.array([[*vector, 0.2] for vector in CAPTIONS.values()], dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    names = list(CAPTIONS)
    cut = [0, 4] if n_parts == 1 else [0, 1, 4]
    parts = [write_part(folder / f"{a}.h5", vectors[a:b], names[a:b]) for a, b in itertools.pairwise(cut)]
    import h5py

    frames = folder / "frames.h5"
    with h5py.File(frames, "w") as file:
        rows = np.random.default_rng(0).random((N_IMAGES, 4)).astype(np.float32)
        file["embeddings"] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    write_json(folder / "frames.json", {"start": 0, "stop": N_IMAGES})
    outputs = {name: folder / f"{name}.parquet" for name in ("explained", "words", "comparisons", "failures")}
    write_table_of_concepts(folder / "concepts.parquet")
    explain_groups(
        dataset="scenes", model="plain", layer="conv5", encoder="colours", vocabulary="colour-words",
        statistics=place.statistics, index=place.index, concepts=folder / "concepts.parquet", annotations=[],
        groups=chosen["groups"], members=chosen["members"], crop_table=crops[0], crops=crops[1],
        embeddings=[str(frames)], embeddings_manifests=[str(folder / "frames.json")], parts=[str(p) for p in parts],
        **outputs, judged=folder / "judged.json", options=OPTIONS, stop_words=["a", "thing"], seed=0,
    )  # fmt: skip
    return outputs | {"judged": folder / "judged.json"}


def write_table_of_concepts(path: Path) -> None:
    import pandas as pd

    pd.DataFrame({"name": ["bird", "boat"]}).to_parquet(path)


def test_words_scores_and_verdicts_hang_together(place, chosen, crops, tmp_path):
    files = explained(tmp_path, place, chosen, crops)
    about, words = read_table(files["explained"]), read_table(files["words"])
    assert list(about["group"]) == list(read_table(chosen["groups"])["group"])
    assert set(words["word"]) <= {"dark", "red", "green", "grass", "blue", "sky", "grey", "street", "green grass",
                                  "blue sky", "grey street"}  # fmt: skip
    for _, row in about.iterrows():
        own = words[words["group"] == row["group"]]
        assert row["n_words"] == len(own)
        assert row["n_dropped"] == own["dropped"].sum()
        assert row["n_above_null"] == own["above_null"].sum()
        assert row["explained"] == (row["interpretable"] and row["n_above_null"] > 0)
    assert (words["p_search"] >= words["p"] - 1e-9).all()
    assert (words["p"] >= 1 / 20 - 1e-9).all()
    assert (words.loc[words["dropped"], "dropped_because"] != "").all()
    assert not (words["dropped"] & words["above_null"]).any()
    pairs = read_table(files["comparisons"])
    assert (pairs["n_high_group"] <= pairs["n_high_feature"]).all()
    told = read_json(files["judged"])
    assert told["n_judged"] == 0, "no image is annotated"
    rows = facts(
        about, read_table(chosen["features"]), pairs, read_table(files["failures"]), told,
        options={"confidence": 0.95, "n_bootstrap": 10}, seed=0,
    )  # fmt: skip
    said = {row["fact"]: row for row in rows}
    assert said["groups"]["n"] == len(about)
    assert said["explained_features"]["reason"] == "max_singles leaves features out"
    assert said["accuracy"]["reason"].startswith("no image has a label")


def test_figures_are_drawn_of_all_of_it(place, chosen, crops, tmp_path):
    files = explained(tmp_path, place, chosen, crops)
    for name, embed_images in (("shown", True), ("hidden", False)):
        plot_falcon(
            dataset="scenes", model="plain", layers=["conv5"], spaces=[["colours", "colour-words"]],
            frames=place.frames,
            frames_manifests=place.manifests, crop_tables=[str(crops[0])], folder=tmp_path / name,
            options={"dpi": 50, "formats": ["png"], "shown_groups": 4}, embed_images=embed_images,
            **{key: [str(path)] for key, path in {**chosen, **files}.items() if key != "judged"},
        )  # fmt: skip
        drawn = {entry["figure"] for entry in read_json(tmp_path / name / "figures.json")["figures"]}
        assert drawn == set(SHOWS)
        assert len(list((tmp_path / name).glob("*.png"))) >= 5


def test_shown_groups_are_explained_ones_first():
    import pandas as pd

    rows = [
        {"group": str(i), "n_features": 1 + (i > 5), "explained": i in (4, 8), "n_above_null": int(i % 2),
         "percentile": 10.0 * i, "similarity": 0.5}
        for i in range(12)
    ]  # fmt: skip
    found = shown_groups(pd.DataFrame(rows), most=4)
    assert list(found["group"])[:2] == ["8", "4"]
    assert (found["n_features"] == 1).sum() == 2
    assert len(shown_groups(pd.DataFrame(rows[:6]), most=4)) == 4


def test_parts_of_the_vocabulary_change_nothing(place, chosen, crops, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    one = explained(tmp_path / "one", place, chosen, crops)
    two = explained(tmp_path / "two", place, chosen, crops, n_parts=2)
    for name in ("explained", "words", "comparisons"):
        assert read_table(one[name]).equals(read_table(two[name]))


def test_a_layer_without_groups_gives_tables_without_rows(place, chosen, tmp_path):
    nothing = {}
    for name in ("groups", "members"):
        nothing[name] = tmp_path / f"{name}.parquet"
        read_table(chosen[name]).head(0).to_parquet(nothing[name])
    table, arrays = cropped(tmp_path, place, nothing)
    assert len(read_table(table)) == 0
    files = explained(tmp_path, place, nothing, (table, arrays))
    assert all(len(read_table(files[name])) == 0 for name in ("explained", "words", "comparisons"))

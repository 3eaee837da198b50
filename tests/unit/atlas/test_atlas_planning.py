"""What the atlas reads, and what may be required, from config and sheets alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conceptatlas.study import Study, load_study
from conceptatlas.study_atlas import AtlasPlan, atlas_inputs
from conceptatlas.study_requirements import required_files

SCHEMAS = Path(__file__).resolve().parents[3] / "workflow" / "schemas"
SHEETS = {
    "datasets": "dataset\tformat\tn_images\tshards\nscenes\tdemo\t24\t2\nunused\tdemo\t24\t2\n",
    "models": "model\tsource\tarchitecture\tweights\na\tdemo\tplain\t\nb\tdemo\tplain\trandom\n",
    "layers": "model\tlayer\tmodule\tgroup\tstore\na\tconv3\tconv3\tmain\tcounts\na\tconv5\tconv5\tlate\tfull\n"
    "b\tconv5\tconv5\tmain\tfull\n",
    "perturbations": "level\tkind\tamount\nnoise-10\tnoise\t10\n",
}
ON: dict[str, Any] = {
    "dissection": {"datasets": ["scenes"]},
    "robustness": {"models": ["a"]},
    "principal": {"datasets": []},
    "net2vec": {"datasets": ["scenes"], "models": ["a"], "tasks": ["classification"]},
    "similarity": {"datasets": ["scenes"], "layers": ["conv5"]},
}


def study(folder: Path, **config: Any) -> Study:
    for name, text in SHEETS.items():
        (folder / f"{name}.tsv").write_text(text)
    config = {"study": "s", "sheets": {name: f"{name}.tsv" for name in SHEETS}, **ON, **config}
    return load_study(config, config_files=[], schemas=SCHEMAS, folder=folder)


def test_a_plan_names_what_is_asked_and_nothing_else(tmp_path: Path) -> None:
    plan = AtlasPlan(study(tmp_path))
    assert plan.pairs == [("scenes", "a"), ("scenes", "b")]
    assert plan.datasets == ["scenes"]
    counted, stored = plan.model("scenes", "a")["layers"]
    assert set(counted["files"]) == {"statistics", "statistics_manifest", "labels", "units", "summary"}
    assert counted["shards"] == ["counted/scenes/a/main/000.h5", "counted/scenes/a/main/001.h5"]
    assert stored["shards"] == ["activations/scenes/a/late/000.h5", "activations/scenes/a/late/001.h5"]
    assert {"robustness", "classification", "classification_weights", "discovered"} <= set(stored["files"])
    assert "segmentation_images" not in stored["files"]
    (other,) = plan.model("scenes", "b")["layers"]
    assert not {"robustness", "classification"} & set(other["files"])
    assert plan.model("scenes", "a")["files"]["report:late"] == "models/a/late.json"
    inputs = atlas_inputs(plan.model("scenes", "a"))
    assert len(set(inputs["tables"])) == len(inputs["tables"])
    assert not any(path.startswith(("statistics", "activations")) for path in inputs["tables"])
    assert plan.joined_files()["scenes"].keys() == {
        "dissection_summary", "rotation_summary", "net2vec_summary", "similarity_summary"
    }  # fmt: skip


def test_a_new_model_changes_no_plan_but_its_own(tmp_path: Path) -> None:
    before = AtlasPlan(study(tmp_path)).model("scenes", "a")
    more = {
        "models": SHEETS["models"] + "c\tdemo\tplain\t\n",
        "layers": SHEETS["layers"] + "c\tconv5\tconv5\tmain\tfull\n",
    }
    for name, text in more.items():
        (tmp_path / f"{name}.tsv").write_text(text)
    config = {"study": "s", "sheets": {name: f"{name}.tsv" for name in SHEETS}, **ON}
    after = AtlasPlan(load_study(config, config_files=[], schemas=SCHEMAS, folder=tmp_path))
    assert after.model("scenes", "a") == before


def test_layers_on_several_data_sets(tmp_path: Path) -> None:
    both = {"similarity": {"datasets": ["scenes", "unused"], "models": ["a"]}}
    plan = AtlasPlan(study(tmp_path, **both))
    (crossed,) = plan.whole()["across"]
    assert crossed["sets"] == [["scenes", "unused", ["conv5"]]]
    tables = {f"similarity/across/a{ending}.parquet" for ending in ("", "_concepts")}
    assert tables == {path for path in plan.joins() if "/across/" in path}
    assert not any("/across/" in path for pair in plan.pairs for path in atlas_inputs(plan.model(*pair))["tables"])
    assert AtlasPlan(study(tmp_path)).whole()["across"] == []


def required(folder: Path, **requirement: Any) -> Study:
    return study(folder, requirements={"list": [{"name": "r", "at_least": 1, **requirement}]})


def test_tables_of_a_requirement(tmp_path: Path) -> None:
    read = required(tmp_path, metric="detectors", model="a")
    assert [file["path"] for file in required_files(read, read.config["requirements"]["list"][0])] == [
        "dissection/scenes/summary.parquet"
    ]
    read = required(tmp_path, metric="share_kept", level="noise-10")
    (file,) = required_files(read, read.config["requirements"]["list"][0])
    assert file["path"] == "robustness/scenes/a/conv5/summary.parquet"
    assert file["key"] == "models/scenes/a/conv5/robustness_summary"


@pytest.mark.parametrize(
    ("requirement", "said"),
    [
        ({"metric": "detector"}, "unknown metric 'detector' in requirement 'r'; did you mean 'detectors'"),
        ({"metric": "detectors", "model": "A"}, "unknown model 'A' in requirement 'r'; did you mean 'a'"),
        ({"metric": "detectors", "layer": "conv4"}, "unknown layer 'conv4' in requirement 'r'; did you mean 'conv"),
        (
            {"metric": "detectors", "category": "colour"},
            "unknown category 'colour' in requirement 'r'; did you",
        ),
        ({"metric": "detectors", "concept": "sky"}, "requirement 'r': detectors has no concept; it has category"),
        ({"metric": "combination_iou"}, "requirement 'r': the study computes no combination_iou there"),
        ({"metric": "share_kept", "model": "b"}, "requirement 'r': the study computes no share_kept there"),
        (
            {"metric": "share_kept", "level": "noise"},
            "unknown level 'noise' in requirement 'r'; did you mean",
        ),
        ({"metric": "detectors", "at_most": 2}, "requirements"),
    ],
)
def test_mistakes_are_told_before_a_job(tmp_path: Path, requirement: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError) as told:
        required(tmp_path, **requirement)
    assert said in str(told.value)


def test_names_differ_and_the_study_compared_with_is_there(tmp_path: Path) -> None:
    one = {"name": "r", "metric": "detectors", "at_least": 1}
    with pytest.raises(ValueError, match="requirement 'r' stands twice"):
        study(tmp_path, requirements={"list": [one, one]})
    with pytest.raises(ValueError, match=r"requirements.compare_with: there is no file nowhere.parquet"):
        study(tmp_path, requirements={"list": [one], "compare_with": "nowhere.parquet"})


GENERATORS = "generator\tsource\tarchitecture\npainter\tuser\tmine.py:painter\n"


def linked(folder: Path, **linking: Any) -> Study:
    """The study with a generator that paints for model a."""
    (folder / "generators.tsv").write_text(GENERATORS)
    sheets = {name: f"{name}.tsv" for name in (*SHEETS, "generators")}
    return study(folder, sheets=sheets, linking={"generators": ["painter"], "models": ["a"], **linking})


def test_linking_is_read_of_linked_models_only(tmp_path: Path) -> None:
    before, after = AtlasPlan(study(tmp_path)), AtlasPlan(linked(tmp_path))
    assert after.model("scenes", "b") == before.model("scenes", "b")
    added = set(after.model("scenes", "a")["files"].items()) - set(before.model("scenes", "a")["files"].items())
    assert {path.removeprefix("linking/painter/a/") for _, path in added} == {
        "link.json", "link.parquet", "counterfactual_rates.parquet", "effects.parquet", "units.parquet",
        "selective.parquet", "cycle.parquet", "shown.h5",
    }  # fmt: skip
    assert {name.partition(":")[2] for name, _ in added} == {"painter"}
    assert {path for _, path in added} <= set(atlas_inputs(after.model("scenes", "a"))["tables"])
    assert after.model("scenes", "a")["layers"] == before.model("scenes", "a")["layers"]


def test_what_is_not_computed_is_not_read(tmp_path: Path) -> None:
    plan = AtlasPlan(linked(tmp_path, tuning={"n_seeds": 0}, counterfactuals={"pairs": []}))
    names = {name for name in plan.model("scenes", "a")["files"] if name.endswith(":painter")}
    assert names == {"link:painter", "link_record:painter"}

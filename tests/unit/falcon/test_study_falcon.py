"""The config section `falcon`: what it asks for, and mistakes told before a job is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from conceptatlas.study import Study, load_study
from conceptatlas.study_falcon import explaining_pairs

SCHEMAS = Path(__file__).resolve().parents[3] / "workflow" / "schemas"
SHEETS = {
    "datasets": "dataset\tformat\tframe_size\tmask_size\tn_images\tshards\nscenes\tdemo\t96\t48\t8\t2\n",
    "models": "model\tsource\tarchitecture\tweights\nplain\tdemo\tplain\trandom\nresidual\tdemo\tresidual\trandom\n",
    "layers": (
        "model\tlayer\tmodule\nplain\tconv4\tconv4\nplain\tconv5\tconv5\nresidual\tstage3\tstage3\n"
        "residual\tstage4\tstage4\n"
    ),
    "encoders": "encoder\tsource\tarchitecture\nown\tuser\tnets:make\nother\tuser\tnets:make\n",
    "vocabularies": "vocabulary\tpath\tvectors\tencoder\nwords\twords.txt\nnames\twords.txt\tnames.npy\tother\n",
}
SECTION: dict[str, Any] = {"datasets": ["scenes"]}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "words.txt").write_text("a cat\n")
    (tmp_path / "names.npy").write_bytes(b"")


def study(folder: Path, *, sheets: dict[str, str] | None = None, **falcon: Any) -> Study:
    for name, text in (SHEETS | (sheets or {})).items():
        (folder / f"{name}.tsv").write_text(text)
    config = {
        "study": "one",
        "sheets": {name: f"{name}.tsv" for name, text in (SHEETS | (sheets or {})).items() if text},
        "dissection": {"models": []},
        "falcon": falcon,
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    return load_study(config, config_files=[folder / "config.yaml"], schemas=SCHEMAS, folder=folder)


def test_off_unless_data_sets_are_named(tmp_path: Path) -> None:
    read = study(tmp_path, sheets={"encoders": "", "vocabularies": ""})
    assert read.explained() == read.extracted() == []
    assert read.carried_to("scenes") == []


def test_the_last_layer_of_every_model_is_explained(tmp_path: Path) -> None:
    read = study(tmp_path, **SECTION)
    assert read.explained() == [("scenes", "plain", "conv5"), ("scenes", "residual", "stage4")]
    assert read.extracted() == [("scenes", "plain"), ("scenes", "residual")]
    read = study(tmp_path, **SECTION, layers=["conv4", "conv5"])
    assert read.explained() == [("scenes", "plain", "conv4"), ("scenes", "plain", "conv5")]


def test_models_that_concepts_are_carried_over_to_need_activations(tmp_path: Path) -> None:
    read = study(tmp_path, **SECTION, models=["plain"])
    assert read.carried_to("scenes") == [("plain", "conv5")]
    assert read.extracted() == [("scenes", "plain")]
    read = study(tmp_path, **SECTION, models=["plain"], transfer={"models": ["residual"]})
    assert read.carried_to("scenes") == [("residual", "stage4")]
    assert read.extracted() == [("scenes", "plain"), ("scenes", "residual")]


def test_vectors_go_with_the_encoder_that_made_them(tmp_path: Path) -> None:
    pairs = [("own", "words"), ("other", "words"), ("other", "names")]
    assert explaining_pairs(study(tmp_path, **SECTION)) == pairs
    assert explaining_pairs(study(tmp_path, **SECTION, encoders=["own"])) == pairs[:1]
    assert explaining_pairs(study(tmp_path, **SECTION, vocabularies=["names"])) == pairs[2:]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"datasets": ["scene"]}, "unknown dataset 'scene' in falcon.datasets; did you mean 'scenes'"),
        ({"models": ["plane"]}, "unknown model 'plane' in falcon.models; did you mean 'plain'"),
        ({"layers": ["conv6"]}, "unknown layer 'conv6' in falcon.layers"),
        ({"models": ["plain"], "layers": ["stage4"]}, "falcon: none of the models named has one of the layers"),
        ({"encoders": ["owns"]}, "unknown encoder 'owns' in falcon.encoders; did you mean 'own'"),
        ({"vocabularies": ["word"]}, "unknown vocabulary 'word' in falcon.vocabularies; did you mean 'words'"),
        ({"encoders": ["own"], "vocabularies": ["names"]}, "vocabulary names holds vectors of encoder other"),
        ({"transfer": {"models": ["plan"]}}, "unknown model 'plan' in falcon.transfer.models; did you mean 'plain'"),
        ({"selection": {"rule": "top"}}, "falcon.selection.rule: 'top' is none of"),
        ({"groups": {"max_size": 4}}, "falcon.groups.max_size"),
        ({"words": {"stop_words": "none.txt"}}, "falcon.words.stop_words: file none.txt does not exist"),
        ({"words": {"stop_words": "$NOT_SET/none.txt"}}, "environment variable NOT_SET is not set"),
        ({"similarity": {"judged_by": "percentile"}}, "which is a percentage; did you mean 80"),
        (
            {"similarity": {"judged_by": "percentile", "cut": 95}, "random_groups": {"n_random": 0}},
            "percentile needs random groups",
        ),
        ({"random_groups": {"n": 3}}, "unknown key 'n' under 'falcon.random_groups'"),
    ],
)
def test_mistakes(tmp_path: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, **SECTION | section)


def test_sheets_of_encoders_and_vocabularies_are_needed(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="falcon needs encoders: name a sheet"):
        study(tmp_path, sheets={"encoders": "", "vocabularies": ""}, **SECTION)


def test_a_model_cannot_be_called_as_the_folder_of_all(tmp_path: Path) -> None:
    sheets = {name: SHEETS[name].replace("residual\t", "models\t", 2) for name in ("models", "layers")}
    sheets["models"] = sheets["models"].replace("demo\tmodels", "demo\tresidual")
    with pytest.raises(ValueError, match=r"model 'models'.*something else"):
        study(tmp_path, sheets=sheets, **SECTION)

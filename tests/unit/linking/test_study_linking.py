"""Mistakes in the sheet of generators and the section `linking` are told before a job is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conceptatlas.preflight_linking import linking_stage
from conceptatlas.study import load_study

SCHEMAS = Path(__file__).resolve().parents[3] / "workflow" / "schemas"
SHEETS = {
    "datasets": "dataset\tformat\tn_images\nscenes\tdemo\t24\n",
    "models": "model\tsource\tarchitecture\tweights\nplain\tdemo\tplain\tplain.safetensors\n"
    "noise\tdemo\tplain\trandom\nfinder\ttorchvision\tssd300_vgg16\tssd.pth\n",
    "layers": "model\tlayer\tmodule\nplain\tconv5\tconv5\nnoise\tconv5\tconv5\nfinder\tc\tbackbone\n",
    "generators": "generator\tsource\tarchitecture\tweights\ttrust_pickle\toptions\n"
    "decoder\tdemo\t\td.safetensors\t\t\nmine\tuser\tmy.py:make\t\t\tsize=3\ngan\tstylegan_xl\t\tg.pkl\ttrue\t\n",
}


def study(folder: Path, linking: dict[str, Any], *, replaced: tuple[str, str] = ("", ""), sheet: bool = True):
    for name, text in SHEETS.items():
        if name == "generators":
            assert replaced[0] in text
            text = text.replace(*replaced, 1)
        (folder / f"{name}.tsv").write_text(text)
    sheets = {name: f"{name}.tsv" for name in SHEETS if sheet or name != "generators"}
    config = {"study": "tiny", "sheets": sheets, "linking": linking}
    return load_study(config, config_files=[], schemas=SCHEMAS, folder=folder)


def test_off_unless_generators_are_named(tmp_path):
    read = study(tmp_path, {})
    assert read.linked() == []
    assert linking_stage(read.config, list(read.models.values()), list(read.generators.values())) == []
    assert study(tmp_path, {}, sheet=False).linked() == []


def test_all_that_can_be_linked(tmp_path):
    """Random twins and detectors are left out where no model is named."""
    read = study(tmp_path, {"generators": None, "tuning": {"n_seeds": 0}})
    assert read.linked() == [("decoder", "plain"), ("mine", "plain"), ("gan", "plain")]
    [stage] = linking_stage(read.config, list(read.models.values()), list(read.generators.values()))
    assert stage.jobs == 3 * 4
    assert stage.seconds > 1000
    off = study(tmp_path, {"generators": ["mine"], "counterfactuals": {"pairs": []}, "tuning": {"n_seeds": 0}})
    [stage] = linking_stage(off.config, list(off.models.values()), list(off.generators.values()))
    assert stage.jobs == 3
    measured = study(tmp_path, {"generators": ["decoder"]})
    stages = linking_stage(measured.config, list(measured.models.values()), list(measured.generators.values()))
    assert stages[0].jobs == 5


@pytest.mark.parametrize(
    ("linking", "message"),
    [
        ({"generators": ["decodr"]}, "unknown generator 'decodr' in linking.generators; did you mean 'decoder'"),
        ({"generators": ["mine"], "models": ["plan"]}, "unknown model 'plan' in linking.models; did you mean 'plain'"),
        ({"generators": ["mine"], "models": ["noise"]}, "'noise' are random or shuffled; a link is of a trained"),
        ({"generators": ["mine"], "models": ["finder"]}, "'finder' is a detector"),
        ({"generators": ["mine"], "encoder": "plian"}, "unknown model 'plian' in linking.encoder"),
        ({"generators": ["mine"], "encoder": "noise"}, "linking.encoder: the weights of 'noise' are random"),
        ({"generators": ["mine"], "n_tran": 3}, "unknown key 'n_tran'.*did you mean 'n_train'"),
        (
            {"classes": ["cat", "dog"], "counterfactuals": {"pairs": [["cat", "dgo"]]}},
            "unknown class 'dgo'.*did you mean 'dog'",
        ),
        ({"counterfactuals": {"init": "ones"}}, "'ones' is none of the allowed values"),
    ],
)
def test_mistakes_in_the_section(tmp_path, linking, message):
    with pytest.raises(ValueError, match=message):
        study(tmp_path, linking)


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        (("decoder\tdemo", "decoder\tdeom"), "unknown generator source 'deom'.*did you mean 'demo'"),
        (("my.py:make", "make"), "generator mine: source user needs the function in column architecture"),
        (("d.safetensors", ""), "generator decoder: source demo needs the file of its weights"),
        (("g.pkl\ttrue", "g.pkl\t"), "generator gan: its weights are a pickle, which can run any code"),
        (("my.py:make\t\t", "my.py:make\t\ttrue"), "generator mine: trust_pickle is for source stylegan_xl"),
        (("size=3", "size"), "generator mine: options 'size'"),
        (("d.safetensors", "$NOWHERE_TO_BE/d.safetensors"), "environment variable NOWHERE_TO_BE is not set"),
        (("g.pkl\ttrue", "g.pkl\tyes"), "'yes' is none of the allowed values"),
    ],
)
def test_mistakes_in_the_sheet(tmp_path, replaced, message):
    with pytest.raises(ValueError, match=message):
        study(tmp_path, {}, replaced=replaced)


def test_generators_without_a_sheet(tmp_path):
    with pytest.raises(ValueError, match="the study has no sheet of them"):
        study(tmp_path, {"generators": ["decoder"]}, sheet=False)

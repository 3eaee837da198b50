"""Mistakes about encoders, vocabularies and labels in words, told before a job is planned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conceptatlas.study import Study, load_study
from conceptatlas.study_plan import labelled

SCHEMAS = Path(__file__).resolve().parents[2] / "workflow" / "schemas"
ON: dict[str, Any] = {"datasets": ["scenes"]}


def study(folder: Path, *, encoders: str = "", vocabularies: str = "", section: dict[str, Any] | None = None) -> Study:
    (folder / "words.txt").write_text("cat\ndog\n")
    (folder / "vectors.npy").write_bytes(b"")
    (folder / "own.py").write_text("def build(): ...\n")
    sheets = {
        "datasets": "dataset\tformat\tn_images\nscenes\tdemo\t24\n",
        "models": "model\tsource\tarchitecture\nplain\tdemo\tplain\n",
        "layers": "model\tlayer\tmodule\nplain\tconv4\tconv4\nplain\tconv5\tconv5\n",
        "encoders": "encoder\tsource\tarchitecture\tweights\toptions\ttrust_pickle\n"
        + (encoders or f"own\tuser\t{folder}/own.py:build\n"),
        "vocabularies": "vocabulary\tpath\tvectors\tencoder\tshards\toptions\n" + vocabularies,
    }
    for name, text in sheets.items():
        (folder / f"{name}.tsv").write_text(text)
    config: dict[str, Any] = {"study": "tiny", "sheets": {name: f"{name}.tsv" for name in sheets}}
    config |= {"open_vocabulary": section} if section else {}
    return load_study(config, config_files=[], schemas=SCHEMAS, folder=folder)


def test_off_unless_data_sets_are_named(tmp_path: Path) -> None:
    assert labelled(study(tmp_path)) == []
    found = labelled(study(tmp_path, section=ON | {"layers": ["conv5"]}))
    assert found == [("scenes", "plain", "conv5", "own", "concepts")]


def test_vectors_go_with_their_encoder(tmp_path: Path) -> None:
    rows = f"own\tuser\t{tmp_path}/own.py:build\nother\tuser\t{tmp_path}/own.py:build\n"
    vocabularies = f"words\t{tmp_path}/words.txt\nmine\t{tmp_path}/words.txt\t{tmp_path}/vectors.npy\town\n"
    section = ON | {"layers": ["conv5"], "vocabularies": ["words", "mine"]}
    found = labelled(study(tmp_path, encoders=rows, vocabularies=vocabularies, section=section))
    assert [place[3:] for place in found] == [("own", "words"), ("own", "mine"), ("other", "words")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("own\tusers\ta:b", r"unknown encoder source 'users' in encoder own; did you mean 'user'"),
        ("own\tuser\t", r"source user needs `module:function`"),
        ("own\tuser\t{folder}/not.py:build", r"file .*not.py does not exist"),
        ("own\tuser\t{folder}/own.py:build\t{folder}/no.pt", r"encoder own: .*no.pt does not exist"),
        ("own\tuser\t{folder}/own.py:build\t\tvectors={folder}/no.npy", r"encoder own: .*no.npy does not exist"),
        ("own\tuser\t{folder}/own.py:build\t\tscale", r"is not of the form key=value"),
        ("own\tuser\t{folder}/own.py:build\t\t\tyes", r"trust_pickle belongs to source open_clip"),
    ],
)
def test_mistakes_about_encoders(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, encoders=rows.format(folder=tmp_path) + "\n")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("v\t{folder}/no.txt", r"is no text file, no folder"),
        ("v\t{folder}/words.txt\t{folder}/vectors.npy", r"vectors and the encoder that made them go together"),
        ("v\t{folder}/words.txt\t{folder}/vectors.npy\towl", r"unknown encoder 'owl'"),
        ("v\t{folder}/words.txt\t{folder}/no.npy\town", r"vectors .*no.npy do not exist"),
        ("v\t{folder}/words.txt\t\t\t1\tunderscore=spaces", r"unknown option 'underscore'.*'underscores'"),
        ("v\t{folder}/words.txt\t\t\t1\tdtype=float64", r"unknown value of option dtype 'float64'"),
        ("concepts\t{folder}/words.txt", r"names of a data set's own concepts are called so"),
    ],
)
def test_mistakes_about_vocabularies(tmp_path: Path, rows: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, vocabularies=rows.format(folder=tmp_path) + "\n")


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"datasets": ["scene"]}, r"unknown dataset 'scene' in open_vocabulary.datasets"),
        (ON | {"encoders": ["owm"]}, r"unknown encoder 'owm' in open_vocabulary.encoders; did you mean 'own'"),
        (ON | {"vocabularies": ["word"]}, r"unknown vocabulary 'word' in open_vocabulary.vocabularies"),
        (ON | {"p_end": 0.999}, r"p_end 0.999 exceeds p_start"),
        (ON | {"template": "photo"}, r"template"),
        (ON | {"top_image": 5}, r"unknown key 'top_image'.*did you mean 'top_images'"),
    ],
)
def test_mistakes_about_labels(tmp_path: Path, section: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study(tmp_path, section=section)


def test_labels_need_an_encoder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="open_vocabulary needs an encoder"):
        study(tmp_path, encoders="# none\n", section=ON)

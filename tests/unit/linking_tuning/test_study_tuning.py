"""Mistakes in the sections of tuning are told before a job is planned; the preflight knows what it costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from conceptatlas import costs_tuning
from conceptatlas.preflight_tuning import tuning_stage
from conceptatlas.study import load_study

SCHEMAS = Path(__file__).resolve().parents[3] / "workflow" / "schemas"
SHEETS = {
    "datasets": "dataset\tformat\tn_images\nscenes\tdemo\t24\n",
    "models": "model\tsource\tarchitecture\tweights\nplain\tdemo\tplain\tplain.safetensors\n",
    "layers": "model\tlayer\tmodule\nplain\tconv5\tconv5\n",
    "generators": "generator\tsource\tarchitecture\tweights\ttrust_pickle\n"
    "decoder\tdemo\t\td.safetensors\t\ngan\tstylegan_xl\t\tg.pkl\ttrue\n",
}


def study(folder: Path, **linking: Any):
    for name, text in SHEETS.items():
        (folder / f"{name}.tsv").write_text(text)
    config = {"study": "tiny", "sheets": {name: f"{name}.tsv" for name in SHEETS}, "linking": linking}
    return load_study(config, config_files=[], schemas=SCHEMAS, folder=folder)


@pytest.mark.parametrize(
    ("linking", "message"),
    [
        ({"tuning": {"metric": "luminence"}}, "unknown metric 'luminence' in linking.tuning.metric; did you mean 'lum"),
        ({"quantification": {"metrics": {"area": "mine:area"}}}, "'area' is measured already"),
        ({"generators": ["gan"], "quantification": {"masks": ["twin"]}}, "generator 'gan' knows no true labels"),
        ({"generators": ["gan"]}, "linking.quantification.head.labels: generator 'gan' knows no true labels"),
        ({"quantification": {"masks": []}}, "masks"),
        ({"quantification": {"masks": ["truth"]}}, "truth"),
        ({"tuning": {"unit": [3]}}, "unit"),
    ],
)
def test_mistakes_are_told(tmp_path, linking, message):
    with pytest.raises(ValueError, match="(?s)" + message.replace(".", r"\.")):
        study(tmp_path, **{"generators": ["decoder"]} | linking)


def test_nothing_is_asked_where_no_unit_is_tuned(tmp_path):
    read = study(tmp_path, generators=["gan"], tuning={"n_seeds": 0}, quantification={"masks": ["twin"]})
    assert tuning_stage(read.config, list(read.models.values()), list(read.generators.values()), {}) == []


def test_preflight_counts_jobs_pictures_and_memory(tmp_path):
    read = study(tmp_path, generators=["decoder"], n_test=100, tuning={"n_seeds": 10, "parts": 4})
    rows = list(read.models.values()), list(read.generators.values())
    [stage] = tuning_stage(read.config, *rows, {("plain", "conv5"): (64, 6, 6)})
    assert stage.jobs == 4 + 3 + 1  # parts, join, pictures, figures, head
    assert stage.images == 3 * 64 * 10 * 10  # ten classes are assumed
    [wide] = tuning_stage(read.config, *rows, {})
    assert wide.images == 3 * 2048 * 100
    assert wide.seconds > 10 * stage.seconds
    more = study(tmp_path, generators=["decoder"], n_test=100, tuning={"n_seeds": 10, "parts": 8})
    assert costs_tuning.kept_mb(more.config["linking"]) < costs_tuning.kept_mb(read.config["linking"])


def test_memory_does_not_grow_with_starting_points_that_are_not_there(tmp_path):
    few = study(tmp_path, generators=["decoder"], n_test=10, tuning={"n_seeds": 1000})
    assert costs_tuning.n_points(few.config["linking"]) == 100

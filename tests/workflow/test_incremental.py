"""What reruns, and what does not: jobs counted from dry runs after a real run of the tiny study."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import pytest

from workspace import Workspace

pytestmark = pytest.mark.workflow

JOINS = {"join_dissection": 1, "plot_detectors": 1, "write_run_record": 1, "all": 1}
STUDY = {"estimate_study": 1, "write_run_config": 1}


def edited(checkout: Path, tiny: Workspace) -> Workspace:
    return Workspace(tiny.folder, checkout)


def replace(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text, f"{old!r} does not stand in {file}"
    file.write_text(text.replace(old, new, 1))


def test_a_finished_study_has_nothing_to_do(tiny: Workspace) -> None:
    assert tiny.planned() == {}


def test_touching_everything_reruns_nothing(tiny: Workspace, checkout: Path) -> None:
    now = time.time()  # one moment for all: figure folders are compared by time, all else by content
    for path in [*tiny.folder.rglob("*"), *(checkout / "workflow").rglob("*")]:
        if path.is_file() and ".snakemake" not in path.parts:
            os.utime(path, (now, now))
    assert edited(checkout, tiny).planned() == {}


def test_a_new_model_runs_alone(tiny: Workspace) -> None:
    tiny.add_row("models", "second_random", "demo", "plain", "random", "1", "64", "plain", "floor")
    tiny.add_row("layers", "second_random", "conv5", "conv5")
    own = {"check_model": 1, "calibrate_model": 1, "extract_activations": 2, "summarise_layer": 1, "tally_layer": 1}
    own |= {"dissect_layer": 1, "plot_dissection": 1}
    assert tiny.planned() == own | JOINS | STUDY


def test_a_layer_in_a_new_group_costs_one_pass(tiny: Workspace) -> None:
    replace(tiny.sheet("layers"), "model\tlayer\tmodule", "model\tlayer\tmodule\tgroup")
    tiny.add_row("layers", "plain", "conv4", "conv4", "later")
    own = {"check_model": 1, "extract_activations": 2, "summarise_layer": 1, "tally_layer": 1, "dissect_layer": 1}
    assert tiny.planned() == own | {"plot_dissection": 1} | JOINS | STUDY


def test_comments_and_docstrings_rerun_nothing(tiny: Workspace, checkout: Path) -> None:
    for module in (checkout / "workflow" / "conceptatlas").rglob("*.py"):
        text = module.read_text()
        module.write_text(text.replace('"""', '"""Edited. ', 1) + "\n# an afterthought\n" if text else "")
    assert edited(checkout, tiny).planned() == {}


@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("dissection/labels.py", {"dissect_layer": 3, "plot_dissection": 2} | JOINS),
        ("dissection/joining.py", JOINS),
        ("figures/dissection_figures.py", {"plot_dissection": 2, "plot_detectors": 1, "write_run_record": 1, "all": 1}),
        ("progress.py", {}),
        ("preflight.py", {"estimate_study": 1, "all": 1}),
    ],
)
def test_changed_code_reruns_what_reaches_it(
    tiny: Workspace, checkout: Path, module: str, rules: dict[str, int]
) -> None:
    with (checkout / "workflow" / "conceptatlas" / module).open("a") as handle:
        handle.write("\nADDED = 1\n")
    assert edited(checkout, tiny).planned() == rules


def test_changed_statistics_rerun_what_follows(tiny: Workspace, checkout: Path) -> None:
    with (checkout / "workflow" / "conceptatlas" / "activations" / "summary.py").open("a") as handle:
        handle.write("\nADDED = 1\n")
    planned = edited(checkout, tiny).planned()
    assert planned["summarise_layer"] == planned["tally_layer"] == planned["dissect_layer"] == 3
    assert not {"frame_images", "check_model", "extract_activations"} & set(planned)


def test_a_library_upgrade_reruns_what_uses_it(tiny: Workspace, checkout: Path) -> None:
    lock = checkout / "envs" / "requirements.txt"
    lock.write_text(re.sub(r"^matplotlib==\S+", "matplotlib==99.0", lock.read_text(), flags=re.MULTILINE))
    assert edited(checkout, tiny).planned() == {
        "plot_dataset": 1,
        "plot_dissection": 2,
        "plot_detectors": 1,
        "write_run_record": 1,
        "all": 1,
    }


def test_a_decoder_upgrade_reruns_the_frames(tiny: Workspace, checkout: Path) -> None:
    lock = checkout / "envs" / "requirements.txt"
    lock.write_text(re.sub(r"^pillow==\S+", "pillow==99.0", lock.read_text(), flags=re.MULTILINE))
    planned = edited(checkout, tiny).planned()
    assert planned["frame_images"] == 2
    assert planned["extract_activations"] == 4
    assert "check_model" not in planned


def test_a_changed_manifest_reruns_its_consumers(tiny: Workspace) -> None:
    manifest = tiny.results() / "activations" / "scenes" / "plain" / "main" / "000.json"
    content = json.loads(manifest.read_text())
    manifest.write_text(json.dumps({**content, "device": "another"}))
    own = {"summarise_layer": 2, "tally_layer": 2, "dissect_layer": 2, "plot_dissection": 1}
    assert tiny.planned() == own | JOINS


@pytest.mark.parametrize("rule", ["frames", "activations", "statistics"])
def test_a_deleted_manifest_is_made_again(tiny: Workspace, rule: str) -> None:
    manifests = {
        "frames": "datasets/scenes/frames/001.json",
        "activations": "activations/scenes/plain/main/001.json",
        "statistics": "statistics/scenes/plain/conv3.json",
    }
    makers = {"frames": "frame_images", "activations": "extract_activations", "statistics": "summarise_layer"}
    (tiny.results() / manifests[rule]).unlink()
    assert tiny.planned()[makers[rule]] == 1


def test_two_causes_at_once_are_both_seen(tiny: Workspace) -> None:
    """A new model (whose report the preflight waits for) must not hide that an option changed for the old ones."""
    tiny.add_row("models", "second_random", "demo", "plain", "random", "1", "64", "plain", "floor")
    tiny.add_row("layers", "second_random", "conv5", "conv5")
    replace(tiny.config, "n_permutations: 9", "n_permutations: 19")
    planned = tiny.planned()
    assert planned["tally_layer"] == 4
    assert planned["extract_activations"] == 2


def test_only_what_a_job_depends_on_reruns_it(tiny: Workspace) -> None:
    """Who is whose twin, and the resolution of figures, concern no number."""
    replace(tiny.sheet("models"), "\t0\t64\tplain\tfloor", "\t0\t64\tplain\tceiling")
    replace(tiny.config, "dpi: 80", "dpi: 90")
    figures = {"plot_dataset": 1, "plot_dissection": 2, "plot_detectors": 1, "write_run_record": 1, "all": 1}
    assert tiny.planned() == figures | STUDY

"""Levels of perturbation as rows: a row costs its own jobs and the joins, and nothing is planned without a sheet."""

from __future__ import annotations

import h5py
import pytest

from conceptatlas.tables import read_table
from workspace import Workspace

pytestmark = pytest.mark.workflow

LEVELS = "level\tkind\tamount\tseed\toptions\nsame\tnone\t0\t0\t\ncut\tpatches\t4\t0\t\n"


def with_levels(tiny: Workspace) -> Workspace:
    tiny.sheet("perturbations").write_text(LEVELS)
    text = tiny.config.read_text().replace(
        "  layers: layers.tsv\n", "  layers: layers.tsv\n  perturbations: perturbations.tsv\n"
    )
    tiny.config.write_text(text + "\nrobustness: {models: [plain], units: 2, images: 2}\n")
    return tiny


def test_a_level_is_a_row(tiny: Workspace) -> None:
    assert "perturb_shard" not in tiny.planned()
    study = with_levels(tiny)
    planned = study.planned()
    assert planned["perturb_shard"] == 4  # two levels of two shards
    assert planned["measure_robustness"] == 2
    assert not {"extract_activations", "summarise_layer", "tally_layer", "dissect_layer"} & set(planned)
    done = study.snakemake("robustness", "--cores", "2")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]

    summary = read_table(study.results() / "robustness/scenes/plain/conv5/summary.parquet")
    same = summary[(summary["level"] == "same") & (summary["n_detectors_clean"] > 0)]
    assert (same["share_kept"] == 1).all()
    assert (same["iou"] == same["iou_clean"]).all()
    clean = read_table(study.results() / "dissection/scenes/plain/conv5/units.parquet")
    units = read_table(study.results() / "robustness/scenes/plain/conv5/units.parquet")
    assert (units[units["level"] == "same"]["iou"].to_numpy() == clean["iou_category"].to_numpy()).all()
    with h5py.File(study.results() / "robustness/scenes/plain/conv5/examples.h5") as file:
        assert file["pictures"].shape[:3] == (2, 2, 3)

    assert study.planned("robustness") in ({}, {"robustness": 1})
    text = study.sheet("perturbations").read_text()
    study.sheet("perturbations").write_text(text + "grain\tnoise\t10\t0\t\n")
    own = {"perturb_shard": 2, "measure_robustness": 2, "robustness": 1}
    assert study.planned("robustness") == own
    study.sheet("perturbations").write_text(text.replace("patches\t4", "patches\t2"))
    assert study.planned("robustness") == own

    study.sheet("perturbations").write_text(text)
    config = study.config.read_text()
    study.config.write_text(config.replace("  n_permutations: 9\n", "  n_permutations: 9\n  detector_iou: 0.1\n"))
    planned = study.planned()  # what a detector is, and how galleries look, concerns no perturbed image
    assert planned["dissect_layer"] == 3
    assert planned["measure_robustness"] == 2
    assert "perturb_shard" not in planned

"""A layer too large to keep, through Snakemake: the tables of the stored layer, only its own jobs, mistakes named."""

from __future__ import annotations

import json
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest

from workspace import Workspace

pytestmark = pytest.mark.workflow

JOINS = {"join_dissection": 1, "plot_detectors": 1, "write_run_record": 1, "all": 1}
STUDY = {"estimate_study": 1, "write_run_config": 1}
TABLES = ("labels", "units", "summary")


def layers(workspace: Workspace, *rows: str) -> None:
    workspace.sheet("layers").write_text(
        "\n".join(["model\tlayer\tmodule\tgroup\tstore", *rows]).replace(" ", "\t") + "\n"
    )


def folder(workspace: Workspace) -> Path:
    return workspace.results() / "dissection" / "scenes" / "plain" / "conv3"


def contents(path: Path) -> dict[str, np.ndarray]:
    found: dict[str, np.ndarray] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def test_a_layer_counted_in_passes_gives_the_tables_of_a_stored_one(tiny: Workspace) -> None:
    """Digest for digest: every array of tally.h5 and gallery.h5, every value of the tables, the authors' csv."""
    stored = {name: pd.read_parquet(folder(tiny) / f"{name}.parquet") for name in TABLES}
    arrays = {name: contents(folder(tiny) / f"{name}.h5") for name in ("tally", "gallery")}
    csv = (folder(tiny) / "netdissect.csv").read_bytes()
    pages = tiny.results() / "atlas/models/scenes/plain/conv3/units-0.js"  # masks of the top images
    shown = pages.read_bytes()
    layers(tiny, "plain conv3 conv3 main counts", "plain conv5 conv5 main full", "plain_random conv5 conv5 main full")
    done = tiny.snakemake("--cores", "2")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    assert json.loads((tiny.results() / "preflight.json").read_text())["notes"] == []  # no analysis reads its maps
    assert not any("activations" in name and "conv3" in name for name in stores(tiny, "activations"))
    assert any(name == "conv3/masks/words" for name in stores(tiny, "counted"))
    for name, table in stored.items():
        pd.testing.assert_frame_equal(pd.read_parquet(folder(tiny) / f"{name}.parquet"), table, check_exact=True)
    for name, before in arrays.items():
        now = contents(folder(tiny) / f"{name}.h5")
        assert set(now) == set(before)
        for array, values in before.items():
            np.testing.assert_array_equal(now[array], values, err_msg=f"{name}: {array}")
    assert (folder(tiny) / "netdissect.csv").read_bytes() == csv
    assert pages.read_bytes() == shown
    assert tiny.planned() == {}
    manifest = tiny.results() / "counted" / "scenes" / "plain" / "main" / "001.json"
    manifest.unlink()
    assert tiny.planned()["count_shard"] == 1


def stores(workspace: Workspace, name: str) -> list[str]:
    """Names of all arrays of the first shard of the trained model."""
    return list(contents(workspace.results() / name / "scenes" / "plain" / "main" / "000.h5"))


def test_a_counted_layer_in_a_new_group_runs_alone(tiny: Workspace) -> None:
    layers(
        tiny,
        "plain conv3 conv3 main full",
        "plain conv5 conv5 main full",
        "plain_random conv5 conv5 main full",
        "plain conv1 conv1 early counts",
    )
    own = {"check_model": 1, "extract_activations": 2, "summarise_layer": 1, "count_shard": 2, "tally_layer": 1}
    own |= {"score_shard": 2, "dissect_layer": 1, "plot_dissection": 1}
    assert tiny.planned() == own | JOINS | STUDY
    text = tiny.config.read_text()
    tiny.config.write_text(text.replace("gallery_units: 6", "gallery_units: 6\n  streamed_scores: false"))
    assert tiny.planned() == {rule: n for rule, n in (own | JOINS | STUDY).items() if rule != "score_shard"}


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("net2vec: {datasets: null, layers: [conv3]}", "layer plain conv3: net2vec needs store 'full'"),
        (
            "principal: {datasets: null, layers: [conv3]}",
            "layer plain conv3: principal needs store 'full', the sheet says 'counts'",
        ),
        ("thresholds: {threshold_on: upsampled}", "layer plain conv3: thresholds.threshold_on 'upsampled' reads maps"),
    ],
)
def test_what_needs_maps_refuses_the_layer_before_any_job(fresh: Workspace, section: str, message: str) -> None:
    layers(fresh, "plain conv3 conv3 main counts", "plain conv5 conv5 main full", "plain_random conv5 conv5 main full")
    fresh.config.write_text(fresh.config.read_text() + f"\n{section}\n")
    done = fresh.snakemake("-n")
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr

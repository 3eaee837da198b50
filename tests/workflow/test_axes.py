"""Rotation of the basis in the workflow: what is planned, what is made, what is refused."""

from __future__ import annotations

import pytest
import yaml

from conceptatlas.tables import read_definitions, read_table
from workspace import Workspace

pytestmark = pytest.mark.workflow


def configure(workspace: Workspace, **axes: object) -> None:
    config = yaml.safe_load(workspace.config.read_text())
    workspace.config.write_text(yaml.safe_dump({**config, "axes": axes}, sort_keys=False))


def test_a_layer_more_costs_a_job(tiny: Workspace) -> None:
    assert "rotate_layer" not in tiny.planned("axes")
    layer = ("plain", "conv5")
    configure(tiny, layers=[layer[1]], models=[layer[0]], n_rotations=2, alphas=[0, 1])
    planned = tiny.planned("axes")
    assert planned["rotate_layer"] == 1
    assert planned["join_rotations"] == 1
    assert "extract_activations" not in planned
    assert "tally_layer" not in planned
    done = tiny.snakemake("--cores", "2", "axes", "figures")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    [dataset] = [path.name for path in (tiny.results() / "axes").iterdir()]
    made = tiny.results() / "axes" / dataset / layer[0] / layer[1]
    own = read_table(made / "rotation.parquet").query("alpha == 0 and rotation == 0 and category == ''")
    summary = read_table(tiny.results() / "dissection" / dataset / layer[0] / layer[1] / "summary.parquet")
    expected = summary[(summary["category"] == "") & (summary["tau"].astype(float) == 0.005)]
    for quantity, value in zip(own["quantity"], own["value"], strict=True):
        assert value == expected.set_index("quantity")["value"][quantity]
    assert all(column.definition for column in read_definitions(made / "controls.parquet"))
    for figure in ("rotations", "rotation_categories"):
        assert (tiny.results() / "figures" / "axes" / dataset / f"{figure}.png").stat().st_size > 5000
    configure(tiny, models=[layer[0]], n_rotations=2, alphas=[0, 1])
    assert tiny.planned("axes")["rotate_layer"] == 1  # the other layer of this model; the first is kept


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"layers": ["conv55"]}, "unknown dissected layer 'conv55' in axes.layers"),
        ({"models": ["nobody"]}, "unknown dissected model 'nobody' in axes.models"),
        ({"alphas": [0, 2]}, "alphas"),
        ({"n_rotation": 3}, "n_rotation"),
    ],
)
def test_mistakes_are_named(fresh: Workspace, axes: dict[str, object], message: str) -> None:
    configure(fresh, **axes)
    done = fresh.snakemake("-n")
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr

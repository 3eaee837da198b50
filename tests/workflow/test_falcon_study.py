"""FALCON in the workflow: off costs no job; a model row adds its own jobs; changed options rerun what depends."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from conceptatlas.tables import read_table
from workspace import REPOSITORY, WITHOUT_ATLAS, Workspace

pytestmark = pytest.mark.workflow

SECTION: dict[str, Any] = {
    "datasets": ["scenes"],
    "selection": {"rule": "top_n", "top_n": 6},
    "groups": {"min_images": 3, "max_groups": 3},
    "low": {"beta": 0.1},
    "random_groups": {"n_images": 0, "n_random": 19},
    "transfer": {"n_high": 3, "n_random": 9},
    "n_bootstrap": 10,
}
LAYERS = {"select_features": 2, "crop_groups": 2, "explain_groups": 2}
JOINS = {"join_falcon": 1, "plot_falcon_models": 1}
DRAWING = {"plot_falcon": 2}
ENCODED = {"check_encoder": 1, "list_vocabulary": 1, "encode_images": 2, "encode_vocabulary": 1}
HOME = "$CONCEPTATLAS_HOME/resources/demo_encoder"


def configure(workspace: Workspace, falcon: dict[str, Any]) -> Workspace:
    config = yaml.safe_load(workspace.config.read_text())
    config["sheets"] |= {"encoders": "encoders.tsv", "vocabularies": "vocabularies.tsv"}
    workspace.config.write_text(yaml.safe_dump({**config, "falcon": falcon}, sort_keys=False))
    workspace.sheet("encoders").write_text(f"encoder\tsource\tweights\nwords\tdemo\t{HOME}/encoder.safetensors\n")
    workspace.sheet("vocabularies").write_text(f"vocabulary\tpath\ncaptions\t{HOME}/captions.txt\n")
    return workspace


def added(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    return {rule: n for rule, n in after.items() if before.get(rule) != n and rule != "total"}


def test_off_costs_nothing_and_on_its_own_jobs(fresh: Workspace) -> None:
    before = fresh.planned()
    assert not set(LAYERS | JOINS | DRAWING | ENCODED) & set(before)
    assert added(before, configure(fresh, SECTION).planned()) == LAYERS | JOINS | DRAWING | ENCODED


def test_one_model_costs_one_chain(fresh: Workspace) -> None:
    before = fresh.planned()
    one = added(before, configure(fresh, SECTION | {"models": ["plain"]}).planned())
    assert one == dict.fromkeys([*LAYERS, *JOINS, *DRAWING], 1) | ENCODED


def test_mistakes_are_told_before_a_job(fresh: Workspace) -> None:
    done = configure(fresh, SECTION | {"models": ["plane"]}).snakemake("-n")
    assert done.returncode != 0
    assert "unknown model 'plane' in falcon.models; did you mean 'plain'" in done.stdout + done.stderr


@pytest.fixture(scope="module")
def explained_once(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The tiny study with FALCON on, run; do not change it."""
    workspace = configure(finished.copied(tmp_path_factory.mktemp("falcon") / "run"), SECTION)
    done = workspace.snakemake("--cores", "2", *WITHOUT_ATLAS)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    return workspace


@pytest.mark.long
def test_what_lies_there_and_docs_name_it(explained_once: Workspace) -> None:
    folder = explained_once.results() / "falcon" / "scenes"
    found = sorted(folder.rglob("*.parquet"))
    assert len(found) == 2 * (3 + 1 + 4) + 3
    words = set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", (REPOSITORY / "docs" / "files.md").read_text()))
    for path in found:
        assert not set(pq.read_schema(path).names) - words, f"docs/files.md lacks columns of {path.name}"
    explained = read_table(next(folder.rglob("plain/*/words/captions/explained.parquet")))
    assert len(explained)
    figures = explained_once.results() / "figures" / "falcon" / "scenes"
    assert (figures / "models" / "share_explained.png").exists()
    assert not explained_once.planned()


@pytest.mark.long
@pytest.mark.parametrize(
    ("module", "rules"),
    [
        ("falcon/grouping.py", {"select_features": 2}),
        ("falcon/cams.py", {"crop_groups": 2}),
        ("falcon/contrasting.py", {"explain_groups": 2, "join_falcon": 1}),
        ("falcon/linear_map.py", {"join_falcon": 1}),
        ("figures/falcon_gallery.py", {"plot_falcon": 2}),
    ],
)
def test_changed_code_reruns_what_reaches_it(
    explained_once: Workspace, checkout: Path, module: str, rules: dict[str, int]
) -> None:
    """And what stands behind it; nothing of the rest of the study."""
    with (checkout / "workflow" / "conceptatlas" / module).open("a") as handle:
        handle.write("\n\nCHANGED = 1\n")
    planned = Workspace(explained_once.folder, checkout).planned()
    assert {rule: planned.get(rule) for rule in rules} == rules
    behind = [*LAYERS, *JOINS, *DRAWING, "write_run_record", "all"]
    assert set(planned) <= set(behind[behind.index(next(iter(rules))) :])


@pytest.mark.long
def test_another_cut_of_contrast_reruns_words_only(explained_once: Workspace, tmp_path: Path) -> None:
    changed = explained_once.copied(tmp_path / "changed")
    configure(changed, SECTION | {"words": {"contrast": "any"}})
    planned = changed.planned()
    assert {rule: planned[rule] for rule in ("explain_groups", "join_falcon")} == {
        "explain_groups": 2,
        "join_falcon": 1,
    }
    assert not {"select_features", "crop_groups", "encode_images", "extract_activations"} & set(planned)

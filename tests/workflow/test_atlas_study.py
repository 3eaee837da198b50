"""The atlas in the workflow: what it leaves, and that adding a model builds that model's pages and the joins only."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from pathlib import Path

import pytest
import yaml

from conceptatlas.atlas.whole import DEFAULTS, build_whole
from workspace import REPOSITORY, Workspace

pytestmark = pytest.mark.workflow

RULES = sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))


def built(workspace: Workspace) -> dict[str, int]:
    """Of the jobs a dry run would start, those of the atlas."""
    return {rule: n for rule, n in workspace.planned(atlas=True).items() if rule.startswith("build_atlas")}


def test_a_finished_study_has_its_atlas_and_nothing_to_do(finished: Workspace) -> None:
    home = finished.results() / "atlas"
    assert "Content-Security-Policy" in (home / "index.html").read_text()
    overview = (home / "study" / "overview.js").read_text()
    assert overview.startswith('Atlas.put("study/overview",{')
    assert (home / "models/scenes/plain/conv5/sheet-0.webp").is_file()
    assert len(list((home / "datasets/scenes/pictures").rglob("*.jpg"))) == 24
    drawn = {path.stem for path in (finished.results() / "figures").rglob("*.png")}
    assert drawn == {path.stem for path in (home / "figures").rglob("*.webp")}
    assert finished.planned(atlas=True) == {}


def test_a_new_model_builds_its_pages_and_the_joins(tiny: Workspace) -> None:
    tiny.add_row("models", "second_random", "demo", "plain", "random", "1", "64", "plain", "floor")
    tiny.add_row("layers", "second_random", "conv5", "conv5")
    assert built(tiny) == {"build_atlas_model": 1, "build_atlas": 1, "build_atlas_figures": 1}


def test_linking_builds_the_pages_of_its_model_and_the_joins(tiny: Workspace) -> None:
    shutil.copy(REPOSITORY / "tests" / "tiny_generators.py", tiny.folder / "mine.py")
    config = yaml.safe_load(tiny.config.read_text())
    config["sheets"]["generators"] = "generators.tsv"
    config["linking"] = {"generators": ["stripes"], "models": ["plain"], "tuning": {"n_seeds": 0}}
    tiny.config.write_text(yaml.safe_dump(config, sort_keys=False))
    tiny.sheet("generators").write_text("generator\tsource\tarchitecture\nstripes\tuser\tmine.py:stripes\n")
    assert built(tiny) == {"build_atlas_model": 1, "build_atlas": 1, "build_atlas_figures": 1}


@pytest.mark.parametrize(
    ("file", "jobs"),
    [
        ("assets/views/unit.js", {"build_atlas": 1, "all": 1}),
        ("assets/atlas.css", {"build_atlas": 1, "all": 1}),
        ("image_pages.py", {"build_atlas": 1, "all": 1}),
        ("sections/learned.py", {"build_atlas_model": 2, "build_atlas": 1, "all": 1}),
        ("dataset_pages.py", {"build_atlas_dataset": 1, "build_atlas": 1, "all": 1}),
    ],
)
def test_changed_pages_rerun_nothing_else(tiny: Workspace, checkout: Path, file: str, jobs: dict[str, int]) -> None:
    comment = "\nADDED = 1\n" if file.endswith(".py") else "\n/* added */\n"
    with (checkout / "workflow" / "conceptatlas" / "atlas" / file).open("a") as handle:
        handle.write(comment)
    assert Workspace(tiny.folder, checkout).planned(atlas=True) == jobs


def test_sizes_rerun_what_they_concern(tiny: Workspace) -> None:
    config = yaml.safe_load(tiny.config.read_text())
    tiny.config.write_text(yaml.safe_dump({**config, "atlas": {"picture_size": 48}}))
    assert built(tiny) == {"build_atlas_dataset": 1, "build_atlas": 1}


def test_the_same_without_snakemake(finished: Workspace, tmp_path: Path) -> None:
    """`build_whole` writes the same bytes, and so does every run: links and digests of pages are stable."""
    build_whole(finished.results(), tmp_path / "atlas", options=DEFAULTS)
    home = finished.results() / "atlas"
    files = {path.relative_to(home) for path in home.rglob("*") if path.is_file() and path.name[0] != "."}
    again = {path.relative_to(tmp_path / "atlas") for path in (tmp_path / "atlas").rglob("*") if path.is_file()}
    assert files == again
    for name in files:
        assert (home / name).read_bytes() == (tmp_path / "atlas" / name).read_bytes(), name


def test_a_licence_that_forbids_showing_leaves_no_picture(finished: Workspace, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(finished.results(), results, symlinks=True, ignore=shutil.ignore_patterns("atlas", "figures"))
    config = yaml.safe_load((results / "run_config.yaml").read_text())
    config["datasets"][0]["embed_images"] = "no"
    (results / "run_config.yaml").write_text(yaml.safe_dump(config))
    build_whole(results, tmp_path / "atlas", options=DEFAULTS)
    files = [path for path in (tmp_path / "atlas").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".js", ".css", ".html", ".json"}
    chunk = (tmp_path / "atlas/models/scenes/plain/conv5/units-0.js").read_text()
    own = (finished.results() / "atlas/models/scenes/plain/conv5/units-0.js").read_text()
    assert chunk == own  # masks are the study's own
    assert "generated by conceptatlas" in (tmp_path / "atlas/datasets/scenes/about.js").read_text()


def test_facts_are_plain(finished: Workspace) -> None:
    facts = json.loads((finished.results() / "atlas/models/scenes/plain/facts.json").read_text())
    assert [layer["layer"] for layer in facts["layers"]] == ["conv3", "conv5"]
    assert all(len(layer["tops"]) == layer["n_units"] for layer in facts["layers"])


def test_the_report_of_snakemake_has_all_figures(tiny: Workspace) -> None:
    report = tiny.folder / "report.zip"
    done = tiny.snakemake("--report", str(report))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    with zipfile.ZipFile(report) as file:
        names = {Path(name).name for name in file.namelist() if name.endswith(".png")}
        page = next(name for name in file.namelist() if name.endswith("report.html"))
        text = file.read(page).decode()
    drawn = {path.name for path in (tiny.results() / "figures").rglob("*.png")}
    assert names == drawn
    for words in ("Network dissection", "Data sets", "which concept each unit detects", "labels drawn over pictures"):
        assert words in text, words


def test_every_figure_is_in_the_report() -> None:
    """Rules that draw mark their output with a caption that exists, a category and labels."""
    for file in sorted((REPOSITORY / "workflow" / "rules").glob("*.smk")):
        for part in re.split(r"^rule ", file.read_text(), flags=re.MULTILINE)[1:]:
            output = part.split("    log:")[0].split("    output:")[-1]
            if part.startswith("plot_"):
                marked = output.count("report(")
                assert marked == len(re.findall(r"directory\(|multiext\(", output)) > 0, part.split(":")[0]
                assert output.count("category=") >= marked
                assert output.count("labels=") == marked
    captions = set(re.findall(r"report/(\w+)\.rst", "".join(p.read_text() for p in RULES)))
    assert captions == {path.stem for path in (REPOSITORY / "workflow" / "report").glob("*.rst")}

"""Planning: lint, format, mistakes told without a traceback, speed without torch, configs that do not mix."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conceptatlas.schema_docs import with_tables
from conceptatlas.study_net2vec import word_files
from workspace import REPOSITORY, Workspace

pytestmark = pytest.mark.workflow


def run(*command: str | Path, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_snakemake_lint_is_clean() -> None:
    done = run(sys.executable, "-m", "snakemake", "--lint")
    assert done.returncode == 0, done.stdout + done.stderr


def test_rules_are_formatted() -> None:
    done = run(sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow/rules")
    assert done.returncode == 0, done.stdout + done.stderr


def test_demo_study_plans() -> None:
    done = run(sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", "--forceall")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^dissect_layer +\d+", done.stdout + done.stderr, flags=re.MULTILINE)


def test_every_shipped_study_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONCEPTATLAS_DATA", str(tmp_path))
    profile = REPOSITORY / "profiles" / "default"
    for config in sorted((REPOSITORY / "config" / "studies").glob("*/config.yaml")):
        for space in yaml.safe_load(config.read_text()).get("net2vec", {}).get("word_spaces", []):
            for file in word_files(space):  # looked for before the DAG
                place = Path(file.replace("$CONCEPTATLAS_DATA", str(tmp_path)))
                place.parent.mkdir(parents=True, exist_ok=True)
                place.touch()
        touch_named(config.parent, tmp_path)
        options = ["--directory", tmp_path, "--workflow-profile", profile, "--configfile", config]
        done = run(sys.executable, "-m", "snakemake", "-n", "--quiet", "rules", *options)
        assert done.returncode == 0, done.stdout + done.stderr


def touch_named(study: Path, data: Path) -> None:
    """Weights, texts and vectors that sheets of encoders and vocabularies name: looked for before the DAG."""
    for name in ("encoders.tsv", "vocabularies.tsv"):
        text = (study / name).read_text() if (study / name).exists() else ""
        for named in re.findall(r"\$CONCEPTATLAS_DATA(/[^\t;\n]+)", text):
            place = Path(f"{data}{named}")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()


def test_planning_imports_neither_torch_nor_pandas(fresh: Workspace) -> None:
    poison = fresh.folder / "poison"
    poison.mkdir()
    (poison / "torch.py").write_text("raise ImportError('planning must not import torch')\n")
    (poison / "torchvision.py").write_text("raise ImportError('planning must not import torchvision')\n")
    (poison / "sitecustomize.py").write_text(
        "import atexit, sys\n"
        "def heavy():\n"
        "    theirs = {'pandas'} if 'snakemake_executor_plugin_slurm' in sys.modules else set()\n"  # a plugin
        "    ours = {'pandas', 'scipy', 'numba', 'h5py', 'matplotlib', 'sklearn'} - theirs\n"
        "    found = sorted(ours & set(sys.modules))\n"
        "    sys.stderr.write('HEAVY ' + ','.join(found) + ' END\\n')\n"
        "atexit.register(heavy)\n"
    )
    done = fresh.snakemake("-n", "--quiet", "rules", PYTHONPATH=str(poison))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "HEAVY  END" in done.stderr


def test_a_given_config_inherits_nothing_from_the_demo(fresh: Workspace) -> None:
    """--configfile replaces the default config; it is not merged into it."""
    planned = fresh.planned()
    assert planned["extract_activations"] == 4  # two models; the demo has more
    printed = fresh.snakemake("-n", "write_run_config").stdout
    assert "results/demo/" not in printed


def test_command_line_overrides_one_key(fresh: Workspace) -> None:
    done = fresh.snakemake("-n", "activations", "--config", "extraction={device: cuda}")
    text = done.stdout + done.stderr
    assert text.count(" gpu=1") == 4, text[-3000:]
    done = fresh.snakemake("-n", "activations")
    assert " gpu=1" not in done.stdout + done.stderr


def test_outside_files_are_brought_once_a_row(fresh: Workspace) -> None:
    """Weights in a file travel, `random` has none."""
    here = ("--config", "outside_files=here")
    assert fresh.planned(*here) == fresh.planned() | {"bring_files": 1}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("seed: 0", "sede: 0", "unknown key 'sede'; did you mean 'seed'"),
        ("batch: 8", "batch: many", "extraction.batch: expected a whole number, got 'many'"),
        ("device: cpu", "device: gpu", "extraction.device: 'gpu' is none of the allowed values; did you mean 'cpu'"),
        ("models: models.tsv", "models: modells.tsv", "modells.tsv does not exist"),
    ],
)
def test_mistakes_are_told_without_a_traceback(fresh: Workspace, old: str, new: str, message: str) -> None:
    text = fresh.config.read_text()
    assert old in text
    fresh.config.write_text(text.replace(old, new, 1))
    done = fresh.snakemake("-n")
    assert done.returncode != 0
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_profiles_agree_on_what_reruns() -> None:
    profiles = {
        path.parent.name: yaml.safe_load(path.read_text()) for path in REPOSITORY.glob("profiles/*/profile.yaml")
    }
    assert set(profiles) == {"default", "slurm", "kubernetes"}
    for key in ("rerun-triggers", "max-checksum-file-size", "rerun-incomplete"):
        assert len({str(profile[key]) for profile in profiles.values()}) == 1, key
    assert "code" not in profiles["default"]["rerun-triggers"]


def test_readme_of_the_config_is_current() -> None:
    text = (REPOSITORY / "config" / "README.md").read_text()
    assert with_tables(text, schemas=REPOSITORY / "workflow" / "schemas") == text, "run `make docs`"


def test_conda_environments_hold_the_locked_versions() -> None:
    lock = (REPOSITORY / "envs" / "requirements.txt").read_text()
    locked: dict[str, str] = {}
    for name, version in re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock, flags=re.MULTILINE):
        locked.setdefault(name, version)  # the first pin is that of the oldest Python
    other = {"pytorch": "torch", "python-xxhash": "xxhash", "opencv": "opencv-python-headless"}
    for file in (REPOSITORY / "envs").glob("*.yaml"):
        for name, version in re.findall(r"^  - ([a-z0-9-]+) =(\S+)", file.read_text(), flags=re.MULTILINE):
            if name != "python":
                # a wheel of OpenCV adds the number of its own build to the version
                own = ".".join(locked[other.get(name, name)].split(".")[: 3 if name == "opencv" else None])
                assert own == version, f"{file.name}: {name}"


def pins(name: str) -> dict[str, set[str]]:
    """Package -> its versions in a lock file (different ones for different Pythons)."""
    found: dict[str, set[str]] = {}
    lock = (REPOSITORY / "envs" / f"{name}.txt").read_text()
    for package, version in re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock, flags=re.MULTILINE):
        found.setdefault(package, set()).add(version)
    return found


def test_the_cluster_extra_keeps_the_versions_of_the_others() -> None:
    """But for one that botocore refuses and nothing of ours imports: digests of code do not know it."""
    own = pins("requirements-dev")
    for name in ("requirements-cluster", "requirements-cluster-dev", "requirements-browser"):
        theirs = pins(name)
        changed = {package for package in set(own) & set(theirs) if own[package] != theirs[package]}
        assert changed <= {"python-dateutil"}, name


def test_no_index_address_or_machine_path_in_the_project() -> None:
    suffixes = {".py", ".smk", ".md", ".txt", ".toml", ".yaml", ".tsv", ".cff", ""}
    tracked = run("git", "ls-files", "--cached", "--others", "--exclude-standard").stdout.split()
    pattern = re.compile(r"--(?:extra-)?index-url|--find-links|/root/|(?<![\w.])/work/|/opt/pypi")
    this = Path(__file__).name
    found = [
        f"{name}: {match.group(0)}"
        for name in tracked
        if Path(name).suffix in suffixes and Path(name).name != this and (REPOSITORY / name).is_file()
        for match in [pattern.search((REPOSITORY / name).read_text(encoding="utf-8", errors="ignore"))]
        if match
    ]
    assert not found


@pytest.mark.parametrize(("given", "kept"), [((), "none"), (("--max-jobs-per-timespan", "5/1m"), "5 in 60.0 s")])
def test_only_a_limit_of_ones_own_slows_scheduling(fresh: Workspace, given: tuple[str, ...], kept: str) -> None:
    """With Snakemake's default limit every finished job adds a round of scheduling a second, for ever."""
    spy = (
        "import sys\n"
        "from snakemake.scheduling.job_scheduler import JobScheduler\n"
        "def stop(self):\n"
        "    limit = self.job_rate_limiter\n"
        "    print('limit:', f'{limit.max_jobs} in {limit.timespan} s' if limit else 'none')\n"
        "    raise SystemExit(0)\n"
        "JobScheduler.schedule = stop\n"
        "from snakemake.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", spy, "--cores", "1", "--snakefile", REPOSITORY / "Snakefile",
         "--directory", fresh.folder, "--configfile", fresh.config,
         "--workflow-profile", REPOSITORY / "profiles" / "default", *given],
        cwd=fresh.folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"limit: {kept}\n" in done.stdout, done.stdout + done.stderr

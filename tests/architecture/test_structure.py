"""The shape of the project: who may import whom, what every rule brings along, what planning must not import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
LIBRARY = REPOSITORY / "workflow" / "conceptatlas"
PACKAGE = "conceptatlas"

LEVELS = [
    {"naming", "seeds"},
    {
        "sheets",
        "levels",
        "validation",
        "costs",
        "costs_atlas",
        "costs_encoders",
        "costs_falcon",
        "costs_linking",
        "costs_similarity",
        "costs_tuning",
        "plugins",
        "progress",
        "source_files",
        "preflight_table",
        "memory",
    },
    {
        "files",
        "bucket",
        "outside",
        "tables",
        "typed_tables",
        "provenance",
        "parallel",
        "streaming",
        "masks",
        "inference",
    },
    {"datasets", "vocabularies"},
    {"devices", "models"},
    {"encoders", "generators", "quantification"},
    {"activations"},
    {
        *("study", "study_plan", "study_atlas", "study_encoders", "study_falcon", "study_linking", "study_net2vec"),
        *("study_open_vocabulary", "study_requirements", "study_similarity", "study_tuning"),
        *("axes", "dissection", "falcon", "linking", "net2vec", "open_vocabulary", "robustness", "similarity"),
    },
    {"figures", "atlas"},
    {
        *("cluster", "jobs", "record"),
        *("preflight", "preflight_atlas", "preflight_falcon", "preflight_linking", "preflight_net2vec"),
        *("preflight_passes", "preflight_principal", "preflight_robustness", "preflight_similarity"),
        *("preflight_encoders", "preflight_tuning"),
        *("schema_docs", "verification"),
        "__main__",
    },
]
"""Rooms of the library from the ground up; a module may import its own room and lower ones. What stands in one line
does not know of its neighbours (see NEIGHBOURS for the exceptions)."""

NEIGHBOURS = {
    ("seeds", "naming"),
    ("validation", "sheets"),
    ("levels", "sheets"),
    ("costs", "levels"),
    ("costs_similarity", "costs"),
    ("costs_encoders", "costs"),
    ("costs_falcon", "costs"),
    ("costs_falcon", "costs_encoders"),
    ("costs_atlas", "costs"),
    ("tables", "files"),
    ("typed_tables", "tables"),
    ("parallel", "files"),
    ("outside", "files"),
    ("masks", "files"),
    ("streaming", "files"),
    ("inference", "streaming"),
    ("models", "devices"),
    ("schema_docs", "validation"),
    ("__main__", "verification"),
    ("__main__", "cluster"),
    ("study_net2vec", "study_plan"),
    ("study", "study_plan"),
    ("study", "study_net2vec"),
    ("study_similarity", "study_plan"),
    ("study_linking", "study_plan"),
    ("study", "study_linking"),
    ("study", "study_tuning"),
    ("study_tuning", "study_plan"),
    ("costs_linking", "costs"),
    ("preflight", "preflight_linking"),
    ("study_atlas", "study_plan"),
    ("study_atlas", "study_falcon"),
    ("costs_tuning", "costs"),
    ("costs_tuning", "costs_linking"),
    ("study_requirements", "study_atlas"),
    ("study_requirements", "study_plan"),
    ("study", "study_requirements"),
    ("study", "study_similarity"),
    ("study", "study_encoders"),
    ("study_encoders", "study_plan"),
    ("study", "study_falcon"),
    ("study_falcon", "study_encoders"),
    ("study_falcon", "study_plan"),
    ("study", "study_open_vocabulary"),
    ("study_open_vocabulary", "study_plan"),
    ("study_open_vocabulary", "study_encoders"),
    ("preflight", "preflight_net2vec"),
    ("preflight", "preflight_tuning"),
    ("preflight", "preflight_passes"),
    ("preflight", "preflight_principal"),
    ("preflight", "preflight_similarity"),
    ("preflight", "preflight_falcon"),
    ("preflight", "preflight_robustness"),
    ("preflight", "preflight_atlas"),
    ("preflight", "preflight_encoders"),
}

EXCEPTIONS = {
    # which formats and model sources there are: dictionaries of names, imported while the study is checked
    ("study", "datasets"),
    ("study", "models"),
    ("study_linking", "generators"),
    ("study_tuning", "quantification"),
}

WITHOUT_TORCH = [
    "naming",
    "seeds",
    "sheets",
    "levels",
    "validation",
    "study",
    "study_plan",
    "study_net2vec",
    "study_similarity",
    "study_encoders",
    "study_falcon",
    "study_open_vocabulary",
    "encoders.index",
    "study_linking",
    "study_atlas",
    "study_tuning",
    "study_requirements",
    "costs",
    "files",
    "tables",
    "provenance",
    "source_files",
    "progress",
    "parallel",
    "cluster",
    "jobs",
    "record",
    "preflight",
    "datasets.index",
    "datasets.reader",
    "models.index",
    "generators.index",
]


def modules() -> list[Path]:
    return sorted(LIBRARY.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(LIBRARY).parts[0].removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names] if base == PACKAGE else [base]
        found |= {name.split(".")[1] for name in names if name.startswith(f"{PACKAGE}.")}
    return found


def level(name: str) -> int:
    for number, names in enumerate(LEVELS):
        if name in names:
            return number
    raise AssertionError(f"{name} is a new room of the library: give it a line in LEVELS")


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(LIBRARY)))
def test_imports_point_down(path: Path) -> None:
    own = room(path)
    if own == "__init__":
        return
    for other in imported_rooms(path) - {own}:
        if (own, other) in NEIGHBOURS | EXCEPTIONS:
            continue
        assert level(other) < level(own), f"{path.name} ({own}) imports {other}, which stands beside or above it"


def test_no_module_of_the_library_knows_snakemake() -> None:
    for path in modules():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not {name for name in names if name.split(".")[0] == "snakemake"}, path


def test_every_init_is_empty() -> None:
    for path in LIBRARY.rglob("__init__.py"):
        assert not path.read_text().strip(), f"{path} must stay empty: imports are cheap, and digests stay small"


def test_modules_are_documented_and_small() -> None:
    for path in modules():
        text = path.read_text(encoding="utf-8")
        if path.name == "__init__.py":
            continue
        assert ast.get_docstring(ast.parse(text)), f"{path} has no docstring"
        assert text.count("\n") < 400, f"{path} has {text.count(chr(10))} lines: one idea a file"


def test_no_assert_and_no_print_in_the_library() -> None:
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            assert not isinstance(node, ast.Assert), f"{path}:{node.lineno} asserts; raise ValueError"
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print", f"{path}:{node.lineno} prints; use the logger"


def test_modules_for_planning_do_not_load_torch() -> None:
    lines = [f"import {PACKAGE}.{name}" for name in WITHOUT_TORCH]
    rooms = ("streaming", "masks", "inference", "vocabularies")
    rooms += ("axes", "dissection", "net2vec", "open_vocabulary", "robustness", "similarity", "atlas")
    lines += [f"import {PACKAGE}.{name}.{part}" for name, part in _parts(*rooms)]
    lines += ["import sys", "assert 'torch' not in sys.modules"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def _parts(*rooms: str) -> list[tuple[str, str]]:
    return [(name, path.stem) for name in rooms for path in (LIBRARY / name).glob("*.py") if path.stem != "__init__"]


def test_files_of_tests_have_names_of_their_own() -> None:
    """pytest imports them by their base name: two alike stop the whole run."""
    names = [
        path.name for path in (REPOSITORY / "tests").rglob("*.py") if path.name not in ("conftest.py", "__init__.py")
    ]
    assert not {name for name in names if names.count(name) > 1}


# Rules ------------------------------------------------------------------------------------------------------------


def rules() -> dict[str, str]:
    """Name of every rule -> its text."""
    found: dict[str, str] = {}
    for file in sorted((REPOSITORY / "workflow" / "rules").glob("*.smk")):
        parts = re.split(r"^rule (\w+):\n", file.read_text(), flags=re.MULTILINE)
        for name, text in zip(parts[1::2], parts[2::2], strict=True):
            found[name] = re.split(r"^\S", text, flags=re.MULTILINE)[0]
    return found


def test_rule_files_say_purpose_inputs_and_outputs() -> None:
    for file in (REPOSITORY / "workflow" / "rules").glob("*.smk"):
        head = file.read_text().split('"""')[1]
        for word in ("PURPOSE", "INPUTS", "OUTPUTS"):
            assert re.search(rf"^{word} ", head, flags=re.MULTILINE), f"{file.name} does not say its {word}"


@pytest.mark.parametrize(("name", "text"), rules().items(), ids=rules())
def test_rule_script_log_and_benchmark_share_a_name(name: str, text: str) -> None:
    if "script:" not in text:
        assert "localrule: True" in text, f"{name}: a target without a script is a local rule"
        assert "output:" not in text
        return
    assert f'"../scripts/{name}.py"' in text
    for directive, place in (("log", "logs"), ("benchmark", "benchmarks")):
        path = re.search(rf'^    {directive}:\n        "([^"]+)"', text, flags=re.MULTILINE)
        assert path, f"{name} has no {directive}"
        assert f"{place}>/{name}" in path.group(1) or f"{place}/{name}" in path.group(1), f"{name}: {path.group(1)}"
    for directive in ("conda:", "threads:", "mem_mb=", "runtime=", f'code=code_of("{name}"'):
        assert directive in text, f"{name} lacks {directive}"
    assert "run:" not in text
    assert "temp(" not in text
    assert "protected(" not in text
    retries = re.search(r"retries: (.*)", text)
    assert retries is None or retries.group(1) == "RETRIES"


def test_every_script_belongs_to_a_rule_and_is_thin() -> None:
    scripts = {path.stem: path.read_text() for path in (REPOSITORY / "workflow" / "scripts").glob("*.py")}
    assert set(scripts) == {name for name, text in rules().items() if "script:" in text}
    for name, text in scripts.items():
        assert text.count("\n") < 40, f"{name}.py is no thin script any more"
        assert 'if __name__ == "__main__":' in text, f"{name}.py: Dask workers import the script"
        assert "with job(script=__file__" in text, f"{name}.py does not start as a job"


def test_the_snakefile_is_a_table_of_contents() -> None:
    text = (REPOSITORY / "Snakefile").read_text()
    assert text.count("\n") <= 90
    included = set(re.findall(r'include: "workflow/rules/(\w+)\.smk"', text))
    assert included == {path.stem for path in (REPOSITORY / "workflow" / "rules").glob("*.smk")}


def test_wildcards_are_constrained_once() -> None:
    """A second statement for all rules takes the constraints of those before it away where outputs lie in a storage."""
    files = [REPOSITORY / "Snakefile", *sorted((REPOSITORY / "workflow" / "rules").glob("*.smk"))]
    found = [file.name for file in files for line in file.read_text().splitlines() if line == "wildcard_constraints:"]
    assert found == ["common.smk"]


def test_what_is_ancient_has_an_ordinary_way_too() -> None:
    """Snakemake does not look at jobs behind an ancient() file whose maker runs, so a job must never hang on ancient()
    files alone: beside each there is an ordinary file of the same maker, or of one behind it."""
    beside = {
        "frames": ("frames_manifest", "manifests", "dataset"),
        "annotations": ("manifests", "dataset"),
        "shards": ("manifests",),
        "store": ("manifest",),
        "counted": ("counted_manifests",),
        "scored": ("scored_manifests",),
        "statistics": ("statistics_manifest", "statistics_manifests"),
        "index": ("dataset",),
        "concepts": ("dataset",),
        "overlaps": ("dataset",),
        "examples": ("dataset",),
        "weights": ("report", "discovered"),
        "encoder_weights": ("encoder_report",),
        "target_statistics": ("statistics_manifests",),
        "captions": ("captions_manifest",),
        "vectors": ("captions_manifest",),
        "encoder": ("report",),
        "pairs": ("manifests",),
        "embeddings": ("embeddings_manifests",),
        "parts": ("parts_manifests", "manifests"),
        "name_parts": ("name_parts_manifests",),
    }
    for name, text in rules().items():
        inputs = re.findall(r"^        (\w+)=(ancient\()?", text.split("    output:")[0], flags=re.MULTILINE)
        ordinary = {key for key, ancient in inputs if not ancient}
        for key, ancient in inputs:
            if ancient:
                assert set(beside[key]) & ordinary, f"{name}: {key} is ancient() and nothing ordinary stands for it"

"""Code digests: what counts as a change, and what does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from conceptatlas import provenance
from conceptatlas.provenance import check_code, code_digest, fingerprint, import_closure, versions

FILES = {
    "__init__.py": "",
    "means.py": '"""Means."""\n\nimport numpy as np\n\n\ndef mean(x):\n    """The mean."""\n    return np.mean(x)\n',
    "labels.py": '"""Labels."""\n\nfrom conceptatlas.means import mean\n\n\ndef label(x):\n    return mean(x) > 1\n',
    "figures/__init__.py": "",
    "figures/bars.py": '"""Bars."""\n\nimport matplotlib\n\nfrom conceptatlas.labels import label\n\nbars = label\n',
    "typed.py": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n"
    "    import torch\n    from conceptatlas.means import mean\n",
}
LOCK = """matplotlib==3.1 \\
    --hash=sha256:00
numpy==2.0 ; python_version < '3.12'
numpy==2.1 ; python_version >= '3.12'
scipy==1.0
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "conceptatlas"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (tmp_path / "lock.txt").write_text(LOCK)
    monkeypatch.setattr(provenance, "PACKAGE_ROOT", root)
    return root


def rewrite(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"""Means."""', '"""Something else."""'),
        ('    """The mean."""\n', ""),
        ("return np.mean(x)", "return np.mean(\n        x\n    )  # now over two lines"),
        ("\n\n\ndef", "\n# a comment\n\n\n\n\ndef"),
        ("import numpy as np\n", 'import numpy as np\n\n"""What follows."""\n'),
    ],
)
def test_text_that_computes_nothing_does_not_count(package: Path, old: str, new: str) -> None:
    before = code_digest("conceptatlas.labels")
    rewrite(package / "means.py", old, new)
    assert code_digest("conceptatlas.labels") == before


@pytest.mark.parametrize(
    ("old", "new"),
    [("np.mean(x)", "np.mean(x) + 0"), ("np.mean(x)", "np.median(x)"), ("def mean(x)", "def mean(x, y=1)")],
)
def test_code_counts_through_imports(package: Path, old: str, new: str) -> None:
    before = code_digest("conceptatlas.figures.bars")
    rewrite(package / "means.py", old, new)
    assert code_digest("conceptatlas.figures.bars") != before


def test_only_the_closure_counts(package: Path) -> None:
    before = code_digest("conceptatlas.labels")
    rewrite(package / "figures" / "bars.py", "bars = label", "bars = 2")
    assert code_digest("conceptatlas.labels") == before
    assert import_closure("conceptatlas.figures.bars") == {
        "conceptatlas.figures.bars",
        "conceptatlas.labels",
        "conceptatlas.means",
    }


def test_imports_for_type_checkers_do_not_count(package: Path) -> None:
    assert import_closure("conceptatlas.typed") == {"conceptatlas.typed"}


def test_the_apparatus_does_not_count(package: Path) -> None:
    (package / "jobs.py").write_text("from conceptatlas.means import mean\n")
    (package / "script_user.py").write_text("from conceptatlas.jobs import mean\n")
    assert import_closure("conceptatlas.script_user") == {"conceptatlas.script_user"}


def test_a_script_brings_its_imports(package: Path, tmp_path: Path) -> None:
    script = tmp_path / "label_units.py"
    script.write_text("from conceptatlas.labels import label\n\nlabel(1)\n")
    before = code_digest(scripts=[script])
    rewrite(package / "means.py", "np.mean(x)", "np.max(x)")
    after = code_digest(scripts=[script])
    assert before != after
    script.write_text("from conceptatlas.labels import label\n\nlabel(2)\n")
    assert code_digest(scripts=[script]) != after


def test_versions_of_imported_libraries_count(package: Path, tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    labels = code_digest("conceptatlas.labels", lock=lock)
    bars = code_digest("conceptatlas.figures.bars", lock=lock)
    other = tmp_path / "other.txt"
    other.write_text(LOCK.replace("matplotlib==3.1", "matplotlib==3.2").replace("scipy==1.0", "scipy==9"))
    assert code_digest("conceptatlas.labels", lock=other) == labels
    assert code_digest("conceptatlas.figures.bars", lock=other) != bars
    third = tmp_path / "third.txt"
    third.write_text(LOCK.replace("numpy==2.0", "numpy==2.0.1"))
    assert code_digest("conceptatlas.labels", lock=third) != labels


def test_an_unknown_entry_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'conceptatlas\.nothing' is no module"):
        code_digest("conceptatlas.nothing")


def test_other_code_on_a_node_is_refused() -> None:
    check_code("abc", "abc", rule="tally_layer")
    with pytest.raises(ValueError, match=r"tally_layer: the code here is not the code .*digest def, planned abc"):
        check_code("abc", "def", rule="tally_layer")


def test_fingerprint_follows_content_not_time(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    assert fingerprint(file) == ""
    file.write_bytes(b"a" * 10)
    small = fingerprint(file)
    file.write_bytes(b"a" * 10)
    assert fingerprint(file) == small
    file.write_bytes(b"a" * 9 + b"b")
    assert fingerprint(file) != small
    large = bytearray(9_000_000)
    file.write_bytes(large)
    first = fingerprint(file)
    large[-1] = 1
    file.write_bytes(large)
    assert fingerprint(file) != first


def test_versions_name_python_and_numpy() -> None:
    assert {"python", "numpy"} <= set(versions())

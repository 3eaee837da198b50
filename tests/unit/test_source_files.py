"""What a file says is the same whether it was parsed now, earlier, or by another process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from conceptatlas import source_files
from conceptatlas.source_files import source_file

TEXT = '''"""Means."""

import numpy as np
from .sums import total as t, count

if TYPE_CHECKING:
    import torch


def mean(x):
    """The mean."""
    from scipy import stats

    return t(x) / count(x)
'''


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty memory of the test's own."""
    file = tmp_path / "memory.json"
    monkeypatch.setattr(source_files, "MEMORY", file)
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    forget()
    return file


def forget() -> None:
    """As in a process that has just begun."""
    for cached in (source_files._of_stamp, source_files._memory, source_files._forgotten):
        cached.cache_clear()


def parsing_fails(*_arguments: object, **_named: object) -> None:
    raise AssertionError("the file was parsed again")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "means.py"
    path.write_text(TEXT)
    return path


def test_imports_at_any_depth_but_those_for_type_checkers(file: Path) -> None:
    assert set(source_file(file).imports) == {
        (0, "", ("numpy",)),
        (1, "sums", ("total", "count")),
        (0, "scipy", ("stats",)),
    }


def test_the_next_process_need_not_parse(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed = source_file(file)
    source_files.remember()
    forget()
    monkeypatch.setattr("ast.parse", parsing_fails)
    remembered = source_file(file)
    assert (remembered.digest, remembered.imports) == (parsed.digest, parsed.imports)


def test_the_same_content_elsewhere_need_not_be_parsed(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digest = source_file(file).digest
    copy = file.with_name("copy.py")
    copy.write_bytes(file.read_bytes())
    monkeypatch.setattr("ast.parse", parsing_fails)
    assert source_file(copy).digest == digest


def test_an_edited_file_is_read_again(file: Path) -> None:
    before = source_file(file).digest
    source_files.remember()
    forget()
    file.write_text(TEXT.replace("t(x) / count(x)", "t(x)"))
    assert source_file(file).digest != before
    file.write_text(TEXT.replace("The mean", "What the mean is"))
    assert source_file(file).digest == before


@pytest.mark.parametrize("content", ["", "[]", "{", '{"reader": 1, "files": {}}'])
def test_a_damaged_memory_is_none(file: Path, memory: Path, content: str) -> None:
    digest = source_file(file).digest
    memory.write_text(content)
    forget()
    assert source_file(file).digest == digest


def test_what_other_code_remembers_is_not_believed(file: Path, memory: Path) -> None:
    digest = source_file(file).digest
    source_files.remember()
    content = json.loads(memory.read_text())
    for entry in content["files"].values():
        entry[0] = "something else"
    memory.write_text(json.dumps(content))
    forget()
    assert source_file(file).digest == "something else"  # ours: believed
    memory.write_text(json.dumps({**content, "reader": "other"}))
    forget()
    assert source_file(file).digest == digest


def test_where_nothing_can_be_written_nothing_is_kept(file: Path, memory: Path) -> None:
    memory.mkdir()
    source_file(file)
    source_files.remember()
    assert memory.is_dir()
    assert not list(memory.parent.glob("*.part"))


def test_nothing_is_written_where_python_writes_no_bytecode(
    file: Path, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    source_file(file)
    source_files.remember()
    assert not memory.exists()


def test_memory_does_not_grow_for_ever(file: Path, memory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_files, "_MOST_REMEMBERED", 3)
    for i in range(5):
        file.write_text(TEXT + f"\nANSWER = {i}\n")
        source_files._of_stamp.cache_clear()
        source_file(file)
        source_files.remember()
    assert 1 <= len(json.loads(memory.read_text())["files"]) <= 3

"""Code of the user's own, by name."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from conceptatlas.datasets.index import named_files, open_dataset
from conceptatlas.plugins import find_callable, plugin_file


def test_functions_are_found_in_modules_and_files(tmp_path: Path) -> None:
    assert find_callable("conceptatlas.naming:nearest", where="x").__name__ == "nearest"
    (tmp_path / "mine.py").write_text("def build():\n    return 7\n")
    assert find_callable(f"{tmp_path / 'mine.py'}:build", where="x")() == 7


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ("nothing", "model 'm': 'nothing', expected `module:function`"),
        ("no_such_module_here:f", "module 'no_such_module_here' cannot be imported"),
        ("gone.py:f", "file gone.py does not exist"),
        ("conceptatlas.naming:nearst", "unknown function 'nearst' in conceptatlas.naming; did you mean 'nearest'"),
    ],
)
def test_what_cannot_be_found_is_named(named: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        find_callable(named, where="model 'm'")


def test_a_mistake_inside_the_users_module_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broken_plugin.py").write_text("import a_module_nobody_has\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="a_module_nobody_has"):
        find_callable("broken_plugin:f", where="x")
    sys.modules.pop("broken_plugin", None)


def test_files_of_plugins() -> None:
    assert plugin_file("package.nets:build") == "package/nets.py"
    assert plugin_file("folder/nets.py:build") == "folder/nets.py"
    assert plugin_file("") == ""


def test_a_reader_of_ones_own(tmp_path: Path) -> None:
    row = {"dataset": "d", "format": "user", "path": str(tmp_path), "annotations": ""}
    assert open_dataset(row | {"options": "reader=tiny_composite:HalvesReader;side=right"}).side == "right"
    assert list(named_files(row | {"options": "reader=a/b.py:Reader"})) == ["a/b.py"]
    with pytest.raises(ValueError, match="the option reader=module:name"):
        open_dataset(row)
    with pytest.raises(ValueError, match=r"unknown option 'sid' in tiny_composite:HalvesReader; did you mean 'side'"):
        open_dataset(row | {"options": "reader=tiny_composite:HalvesReader;sid=right"})
    with pytest.raises(ValueError, match=r"returned a str, expected a conceptatlas.datasets.reader.Reader"):
        open_dataset(row | {"options": "reader=tiny_composite:no_reader"})

"""Sheets: what is read, and how mistakes are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from conceptatlas.sheets import expand_row, parse_options, plain_row, read_sheet, variables


def sheet(folder: Path, text: str) -> Path:
    path = folder / "models.tsv"
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_keep_their_order_and_missing_cells_are_empty(tmp_path: Path) -> None:
    path = sheet(tmp_path, "# models\nmodel\tsource\tseed\n\nb\tdemo\t3\n  # a remark\na\tuser\n")
    assert read_sheet(path, key=("model",)) == [
        {"model": "b", "source": "demo", "seed": "3"},
        {"model": "a", "source": "user", "seed": ""},
    ]


def test_a_byte_order_mark_and_windows_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "models.tsv"
    path.write_bytes("\ufeffmodel\tsource\r\na\tdemo\r\n".encode())
    assert read_sheet(path, key=("model",)) == [{"model": "a", "source": "demo"}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# nothing\n", "is empty"),
        ("model source\na demo\n", "must be separated by tabs"),
        ("name\tsource\na\tdemo\n", "has no column 'model'; found: name, source"),
        ("model\tsource\na\tdemo\textra\n", "line 2: 3 cells, the header has 2"),
        ("model\tsource\n\tdemo\n", "line 2: model must not be empty"),
        ("model\tsource\na\tdemo\nb\tdemo\na\tuser\n", "line 4: 'a' stands in line 2 already"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_sheet(sheet(tmp_path, text), key=("model",))


def test_a_missing_sheet_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"nowhere\.tsv does not exist"):
        read_sheet(tmp_path / "nowhere.tsv", key=("model",))


def test_plain_rows_hold_numbers() -> None:
    assert plain_row({"a": "3", "b": "0.5", "c": "conv", "d": ""}) == {"a": 3, "b": 0.5, "c": "conv", "d": ""}


def test_variables_are_filled_in_and_kept_when_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEWHERE", "/data")
    monkeypatch.delenv("NOWHERE", raising=False)
    row = expand_row({"path": "$SOMEWHERE/coco", "weights": "${SOMEWHERE}/w", "other": "$NOWHERE/x", "seed": 3})
    assert row == {"path": "/data/coco", "weights": "/data/w", "other": "$NOWHERE/x", "seed": 3}
    assert variables("$A/b/${C};$CONCEPTATLAS_HOME/x") == ["A", "C"]
    home = Path(expand_row({"weights": "$CONCEPTATLAS_HOME"})["weights"])
    assert (home / "workflow" / "conceptatlas").is_dir()


def test_options() -> None:
    assert parse_options(" a = 1 ;b=x=y;; ") == {"a": "1", "b": "x=y"}
    with pytest.raises(ValueError, match="'b' is not of the form key=value"):
        parse_options("a=1;b")

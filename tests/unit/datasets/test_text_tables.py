"""Small text files: line ends, comments, and errors that name the line."""

from __future__ import annotations

import pytest

from conceptatlas.datasets.text_tables import table_rows, text_lines


def test_lines_with_either_line_end(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\ntwo\n\nlast")
    assert list(text_lines(path, role="")) == [(1, "one"), (2, "two"), (3, ""), (4, "last")]
    path.write_bytes(b"")
    assert list(text_lines(path, role="")) == []


def test_rows_without_header_comments_and_empty_lines(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("# what this is\nfolder\tname\n\na\t b \n  # more\nc\n")
    assert list(table_rows(path, columns=("folder", "name"), role="")) == [(4, ["a", "b"]), (6, ["c"])]


def test_lines_are_read_one_at_a_time(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"good\n" + b"x" * 100_000 + b"\nM\xfcnchen\n")
    lines = text_lines(path, role="")
    assert next(lines) == (1, "good")
    assert len(next(lines)[1]) == 100_000
    with pytest.raises(ValueError, match=r"a\.txt, line 3: not UTF-8 text"):
        list(lines)


def test_what_is_no_text(tmp_path):
    with pytest.raises(ValueError, match=r"none\.txt: no such file; it lists the pictures"):
        list(text_lines(tmp_path / "none.txt", role="it lists the pictures"))
    with pytest.raises(ValueError, match="no such file"):
        list(text_lines(tmp_path, role="a folder is no file"))
    (tmp_path / "a.txt").write_bytes(b"one\n\0\0\n")
    with pytest.raises(ValueError, match="line 2: not a text file"):
        list(text_lines(tmp_path / "a.txt", role=""))

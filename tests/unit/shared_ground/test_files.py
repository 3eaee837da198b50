"""Files are whole or not there; damage is named and set aside."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas import files


def interrupted(target):
    with files.atomic_path(target) as part:
        part.write_text("half")
        raise RuntimeError("killed")


def test_atomic_path_leaves_nothing_behind_on_an_error(tmp_path):
    target = tmp_path / "new" / "result.txt"
    with pytest.raises(RuntimeError, match="killed"):
        interrupted(target)
    assert list(target.parent.iterdir()) == []
    target.write_text("old")
    with pytest.raises(RuntimeError, match="killed"):
        interrupted(target)
    assert target.read_text() == "old"
    with files.atomic_path(target) as part:
        part.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert [p.name for p in target.parent.iterdir()] == ["result.txt"]


def test_a_stale_part_of_a_killed_job_is_replaced(tmp_path):
    (tmp_path / "a.json.part").write_text("rubbish of a killed job")
    files.write_json(tmp_path / "a.json", {"x": 1})
    assert files.read_json(tmp_path / "a.json") == {"x": 1}
    assert not (tmp_path / "a.json.part").exists()


def test_json_is_canonical_and_refuses_nan(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": [1, 2.5], "a": "é"})
    files.write_json(tmp_path / "b.json", {"a": "é", "b": [1, 2.5]})
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    with pytest.raises(ValueError):
        files.write_json(tmp_path / "c.json", {"a": float("nan")})
    assert not (tmp_path / "c.json").exists()
    (tmp_path / "d.json").write_text('{"a": ')
    with pytest.raises(ValueError, match=r"d\.json: not valid JSON"):
        files.read_json(tmp_path / "d.json")


def test_array_digest_sees_values_not_memory_layout():
    array = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert files.array_digest(array) == files.array_digest(np.asfortranarray(array))
    assert files.array_digest(array) == files.array_digest(np.arange(24, dtype=np.float32)[::2].reshape(3, 4) / 2)
    changed = array.copy()
    changed.view(np.uint8)[2, 5] ^= 1
    assert files.array_digest(array) != files.array_digest(changed)
    assert files.array_digest(np.zeros((0, 3)))


def test_text_digest_keeps_boundaries():
    assert files.text_digest("ab", "c") != files.text_digest("a", "bc")


def test_damage_is_named_and_set_aside(tmp_path):
    manifest = tmp_path / "000.json"
    manifest.write_text("{}")
    files.check_digest(manifest, name="x", expected="1", found="1")
    with pytest.raises(files.DamagedFileError, match=r"maps is damaged.*000\.json\.damaged; run the same command"):
        files.check_digest(manifest, name="maps", expected="1", found="2")
    assert not manifest.exists()
    assert (tmp_path / "000.json.damaged").exists()
    files.set_aside(manifest, reason="a second reader found it too")  # no manifest any more: no other error


def test_file_sha256(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert files.file_sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")

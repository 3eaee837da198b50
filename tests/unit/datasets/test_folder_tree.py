"""What is seen in a folder, and what is not."""

from __future__ import annotations

from conceptatlas.datasets.folder_tree import entries, holds_only_folders, pictures_below


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_pictures_at_any_depth(tmp_path):
    touch(tmp_path, "a.jpg", "b/c.PNG", "b/d/e.webp", "b/notes.txt", "noname", ".hidden.jpg", ".git/f.jpg", "jpg")
    assert sorted(pictures_below(tmp_path)) == ["a.jpg", "b/c.PNG", "b/d/e.webp"]
    assert sorted(pictures_below(str(tmp_path / "b"))) == ["c.PNG", "d/e.webp"]
    assert pictures_below(tmp_path / "nowhere") == []


def test_entries_are_sorted_and_one_level_deep(tmp_path):
    touch(tmp_path, "z/1.jpg", "y/2.jpg", ".x/3.jpg", "c.jpg", "b.gif", "a.txt", ".d.jpg")
    assert entries(tmp_path) == (["y", "z"], ["b.gif", "c.jpg"])


def test_folders_of_folders(tmp_path):
    touch(tmp_path, "a/1.jpg", "b/c/1.jpg", "d/2.jpg", "d/e/1.jpg", "f/g/notes.txt", "f/list.txt")
    assert [name for name in "abdf" if holds_only_folders(tmp_path / name)] == ["b", "f"]

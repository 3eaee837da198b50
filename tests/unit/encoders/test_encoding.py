"""Jobs of an encoder: parts of a vocabulary join to the same vectors however many there are; precomputed vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from conceptatlas.encoders.encoding import check_encoder, encode_vocabulary
from conceptatlas.files import read_json
from conceptatlas.vocabularies.caption_file import captions_of, mean_vector
from conceptatlas.vocabularies.listing import list_vocabulary

Array = np.ndarray[Any, Any]

OWN = """
import numpy as np

class Letters:
    dim = 27
    def encode_images(self, pictures): return pictures.reshape(len(pictures), -1)[:, :27].astype(float) + 1
    def encode_texts(self, texts):
        return np.array([[1 + t.count(chr(97 + i)) for i in range(26)] + [len(t)] for t in texts], dtype=float)

def build(): return Letters()
"""
CAPTIONS = ["a cat", "a dog", "a cat", "birds fly", "zebra", "a long caption", "x"]


@pytest.fixture
def encoder(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "own.py").write_text(OWN)
    (tmp_path / "captions.txt").write_text("\n".join(CAPTIONS))
    row = {"encoder": "letters", "source": "user", "architecture": f"{tmp_path / 'own.py'}:build"}
    check_encoder(row, device="cpu", report=tmp_path / "encoder.json")
    return row


def encoded(folder: Path, by: dict[str, str], *, shards: int, **cells: Any) -> list[Path]:
    row = {"vocabulary": "v", "path": str(folder / "captions.txt"), "vectors": "", "encoder": "", "options": ""}
    row |= {"shards": shards, **cells}
    list_vocabulary(row, captions=folder / "list.h5", manifest=folder / "list.json")
    parts = [folder / f"{shards}-{part}.h5" for part in range(shards)]
    for part, path in enumerate(parts):
        encode_vocabulary(
            by, row, captions=folder / "list.h5", captions_manifest=folder / "list.json",
            report=folder / "encoder.json", part=part, embeddings=path, manifest=path.with_suffix(".json"),
            device="cpu", batch=2, threads=1,
        )  # fmt: skip
    return parts


def vectors_of(parts: list[Path]) -> Array:
    vectors = []
    for part in parts:
        with h5py.File(part) as file:
            vectors.append(file["embeddings"][:])
    return np.concatenate(vectors)


def test_parts_join_to_the_whole(tmp_path: Path, encoder: dict[str, str]) -> None:
    whole, cut = encoded(tmp_path, encoder, shards=1), encoded(tmp_path, encoder, shards=4)
    np.testing.assert_array_equal(vectors_of(whole), vectors_of(cut))
    np.testing.assert_allclose(np.linalg.norm(vectors_of(whole), axis=1), 1, rtol=1e-6)
    unique = list(dict.fromkeys(CAPTIONS))
    assert captions_of(cut, np.arange(6)) == captions_of(whole, np.arange(6)) == unique
    np.testing.assert_array_equal(mean_vector(whole), mean_vector(cut))
    assert [read_json(p.with_suffix(".json"))["start"] for p in cut] == [0, 1, 3, 4]


def test_precomputed_vectors_follow_their_lines(tmp_path: Path, encoder: dict[str, str]) -> None:
    given = np.random.default_rng(0).standard_normal((7, 27)).astype(np.float16)
    np.save(tmp_path / "vectors.npy", given)
    parts = encoded(tmp_path, encoder, shards=2, vectors=str(tmp_path / "vectors.npy"), encoder="letters")
    expected = given[[0, 1, 3, 4, 5, 6]].astype(np.float64)  # line 2 says again what line 0 says
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors_of(parts), expected, atol=1e-7)
    assert read_json(parts[0].with_suffix(".json"))["precomputed"]


def test_precomputed_vectors_of_another_size(tmp_path: Path, encoder: dict[str, str]) -> None:
    np.save(tmp_path / "vectors.npy", np.ones((6, 27)))
    with pytest.raises(ValueError, match="expected a vector for each of the 7 lines"):
        encoded(tmp_path, encoder, shards=1, vectors=str(tmp_path / "vectors.npy"), encoder="letters")


def test_another_encoder_than_the_checked_one_is_refused(tmp_path: Path, encoder: dict[str, str]) -> None:
    (tmp_path / "own.py").write_text(OWN + "\n# changed\n")
    with pytest.raises(ValueError, match="is not the one that was checked"):
        encoded(tmp_path, encoder, shards=1)


def test_half_precision(tmp_path: Path, encoder: dict[str, str]) -> None:
    parts = encoded(tmp_path, encoder, shards=1, options="dtype=float16")
    assert vectors_of(parts).dtype == np.float16

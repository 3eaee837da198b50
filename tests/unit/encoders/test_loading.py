"""Loading encoders: sources, refusals, batches, lengths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conceptatlas.encoders.encoder import Encoder, unit_rows
from conceptatlas.encoders.loaded import load_encoder

OWN = """
import numpy as np

class Mean:
    dim = 3
    def __init__(self, scale): self.scale = scale
    def encode_images(self, pictures): return self.scale * pictures.reshape(len(pictures), -1, 3).mean(axis=1)

class Both(Mean):
    def encode_texts(self, texts): return np.array([[len(t), 1.0, 0.0] for t in texts])

def mean(scale="1"): return Mean(float(scale))
def both(): return Both(1.0)
def wrong(): return object()
"""


@pytest.fixture
def own(tmp_path: Path) -> str:
    path = tmp_path / "own.py"
    path.write_text(OWN)
    return str(path)


def row(own: str, function: str, **cells: str) -> dict[str, str]:
    return {"encoder": "mine", "source": "user", "architecture": f"{own}:{function}", **cells}


def test_user_encoder(own: str) -> None:
    encoder = load_encoder(row(own, "both"), device="cpu", batch=2)
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.dim) == ("mine", 3)
    pictures = np.random.default_rng(0).integers(0, 256, (5, 4, 6, 3), dtype=np.uint8)
    vectors = encoder.encode_images(pictures)
    assert vectors.dtype == np.float32
    expected = pictures.reshape(5, -1, 3).mean(axis=1)
    np.testing.assert_allclose(vectors, expected / np.linalg.norm(expected, axis=1, keepdims=True), rtol=1e-6)
    texts = encoder.encode_texts(["a", "abc", "ab"])
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), 1, rtol=1e-6)
    assert texts[1, 0] > texts[2, 0] > texts[0, 0]


def test_the_digest_knows_code_and_options(own: str) -> None:
    digests = {load_encoder(row(own, "mean", options=o), device="cpu", batch=2).digest for o in ("", "scale=2")}
    Path(own).write_text(OWN + "\n# another\n")
    digests.add(load_encoder(row(own, "mean"), device="cpu", batch=2).digest)
    assert len(digests) == 3


def test_no_text_side(own: str) -> None:
    encoder = load_encoder(row(own, "mean"), device="cpu", batch=2)
    with pytest.raises(ValueError, match="no text side: bring precomputed text vectors as a vocabulary"):
        encoder.encode_texts(["a"])


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"architecture": "wrong"}, "returned a object without `dim`"),
        ({"architecture": "bot"}, "unknown function 'bot'.*or 'both'"),
        ({"options": "scal=2", "architecture": "mean"}, "unknown option 'scal'.*did you mean 'scale'"),
        ({"options": "weights=2", "architecture": "mean"}, "not for the sheet"),
        ({"options": "scale", "architecture": "mean"}, "not of the form key=value"),
        ({"weights": "nowhere.pt", "architecture": "mean"}, "weights nowhere.pt do not exist"),
        ({"source": "users", "architecture": "mean"}, "unknown encoder source 'users'; did you mean 'user'"),
    ],
)
def test_refusals_of_a_row(own: str, cells: dict[str, str], message: str) -> None:
    given = row(own, cells["architecture"], **{k: v for k, v in cells.items() if k != "architecture"})
    with pytest.raises(ValueError, match=message):
        load_encoder(given, device="cpu", batch=2)


@pytest.mark.parametrize("pictures", [np.zeros((2, 4, 4, 3), np.float32), np.zeros((4, 4, 3), np.uint8)])
def test_pictures_of_another_form(own: str, pictures: np.ndarray) -> None:
    with pytest.raises(ValueError, match="pictures must be uint8"):
        load_encoder(row(own, "mean"), device="cpu", batch=2).encode_images(pictures)


def test_a_vector_without_direction_is_named(own: str) -> None:
    pictures = np.ones((3, 2, 2, 3), dtype=np.uint8)
    pictures[1] = 0
    with pytest.raises(ValueError, match=r"pictures: row 1 has length 0.0, which is no direction"):
        load_encoder(row(own, "mean"), device="cpu", batch=3).encode_images(pictures)


def test_unit_rows_do_not_depend_on_each_other() -> None:
    vectors = np.random.default_rng(0).standard_normal((9, 513)).astype(np.float32)
    together = unit_rows(vectors, where="all")
    alone = np.concatenate([unit_rows(row[None], where="one") for row in vectors])
    np.testing.assert_array_equal(together, alone)


def test_open_clip_refuses_to_guess_the_preprocessing(tmp_path: Path) -> None:
    weights = tmp_path / "clip.pt"
    weights.write_bytes(b"")
    cells = {"encoder": "clip", "source": "open_clip", "architecture": "ViT-B-32", "weights": str(weights)}
    with pytest.raises(ValueError, match="options lack image_size, mean, std, interpolation, resize_mode"):
        load_encoder(cells, device="cpu", batch=1)
    with pytest.raises(ValueError, match="options lack std, interpolation, resize_mode"):
        load_encoder(cells | {"options": "image_size=224;mean=0.5,0.5,0.5"}, device="cpu", batch=1)
    with pytest.raises(ValueError, match=r"unknown option 'imagesize'.*did you mean 'image_size'"):
        load_encoder(cells | {"options": "imagesize=224"}, device="cpu", batch=1)

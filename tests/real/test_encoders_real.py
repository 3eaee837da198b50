"""CLIP's real text vectors as a vocabulary, and the stand-in for its pictures: `pytest -m real --real-data FOLDER`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from PIL import Image

from conceptatlas.encoders.encoding import check_encoder, encode_vocabulary
from conceptatlas.encoders.loaded import load_encoder
from conceptatlas.sheets import expand_row, read_sheet
from conceptatlas.vocabularies.caption_file import captions_of
from conceptatlas.vocabularies.listing import list_vocabulary
from conceptatlas.vocabularies.retrieval import nearest_captions

pytestmark = pytest.mark.real

STUDY = Path(__file__).resolve().parents[2] / "config" / "studies" / "self-supervised-falcon"


@pytest.fixture
def rows(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict[str, Any]]:
    for folder in ("clip_vitb32_text_embeddings", "imagenet_samples_200", "mobilenet_v2_imagenet"):
        if not (real_data / folder).is_dir():
            pytest.skip(f"{real_data} has no folder {folder}")
    monkeypatch.setenv("CONCEPTATLAS_DATA", str(real_data))
    encoder = expand_row(read_sheet(STUDY / "encoders.tsv", key=("encoder",))[0])
    vocabularies = read_sheet(STUDY / "vocabularies.tsv", key=("vocabulary",))
    return {"encoder": encoder} | {row["vocabulary"]: expand_row(row) for row in vocabularies}


def test_photographs_find_their_names(real_data: Path, rows: dict[str, Any], tmp_path: Path) -> None:
    check_encoder(rows["encoder"], device="cpu", report=tmp_path / "encoder.json")
    list_vocabulary(rows["lvis"], captions=tmp_path / "list.h5", manifest=tmp_path / "list.json")
    parts = []
    for part in range(int(rows["lvis"]["shards"])):
        parts.append(tmp_path / f"{part}.h5")
        encode_vocabulary(
            rows["encoder"], rows["lvis"], captions=tmp_path / "list.h5", captions_manifest=tmp_path / "list.json",
            report=tmp_path / "encoder.json", part=part, embeddings=parts[-1],
            manifest=tmp_path / f"{part}.json", device="cpu", batch=8, threads=1,
        )  # fmt: skip
    with h5py.File(parts[0]) as file:
        assert file["embeddings"].shape[1] == 512
        np.testing.assert_allclose(np.linalg.norm(file["embeddings"][:], axis=1), 1, rtol=1e-6)
    folder = real_data / "imagenet_samples_200" / "images"
    wanted = {"n01440764_tench": "fish", "n03532672_hook": "hook", "n02690373_airliner": "airplane"}
    found = [name for name in wanted if (folder / f"{name}.JPEG").is_file()]
    assert found
    pictures = [np.asarray(Image.open(folder / f"{name}.JPEG").convert("RGB").resize((224, 224))) for name in found]
    encoder = load_encoder(rows["encoder"], device="cpu", batch=4)
    vectors = encoder.encode_images(np.stack(pictures))
    nearest = nearest_captions(vectors, parts, k=10, centre=True)
    for name, indices in zip(found, nearest.indices, strict=True):
        assert any(wanted[name] in word for word in captions_of(parts, indices)), name
    with pytest.raises(ValueError, match="no text side"):
        encoder.encode_texts(["a dog"])

"""Source open_clip on a tiny architecture of random weights: what the library itself would compute."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from conceptatlas.encoders.loaded import load_encoder

pytestmark = pytest.mark.long  # the library takes seconds to import

CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
OPTIONS = "image_size=32;mean=0.5,0.4,0.3;std=0.2,0.3,0.4;interpolation=bicubic;resize_mode=squash"


@pytest.fixture
def row(tmp_path: Path) -> dict[str, str]:
    import open_clip
    import torch
    from safetensors.torch import save_file

    (tmp_path / "tiny-for-tests.json").write_text(json.dumps(CONFIG))
    open_clip.add_model_config(tmp_path / "tiny-for-tests.json")
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-for-tests", load_weights=False)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, tmp_path / "w.safetensors")
    cells = {"encoder": "tiny", "source": "open_clip", "architecture": "tiny-for-tests", "options": OPTIONS}
    return cells | {"weights": str(tmp_path / "w.safetensors")}


def test_it_is_what_the_library_computes(row: dict[str, str]) -> None:
    import open_clip
    import torch
    from PIL import Image

    preprocessing = {"mean": (0.5, 0.4, 0.3), "std": (0.2, 0.3, 0.4), "interpolation": "bicubic"}
    model, _, transform = open_clip.create_model_and_transforms(
        "tiny-for-tests", pretrained=row["weights"], image_mean=preprocessing["mean"], image_std=preprocessing["std"],
        image_interpolation="bicubic", image_resize_mode="squash",
    )  # fmt: skip
    model.eval()
    pictures = np.random.default_rng(0).integers(0, 256, (3, 50, 40, 3), dtype=np.uint8)
    texts = ["a striped cat", "two boats on the sea"]
    with torch.inference_mode():
        images = model.encode_image(torch.stack([transform(Image.fromarray(p)) for p in pictures]), normalize=True)
        words = model.encode_text(open_clip.get_tokenizer("tiny-for-tests")(texts), normalize=True)
    encoder = load_encoder(row, device="cpu", batch=2)
    assert encoder.dim == 16
    np.testing.assert_allclose(encoder.encode_images(pictures), images.numpy(), atol=1e-5)
    np.testing.assert_allclose(encoder.encode_texts(texts), words.numpy(), atol=1e-5)


def test_mistakes(row: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"unknown architecture 'tiny-for-test'.*did you mean 'tiny-for-tests'"):
        load_encoder(row | {"architecture": "tiny-for-test"}, device="cpu", batch=1)
    with pytest.raises(ValueError, match=r"unknown interpolation 'cubic'.*did you mean 'bicubic'"):
        load_encoder(row | {"options": OPTIONS.replace("bicubic", "cubic")}, device="cpu", batch=1)
    with pytest.raises(ValueError, match="does not exist; open_clip needs a local file"):
        load_encoder(row | {"weights": "no.pt"}, device="cpu", batch=1)
    with pytest.raises(ValueError, match="mean is '1,2', expected r,g,b"):
        load_encoder(row | {"options": OPTIONS.replace("0.5,0.4,0.3", "1,2")}, device="cpu", batch=1)

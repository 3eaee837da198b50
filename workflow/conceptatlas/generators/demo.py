"""Generator source `demo`: a small decoder of the demo's scenes, shipped with its weights; every w has a true twin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conceptatlas.datasets.scenes.renderer import Rendered, render
from conceptatlas.datasets.scenes.vocabulary import CLASSES
from conceptatlas.files import file_sha256, text_digest
from conceptatlas.generators.demo_family import LABELS, W_DIM, W_NAMES, draw_w, label_map, scene_of
from conceptatlas.generators.demo_net import IMAGE_SIZE, DemoNet
from conceptatlas.generators.rows import row_options
from conceptatlas.models.weights import load_state, read_state

Array = np.ndarray[Any, Any]


class DemoGenerator:
    """Pictures of one object in a place; see `generator.Generator` for the names.

    w_names : what each coordinate of w is.
    """

    def __init__(
        self, name: str, net: DemoNet, *, digest: str, truncation: float = 1.0, device: torch.device | str = "cpu"
    ) -> None:
        self.name, self.digest, self.truncation = name, digest, truncation
        self.w_dim, self.n_classes, self.image_size = W_DIM, len(CLASSES), IMAGE_SIZE
        self.class_names, self.w_names, self.label_names = list(CLASSES), list(W_NAMES), list(LABELS)
        self.device = torch.device(device)
        self._net = net.to(self.device).to(memory_format=torch.channels_last).eval().requires_grad_(False)

    def sample(self, seeds: Array, classes: Array) -> torch.Tensor:
        """Draw style vectors: int64 (n,), int64 (n,) -> float32 (n, w_dim)."""
        rows = [draw_w(seed, index, truncation=self.truncation) for seed, index in zip(seeds, classes, strict=True)]
        return torch.from_numpy(np.array(rows, dtype=np.float32).reshape(-1, W_DIM)).to(self.device)

    def generate(self, w: torch.Tensor) -> torch.Tensor:
        """float32 (n, w_dim) -> float32 (n, 3, 64, 64) in 0..1."""
        picture: torch.Tensor = self._net(w)[0]
        return picture

    def features(self, w: torch.Tensor) -> list[torch.Tensor]:
        """Maps of the background, of the object where it stands, and of both together, each (n, channels, 64, 64)."""
        maps: list[torch.Tensor] = self._net(w)[1]
        return maps

    def twin(self, w: torch.Tensor | Array, *, size: int = IMAGE_SIZE) -> Sequence[Rendered]:
        """What the renderer draws for style vectors (n, w_dim): pictures with true labels, size x size pixels."""
        rows = w.detach().cpu().numpy() if isinstance(w, torch.Tensor) else np.asarray(w)
        return [render(scene_of(row), size) for row in rows]

    def labels(self, w: torch.Tensor | Array, *, size: int = IMAGE_SIZE) -> Array:
        """True labels, uint8 (n, size, size), index into `label_names`."""
        return np.array([label_map(rendered) for rendered in self.twin(w, size=size)], np.uint8).reshape(-1, size, size)


def load(row: dict[str, Any], *, device: torch.device) -> DemoGenerator:
    """The demo generator of a row: `weights` names its safetensors file; option `truncation` (default 1)."""
    name = str(row.get("generator", "?"))
    options = row_options(row, known={"truncation": 1.0})
    path = str(row.get("weights", ""))
    if not path:
        raise ValueError(f"generator {name!r}: the column weights names the demo generator's file")
    net = DemoNet()
    load_state(net, read_state(Path(path)), where=f"generator {name!r}: weights file {path}")
    digest = text_digest(file_sha256(path), repr(sorted(options.items())))
    return DemoGenerator(name, net, digest=digest, truncation=float(options["truncation"]), device=device)

"""Generator source `stylegan_xl`: the pickles of StyleGAN-XL (Sauer et al. 2022) and its relatives with a `G_ema`.

Such a pickle runs code when it is read, so it is opened only where the row says ``trust_pickle: true``. Its classes
live in the authors' repository (`torch_utils`, `dnnlib`), whose folder the option ``repository`` names. Their CUDA
operators are switched to the reference ones (plain torch) on the CPU and with ``operators=reference``, where they often
do not build.
"""

from __future__ import annotations

import contextlib
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conceptatlas.files import file_sha256, text_digest
from conceptatlas.generators.rows import row_options
from conceptatlas.seeds import generator as random_generator

Array = np.ndarray[Any, Any]

OPTIONS: dict[str, Any] = {"truncation": 0.7, "noise": "none", "operators": "auto", "repository": ""}
"""Option -> default. truncation: psi. noise: `none` or `const`. operators: `auto` or `reference`."""


class StyleGanXl:
    """A `G_ema` with mapping and synthesis; w is the first row of the style tensor, whose rows are all equal."""

    def __init__(self, name: str, net: Any, *, digest: str, options: dict[str, Any], device: torch.device) -> None:
        self.name, self.digest, self.device = name, digest, device
        self.w_dim, self.n_classes, self.image_size = int(net.w_dim), int(net.c_dim), int(net.img_resolution)
        self._z_dim, self._options = int(net.z_dim), options
        self._net = net.to(device).eval().requires_grad_(False)
        self._n_rows = int(net.mapping.num_ws)

    def sample(self, seeds: Array, classes: Array) -> torch.Tensor:
        """Draw style vectors: int64 (n,), int64 (n,) -> float32 (n, w_dim)."""
        draws = [random_generator(int(seed), "stylegan z").standard_normal(self._z_dim) for seed in seeds]
        z = torch.from_numpy(np.array(draws, dtype=np.float32).reshape(-1, self._z_dim)).to(self.device)
        label = torch.zeros(len(z), self.n_classes, device=self.device)
        if self.n_classes:
            label[torch.arange(len(z)), torch.from_numpy(np.asarray(classes, dtype=np.int64)).to(self.device)] = 1
        with torch.no_grad():
            rows = self._net.mapping(z, label, truncation_psi=self._options["truncation"])
        styles: torch.Tensor = rows[:, 0].float()
        return styles

    def generate(self, w: torch.Tensor) -> torch.Tensor:
        """float32 (n, w_dim) -> float32 (n, 3, size, size) in 0..1."""
        pictures = self._synthesis(w)
        if pictures.shape[1] == 1:
            pictures = pictures.expand(-1, 3, -1, -1)
        return ((pictures.float() + 1) / 2).clamp(0, 1)

    def features(self, w: torch.Tensor) -> list[torch.Tensor]:
        """Maps of every second layer of the synthesis, each float32 (n, channels, height, width), coarse to fine."""
        maps: list[torch.Tensor] = []

        def keep(_module: Any, _inputs: Any, output: Any) -> None:
            tensors = [part for part in (output if isinstance(output, tuple) else (output,)) if part is not None]
            maps.extend(part.float() for part in tensors[:1] if part.ndim == 4)

        handles = [child.register_forward_hook(keep) for child in self._net.synthesis.children()]
        try:
            self._synthesis(w)
        finally:
            for handle in handles:
                handle.remove()
        return maps[1::2] or maps

    def _synthesis(self, w: torch.Tensor) -> torch.Tensor:
        rows = w[:, None, :].expand(-1, self._n_rows, -1)
        pictures: torch.Tensor = self._net.synthesis(rows, noise_mode=self._options["noise"])
        return pictures


def load(row: dict[str, Any], *, device: torch.device) -> StyleGanXl:
    """The generator in a pickle (see the module's text).

    Raises
    ------
    ValueError
        where the row does not trust the pickle, the file is not there, its classes cannot be imported, or it holds no
        `G_ema` of this interface.
    """
    name, path = str(row.get("generator", "?")), Path(str(row.get("weights", "")))
    options = row_options(row, known=OPTIONS)
    if row.get("trust_pickle") not in (True, "true"):
        raise ValueError(
            f"generator {name!r}: {path} is a pickle, which can run any code on this machine when it is read. If you "
            "trust where it comes from, write `true` in the column trust_pickle of its row"
        )
    if not path.is_file():
        raise ValueError(
            f"generator {name!r}: weights file {path} does not exist (relative to where the workflow runs)"
        )
    with _importable(str(options["repository"])):
        try:
            with path.open("rb") as file:
                content = pickle.load(file)  # the row says that it is trusted
        except ModuleNotFoundError as error:
            raise ValueError(
                f"generator {name!r}: the pickle {path} needs the module {error.name!r}; name the folder of the "
                "generator's own code: option repository=FOLDER"
            ) from None
        except (pickle.UnpicklingError, EOFError, AttributeError) as error:
            raise ValueError(f"generator {name!r}: {path} cannot be read as a pickle ({error})") from None
    net = content.get("G_ema") if isinstance(content, dict) else None
    lacking = [
        key for key in ("mapping", "synthesis", "z_dim", "c_dim", "w_dim", "img_resolution") if not hasattr(net, key)
    ]
    if lacking:
        raise ValueError(f"generator {name!r}: {path} holds no `G_ema` of StyleGAN's interface ({', '.join(lacking)})")
    if device.type == "cpu" or options["operators"] == "reference":
        _use_reference_operators(net)
    shown = {key: value for key, value in options.items() if key not in ("repository", "operators")}
    digest = text_digest(file_sha256(path), repr(sorted(shown.items())))
    return StyleGanXl(name, net, digest=digest, options=options, device=device)


@contextlib.contextmanager
def _importable(folder: str) -> Iterator[None]:
    """The folder of the generator's own code on the path while its pickle is read; the modules stay loaded."""
    if folder and not Path(folder).is_dir():
        raise ValueError(f"option repository: folder {folder} does not exist (relative to where the workflow runs)")
    if folder:
        sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder:
            sys.path.remove(folder)


def _use_reference_operators(net: Any) -> None:
    """Operators of plain torch instead of those to be compiled, and single precision: what the CPU can do.

    StyleGAN's operators take `impl='cuda'` and fall back with a warning once their plugin is None after `_init`; the
    modules are replaced where they are loaded.
    """
    for module in net.modules():
        if hasattr(module, "use_fp16"):
            module.use_fp16 = False
    for name, module in list(sys.modules.items()):
        if name.startswith("torch_utils.ops.") and hasattr(module, "_init"):
            module._init = lambda *_, **__: False  # type: ignore[attr-defined]

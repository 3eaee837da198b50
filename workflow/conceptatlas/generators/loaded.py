"""Load the generator of a row of generators.tsv, and check that it keeps the interface before any work is done."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import torch

from conceptatlas.generators.generator import Generator
from conceptatlas.generators.index import source_entry
from conceptatlas.naming import check_name

MEMBERS = ("name", "w_dim", "n_classes", "image_size", "digest", "sample", "generate")


def load_generator(row: dict[str, Any], *, device: torch.device | str = "cpu") -> Generator:
    """The generator of a row, on a device, checked with one draw.

    Parameters
    ----------
    row : cells of generators.tsv (generator, source, architecture, weights, trust_pickle, options), expanded.
    device : where it computes.

    Raises
    ------
    ValueError
        for an unknown source, missing weights, a pickle that is not trusted, and a generator that does not keep the
        interface (see `generator.Generator`), with what it gave and what was expected.
    """
    check_name(str(row.get("generator", "")), kind="generator")
    module, _, function = source_entry(str(row.get("source", ""))).partition(":")
    generator: Generator = getattr(importlib.import_module(module), function)(row, device=torch.device(device))
    check_interface(generator, where=f"generator {row['generator']!r}")
    return generator


def check_interface(generator: Any, *, where: str) -> None:
    """Draw one picture and compare everything with the interface; ValueError names what is wrong."""
    missing = [member for member in MEMBERS if not hasattr(generator, member)]
    if missing:
        raise ValueError(f"{where}: {type(generator).__name__} lacks {', '.join(missing)}; see docs/linking.md")
    for member, least in (("w_dim", 1), ("n_classes", 0), ("image_size", 8)):
        value = getattr(generator, member)
        if not isinstance(value, int) or value < least:
            raise ValueError(f"{where}: {member} is {value!r}, expected a whole number of at least {least}")
    with torch.no_grad():
        w = generator.sample(np.array([1], dtype=np.int64), np.array([0], dtype=np.int64))
        _check(w, (1, generator.w_dim), where=f"{where}: sample(seeds, classes)")
        picture = generator.generate(w)
    size = generator.image_size
    _check(picture, (1, 3, size, size), where=f"{where}: generate(w)")
    low, high = float(picture.min()), float(picture.max())
    if low < -1e-3 or high > 1 + 1e-3:
        raise ValueError(f"{where}: generate(w) gives values {low:.3g} to {high:.3g}, expected pictures in 0..1")


def _check(tensor: Any, shape: tuple[int, ...], *, where: str) -> None:
    if not isinstance(tensor, torch.Tensor) or tensor.dtype != torch.float32 or tuple(tensor.shape) != shape:
        found = f"{tensor.dtype} {tuple(tensor.shape)}" if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise ValueError(f"{where} gives {found}, expected torch.float32 {shape}")
    if not bool(torch.isfinite(tensor).all()):
        raise ValueError(f"{where} gives values that are not finite")

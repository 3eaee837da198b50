"""The linking network: one linear map with intercept from a classifier's representation r to a generator's style w.

Source: Wehrheim, Osuna-Vargas and Kaschube, "Linking in Style" (2024), Fig. 2A; the published code fits scikit-learn's
LinearRegression, whose result `solving` reaches by streamed normal equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch

from conceptatlas.files import atomic_path

Array = np.ndarray[Any, Any]

ARRAYS = ("weights", "intercept", "r_mean", "r_std", "r_min", "r_max", "w_mean", "w_std")


@dataclass
class Link:
    """w = r @ weights + intercept, with what the training pairs say about both spaces.

    Attributes
    ----------
    weights : float32 (K, w_dim). intercept : float32 (w_dim,).
    r_mean, r_std, r_min, r_max : float32 (K,), of each unit over the training pairs: the range that tuning moves it in.
    w_mean, w_std : float32 (w_dim,).
    ridge : penalty that the folds chose (0: ordinary least squares).
    rectified : whether no representation of the training pairs is negative, so that r' is cut at 0 before it is shown.
    """

    weights: Array
    intercept: Array
    r_mean: Array
    r_std: Array
    r_min: Array
    r_max: Array
    w_mean: Array
    w_std: Array
    ridge: float = 0.0
    _tensors: dict[str, tuple[torch.Tensor, torch.Tensor]] = field(default_factory=dict, repr=False)

    @property
    def rectified(self) -> bool:
        """Whether r is never negative on the training pairs."""
        return bool((self.r_min >= 0).all())

    @property
    def n_units(self) -> int:
        """K, units of the representation."""
        return int(self.weights.shape[0])

    @property
    def w_dim(self) -> int:
        """Length of a style vector."""
        return int(self.weights.shape[1])

    def apply(self, r: torch.Tensor) -> torch.Tensor:
        """The style vectors of representations: float32 (n, K) -> (n, w_dim), differentiable, on the device of r."""
        key = str(r.device)
        if key not in self._tensors:
            with torch.inference_mode(False):  # what is made in inference mode takes no part in gradients later
                self._tensors[key] = (
                    torch.from_numpy(self.weights).to(r.device),
                    torch.from_numpy(self.intercept).to(r.device),
                )
        weights, intercept = self._tensors[key]
        return r @ weights + intercept


def write_link(path: str | Path, link: Link, *, extra: Mapping[str, Array] | None = None) -> None:
    """Write a link atomically as HDF5: one array an attribute, `ridge` as attribute of the file.

    extra : further arrays by their place in the file.
    """
    with atomic_path(path) as part, h5py.File(part, "w") as store:
        for name in ARRAYS:
            store[name] = np.asarray(getattr(link, name), dtype=np.float32)
        store.attrs["ridge"] = float(link.ridge)
        for name, array in (extra or {}).items():
            store[name] = array


def read_link(path: str | Path) -> Link:
    """Read what `write_link` wrote; a file that does not open raises ValueError with its name."""
    try:
        with h5py.File(path, "r") as store:
            arrays = {name: store[name][:] for name in ARRAYS}
            return Link(**arrays, ridge=float(store.attrs["ridge"]))
    except (OSError, KeyError) as error:
        if not Path(path).exists():
            raise
        raise ValueError(f"{path}: no readable link ({error}); delete it and run again") from None

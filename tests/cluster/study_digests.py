"""What two runs of a study must agree in: a digest of every result, however it was made and wherever it lay."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np

APART = ("logs", "benchmarks", "outside", "run_record.json", "run_config.yaml", "preflight.json")
"""What tells of the run and the machine, not of the study."""
OF_THE_RUN = Path("atlas/study/record.js")
"""The run record once more, for the atlas."""


def digests(results: Path) -> dict[str, str]:
    """Path of every result below the folder of a study -> digest of its content."""
    files = [path for path in sorted(results.rglob("*")) if path.is_file() and not path.name.startswith(".")]
    names = [path.relative_to(results) for path in files]
    apart = [name == OF_THE_RUN or name.parts[0] in APART for name in names]
    return {str(name): digest_of(path) for path, name, left in zip(files, names, apart, strict=True) if not left}


def digest_of(path: Path) -> str:
    """Of HDF5 the names, types and values of all arrays, of manifests what they say; of anything else its bytes."""
    if path.suffix == ".h5":
        return _hdf5_digest(path)
    if path.suffix == ".json":
        return json.dumps(_placeless(json.loads(path.read_text())), sort_keys=True)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _placeless(content: Any, key: str = "") -> Any:
    """Manifests name the weights file as the job found it: only its name counts."""
    if isinstance(content, dict):
        return {name: _placeless(value, name) for name, value in content.items()}
    if isinstance(content, list):
        return [_placeless(value) for value in content]
    return Path(content).name if key == "weights" and isinstance(content, str) else content


def _hdf5_digest(path: Path) -> str:
    """Over names, types and values of all arrays."""
    digest = hashlib.sha256()

    def add(name: str, item: object) -> None:
        if isinstance(item, h5py.Dataset):
            values = np.asarray(item.asstr()[()] if h5py.check_string_dtype(item.dtype) else item[()])
            digest.update(f"{name} {item.dtype} {item.shape} ".encode())
            digest.update(repr(values.tolist()).encode() if values.dtype == object else values.tobytes())

    with h5py.File(path, "r") as file:
        file.visititems(add)
    return digest.hexdigest()

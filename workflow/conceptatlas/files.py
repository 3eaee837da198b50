"""Files that are whole or not there: atomic writes, digests, and what to do with a damaged one.

A contiguous HDF5 dataset carries no checksum of its own and a killed writer leaves a file that does not open, so every
result is written beside its place as ``.part``, flushed to disk, and renamed; digests live in small JSON manifests.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xxhash

logger = logging.getLogger(__name__)


class DamagedFileError(ValueError):
    """A stored array is not what its manifest says; the manifest has been set aside as ``.damaged``."""


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yield ``path + ".part"`` to write to; on a clean exit it is flushed to disk and renamed, else removed."""
    path = Path(path)
    part = path.with_name(path.name + ".part")
    path.parent.mkdir(parents=True, exist_ok=True)
    part.unlink(missing_ok=True)
    try:
        yield part
        with part.open("rb+") as handle:
            os.fsync(handle.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def scratch_beside(path: str | Path) -> Iterator[Path]:
    """A folder for intermediate files beside a result, removed at the end: Dask workers on other nodes see it too."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        yield Path(folder)


def array_digest(array: np.ndarray[Any, Any]) -> str:
    """xxh3-128 of the bytes of an array in C order, as hex."""
    return xxhash.xxh3_128_hexdigest(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)


def text_digest(*texts: str) -> str:
    """xxh3-128 of several texts (their boundaries count), as hex."""
    return xxhash.xxh3_128_hexdigest("\0".join(texts).encode())


def file_sha256(path: str | Path) -> str:
    """SHA-256 of a file, as hex."""
    with Path(path).open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON atomically: sorted keys, one space of indent, a final newline; NaN is refused."""
    with atomic_path(path) as part:
        part.write_text(json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read JSON; a file that does not parse raises ValueError with its name."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); delete it and run again") from None


def set_aside(manifest: str | Path, *, reason: str) -> DamagedFileError:
    """Rename a manifest to ``.damaged`` and return the error to raise: the next run makes exactly that file again."""
    manifest = Path(manifest)
    damaged = manifest.with_name(manifest.name + ".damaged")
    with contextlib.suppress(FileNotFoundError):
        manifest.replace(damaged)
    logger.error("%s: %s", manifest, reason)
    return DamagedFileError(
        f"{manifest}: {reason}. The manifest is now {damaged.name}; run the same command again to make this file anew"
    )


def check_digest(manifest: str | Path, *, name: str, expected: str, found: str) -> None:
    """Raise `DamagedFileError` (and set the manifest aside) unless the digests agree."""
    if expected != found:
        raise set_aside(manifest, reason=f"{name} is damaged: digest {found}, the manifest says {expected}")

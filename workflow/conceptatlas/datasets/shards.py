"""Whether the files of a shard are what their manifest says: asked before reading, and by `conceptatlas verify`."""

from __future__ import annotations

from pathlib import Path

import h5py
import xxhash

from conceptatlas.datasets.frame_file import map_frames, read_records
from conceptatlas.files import check_digest, read_json, set_aside

_BLOCK_BYTES = 16 << 20


def check_annotations(path: str | Path, *, manifest: str | Path) -> None:
    """Compare every array of an annotations file with the digests in the manifest of its shard.

    Raises
    ------
    DamagedFileError
        if the file does not open, lacks an array or holds other bytes; the manifest is then set aside, and the next run
        frames exactly this shard again.
    """
    expected: dict[str, str] = read_json(manifest)["annotation_arrays"]
    try:
        with h5py.File(path, "r") as file:
            found = {name: _digest(file[name]) for name in expected}
    except (OSError, KeyError) as error:
        raise set_aside(manifest, reason=f"{path} does not open or lacks an array ({error})") from error
    for name, digest in expected.items():
        check_digest(manifest, name=f"{path}:/{name}", expected=digest, found=found[name])


def check_shard(*, frames: str | Path, annotations: str | Path, manifest: str | Path) -> None:
    """Compare both files of a shard with its manifest; raises DamagedFileError as `check_annotations` does."""
    if not Path(frames).exists():
        raise set_aside(manifest, reason=f"{frames} is missing")
    map_frames(frames, manifest=manifest)
    read_records(frames, manifest=manifest)
    check_annotations(annotations, manifest=manifest)


def _digest(dataset: h5py.Dataset) -> str:
    """xxh3-128 of a dataset, read a block of rows at a time."""
    digest = xxhash.xxh3_128()
    row_bytes = max(1, dataset.dtype.itemsize * (dataset.size // max(1, len(dataset))))
    step = max(1, _BLOCK_BYTES // row_bytes)
    for begin in range(0, len(dataset), step):
        digest.update(dataset[begin : begin + step].data)
    return str(digest.hexdigest())

"""The frames file of a shard: pictures as one contiguous array that maps into memory, and what framing met.

HDF5 allocates a contiguous dataset late by default, and then it has no offset to map; here space is allocated when the
dataset is made. Per image there are also its size, the SHA-256 of its source, the digest of its frame, and the reason
if it is in quarantine.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xxhash

from conceptatlas.files import array_digest, check_digest, read_json, set_aside, text_digest

Array = np.ndarray[Any, Any]

_NUMBERS = {"valid": np.dtype(bool), "width": np.dtype("<i4"), "height": np.dtype("<i4")}
_TEXTS = ("sha256", "digest", "reason")


@dataclass(frozen=True)
class ImageRecords:
    """What framing met, one entry an image of the shard.

    valid : bool; False where the image is in quarantine: its frame is zeros and it has no annotations.
    width, height : int32, of the decoded picture in pixels, 0 where it could not be decoded.
    sha256 : of the source file, "" where pictures are generated or the file is missing.
    digest : xxh3-128 of the frame.
    reason : why the image is in quarantine, else "".
    """

    valid: Array
    width: Array
    height: Array
    sha256: list[str]
    digest: list[str]
    reason: list[str]


class FrameWriter:
    """Writes the frames of a shard in order, as a context manager; `digests` is filled once it is closed."""

    def __init__(self, path: str | Path, *, start: int, stop: int, size: int) -> None:
        self.digests: dict[str, str] = {}
        self._n_images = stop - start
        self._size = size
        self._records: list[tuple[bool, int, int, str, str, str]] = []
        self._hash = xxhash.xxh3_128()
        self._file = h5py.File(path, "w")
        self._file.attrs.update(
            {"start": start, "stop": stop, "frame_size": size, "axes": ["image", "height", "width", "channel"]}
        )
        create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        create.set_layout(h5py.h5d.CONTIGUOUS)
        create.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        create.set_fill_time(h5py.h5d.FILL_TIME_NEVER)  # every frame is written, fill values would be written twice
        space = h5py.h5s.create_simple((self._n_images, size, size, 3))
        dataset = h5py.h5d.create(self._file.id, b"frames", h5py.h5t.STD_U8LE, space, dcpl=create)
        self._frames = h5py.Dataset(dataset)

    def __enter__(self) -> FrameWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._finish()
        self._file.close()

    def add(self, frame: Array | None, *, width: int, height: int, sha256: str, reason: str) -> None:
        """Append one image; `frame` None means quarantine, for the `reason` given."""
        if frame is None:
            stored = np.zeros((self._size, self._size, 3), dtype=np.uint8)
        else:
            stored = np.ascontiguousarray(frame)
        self._frames[len(self._records)] = stored
        self._hash.update(stored.data)
        self._records.append((frame is not None, width, height, sha256, array_digest(stored), reason))

    def _finish(self) -> None:
        if len(self._records) != self._n_images:
            raise ValueError(f"{len(self._records)} frames written, the shard has {self._n_images} images")
        columns: list[Any] = list(zip(*self._records, strict=True)) if self._records else [()] * 6
        self.digests = {"frames": self._hash.hexdigest()}
        for name, kind, column in zip(_NUMBERS, _NUMBERS.values(), columns[:3], strict=True):
            numbers = np.array(column, dtype=kind)
            self._file.create_dataset(name, data=numbers)
            self.digests[name] = array_digest(numbers)
        for name, texts in zip(_TEXTS, columns[3:], strict=True):
            self._file.create_dataset(name, data=list(texts), shape=(self._n_images,), dtype=h5py.string_dtype())
            self.digests[name] = text_digest(*texts)

    def reasons(self) -> list[tuple[int, str]]:
        """(position in the shard, reason) of the images in quarantine so far."""
        return [(i, record[-1]) for i, record in enumerate(self._records) if not record[0]]


def map_frames(path: str | Path, *, manifest: str | Path | None = None) -> tuple[Array, Array]:
    """Map the frames of a shard into memory.

    Parameters
    ----------
    path : path
        ``frames/{shard}.h5``.
    manifest : path, optional
        ``frames/{shard}.json``; if given, the digests of both arrays are checked first.

    Returns
    -------
    frames : uint8, shape (image, size, size, 3), read-only memory map.
    valid : bool, shape (image,).

    Raises
    ------
    DamagedFileError
        if `manifest` is given and the file does not open or is not what the manifest says.
    """
    try:
        with h5py.File(path, "r") as file:
            valid: Array = file["valid"][:]
            dataset = file["frames"]
            shape, offset = dataset.shape, dataset.id.get_offset()
    except (OSError, KeyError) as error:
        if manifest is None or not Path(path).exists():
            raise
        raise set_aside(manifest, reason=f"{path} does not open ({error})") from error
    frames: Array
    if offset is None:  # a shard without images takes no space
        frames = np.zeros(shape, dtype=np.uint8)
    else:
        frames = np.memmap(path, dtype=np.uint8, mode="r", offset=offset, shape=shape)
    if manifest is not None:
        expected = read_json(manifest)["arrays"]
        check_digest(manifest, name=f"{path}:/frames", expected=expected["frames"], found=array_digest(frames))
        check_digest(manifest, name=f"{path}:/valid", expected=expected["valid"], found=array_digest(valid))
    return frames, valid


def read_records(path: str | Path, *, manifest: str | Path) -> ImageRecords:
    """What framing met in a shard, without its frames; DamagedFileError if the file is not what the manifest says."""
    try:
        with h5py.File(path, "r") as file:
            records = ImageRecords(
                valid=file["valid"][:],
                width=file["width"][:],
                height=file["height"][:],
                sha256=list(file["sha256"].asstr()[:]),
                digest=list(file["digest"].asstr()[:]),
                reason=list(file["reason"].asstr()[:]),
            )
    except (OSError, KeyError) as error:
        raise set_aside(manifest, reason=f"{path} does not open or lacks an array ({error})") from error
    expected = read_json(manifest)["arrays"]
    found = {name: array_digest(getattr(records, name)) for name in _NUMBERS}
    found.update({name: text_digest(*getattr(records, name)) for name in _TEXTS})
    for name, digest in found.items():
        check_digest(manifest, name=f"{path}:/{name}", expected=expected[name], found=digest)
    return records

"""Jobs of an encoder: does it load, the vectors of a shard of pictures, the vectors of a part of a vocabulary."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.encoders.encoder import Array, unit_rows
from conceptatlas.encoders.loaded import LoadedEncoder, load_encoder
from conceptatlas.files import array_digest, atomic_path, read_json, write_json
from conceptatlas.naming import shard_bounds
from conceptatlas.progress import progress
from conceptatlas.provenance import versions
from conceptatlas.sheets import Row
from conceptatlas.vocabularies.caption_file import CaptionWriter, fixed_sum, read_captions
from conceptatlas.vocabularies.rows import vector_files, vocabulary_options

logger = logging.getLogger(__name__)

CAPTIONS_AT_A_TIME = 8192


def check_encoder(row: Row, *, device: str, report: str | Path) -> None:
    """Load an encoder, encode a picture of noise (and two words), and record what it is.

    row : of encoders.tsv, environment variables filled in. report : JSON to write.
    """
    with _loaded(row, device=device, batch=1, threads=1) as (encoder, leased):
        encoder.encode_images(np.random.default_rng(0).integers(0, 256, (1, 96, 96, 3), dtype=np.uint8))
        if encoder.has_texts:
            encoder.encode_texts(["a word"])
    write_json(
        report,
        {
            "encoder": encoder.name,
            "source": row["source"],
            "architecture": str(row.get("architecture", "")),
            "dim": encoder.dim,
            "digest": encoder.digest,
            "has_texts": encoder.has_texts,
            "device": leased,
            "about": encoder.about,
            "versions": versions(),
        },
    )


def encode_images(
    row: Row,
    *,
    frames: str | Path,
    frames_manifest: str | Path,
    report: str | Path,
    embeddings: str | Path,
    manifest: str | Path,
    device: str,
    batch: int,
    threads: int,
) -> None:
    """Write the vectors of the frames of one shard.

    embeddings : HDF5 to write: `embeddings` float32 (image, dim), rows of length 1, zeros for images in quarantine.
    manifest : JSON to write, with the digests of the arrays and of what they were made of.
    """
    started = time.monotonic()
    source = read_json(frames_manifest)
    pictures, valid = map_frames(frames, manifest=frames_manifest)
    with _loaded(row, device=device, batch=batch, threads=threads) as (encoder, leased):
        _check_same(encoder, report)
        vectors = np.zeros((len(pictures), encoder.dim), dtype=np.float32)
        shown = np.flatnonzero(valid)
        steps = range(0, len(shown), batch)
        for begin in progress(steps, description=f"images of {encoder.name}"):
            images = shown[begin : begin + batch]
            vectors[images] = encoder.encode_images(pictures[images])
    with atomic_path(embeddings) as part, h5py.File(part, "w") as file:
        file["embeddings"] = vectors
    seconds = time.monotonic() - started
    logger.info("%d images in %.1f s on %s", len(shown), seconds, leased)
    write_json(
        manifest,
        {
            "encoder": encoder.name,
            "encoder_digest": encoder.digest,
            "start": source["start"],
            "stop": source["stop"],
            "quarantined": [source["start"] + int(i) for i in np.flatnonzero(~valid)],
            "frames_digest": source["arrays"]["frames"],
            "arrays": {"embeddings": array_digest(vectors)},
            "device": leased,
            "batch": batch,
            "threads": threads,
            "versions": versions(),
        },
    )


def encode_vocabulary(
    encoder: Row,
    vocabulary: Row,
    *,
    captions: str | Path,
    captions_manifest: str | Path,
    report: str | Path,
    part: int,
    embeddings: str | Path,
    manifest: str | Path,
    device: str,
    batch: int,
    threads: int,
) -> None:
    """Write one part of the vectors of a vocabulary: a contiguous piece of its list of captions.

    Parameters
    ----------
    encoder, vocabulary : rows of encoders.tsv and vocabularies.tsv, environment variables filled in.
    captions, captions_manifest : files of `vocabularies.listing.list_vocabulary`.
    report : of `check_encoder`.
    part : number of the part, 0 .. shards-1.
    embeddings : HDF5 to write: `embeddings` (caption, dim), rows of length 1; `captions`, `offsets`: the texts; `sum`:
        see `caption_file.fixed_sum`.
    manifest : JSON to write.

    Raises
    ------
    ValueError
        for precomputed vectors that do not fit the lines of the text file or the encoder's dim.
    """
    listed = read_json(captions_manifest)
    start, stop = shard_bounds(listed["n_captions"], int(vocabulary["shards"]), part)
    dtype = np.dtype(vocabulary_options(vocabulary)["dtype"])
    about = read_json(report)
    given = _Precomputed(vocabulary, n_lines=listed["n_lines"], dim=about["dim"]) if vector_files(vocabulary) else None
    total, leased = np.zeros(about["dim"], dtype=np.int64), "none"
    with (
        contextlib.ExitStack() as stack,
        atomic_path(embeddings) as written,
        h5py.File(captions, "r") as source,
        h5py.File(written, "w") as file,
    ):
        if given is None:
            model, leased = stack.enter_context(_loaded(encoder, device=device, batch=batch, threads=threads))
            _check_same(model, report)
        file.attrs.update({"start": start, "stop": stop})
        writer = CaptionWriter(file)
        stored = file.create_dataset("embeddings", (stop - start, about["dim"]), dtype)
        steps = range(start, stop, CAPTIONS_AT_A_TIME)
        for begin in progress(steps, description=f"captions of {vocabulary['vocabulary']}"):
            after = min(begin + CAPTIONS_AT_A_TIME, stop)
            texts = read_captions(source, begin, after)
            vectors = model.encode_texts(texts) if given is None else given.rows(source["lines"][begin:after])
            vectors = vectors.astype(dtype)
            stored[begin - start : after - start] = vectors
            total += fixed_sum(vectors)
            writer.append([text.encode() for text in texts])
        file["sum"] = total
    with h5py.File(embeddings, "r") as file:
        arrays = {name: _digest(file[name]) for name in ("embeddings", "captions", "offsets", "sum")}
    write_json(
        manifest,
        {
            "encoder": about["encoder"],
            "encoder_digest": about["digest"],
            "vocabulary": vocabulary["vocabulary"],
            "captions_digest": listed["arrays"]["captions"],
            "start": start,
            "stop": stop,
            "dtype": dtype.name,
            "precomputed": given is not None,
            "arrays": arrays,
            "device": leased,
            "batch": batch,
            "threads": threads,
            "versions": versions(),
        },
    )


class _Precomputed:
    """Vectors that came with a vocabulary: row n of the .npy belongs to line n of its text files."""

    def __init__(self, vocabulary: Row, *, n_lines: int, dim: int) -> None:
        self._where = f"vocabulary {vocabulary['vocabulary']!r}: {vocabulary['vectors']}"
        try:
            self._vectors = np.load(vocabulary["vectors"], mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ValueError(f"{self._where} is no readable .npy file ({error})") from None
        if self._vectors.shape != (n_lines, dim):
            raise ValueError(
                f"{self._where} holds {self._vectors.shape}, expected a vector for each of the {n_lines} lines of "
                f"{vocabulary['path']}, of the {dim} components of encoder {vocabulary['encoder']!r}"
            )

    def rows(self, lines: Array) -> Array:
        """Vectors of some lines, float32, length 1."""
        return unit_rows(self._vectors[lines], where=self._where)


@contextlib.contextmanager
def _loaded(row: Row, *, device: str, batch: int, threads: int) -> Iterator[tuple[LoadedEncoder, str]]:
    """The encoder on a device that is leased for as long, and the device's name."""
    import torch

    from conceptatlas.devices import lease_device

    torch.set_num_threads(threads)
    with lease_device(device) as leased:
        yield load_encoder(row, device=leased, batch=batch), leased


def _check_same(encoder: LoadedEncoder, report: str | Path) -> None:
    known = read_json(report)
    if known["digest"] != encoder.digest:
        raise ValueError(
            f"encoder {encoder.name!r} is not the one that was checked (digest {encoder.digest}, {report} says "
            f"{known['digest']}): delete {report} and run again"
        )


def _digest(dataset: Any) -> str:
    import xxhash

    digest = xxhash.xxh3_128()
    step = max(1, (64 << 20) // max(1, dataset.dtype.itemsize * int(np.prod(dataset.shape[1:], dtype=np.int64))))
    for begin in range(0, len(dataset), step):
        digest.update(np.ascontiguousarray(dataset[begin : begin + step]).reshape(-1).view(np.uint8).data)
    return str(digest.hexdigest())

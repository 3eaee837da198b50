"""The list of a vocabulary: every caption once, in the order in which it first comes, with bounded memory.

A caption that comes a thousand times would fill a thousand places among the nearest ones of an image, so captions are
kept once. 400 million lines do not fit into memory: a first pass writes the 128-bit digest of every line into one of
some files by its first bits, each of these is sorted alone and marks first occurrences, and a second pass keeps the
marked lines. Memory: one byte a line, and one of these files (some 64 MB).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import xxhash

from conceptatlas.files import array_digest, atomic_path, file_sha256, scratch_beside, write_json
from conceptatlas.sheets import Row
from conceptatlas.tables import read_table
from conceptatlas.vocabularies.caption_file import Array, CaptionWriter
from conceptatlas.vocabularies.rows import text_files, vocabulary_options

logger = logging.getLogger(__name__)

READ_BYTES = 8 << 20
LINES_PER_BUCKET = 2_000_000
_RECORD = np.dtype([("high", "<u8"), ("low", "<u8"), ("line", "<i8")])


def list_vocabulary(row: Row, *, captions: str | Path, manifest: str | Path) -> None:
    """Write the list of a vocabulary and its manifest.

    Parameters
    ----------
    row : of vocabularies.tsv, environment variables filled in.
    captions : HDF5 file to write: captions (uint8), offsets (int64, n + 1), lines (int64, n): line of the text files
        (counted from 0 through all of them) on which each first comes.
    manifest : JSON to write: numbers of lines, captions, duplicates and empty lines, digests.

    Raises
    ------
    ValueError
        where there is no file or no caption, and for a line that is not UTF-8.
    """
    files = text_files(row)
    spaces = vocabulary_options(row)["underscores"] == "spaces"
    first, n_empty = first_occurrences(files, underscores_to_spaces=spaces, scratch=captions)
    n_lines, n_captions = len(first), int(first.sum())
    if not n_captions:
        raise ValueError(f"vocabulary {row['vocabulary']!r}: {row['path']} holds no caption")
    with atomic_path(captions) as part, h5py.File(part, "w") as file:
        writer = CaptionWriter(file)
        file["lines"] = np.flatnonzero(first)
        for begin, lines in _line_blocks(files, spaces):
            kept = [line for line, keep in zip(lines, first[begin : begin + len(lines)], strict=True) if keep]
            _check_utf8(kept, where=f"vocabulary {row['vocabulary']!r}")
            writer.append(kept)
    n_duplicates = n_lines - n_empty - n_captions
    logger.info("%d captions of %d lines, %d duplicates, %d empty", n_captions, n_lines, n_duplicates, n_empty)
    with h5py.File(captions, "r") as file:
        arrays = {name: _digest(file[name]) for name in ("captions", "offsets", "lines")}
    write_json(
        manifest,
        {
            "vocabulary": row["vocabulary"],
            "files": [{"name": file.name, "sha256": file_sha256(file)} for file in files],
            "n_lines": n_lines,
            "n_captions": n_captions,
            "n_duplicates": n_duplicates,
            "n_empty": n_empty,
            "options": vocabulary_options(row),
            "arrays": arrays,
        },
    )


def list_names(
    concepts: str | Path, *, vocabulary: str, template: str, captions: str | Path, manifest: str | Path
) -> None:
    """Write the names of a data set's own concepts as a list of the same form, each in a template.

    concepts : concepts.parquet. template : `{}` stands for the name.
    """
    names = [template.format(name) for name in read_table(concepts, columns=["name"])["name"].astype(str)]
    kept = list(dict.fromkeys(names))
    with atomic_path(captions) as part, h5py.File(part, "w") as file:
        CaptionWriter(file).append([name.encode() for name in kept])
        file["lines"] = np.array([names.index(name) for name in kept], dtype=np.int64)
    with h5py.File(captions, "r") as file:
        arrays = {name: _digest(file[name]) for name in ("captions", "offsets", "lines")}
    counts = {"n_lines": len(names), "n_captions": len(kept), "n_duplicates": len(names) - len(kept), "n_empty": 0}
    write_json(manifest, {"vocabulary": vocabulary, "files": [], "options": {}, **counts, "arrays": arrays})


def first_occurrences(files: Sequence[Path], *, underscores_to_spaces: bool, scratch: str | Path) -> tuple[Array, int]:
    """Which lines hold a caption for the first time: bool (line,), and the number of empty lines.

    scratch : a file beside which intermediate files may lie.
    """
    n_buckets = max(1, sum(file.stat().st_size for file in files) // (40 * LINES_PER_BUCKET))
    n_lines = n_empty = 0
    with scratch_beside(scratch) as folder:
        buckets = [(folder / f"{i:05d}").open("wb") for i in range(n_buckets)]
        for begin, lines in _line_blocks(files, underscores_to_spaces):
            records = np.empty(len(lines), dtype=_RECORD)
            digests = b"".join([xxhash.xxh3_128_digest(line) for line in lines])
            pairs = np.frombuffer(digests, dtype="<u8").reshape(-1, 2)
            records["high"], records["low"] = pairs[:, 0], pairs[:, 1]
            records["line"] = np.arange(begin, begin + len(lines))
            filled = np.fromiter(map(len, lines), dtype=np.int64, count=len(lines)) > 0
            records = records[filled]
            n_lines, n_empty = begin + len(lines), n_empty + int((~filled).sum())
            place = records["high"] % np.uint64(n_buckets)
            for i in np.unique(place) if n_buckets > 1 else [0]:
                buckets[int(i)].write(records[place == i].tobytes())
        for bucket in buckets:
            bucket.close()
        first = np.zeros(n_lines, dtype=bool)
        for i in range(n_buckets):
            records = np.fromfile(folder / f"{i:05d}", dtype=_RECORD)
            if len(records):
                records = records[np.lexsort((records["line"], records["low"], records["high"]))]
                new = np.ones(len(records), dtype=bool)
                new[1:] = (records["high"][1:] != records["high"][:-1]) | (records["low"][1:] != records["low"][:-1])
                first[records["line"][new]] = True
    return first, n_empty


def _line_blocks(files: Sequence[Path], underscores_to_spaces: bool) -> Iterator[tuple[int, list[bytes]]]:
    """Blocks of stripped lines of all files, with the number of the first line of each block."""
    n_lines = 0
    for file in files:
        with file.open("rb") as handle:
            while lines := handle.readlines(READ_BYTES):
                if underscores_to_spaces:
                    lines = [line.replace(b"_", b" ") for line in lines]
                lines = [line.strip() for line in lines]
                yield n_lines, lines
                n_lines += len(lines)


def _check_utf8(lines: Sequence[bytes], *, where: str) -> None:
    for line in lines:
        try:
            line.decode()
        except UnicodeDecodeError:
            raise ValueError(f"{where}: the line {line[:60]!r} is not UTF-8 text") from None


def _digest(dataset: Any) -> str:
    """As `files.array_digest`, some rows at a time."""
    if dataset.size * dataset.dtype.itemsize <= READ_BYTES:
        return array_digest(dataset[:])
    digest = xxhash.xxh3_128()
    step = READ_BYTES // dataset.dtype.itemsize
    for begin in range(0, len(dataset), step):
        digest.update(np.ascontiguousarray(dataset[begin : begin + step]).view(np.uint8).data)
    return str(digest.hexdigest())

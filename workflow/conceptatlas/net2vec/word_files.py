"""Readers of files of word vectors: text (GloVe, word2vec) and arrays with a list of names.

Only wanted words are kept, so a text file of 5 GB is read line by line in little memory and an array is mapped.
"""

from __future__ import annotations

import gzip
import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

import numpy as np

from conceptatlas.datasets.text_tables import text_lines
from conceptatlas.naming import nearest
from conceptatlas.net2vec.word_matching import fold

Array = np.ndarray[Any, Any]

LONGEST_LINE = 1 << 20
"""Bytes after which a line is no line of a text file (4096 numbers of 25 digits take a tenth)."""


class WordVectors(NamedTuple):
    """words : as the file spells them, in its order. vectors : float32 (word, dimension)."""

    words: list[str]
    vectors: Array


def existing_file(path: str | Path, *, role: str) -> Path:
    """The path, if there is such a file.

    Raises
    ------
    ValueError
        naming the file, what it is for, and files beside it with a similar name.
    """
    path = Path(path)
    if path.is_file():
        return path
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    close = nearest(path.name, beside)
    hint = f"; in its folder there is {' and '.join(close)}" if close else ""
    kind = "a folder, not a file" if path.is_dir() else "no such file"
    raise ValueError(f"{path}: {kind}; {role}{hint}")


def read_text(path: str | Path, *, wanted: Collection[str]) -> WordVectors:
    """Word vectors from a text file: a word and its numbers in a line, separated by spaces (or tabs).

    An optional first line `n d` (word2vec, fastText) gives the numbers of words and of dimensions; without it (GloVe)
    the first line gives the dimensions. A word may hold spaces: the last d fields are the numbers. `.gz` is unpacked
    while reading.

    wanted : folded spellings (`word_matching.fold`); every word of the file that folds to one of them is kept.

    Raises
    ------
    ValueError
        naming the file and the line: too few fields, a wanted word whose numbers are no finite numbers, fewer lines
        than the first line says, no text.
    """
    path = existing_file(path, role="kind text needs a file with a word and its numbers in every line")
    words: list[str] = []
    vectors: list[Array] = []
    n_dimensions = 0
    for number, word, values, n_dimensions in _lines(path):
        if fold(word) in wanted:
            words.append(word)
            vectors.append(_numbers(values, n_dimensions, f"{path}, line {number}, word {word!r}"))
    return WordVectors(words, np.array(vectors, dtype=np.float32).reshape(len(words), n_dimensions))


def text_words(path: str | Path) -> Iterator[str]:
    """All words of a text file of word vectors, in its order."""
    for _, word, _, _ in _lines(Path(path)):
        yield word


def read_npy(path: str | Path, *, names: str | Path, wanted: Collection[str]) -> WordVectors:
    """Word vectors from an array `.npy` (row a word, float16, float32 or float64) and a text file with a name a line.

    wanted : as in `read_text`.

    Raises
    ------
    ValueError
        naming the file: another shape or dtype, another number of names than rows, an empty name, a wanted row that
        holds NaN or infinity.
    """
    path = existing_file(path, role="kind npy needs an array with a row a word")
    try:
        matrix: Array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise ValueError(f"{path}: not a readable .npy array ({error})") from None
    if not isinstance(matrix, np.ndarray) or matrix.ndim != 2 or matrix.dtype.kind != "f":
        what = f"{matrix.dtype} of shape {matrix.shape}" if isinstance(matrix, np.ndarray) else "an archive of arrays"
        raise ValueError(f"{path}: {what}; expected an array of floats, a row a word, (word, dimension)")
    listed = list(npy_words(names))
    if len(listed) != len(matrix):
        raise ValueError(f"{names}: {len(listed)} names, but {path} has {len(matrix)} rows; one name a line and a row")
    rows = [row for row, name in enumerate(listed) if fold(name) in wanted]
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite and is refused below
        vectors = np.asarray(matrix[rows], dtype=np.float32)
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(bad):
        row = rows[int(bad[0])]
        raise ValueError(f"{path}: row {row} ({listed[row]!r}) holds a number that is not finite")
    return WordVectors([listed[row] for row in rows], vectors)


def npy_words(names: str | Path) -> Iterator[str]:
    """The names of the rows of an array, one a line; empty lines at the end are left out, others refused."""
    path = existing_file(names, role="kind npy needs `names`, a text file with the name of every row, one a line")
    empty = 0
    for number, line in text_lines(path, role="names of the rows"):
        name = line.strip()
        if name and empty:
            raise ValueError(f"{path}, line {empty}: empty; every row of the array needs a name")
        if name:
            yield name
        else:
            empty = empty or number


def _lines(path: Path) -> Iterator[tuple[int, str, bytes, int]]:
    """Number of the line, word, bytes of its numbers, dimensions."""
    n_words = None
    n_dimensions = n_lines = number = 0
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
        for number, line in enumerate(_raw_lines(cast(BinaryIO, file), path), start=1):
            if not line:
                continue
            if number == 1:
                fields = line.split()
                if len(fields) == 2 and all(field.isdigit() for field in fields):
                    n_words, n_dimensions = int(fields[0]), int(fields[1])
                    continue
                n_dimensions = len(fields) - 1
            word, values = _split(line, n_dimensions, f"{path}, line {number}")
            n_lines += 1
            yield number, word.decode("utf-8", errors="replace"), values, n_dimensions
    if n_lines == 0:
        raise ValueError(f"{path}: holds no words; expected a word and its numbers in every line")
    if n_words is not None and n_lines < n_words:
        raise ValueError(f"{path}: the first line promises {n_words} words, the file holds {n_lines}: is it complete?")


def _split(line: bytes, n_dimensions: int, where: str) -> tuple[bytes, bytes]:
    if n_dimensions >= 1 and line.count(b" ") == n_dimensions and b"\t" not in line:
        word, _, values = line.partition(b" ")
        return word, values
    parts = line.rsplit(None, n_dimensions) if n_dimensions >= 1 else []
    if len(parts) != n_dimensions + 1:
        given = len(line.split())
        raise ValueError(
            f"{where}: {given} field{'s' * (given != 1)}, expected a word and {n_dimensions or 'its'} numbers, "
            "separated by spaces (word2vec's binary files must be turned into text first)"
        )
    return parts[0].strip(), b" ".join(parts[1:])


def _numbers(values: bytes, n_dimensions: int, where: str) -> Array:
    fields = values.split()
    try:
        numbers = [float(field) for field in fields]
    except ValueError as error:
        raise ValueError(f"{where}: {error}; expected {n_dimensions} numbers") from None
    largest = float(np.finfo(np.float32).max)
    if len(numbers) != n_dimensions or not all(math.isfinite(x) and abs(x) <= largest for x in numbers):
        raise ValueError(f"{where}: expected {n_dimensions} finite numbers, got {len(numbers)} fields")
    return np.array(numbers, dtype=np.float32)


def _raw_lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Lines without their ends and without spaces there (word2vec ends lines with one), never longer than a line is."""
    try:
        number = 0
        while line := file.readline(LONGEST_LINE):
            number += 1
            if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                raise ValueError(f"{path}, line {number}: longer than {LONGEST_LINE} bytes: no text of word vectors")
            if number == 1:
                line = line.removeprefix(b"\xef\xbb\xbf")  # byte-order mark
            yield line.rstrip()
    except (gzip.BadGzipFile, EOFError) as error:
        raise ValueError(f"{path}: not a readable gzip file ({error})") from None

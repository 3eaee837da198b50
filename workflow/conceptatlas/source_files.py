"""What a Python file says to a code digest: a hash of its syntax tree, and the imports in it; remembered by content.

Parsing the few hundred files behind a workflow takes longer than anything else in planning a small one, and every job
parses those behind its own script again. So what a file said is kept, under the hash of its bytes, in one file beside
the package's bytecode.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import hashlib
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEMORY = Path(__file__).parent / "__pycache__" / "source_files.json"
_MOST_REMEMBERED = 4096  # older contents of files that were edited; about 1 MB
_UNSTABLE = frozenset({"kind", "type_comment", "type_ignores"})

Import = tuple[int, str, tuple[str, ...]]
"""Level (number of leading dots), base (``""`` for ``import names``) and names of an import statement."""


@dataclass(frozen=True, eq=False)
class SourceFile:
    """What counts of one file.

    digest : of the syntax tree without comments, docstrings and layout; the same for all Python versions from 3.11 on.
    imports : every import statement, at any depth, but those under ``if TYPE_CHECKING:``, which never run.
    """

    digest: str
    imports: tuple[Import, ...]


def source_file(path: str | Path) -> SourceFile:
    """Of a file as it is now.

    Raises
    ------
    SyntaxError
        where the file is no Python.
    """
    path = Path(path)
    status = path.stat()
    return _of_stamp(str(path), status.st_mtime_ns, status.st_size)


@functools.cache
def _of_stamp(path: str, _mtime: int, _size: int) -> SourceFile:
    content = Path(path).read_bytes()
    key = hashlib.sha256(content).hexdigest()
    known = _memory()
    if key not in known:
        tree = ast.parse(content, filename=path)
        known[key] = SourceFile(_digest(tree), tuple(_imports(tree)))
        _forgotten().add(key)
    return known[key]


def remember() -> None:
    """Keep what was parsed since the last call for later processes; where nothing can be written, nothing is kept.

    Like bytecode it is not written where Python is told to write none, and any other process may replace it.
    """
    new = _forgotten()
    if not new or sys.dont_write_bytecode:
        return
    known = _memory()
    if len(known) > _MOST_REMEMBERED:
        for key in known.keys() - new:
            del known[key]
    content = {"reader": _reader(), "files": {key: [source.digest, source.imports] for key, source in known.items()}}
    part = MEMORY.with_name(f"{MEMORY.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(content), encoding="utf-8")
        part.replace(MEMORY)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    new.clear()


@functools.cache
def _forgotten() -> set[str]:
    """Keys of what this process parsed and has not written down."""
    return set()


@functools.cache
def _memory() -> dict[str, SourceFile]:
    """Hash of a file's bytes -> what it says; empty where there is no memory, or one by other code than this."""
    try:
        content = json.loads(MEMORY.read_text(encoding="utf-8"))
        if content["reader"] != _reader():
            return {}
        return {
            key: SourceFile(str(digest), tuple((int(level), str(base), tuple(names)) for level, base, names in imports))
            for key, (digest, imports) in content["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError):
        return {}


@functools.cache
def _reader() -> str:
    """Hash of this module: what other code made of a file is not believed."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()


def _digest(tree: ast.Module) -> str:
    pieces: list[str] = []
    _walk(tree, pieces)
    return hashlib.sha256("\x1f".join(pieces).encode()).hexdigest()


def _walk(node: Any, pieces: list[str]) -> None:
    """Append the syntax tree as text without docstrings, and without what differs between Python versions.

    `ast.dump` and `ast.unparse` are not stable across versions; node names and fields are, once empty fields and
    `kind` (the u of u"...") are left out.
    """
    if isinstance(node, ast.AST):
        pieces.append(type(node).__name__)
        for field in node._fields:
            value = getattr(node, field, None)
            if value is None or value == [] or field in _UNSTABLE:
                continue
            pieces.append(field)
            _walk(value, pieces)
    elif isinstance(node, list):
        pieces.append("[")
        for item in node:
            # a bare string statement (a docstring, documentation of a constant) computes nothing
            if not _is_docstring(item):
                _walk(item, pieces)
        pieces.append("]")
    else:
        pieces.append(repr(node))


def _is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _imports(tree: ast.AST) -> list[Import]:
    """All imports of a tree but those under ``if TYPE_CHECKING:``."""
    found: list[Import] = []
    queue: list[ast.AST] = [tree]
    while queue:
        node = queue.pop()
        if isinstance(node, ast.Import):
            found.append((0, "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            continue
        elif not isinstance(node, ast.expr):  # imports are statements; expressions hold none
            queue.extend(ast.iter_child_nodes(node))
    return found

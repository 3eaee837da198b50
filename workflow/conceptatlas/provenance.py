"""What a result was made with: code digests, library versions, the record of a run.

Snakemake reruns a job when its params change. `code_digest` turns the mathematics a rule reaches into such a param:
a hash over the import closure of its entry modules inside this package, without comments and docstrings, plus the
locked versions of the third-party packages this closure imports. Touching a file reruns nothing; changing shared
mathematics reruns exactly what reaches it.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import logging
import os
import platform
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from conceptatlas.source_files import SourceFile, remember, source_file

logger = logging.getLogger(__name__)

PACKAGE = "conceptatlas"
PACKAGE_ROOT = Path(__file__).parent
LOCK_FILE = "requirements.txt"

_BLOCKS, _BLOCK = 64, 65536
_DISTRIBUTIONS = {"PIL": "pillow", "sklearn": "scikit-learn", "skimage": "scikit-image", "yaml": "pyyaml"}
_APPARATUS = frozenset(f"{PACKAGE}.{name}" for name in ("jobs", "progress", "provenance", "source_files"))
"""Modules that compute no result."""
_NOT_MATHEMATICS = frozenset({"tqdm", "psutil", "threadpoolctl", "snakemake"})  # their versions change no result


def code_digest(*entries: str, scripts: Iterable[str | Path] = (), lock: str | Path | None = None) -> str:
    """Hash of everything the entry modules (dotted names inside the package) and scripts compute with.

    Lookups by string are not followed: an index names the module of the chosen method, and the rule passes that
    module as a further entry. The digest is the same for all Python versions from 3.11 on.

    lock : requirements file whose pinned versions of the imported third-party packages are hashed; without one only
        the names of these packages are.

    Raises
    ------
    ValueError
        for an entry that is no module of the package.
    """
    modules: set[str] = set()
    foreign: set[str] = set()
    queue = list(entries)
    pieces: list[str] = []
    for script in scripts:
        source = source_file(script)
        pieces.append(f"script {Path(script).name} {source.digest}")
        inside, outside = _imports(source, package="")
        queue.extend(sorted(inside))
        foreign |= outside
    while queue:
        name = queue.pop()
        if name in modules or name in _APPARATUS:
            continue
        path = _module_path(name)
        if path is None:
            raise ValueError(f"code digest: {name!r} is no module of {PACKAGE}")
        modules.add(name)
        near, far = _imports(source_file(path), package=_package_of(name))
        queue.extend(sorted(near))
        foreign |= far
    for name in sorted(modules):
        path = _module_path(name)
        if path is not None:
            pieces.append(f"module {name} {source_file(path).digest}")
    remember()
    versions = _locked_versions(str(lock)) if lock is not None else {}
    for name in sorted(foreign - _NOT_MATHEMATICS):
        distribution = _DISTRIBUTIONS.get(name, name)
        pieces.append(f"library {distribution} {versions.get(distribution.lower(), '')}")
    return hashlib.sha256("\n".join(pieces).encode()).hexdigest()[:20]


def import_closure(*entries: str) -> set[str]:
    """Dotted names of all modules of the package that the entries import, themselves included."""
    found: set[str] = set()
    queue = list(entries)
    while queue:
        name = queue.pop()
        path = _module_path(name)
        if name in found or name in _APPARATUS or path is None:
            continue
        found.add(name)
        queue.extend(_imports(source_file(path), package=_package_of(name))[0])
    return found


def _module_path(name: str) -> Path | None:
    base = PACKAGE_ROOT.joinpath(*name.split(".")[1:]) if name.split(".")[0] == PACKAGE else None
    if base is None:
        return None
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.exists():
            return candidate
    return None


def _imports(source: SourceFile, *, package: str) -> tuple[frozenset[str], frozenset[str]]:
    """Modules of this package, and top-level names of other packages, that a file of `package` imports at any depth."""
    return _cached_imports(source, package, PACKAGE_ROOT)


@functools.cache
def _cached_imports(source: SourceFile, package: str, _root: Path) -> tuple[frozenset[str], frozenset[str]]:
    inside: set[str] = set()
    outside: set[str] = set()
    for level, base, names in source.imports:
        dotted_names = list(names)
        if level:
            parts = package.split(".")
            base = ".".join([*parts[: len(parts) - level + 1], *([base] if base else [])])
        if base:
            dotted_names = [f"{base}.{name}" for name in names] + [base]
        for dotted in dotted_names:
            top = dotted.split(".")[0]
            if top == PACKAGE:
                if _module_path(dotted) is not None and dotted != PACKAGE:
                    inside.add(dotted)
            elif top and top not in sys.stdlib_module_names:
                outside.add(top)
    return frozenset(inside), frozenset(outside)


def _package_of(name: str) -> str:
    return name.rpartition(".")[0]


@functools.cache
def _locked_versions(lock: str) -> dict[str, str]:
    """Package -> pinned version; all where pins differ between Python versions, so that the digest does not."""
    versions: dict[str, set[str]] = {}
    for line in Path(lock).read_text(encoding="utf-8").splitlines():
        match = re.match(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", line)
        if match:
            versions.setdefault(match.group(1).lower().replace("_", "-"), set()).add(match.group(2))
    return {name: " ".join(sorted(found)) for name, found in versions.items()}


def fingerprint(path: str | Path) -> str:
    """Digest of a file's size and of 64 blocks of 64 KB spread evenly over it (of all of it up to 4 MB); "" if none.

    Cheap enough for every file that a sheet names to be looked at while the run is planned: replaced weights rerun
    what depends on them, touched or moved ones do not.
    """
    path = Path(path)
    if not path.is_file():
        return ""
    size = path.stat().st_size
    digest = hashlib.sha256(str(size).encode())
    with path.open("rb") as handle:
        if size <= _BLOCKS * _BLOCK:
            digest.update(handle.read())
        else:
            for i in range(_BLOCKS):
                handle.seek(i * (size - _BLOCK) // (_BLOCKS - 1))
                digest.update(handle.read(_BLOCK))
    return digest.hexdigest()[:20]


def check_code(expected: str, found: str, *, rule: str) -> None:
    """Stop a job whose code is not the code the run was planned with: edited meanwhile, or stale on another node."""
    if expected != found:
        raise ValueError(
            f"{rule}: the code here is not the code the run was planned with (digest {found}, planned {expected}). If "
            "it was edited meanwhile, start the run again; if this is another machine, install the same version there"
        )


def versions() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers depend on, for manifests and the run record."""
    wanted = ["numpy", "h5py", "numba", "pandas", "pyarrow", "torch", "torchvision", "scipy", "scikit-learn", "dask"]
    found = {"python": platform.python_version(), "platform": platform.machine()}
    for name in wanted:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def threads_in_use() -> int:
    """The number of threads this job may use, as Snakemake hands it over (OMP_NUM_THREADS), else 1."""
    value = os.environ.get("OMP_NUM_THREADS", "1")
    return int(value) if value.isdigit() else 1

"""The words of the project: names allowed in paths, the categories of concepts, and errors that help.

Nothing here imports more than the standard library, so that rules can use it while Snakemake parses.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What a dataset, model, layer, basis ... may be called: its name becomes part of a path. Pairs join with ``~``."""

CATEGORIES = ("object", "scene", "part", "material", "texture", "color", "attribute")
"""Categories of concepts, in the order in which every figure and table shows them: the six of Network Dissection (Bau
et al. 2017), and `attribute` for what is said of the whole picture and is none of them (CelebA's "smiling")."""


def check_name(name: str, *, kind: str) -> str:
    """Return `name` unchanged if it may become part of a path.

    Raises
    ------
    ValueError
        naming the kind, the name, and the pattern.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise ValueError(
            f"{kind} {name!r}: a name may hold letters, digits, '.', '_' and '-', and starts with a letter or a digit"
        )
    return name


def nearest(given: str, known: Iterable[str], *, n: int = 3) -> list[str]:
    """The up to `n` known names closest to `given`, best first; case and separators are ignored."""

    def fold(name: str) -> str:
        return re.sub(r"[^a-z0-9]", "", name.lower())

    known = list(known)
    folded: dict[str, str] = {}
    for name in known:
        folded.setdefault(fold(name), name)
    close = [folded[f] for f in difflib.get_close_matches(fold(given), folded, n=n, cutoff=0.5)]
    inside = [name for name in known if given and fold(given) in fold(name) and name not in close]
    return (close + inside)[:n]


def unknown(kind: str, given: str, known: Iterable[str], *, where: str = "") -> ValueError:
    """An error for a name nobody knows, with the nearest known names.

    >>> raise unknown("layer", "conv_5", ["conv4", "conv5"], where="model alexnet")
    Traceback (most recent call last):
    ValueError: unknown layer 'conv_5' in model alexnet; did you mean 'conv5' or 'conv4'?
    """
    known = list(known)
    close = nearest(given, known)
    place = f" in {where}" if where else ""
    if close:
        hint = "; did you mean " + " or ".join(repr(name) for name in close) + "?"
    elif known:
        shown = ", ".join(known[:12]) + (f", ... ({len(known)} in all)" if len(known) > 12 else "")
        hint = f"; known: {shown}"
    else:
        hint = "; none is known"
    return ValueError(f"unknown {kind} {given!r}{place}{hint}")


def shard_names(n_shards: int) -> list[str]:
    """Names of the shards of a data set: fixed width, so that they sort.

    >>> shard_names(3)
    ['000', '001', '002']
    """
    width = max(3, len(str(n_shards - 1)))
    return [f"{i:0{width}d}" for i in range(n_shards)]


def shard_bounds(n_images: int, n_shards: int, shard: int) -> tuple[int, int]:
    """First and one-past-last image index of a shard: contiguous, sizes differ by at most one.

    >>> [shard_bounds(10, 3, s) for s in range(3)]
    [(0, 3), (3, 6), (6, 10)]
    """
    return shard * n_images // n_shards, (shard + 1) * n_images // n_shards

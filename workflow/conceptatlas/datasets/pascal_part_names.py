"""What the parts of PASCAL-Part are called: words for its short names ("lfpa" is the left front paw).

The table lies beside this file. Sides are left out where wished, as in Broden: its parts know no left and right.
"""

from __future__ import annotations

import functools
import hashlib
import re
from importlib import resources

TABLE_FILE = "pascal_part_names.tsv"
TABLE_DIGEST = "f39c7d2cdab28c98"  # in the code, so that other names count as a change of code

SIDES = ("left", "right", "front", "back", "upper", "lower", "side")
"""Words that `sides=merge` takes out of a part's name: those of Broden (NetDissect, joinseg.py)."""

_NUMBERED = re.compile(r"_\d+$")


@functools.cache
def short_names() -> dict[str, str]:
    """Short name -> words; ValueError for a table that was changed without `TABLE_DIGEST`."""
    text = resources.files("conceptatlas.datasets").joinpath(TABLE_FILE).read_text(encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    if digest != TABLE_DIGEST:
        raise ValueError(
            f"{TABLE_FILE}: digest {digest}, the code expects {TABLE_DIGEST}; set TABLE_DIGEST in pascal_part_names.py "
            "if names were changed on purpose (results then count as made by other code)"
        )
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("\t") for line in lines[1:])


def without_number(short: str) -> str:
    """A short name without the number of the instance.

    >>> without_number("wheel_12")
    'wheel'
    """
    return _NUMBERED.sub("", short)


def part_name(short: str, *, merge: bool) -> str:
    """The name of a part in words.

    Parts that are nothing but a side (a car's "left side") become "side" when sides are merged. A short name that is
    not in the table stays as it is, without its number.

    short : name in the .mat file, such as ``lfpa`` or ``wheel_1``.
    merge : whether left and right, front and back, upper and lower are one part.

    >>> part_name("lfpa", merge=False), part_name("lfpa", merge=True), part_name("leftside", merge=True)
    ('left front paw', 'paw', 'side')
    """
    short = without_number(short)
    words = short_names().get(short, short)
    if not merge:
        return words
    return " ".join(word for word in words.split() if word not in SIDES) or "side"

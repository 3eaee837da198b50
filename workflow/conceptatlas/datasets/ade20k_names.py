"""One name for every class number of ADE20K, from lists of synonyms.

ADE20K names a class by the words of its WordNet synset, "car, auto, automobile, machine, motorcar". Figures and tables
need one word, and two classes must not get the same one by accident ("screen, silver screen, projection screen" and
"screen"). What is chosen here depends only on the classes there are, never on the order of files.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from conceptatlas.datasets.text_tables import table_rows

logger = logging.getLogger(__name__)

UNLABELLED = ("", "-")
"""Names that mean "no class"; the class number 1 of the release of 2016 is called "-"."""


def synonyms_of(text: str) -> list[str]:
    """The names in a comma list, in order, without repetitions; none for "" and "-".

    >>> synonyms_of("car, auto, automobile,car")
    ['car', 'auto', 'automobile']
    """
    words = [" ".join(part.split()) for part in text.split(",")]
    return list(dict.fromkeys(word for word in words if word not in UNLABELLED))


def unique_names(texts: Mapping[int, str], chosen: Mapping[int, str]) -> dict[int, str]:
    """A name for every class number.

    Every class asks for its first synonym. Where several ask for the same one, the class with the fewest synonyms gets
    it (it has no other), then the one with the smallest number; the others, in the order of their numbers, get the
    first of their further synonyms that no class has. A class none of whose synonyms is free shares its first one with
    the class that has it, which makes the two one concept, as Broden does (NetDissect, joinseg.py).

    Parameters
    ----------
    texts : mapping
        Number -> comma list of synonyms.
    chosen : mapping
        Number -> name, by the user: final, and taken before all others; "" leaves a class unlabelled. Several numbers
        may share a name.

    Returns
    -------
    dict
        Number -> name, by number; "" for a class that is to be left unlabelled.
    """
    names = dict(chosen)
    taken = {name.casefold() for name in names.values() if name}
    asking = {number: synonyms_of(text) for number, text in texts.items() if number not in chosen}
    waiting: list[int] = []
    for number in sorted(asking, key=lambda number: (len(asking[number]), number)):
        first = asking[number][0] if asking[number] else ""
        if first and first.casefold() in taken:
            waiting.append(number)
            continue
        names[number] = first
        taken.add(first.casefold())
    shared: list[str] = []
    for number in sorted(waiting):
        free = [name for name in asking[number] if name.casefold() not in taken]
        names[number] = free[0] if free else asking[number][0]
        taken.add(names[number].casefold())
        shared.extend([] if free else [f"{asking[number][0]} ({number})"])
    if shared:
        logger.warning("%d classes share the name of another: %s", len(shared), ", ".join(shared[:5]))
    return dict(sorted(names.items()))


def read_names(path: Path) -> dict[int, str]:
    """Read a names file: number and name by a tab, one class a line; an empty name leaves the class unlabelled.

    Raises
    ------
    ValueError
        naming file and line: missing file, not two cells, a number that is none or stands twice.
    """
    names: dict[int, str] = {}
    role = "the option names gives class numbers a name: number, name (by a tab)"
    for line, cells in table_rows(path, columns=("number", "name"), role=role):
        if len(cells) != 2 or not cells[0].isdecimal() or int(cells[0]) == 0:
            raise ValueError(
                f"{path}, line {line}: expected number (from 1) and name separated by a tab, found {cells}"
            )
        number = int(cells[0])
        if number in names:
            raise ValueError(f"{path}, line {line}: number {number} is {names[number]!r} already")
        names[number] = cells[1]
    return names

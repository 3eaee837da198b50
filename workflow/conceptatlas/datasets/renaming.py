"""One vocabulary for several data sets: what their names become, and which names also mean a material."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from conceptatlas.datasets.reader import ConceptKey
from conceptatlas.datasets.text_tables import table_rows
from conceptatlas.naming import CATEGORIES, unknown

logger = logging.getLogger(__name__)

ANY = ""


@dataclass(frozen=True)
class Rule:
    """One row of a table: labels called `name` (in one member, in one category, or in all: "") become `target`."""

    name: str
    target: str
    member: str
    category: str


class Renaming:
    """The tables of a composite.

    Parameters
    ----------
    synonyms : tab-separated table with the columns name, concept and optionally dataset, category. An empty concept
        leaves the label out. Among several rows that fit a label the most particular wins: dataset and category, then
        dataset, then category, then neither.
    materials : table with the columns name, material and optionally dataset. A label may have several materials.
        Names are those of the member, or those that `synonyms` makes of them.
    members : names of the data sets, for the column dataset.

    Raises
    ------
    ValueError
        naming file and line: a missing column, an unknown data set or category, two different answers for one label.
    """

    def __init__(self, synonyms: Path | None, materials: Path | None, *, members: Sequence[str]) -> None:
        self._synonyms = _read(synonyms, target="concept", members=members)
        self._materials = _read(materials, target="material", members=members)
        self._files = {"synonyms": synonyms, "materials": materials}
        self._used: set[Rule] = set()
        self._known: dict[tuple[str, ConceptKey], list[ConceptKey]] = {}

    def renamed(self, member: str, concepts: Iterable[ConceptKey]) -> list[ConceptKey]:
        """What the labels of a member are in the composite; none for a label that is left out."""
        return [new for concept in concepts for new in self._of(member, concept)]

    def _of(self, member: str, concept: ConceptKey) -> list[ConceptKey]:
        if (member, concept) not in self._known:
            self._known[member, concept] = self._find(member, concept)
        return self._known[member, concept]

    def _find(self, member: str, concept: ConceptKey) -> list[ConceptKey]:
        fitting = _fitting(self._synonyms, concept.name, member=member, category=concept.category)
        name = fitting[0].target if fitting else concept.name
        self._used.update(fitting[:1])
        if not name:
            return []
        names = dict.fromkeys([concept.name, name])
        rules = [rule for own in names for rule in _fitting(self._materials, own, member=member, category=ANY)]
        self._used.update(rules)
        materials = [ConceptKey(rule.target, "material") for rule in rules]
        return list(dict.fromkeys([ConceptKey(name, concept.category), *materials]))

    def warn_unused(self) -> None:
        """Say which rows no label of any member ever met: mostly a misspelt name."""
        for table, rules in (("synonyms", self._synonyms), ("materials", self._materials)):
            unused = [rule.name for same in rules.values() for rule in same if rule not in self._used]
            if unused:
                logger.info("%s: %d names that no member has, such as %s", self._files[table], len(unused), unused[:5])


def _fitting(rules: Mapping[str, list[Rule]], name: str, *, member: str, category: str) -> list[Rule]:
    """The rules for a label, the most particular first."""
    found = [
        rule
        for rule in rules.get(name.casefold(), [])
        if rule.member in (ANY, member) and rule.category in (ANY, category)
    ]
    return sorted(found, key=lambda rule: (rule.member == ANY, rule.category == ANY))


def _read(path: Path | None, *, target: str, members: Sequence[str]) -> dict[str, list[Rule]]:
    rules: dict[str, list[Rule]] = {}
    if path is None:
        return rules
    lines = list(table_rows(path, columns=(), role="a composite's option names it"))
    header = lines[0][1] if lines else []
    allowed = ("name", target, "dataset", "category") if target == "concept" else ("name", target, "dataset")
    for column in ("name", target):
        if column not in header:
            raise ValueError(f"{path}: no column {column!r}; expected {', '.join(allowed)}, separated by tabs")
    for column in header:
        if column not in allowed:
            raise unknown("column", column, allowed, where=str(path))
    for number, cells in lines[1:]:
        row = dict(zip(header, cells + [""] * (len(header) - len(cells)), strict=False))
        rule = Rule(row["name"], row[target], row.get("dataset", ANY), row.get("category", ANY))
        _check(rule, where=f"{path}, line {number}", target=target, members=members)
        same = rules.setdefault(rule.name.casefold(), [])
        if target == "concept" and any((r.member, r.category) == (rule.member, rule.category) for r in same):
            raise ValueError(f"{path}, line {number}: {rule.name!r} has a concept already")
        same.append(rule)
    return rules


def _check(rule: Rule, *, where: str, target: str, members: Sequence[str]) -> None:
    if not rule.name:
        raise ValueError(f"{where}: the name is empty")
    if target == "material" and not rule.target:
        raise ValueError(f"{where}: {rule.name!r} has no material")
    if rule.member and rule.member not in members:
        raise unknown("data set", rule.member, members, where=where)
    if rule.category and rule.category not in CATEGORIES:
        raise unknown("category", rule.category, CATEGORIES, where=where)

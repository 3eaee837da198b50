"""Tables of names: who becomes what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from conceptatlas.datasets.reader import ConceptKey
from conceptatlas.datasets.renaming import Renaming


def table(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_the_most_particular_row_wins(tmp_path: Path) -> None:
    synonyms = table(
        tmp_path / "synonyms.tsv",
        "name\tconcept\tdataset\tcategory",
        "tap\tfaucet",
        "tap\tdance\t\tscene",
        "tap\ttap, of a barrel\tb",
        "tap\t\tb\tpart",
    )
    names = Renaming(synonyms, None, members=["a", "b"])

    def of(member: str, category: str) -> list[str]:
        return [concept.name for concept in names.renamed(member, [ConceptKey("Tap", category)])]

    assert of("a", "object") == ["faucet"]
    assert of("a", "scene") == ["dance"]
    assert of("b", "object") == ["tap, of a barrel"]
    assert of("b", "scene") == ["tap, of a barrel"]
    assert of("b", "part") == []  # left out


def test_a_label_may_have_several_materials_by_its_old_or_new_name(tmp_path: Path) -> None:
    synonyms = table(tmp_path / "s.tsv", "name\tconcept", "wall-brick\twall")
    materials = table(tmp_path / "m.tsv", "name\tmaterial", "WALL-BRICK\tbrick", "wall\tpainted", "wall\tbrick")
    names = Renaming(synonyms, materials, members=["a"])
    found = names.renamed("a", [ConceptKey("wall-brick", "object"), ConceptKey("door", "object")])
    assert found == [
        ConceptKey("wall", "object"),
        ConceptKey("brick", "material"),
        ConceptKey("painted", "material"),
        ConceptKey("door", "object"),
    ]


def test_without_tables_names_stay() -> None:
    assert Renaming(None, None, members=[]).renamed("a", [ConceptKey("x", "part")]) == [ConceptKey("x", "part")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["name,concept", "a,b"], "no column 'name'; expected name, concept, dataset, category, separated by tabs"),
        (["name\tconcept\tdatset", "a\tb\tc"], r"unknown column 'datset'.*'dataset'"),
        (["name\tconcept\tdataset", "a\tb\tcoko"], r"line 2: unknown data set|unknown data set 'coko' in .*line 2"),
        (["name\tconcept\tdataset\tcategory", "a\tb\t\tobjct"], r"unknown category 'objct' in .*line 2.*'object'"),
        (["name\tconcept", "a\tb", "A\tc"], "line 3: 'A' has a concept already"),
        (["name\tconcept", "\tb"], "line 2: the name is empty"),
    ],
)
def test_unfit_tables_are_named(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Renaming(table(tmp_path / "s.tsv", *rows), None, members=["coco"])


def test_a_material_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="line 2: 'a' has no material"):
        Renaming(None, table(tmp_path / "m.tsv", "name\tmaterial", "a\t"), members=[])


def test_the_shipped_tables_fit_together() -> None:
    folder = Path(__file__).parents[3] / "resources" / "composite"
    names = Renaming(folder / "synonyms.tsv", folder / "coco_stuff_materials.tsv", members=["coco"])

    def of(name: str, category: str = "object") -> set[tuple[str, str]]:
        return {tuple(concept) for concept in names.renamed("coco", [ConceptKey(name, category)])}

    assert of("wall-brick") == {("wall", "object"), ("brick", "material")}
    assert of("window-other") == {("window", "object"), ("glass", "material")}
    assert of("TV") == of("television") == {("tvmonitor", "object")}
    assert of("wall-other-merged") == {("wall", "object")}  # may be of anything
    assert of("wheel", "part") == {("wheel", "part")}
    rows = [line.split("\t") for line in (folder / "synonyms.tsv").read_text().splitlines() if not line.startswith("#")]
    targets = {concept for _, concept in rows[1:]}
    for target in targets:  # a name that others are unified to is not renamed itself
        assert {concept.name for concept in names.renamed("coco", [ConceptKey(target, "part")])} >= {target}

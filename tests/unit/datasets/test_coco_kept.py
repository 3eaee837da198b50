"""Annotations on their way through the listing."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from conceptatlas.datasets.coco_kept import Kept, joined, read_kept

finite = st.floats(allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=8), st.integers(), st.text(), st.text())
def test_nothing_is_lost(polygon, number, concept, problem):
    first = Kept(concept, [polygon])
    second = Kept(concept, None, (("left eye", 1, 2.5),), 31.25, problem)
    third = Kept("")
    found = list(read_kept(joined([first.text(number), second.text("a"), third.text(3)])))
    assert [of for of, _ in found] == [number, "a", 3]
    assert found[0][1] == first
    assert found[1][1]._replace(points=(("left eye", 1, 2.5),)) == second
    assert found[1][1].points == [["left eye", 1, 2.5]]
    assert found[2][1] == third


def test_numbers_are_written_as_given():
    polygon = json.loads("[510.66, 423.01, 239.97000000000003, 7, 0.1]")
    assert Kept("person", [polygon]).text(5) == '[5,"person",[[510.66,423.01,239.97000000000003,7,0.1]]]'


def test_no_annotations():
    assert list(read_kept(joined([]))) == []

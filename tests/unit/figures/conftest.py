"""Figures that are made but not rendered, for tests of which figures a job makes."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from conceptatlas.figures import drawn, net2vec_figures


def touched(figure: Figure, paths: Iterable[Path], *, dpi: int) -> list[Path]:
    """An empty file for every path: rendering is most of the time of a figure."""
    assert figure.axes
    assert dpi > 0
    written = [Path(path) for path in paths]
    for path in written:
        path.touch()
    return written


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs of this test make every figure with all it shows, and leave empty files."""
    for module in (drawn, net2vec_figures):
        monkeypatch.setattr(module, "save_figure", touched)

"""Figures to files: whole or not there, and the same bytes for the same figure.

Nothing that changes between two runs enters a file: no date, no version of the program, no random ids in SVG.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from conceptatlas.figures.style import style
from conceptatlas.files import atomic_path
from conceptatlas.naming import unknown

DPI = 150
FORMATS = ("png", "svg", "pdf")
_PNG_LEVEL = 3  # a third of the time of zlib's default for files a few per cent larger
_METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def save_figure(figure: Figure, paths: str | Path | Iterable[str | Path], *, dpi: int = DPI) -> list[Path]:
    """Write a figure to one or several files, each in the format its suffix names; returns the paths written.

    dpi : dots per inch of PNG, and of pictures inside SVG and PDF.

    Raises
    ------
    ValueError
        for a suffix other than .png, .svg, .pdf.
    """
    if isinstance(paths, str | Path):
        paths = [paths]
    written = []
    with style():
        # the layout is solved once: solving again starts from the last solution and ends a hair beside it; None, not
        # "none", which leaves a placeholder for which savefig draws everything twice
        engine = figure.get_layout_engine()
        if engine is not None and figure.axes:
            engine.execute(figure)
        figure.set_layout_engine(None)
    for path in map(Path, paths):
        suffix = path.suffix.lstrip(".").lower()
        if suffix not in FORMATS:
            raise unknown("figure format", suffix, FORMATS, where=str(path))
        with atomic_path(path) as part, style():
            options: dict[str, Any] = {"pil_kwargs": {"compress_level": _PNG_LEVEL}} if suffix == "png" else {}
            figure.savefig(part, format=suffix, dpi=dpi, metadata=_METADATA[suffix], **options)
        written.append(path)
    return written

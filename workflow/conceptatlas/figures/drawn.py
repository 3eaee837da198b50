"""The figures of a model, one after another, to files; and ``figures.json`` beside them, which lists them.

One entry a figure: its name, layer, page, files and what it shows, for whoever lays them out (the atlas, a report).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from conceptatlas.figures.saving import save_figure
from conceptatlas.files import write_json

logger = logging.getLogger(__name__)


class Drawn(NamedTuple):
    """A figure with its name; layer is empty for figures of the whole model, page counts from 1, concept is empty for
    figures that show several."""

    name: str
    layer: str
    page: int
    figure: Figure
    concept: str = ""

    @property
    def stem(self) -> str:
        """Its file without the suffix: ``{figure}``, ``{figure}_{layer}``, ``{figure}~2``; no layer's name holds ~."""
        stem = f"{self.name}_{self.layer}" if self.layer else self.name
        return stem + (f"~{self.page}" if self.page > 1 else "")


def one_file_a_layer(layers: list[str], files: Mapping[str, list[str]], *, place: str) -> None:
    """Refuse lists that are not one file a layer.

    files : what they are -> paths. place : whose figures these are, for the error.

    Raises
    ------
    ValueError
        naming the place and the lists of another length, or that there is no layer.
    """
    wrong = [f"{len(paths)} {name}" for name, paths in files.items() if len(paths) != len(layers)]
    if wrong or not layers:
        raise ValueError(f"{place}: {len(layers)} layers, but {', '.join(wrong) or 'no layer'}")


def write_figures(
    figures: Iterable[Drawn],
    folder: str | Path,
    *,
    dataset: str,
    model: str,
    shows: Mapping[str, str],
    options: Mapping[str, Any],
) -> None:
    """Write figures into a folder, which is made, one at a time, so that an iterator holds one in memory.

    shows : name of a figure -> what it shows. options : config section `figures` (dpi, formats).
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for drawn in figures:
        paths = [folder / f"{drawn.stem}.{suffix}" for suffix in options["formats"]]
        written = save_figure(drawn.figure, paths, dpi=options["dpi"])
        entry: dict[str, Any] = {"figure": drawn.name, "layer": drawn.layer, "page": drawn.page}
        entry |= {"shows": shows[drawn.name], "files": [path.name for path in written]}
        entries.append(entry | ({"concept": drawn.concept} if drawn.concept else {}))
        logger.info("drew %s", drawn.stem)
    write_json(folder / "figures.json", {"dataset": dataset, "model": model, "figures": entries})

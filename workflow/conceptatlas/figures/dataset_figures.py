"""The figures of one data set, from its tables and examples to files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from conceptatlas.figures.dataset_concepts import concept_counts
from conceptatlas.figures.dataset_examples import concept_examples, n_pages
from conceptatlas.figures.reading import read_examples
from conceptatlas.figures.saving import save_figure
from conceptatlas.files import read_json, write_json
from conceptatlas.tables import read_table

logger = logging.getLogger(__name__)


def plot_dataset(
    *,
    dataset: str,
    concepts: str | Path,
    examples: str | Path,
    summary: str | Path,
    folder: str | Path,
    options: dict[str, Any],
    embed_images: bool,
) -> None:
    """Write the figures of a data set, and ``figures.json``, which lists them.

    Parameters
    ----------
    concepts, examples, summary : ``concepts.parquet``, ``examples.h5``, ``dataset.json``.
    folder : made; options : config section `figures`; embed_images : whether pictures may be shown.
    """
    about = read_json(summary)
    n_images, mask_size = int(about["n_valid"]), int(about["mask_size"])
    table, strips = read_table(concepts), read_examples(examples)
    shown = table.assign(share=table["n_pixels"] / (table["n_images"].where(table["n_images"] > 0) * mask_size**2))
    figures = {"concepts": concept_counts(shown, dataset=dataset, n_images=n_images, mask_size=mask_size)}
    for page in range(n_pages(strips)):
        name = f"examples~{page + 1}" if page else "examples"
        figures[name] = concept_examples(
            strips, table, dataset=dataset, n_images=n_images, page=page, embed_images=embed_images
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for name, figure in figures.items():
        paths = save_figure(figure, [folder / f"{name}.{suffix}" for suffix in options["formats"]], dpi=options["dpi"])
        entries.append({"figure": name, "files": [path.name for path in paths]})
        logger.info("drew %s", name)
    write_json(folder / "figures.json", {"dataset": dataset, "figures": entries})

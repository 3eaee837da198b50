"""The figure job that joins the explained models of a data set: shares explained, concepts carried over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from conceptatlas.figures.drawn import Drawn, one_file_a_layer, write_figures
from conceptatlas.figures.falcon_shares import share_explained
from conceptatlas.figures.falcon_transfer import transfer
from conceptatlas.tables import read_table

SHOWS = {
    "share_explained": "shares of features and groups that are interpretable and explained, of every explained layer",
    "transfer": "linear maps between representations, and whether images and words of features stay the same",
}


def plot_falcon_models(
    *,
    dataset: str,
    spaces: list[list[str]],
    summaries: list[str],
    transfers: list[str],
    transferred: list[str],
    folder: str | Path,
    options: Mapping[str, Any],
) -> None:
    """Write the figures of all explained models of a data set.

    spaces : [encoder, vocabulary]; summaries, transfers, transferred: files in their order.
    """
    files = {"summaries": summaries, "transfers": transfers, "transferred": transferred}
    one_file_a_layer([" ".join(space) for space in spaces], files, place=f"figures of falcon on {dataset}")

    def drawn() -> Iterator[Drawn]:
        for n, (encoder, vocabulary) in enumerate(spaces):
            figure = share_explained(
                read_table(summaries[n]), dataset=dataset, encoder=encoder, vocabulary=vocabulary
            )  # fmt: skip
            yield Drawn("share_explained", "", n + 1, figure)
            figure = transfer(
                read_table(transfers[n]), read_table(transferred[n]), encoder=encoder, vocabulary=vocabulary
            )  # fmt: skip
            yield Drawn("transfer", "", n + 1, figure)

    write_figures(drawn(), folder, dataset=dataset, model="", shows=SHOWS, options=options)

"""The numbers that every figure states about what it shows: how many images, units, permutations; which cut."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from conceptatlas.figures.style import count, number, plain

INTERVAL = "resampled blocks of images, the search for labels repeated in each"


@dataclass(frozen=True)
class Facts:
    """What one layer's summary says about itself; names are ready to print."""

    dataset: str
    model: str
    layer: str
    tau: str
    n_images: int
    n_units: int
    n_permutations: int
    detector_iou: float

    @property
    def place(self) -> str:
        """Model and layer, for titles."""
        return f"{self.model}, {self.layer}"

    @property
    def images(self) -> str:
        """Data set with its number of images."""
        return f"Data set {self.dataset}, n = {count(self.n_images, 'image')}"

    @property
    def sample(self) -> str:
        """Images and units behind the figure."""
        return f"{self.images}, {count(self.n_units, 'unit')}, τ = {self.tau}"

    @property
    def rule(self) -> str:
        """What a detector is."""
        return f"Detector: best IoU over images of the category > {number(self.detector_iou, digits=2)}"

    @property
    def null(self) -> str:
        """How the null was made."""
        return null_sentence(self.n_permutations)


def facts(summary: pd.DataFrame) -> Facts:
    """Facts of a layer's summary table; of a joined table, those of its first layer."""
    first = summary.iloc[0]
    return Facts(
        dataset=plain(first["dataset"]),
        model=plain(first["model"]),
        layer=plain(first["layer"]),
        tau=own_tau(summary),
        n_images=int(first["n_images"]),
        n_units=int(first["n_units"]),
        n_permutations=int(first["n_permutations"]),
        detector_iou=float(first["detector_iou"]),
    )


def null_sentence(n_permutations: int) -> str:
    """How the null was made, in a sentence for a note."""
    if n_permutations == 0:
        return "No null: no permutations were drawn"
    p = 1 / (1 + n_permutations)
    return (
        f"Null: labels permuted across images, best label searched again, R = {count(n_permutations, 'permutation')} "
        f"(smallest attainable p\u00a0=\u00a0{p:.2g})"
    )


def own_tau(summary: pd.DataFrame) -> str:
    """The study's own tau: the level for which states and survivors of the false discovery rate are counted."""
    marked = summary.loc[summary["quantity"] == "detectors_fdr", "tau"]
    return str(marked.iloc[0] if len(marked) else summary["tau"].iloc[0])


def own_level(summary: pd.DataFrame) -> pd.DataFrame:
    """The rows of a (joined) summary at the study's own tau."""
    return summary[summary["tau"].astype(str) == own_tau(summary)]


def places(summary: pd.DataFrame) -> list[tuple[str, str]]:
    """The (model, layer) pairs of a joined summary in their order, which is that of the sheets."""
    return list(dict.fromkeys(zip(summary["model"].astype(str), summary["layer"].astype(str), strict=True)))


def sentences(*parts: str) -> str:
    """Sentences that are not empty, each with its full stop."""
    return " ".join(part if part.endswith(".") else part + "." for part in parts if part)

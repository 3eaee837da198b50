"""The atlas of finished results in one go, without Snakemake: ``python -m conceptatlas.atlas.whole RESULTS [OUT]``.

What the rules do job by job, for results that were copied from elsewhere, and for whoever works on the pages.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import yaml

from conceptatlas.atlas.across_pages import build_across
from conceptatlas.atlas.dataset_pages import build_dataset
from conceptatlas.atlas.figure_pages import copy_figures, figures_in
from conceptatlas.atlas.model_pages import build_model
from conceptatlas.atlas.study_pages import build_study
from conceptatlas.study_atlas import AtlasPlan
from conceptatlas.study_plan import KEYS, Study

logger = logging.getLogger(__name__)


def study_of_results(root: str | Path) -> Study:
    """The study whose results lie in a folder, from its `run_config.yaml`.

    Raises
    ------
    ValueError
        for a folder that holds none.
    """
    path = Path(root) / "run_config.yaml"
    if not path.is_file():
        raise ValueError(
            f"{root}: no results of a study (there is no run_config.yaml); name the folder results/<study>"
        )
    plain: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    sheets: dict[str, dict[Any, Any]] = {}
    for name, key in KEYS.items():
        names = (tuple(row[column] for column in key) for row in plain.get(name) or [])
        sheets[name] = {n if len(n) > 1 else n[0]: row for n, row in zip(names, plain.get(name) or [], strict=True)}
    config = {name: {key: [] for key in _NONE} for name in _LATER} | plain["config"]
    return Study(config=config, **sheets)


_LATER = ("net2vec", "similarity", "open_vocabulary", "falcon", "linking")
"""Sections that results of an earlier version may lack; they are off then."""
_NONE = ("datasets", "models", "layers", "encoders", "vocabularies", "generators")


def build_whole(root: str | Path, home: str | Path, *, options: dict[str, Any]) -> None:
    """Build everything under `home` from the results under `root`; options : config section `atlas`."""
    root, home = Path(root), Path(home)
    study = study_of_results(root)
    plan = AtlasPlan(study).whole()
    shown = {dataset["dataset"]: dataset["embed_images"] for dataset in plan["datasets"]}
    for name, embed_images in shown.items():
        build_dataset(
            home / "datasets" / name,
            root=root,
            dataset=name,
            frames=_shards(root, name, "frames"),
            annotations=_shards(root, name, "annotations"),
            options=options,
            embed_images=embed_images,
        )
    for pair in plan["pairs"]:
        build_model(
            home / "models" / pair["dataset"] / pair["model"],
            root=root,
            plan=pair,
            frames=_shards(root, pair["dataset"], "frames"),
            options=options,
            geometry=study.config["geometry"],
            embed_images=shown[pair["dataset"]],
        )
        logger.info("model %s on %s is done", pair["model"], pair["dataset"])
    for crossed in plan["across"]:
        build_across(home / "across" / crossed["model"], root=root, plan=crossed)
    width = int(options["figure_width"])
    if width:
        figures = figures_in(root)
        copy_figures(home / "figures", root=root, figures=figures, width=width, quality=int(options["quality"]))
    build_study(home, root=root, plan=plan | {"figures": width > 0})
    logger.info("open %s", home / "index.html")


def _shards(root: Path, dataset: str, kind: str) -> list[str]:
    return sorted(str(path) for path in (root / "datasets" / dataset / kind).glob("*.h5"))


DEFAULTS = {"picture_size": 160, "top_images": 10, "thumbnails": 3, "thumbnail_size": 64, "quality": 80,
            "figure_width": 960}  # fmt: skip
"""Of the config section `atlas`, for results that were made before it existed."""


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m conceptatlas.atlas.whole", description=__doc__)
    parser.add_argument("results", help="folder of a finished study, results/<study>")
    parser.add_argument("out", nargs="?", help="folder of the atlas; default RESULTS/atlas")
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        options = DEFAULTS | study_of_results(given.results).config.get("atlas", {})
        build_whole(given.results, given.out or Path(given.results) / "atlas", options=options)
    except ValueError as error:
        logger.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

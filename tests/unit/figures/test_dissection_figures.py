"""The figure jobs: every figure of a model from its files, and what they leave behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import pytest

from conceptatlas.dissection.counting import SUMMARY_COLUMNS
from conceptatlas.dissection.label_tables import LABEL_COLUMNS, UNIT_COLUMNS
from conceptatlas.figures.dissection_figures import SHOWS, plot_detectors, plot_model
from conceptatlas.figures.reading import read_gallery
from conceptatlas.files import read_json
from conceptatlas.masks.bitmask import pack
from conceptatlas.tables import write_table
from tiny_tables import gallery_of, labels_table, summary_table, unit_row, units_table

OPTIONS = {"dpi": 50, "formats": ["png"]}


def write_layer(folder: Path, layer: str, n_units: int) -> dict[str, str]:
    """The files of a layer with its units, of which the last is dead."""
    rows = [unit_row(k, f"concept {k % 3}", "part", iou=0.02 * (k + 1), layer=layer) for k in range(n_units - 1)]
    dead = unit_row(n_units - 1, iou=float("nan"), layer=layer, state="dead", is_detector=False, is_significant=False)
    units = units_table(*rows, dead)
    labels = labels_table(units).astype(dict.fromkeys(("tau", "upsample", "order", "padding"), str))
    paths = {name: str(folder / layer / f"{name}.parquet") for name in ("labels", "units", "summary")}
    write_table(paths["labels"], labels, columns=LABEL_COLUMNS)
    write_table(paths["units"], units, columns=UNIT_COLUMNS)
    write_table(paths["summary"], summary_table(layer=layer, detectors={"part": 3}), columns=SUMMARY_COLUMNS)
    paths |= {name: str(folder / layer / f"{name}.h5") for name in ("gallery", "statistics")}
    strips = gallery_of(list(range(n_units)))
    with h5py.File(paths["gallery"], "w") as file:
        for name in ("units", "images", "values", "pictures"):
            file[name] = getattr(strips, name)
        file["masks"] = pack(strips.masks)
        file.attrs["picture_size"] = 8
    with h5py.File(paths["statistics"], "w") as file:
        file["distribution/edges"] = np.tile(np.linspace(0, 3, 129, dtype=np.float32), (n_units, 1))
        file["distribution/counts"] = np.ones((n_units, 128), dtype=np.int64)
    return paths


def draw(folder: Path, layers: list[dict[str, str]], names: list[str], **changes: Any) -> Path:
    arguments: dict[str, Any] = {
        "dataset": "toy", "model": "net", "layers": names, "folder": folder / "figures", "options": OPTIONS,
        "embed_images": True,
    }  # fmt: skip
    plural = {"labels": "labels", "units": "units", "summary": "summaries", "gallery": "galleries"}
    plural["statistics"] = "statistics"
    for name, argument in plural.items():
        arguments[argument] = [layer[name] for layer in layers]
    plot_model(**(arguments | changes))
    return folder / "figures"


def test_all_figures_of_a_model(tmp_path: Path) -> None:
    layers = [write_layer(tmp_path, "conv1", 10), write_layer(tmp_path, "conv2", 3)]
    out = draw(tmp_path, layers, ["conv1", "conv2"])
    content = read_json(out / "figures.json")
    assert content["model"] == "net"
    listed = [name for entry in content["figures"] for name in entry["files"]]
    assert sorted(listed) == sorted(path.name for path in out.iterdir() if path.name != "figures.json")
    assert {entry["figure"] for entry in content["figures"]} == set(SHOWS)
    assert {"unit_gallery_conv1.png", "unit_gallery_conv1~2.png", "unit_gallery_conv2.png"} <= set(listed)
    assert "unit_gallery_conv2~2.png" not in listed


def test_drawing_again_gives_the_same_files(tmp_path: Path) -> None:
    layers = [write_layer(tmp_path, "conv1", 2)]
    options = {"dpi": 50, "formats": ["svg"]}
    first, second = (draw(tmp_path / run, layers, ["conv1"], options=options) for run in ("a", "b"))
    files = {path.name: path.read_bytes() for path in first.iterdir()}
    assert len(files) == len(SHOWS) + 1
    assert files == {path.name: path.read_bytes() for path in second.iterdir()}


def test_gallery_is_read_as_it_was_written(tmp_path: Path) -> None:
    gallery = read_gallery(write_layer(tmp_path, "conv1", 3)["gallery"])
    assert np.array_equal(gallery.masks, gallery_of([0, 1, 2]).masks)
    assert gallery.pictures.shape == (3, 3, 8, 8, 3)


@pytest.mark.parametrize("shape", [(0, 3), (2, 0)])
def test_gallery_without_units_or_images_is_read(tmp_path: Path, shape: tuple[int, int]) -> None:
    with h5py.File(tmp_path / "gallery.h5", "w") as file:
        file["units"] = np.arange(shape[0])
        file["images"], file["values"] = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.float32)
        file["pictures"] = np.zeros((*shape, 8, 8, 3), dtype=np.uint8)
        file["masks"] = pack(np.zeros((*shape, 8, 8), dtype=bool))
        file.attrs["picture_size"] = 8
    assert read_gallery(tmp_path / "gallery.h5").masks.shape == (*shape, 8, 8)


def test_files_that_do_not_match_the_layers_are_refused(tmp_path: Path) -> None:
    layers = [write_layer(tmp_path, "conv1", 3)]
    with pytest.raises(ValueError, match="2 layers, but 1 labels, 1 units"):
        draw(tmp_path, layers, ["conv1", "conv2"])


def test_comparison_of_models(tmp_path: Path) -> None:
    summary = pd.concat([summary_table(model="net", detectors={"part": 5}), summary_table(model="net-random")])
    write_table(tmp_path / "summary.parquet", summary, columns=SUMMARY_COLUMNS)
    twins = [{"model": "net-random", "twin_of": "net", "twin_role": "floor"}]
    names = {name: [str(tmp_path / f"{name}.{suffix}") for suffix in ("png", "pdf")] for name in ("detectors", "twins")}
    plot_detectors(
        summary=tmp_path / "summary.parquet",
        detectors=names["detectors"],
        positions=names["twins"],
        twins=twins,
        options=OPTIONS,
    )
    assert all(Path(path).stat().st_size > 1000 for paths in names.values() for path in paths)

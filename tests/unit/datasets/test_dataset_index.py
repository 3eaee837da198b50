"""From a row of datasets.tsv to its reader."""

from __future__ import annotations

import subprocess
import sys

import pytest

from conceptatlas.datasets.index import FORMATS, format_modules, named_files, open_dataset
from tiny_datasets import TINY


def test_unknown_format_and_option_name_the_nearest(tmp_path):
    with pytest.raises(ValueError, match=r"unknown format 'coco-panoptic'.*did you mean 'coco_panoptic'"):
        open_dataset({"format": "coco-panoptic"})
    row = TINY["coco_panoptic"](tmp_path)
    with pytest.raises(ValueError, match=r"unknown option 'stuf_as' in the options of data set tiny .*'stuff_as'"):
        open_dataset({**row, "options": "stuf_as=material"})


def test_options_reach_the_reader(tmp_path):
    row = TINY["coco_panoptic"](tmp_path)
    assert open_dataset({**row, "options": "stuff_as=material"}).stuff_as == "material"
    assert open_dataset({**row, "options": {"stuff_as": "material"}}).stuff_as == "material"
    with pytest.raises(ValueError, match="unknown value of stuff_as 'materials'"):
        open_dataset({**row, "options": "stuff_as=materials"})


def test_numbers_must_be_whole():
    with pytest.raises(ValueError, match="data set x: n_images must be a whole number, not 'many'"):
        open_dataset({"dataset": "x", "format": "broden", "path": "a", "n_images": "many"})


def test_modules_of_formats():
    assert format_modules({"format": "broden"}) == ["conceptatlas.datasets.broden"]
    assert list(FORMATS) == sorted(FORMATS)


def test_importing_the_index_loads_no_reader_and_no_torch():
    code = (
        "import sys, conceptatlas.datasets.index as i;"
        "bad = [m for m in ('torch', 'PIL', 'pandas', 'h5py') if m in sys.modules];"
        "own = (i.__name__, i.read_members.__module__);"
        "bad += [m for m in sys.modules if m.startswith('conceptatlas.datasets.') and m not in own];"
        "sys.exit(str(bad) if bad else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_tables_inside_folders_are_tracked(tmp_path):
    row = {"dataset": "d", "format": "image_folder", "path": "pictures", "annotations": "a;b", "options": "names=n.tsv"}
    assert list(named_files(row)) == ["a", "b", "a/names.tsv", "b/names.tsv", "n.tsv"]
    assert "faces/list_attr_celeba.txt" in list(named_files({"format": "celeba", "path": "faces"}))
    assert list(named_files({"format": "broden", "path": "b"})) == ["b/index.csv", "b/label.csv"]

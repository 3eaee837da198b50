"""18 real images of PASCAL-Part, against scipy by hand: `pytest -m real --real-data FOLDER`."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.io import loadmat

from conceptatlas.datasets.annotation_file import read_annotations
from conceptatlas.datasets.index import open_dataset
from conceptatlas.naming import CATEGORIES
from conceptatlas.tables import read_table, records
from tiny_datasets import frame_dataset, join_dataset

pytestmark = pytest.mark.real

WORDS = {  # as the comments in part2ind.m, which comes with the data set, explain them
    "rear": "right ear",
    "lfpa": "left front paw",
    "rblleg": "right back lower leg",
    "bliplate": "back license plate",
    "luarm": "left upper arm",
}


@pytest.fixture(scope="module")
def folder(real_data):
    folder = real_data / "pascal_part_examples" / "examples"
    if not folder.is_dir():
        pytest.skip(f"{real_data} has no folder pascal_part_examples/examples")
    return folder


@pytest.fixture(scope="module")
def row(folder):
    return {
        "dataset": "pascal",
        "format": "pascal_part",
        "path": str(folder),
        "annotations": str(folder),
        "frame": "squash",
        "frame_size": 224,
        "mask_size": 112,
        "n_images": "",
        "split": "",
    }


@pytest.fixture(scope="module")
def by_hand(folder):
    """stem -> [(class, short name of a part or None, mask)], with scipy's own simplification of structures."""
    found = {}
    for file in sorted(folder.glob("*.mat")):
        objects = loadmat(file, simplify_cells=True)["anno"]["objects"]
        things = []
        for thing in [objects] if isinstance(objects, dict) else objects:
            things.append((thing["class"], None, thing["mask"]))
            parts = thing["parts"]
            for part in [parts] if isinstance(parts, dict) else parts:
                things.append((thing["class"], part["part_name"], part["mask"]))
        found[file.stem] = things
    return found


def labelled(row, options=""):
    reader = open_dataset({**row, "options": options})
    for image in records(reader.listing().images):
        yield image, {tuple(label.concepts[1]): label.numbers for label in reader.labels(image)}


def test_counts(row, by_hand):
    things = [thing for found in by_hand.values() for thing in found]
    assert len(by_hand) == 18
    assert sum(part is None for _, part, _ in things) == 53
    assert sum(part is not None for _, part, _ in things) == 398
    concepts = open_dataset(row).listing().concepts
    assert Counter(map(tuple, concepts["categories"])) == {("object",): 13, ("part",): 31}
    kept = open_dataset({**row, "options": "sides=keep;part_names=object;objects=no"}).listing().concepts
    shown = {(name, part.partition("_")[0]) for name, part, _ in things if part}
    assert len(kept) == len(shown) == 105


def test_every_mask_is_the_union_of_those_in_the_file(row, by_hand):
    """With sides and objects kept apart, short names and our words are one to one."""
    n_masks = 0
    for image, found in labelled(row, "sides=keep;part_names=object"):
        expected: dict[tuple[str, str], np.ndarray] = {}
        for name, part, mask in by_hand[image["_stem"]]:
            key = (name, part.partition("_")[0] if part else "")
            expected[key] = expected.get(key, 0) | mask
        expected = {key: mask for key, mask in expected.items() if mask.any()}
        assert len(found) == len(expected)
        digests = Counter(mask.astype(bool).tobytes() for mask in expected.values())
        assert Counter(mask.tobytes() for mask in found.values()) == digests
        for (name, part), mask in expected.items():
            if not part:
                np.testing.assert_array_equal(found[name, "object"], mask > 0)
            elif part in WORDS:
                np.testing.assert_array_equal(found[f"{name} {WORDS[part]}", "part"], mask > 0)
            n_masks += 1
    assert n_masks == 284


def test_merged_parts_are_the_unions_of_their_sides(row, by_hand):
    merged = {"ear": ("lear", "rear"), "eye": ("leye", "reye"), "wheel": ("wheel", "fwheel", "bwheel")}
    merged |= {"paw": ("lfpa", "rfpa", "lbpa", "rbpa"), "arm": ("llarm", "luarm", "rlarm", "ruarm")}
    for image, found in labelled(row):
        for name, shorts in merged.items():
            masks = [mask for _, part, mask in by_hand[image["_stem"]] if part and part.partition("_")[0] in shorts]
            expected = np.any(masks, axis=0) if masks else np.zeros(1, dtype=bool)
            assert ((name, "part") in found) == bool(expected.any())
            if expected.any():
                np.testing.assert_array_equal(found[name, "part"], expected)


def test_present_is_what_labels_show(row):
    reader = open_dataset(row)
    for image in records(reader.listing().images):
        assert reader.present(image) == super(type(reader), reader).present(image)


@pytest.fixture(scope="module")
def framed(row, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pascal")
    paths = frame_dataset(row, folder, n_shards=2)
    return folder, paths, join_dataset(row, folder, paths)


def test_all_images_are_framed(framed):
    folder, _, summary = framed
    assert (summary["n_images"], summary["n_valid"], summary["n_concepts"]) == (18, 18, 44)
    concepts = read_table(folder / "concepts.parquet").set_index("name")
    assert concepts.loc["person", "n_images"] == 8
    assert concepts["n_images"].min() >= 1


def test_coverage_survives_rasterising(framed, row):
    folder, paths, _ = framed
    names = read_table(folder / "concepts.parquet")["name"].tolist()
    masks = [found for _, found in labelled(row)]
    errors = []
    for path in paths["annotations"]:
        found = read_annotations(path)
        columns = (found.image_index, found.concept_index, found.category, found.n_pixels)
        for i, concept, category, n in zip(*columns, strict=True):
            mask = masks[i][names[concept], CATEGORIES[category]]
            errors.append(abs(n / 112**2 - mask.mean()))
    assert len(errors) == sum(map(len, masks))
    assert max(errors) < 0.01

"""What each format makes of its own files when they are spoilt: the lists that the contract test of bad input runs.

`LABELS` has, for each format, one `Spoiler` a case that the page of the format (docs/formats) decides. `UNSEEN` names
the files whose absence or damage cannot be noticed, and why; all others must be missed by name.
"""

from __future__ import annotations

from PIL import Image

from spoilt import Spoiler, as_colours, as_palette, deleted, edited, empty, on, repainted, text, truncated
from spoilt_coco import COCO_INSTANCES, COCO_KEYPOINTS, COCO_PANOPTIC, PANOPTIC, PANOPTIC_MASK
from spoilt_parts import ADE20K, PASCAL_PART

BRODEN_MASK = "images/ade20k/image_0_object.png"
BRODEN = [
    Spoiler("no index", on("index.csv", deleted), stops=r"index\.csv: no such file"),
    Spoiler("index of another kind", on("index.csv", text), stops=r"index\.csv: no column image, split"),
    Spoiler("index cut short", on("index.csv", truncated), stops=r"index\.csv, line \d: \d+ cells, the header has 12"),
    Spoiler("column missing", edited("index.csv", "image,split", "image,part2"), stops=r"no column split"),
    Spoiler("column twice", edited("index.csv", ",sw,", ",sh,"), stops=r"no column sh, sw, or more than one"),
    Spoiler(
        "image twice",
        edited("index.csv", "ade20k/image_1.jpg", "ade20k/image_0.jpg"),
        stops=r"1 image ids stand more than once, among them 'ade20k/image_0\.jpg'",
    ),
    Spoiler("unknown split", edited("index.csv", ",val,", ",test,"), stops="unknown split 'test'"),
    Spoiler("no labels", on("label.csv", empty), stops=r"label\.csv: no column number"),
    Spoiler("label twice", edited("label.csv", "3,wheel", "2,wheel"), stops=r"label\.csv: label 2 stands twice"),
    Spoiler("codes of another build", edited("c_part.csv", "wheel", "tyre"), stops=r"c_part\.csv: label 3 is 'tyre'"),
    Spoiler("codes without a column", edited("c_part.csv", "number", "id"), stops=r"c_part\.csv: no column number"),
    Spoiler("unknown label", edited("index.csv", ",4,\n", ",88,\n"), quarantines=r"label 88 is not in label\.csv"),
    Spoiler("mask deleted", on(BRODEN_MASK, deleted), quarantines=r"image_0_object\.png: no such file"),
    Spoiler("mask cut", on(BRODEN_MASK, truncated), quarantines=r"image_0_object\.png: cannot be decoded"),
    Spoiler(
        "grey mask",
        repainted(BRODEN_MASK, lambda mask: mask.getchannel(0)),
        quarantines=r"image_0_object\.png: expected an RGB mask that codes numbers as R \+ 256 G .*found L",
    ),
    Spoiler("the same colours through a palette", repainted(BRODEN_MASK, as_palette)),
    Spoiler(
        "mask of another size",
        repainted(BRODEN_MASK, lambda mask: mask.resize((11, 12))),
        quarantines=r"image_0_object\.png: 12 x 11 pixels, index\.csv says sh x sw = 12x12",
    ),
    Spoiler(
        "mask of another code",
        repainted(BRODEN_MASK, lambda mask: Image.merge("RGB", mask.split()[::-1])),
        quarantines=r"image_0_object\.png: the blue channel is not 0",
    ),
]

CELEBA_TABLES = ("attr_celeba", "eval_partition", "landmarks_align_celeba")
CELEBA = [
    *(
        Spoiler(f"{table} deleted", on(f"list_{table}.txt", deleted), stops=f"no list_{table}.txt or list_{table}.csv")
        for table in CELEBA_TABLES
    ),
    *(
        Spoiler(
            f"{table} of other images",
            edited(f"list_{table}.txt", "000002.jpg", "000009.jpg"),
            stops=r"list_attr_celeba\.txt: 00000\d\.jpg is not in .*list_\w+\.txt: not of one build",
        )
        for table in CELEBA_TABLES
    ),
    *(
        Spoiler(
            f"{table} with an image twice",
            edited(f"list_{table}.txt", "000002.jpg", "000001.jpg"),
            stops=rf"list_{table}\.txt, line \d: 000001\.jpg stands twice",
        )
        for table in CELEBA_TABLES
    ),
    Spoiler(
        "rows missing",
        edited("list_attr_celeba.txt", "6\r\n", "202599\r\n"),
        stops=r"list_attr_celeba\.txt: the first line states 202599 images and 6 rows follow: an incomplete copy",
    ),
    Spoiler("value 0", edited("list_attr_celeba.txt", " -1", "  0"), stops=r"line 3 \(000001\.jpg\): value '0'"),
    Spoiler(
        "unknown partition", edited("list_eval_partition.txt", ".jpg 0", ".jpg 7"), stops="partition '7', expected 0"
    ),
    Spoiler(
        "unknown landmark", edited("list_landmarks_align_celeba.txt", "nose_x", "chin_x"), stops="columns lefteye_x"
    ),
]

CLASS_FOLDER = [
    Spoiler("no names", on("names.tsv", deleted), stops=r"names\.tsv: no such file"),
    Spoiler(
        "names without a column", edited("names.tsv", "n03\tstriped", "n03"), stops=r"line 2: expected folder, name"
    ),
    Spoiler(
        "names by blanks", edited("names.tsv", "n03\tstriped", "n03 striped"), stops=r"names\.tsv, line 2: expected"
    ),
    Spoiler("names of others", edited("names.tsv", "n03\t", "n04\t"), stops=r"names\.tsv names none of the folders"),
    Spoiler(
        "two folders, one name", edited("names.tsv", "striped", "banded"), stops="'banded' and 'n03' are both called"
    ),
    Spoiler("labels twice", edited("joint.txt", "n03/gone", "banded/banded_1"), stops=r"line 3: banded/banded_1\.jpg"),
    Spoiler(
        "lists overlap", edited("val1.txt", "banded_2.png", "banded_1.jpg"), stops="in the lists of train and of val"
    ),
    Spoiler("empty list", on("train1.txt", empty), stops=r"train1\.txt names no picture"),
    Spoiler(
        "a picture beside the folders",
        lambda folder: (folder / "images" / "n03" / "a.jpg").rename(folder / "images" / "a.jpg") and None,
        stops=r"1 pictures lie in no class folder, such as a\.jpg",
    ),
    Spoiler("listed picture not there", on("images/polka_dotted/dots_1.jpg", deleted)),
]

OBJECT_MASK, PART_MASK = "objects/train/a/one.png", "parts/train/a/one.png"
IMAGE_FOLDER = [
    Spoiler("no names", on("objects/names.tsv", deleted), stops=r"objects/names\.tsv: no such file"),
    Spoiler("names without a column", edited("objects/names.tsv", "1\tsky\t", "1\t"), stops=r"names\.tsv, line 2: exp"),
    Spoiler("number twice", edited("objects/names.tsv", "2\tcar", "1\tcar"), stops="line 3: number 1 is 'sky' already"),
    Spoiler(
        "unknown category", edited("objects/names.tsv", "car\tobject", "car\tthing"), stops="unknown category 'thing'"
    ),
    Spoiler(
        "unnamed value",
        edited("parts/names.tsv", "7\t", "8\t"),
        quarantines=r"\.png: values \[7\] have no name",
        images=(0, 1, 3),
    ),
    Spoiler("one layer's mask missing", on(PART_MASK, deleted)),
    Spoiler("mask cut", on(OBJECT_MASK, truncated), quarantines=r"objects/train/a/one\.png: cannot be decoded"),
    Spoiler("mask of a failed download", on(PART_MASK, text), quarantines=r"parts/train/a/one\.png: cannot be decoded"),
    Spoiler(
        "colours instead of indices",
        repainted(OBJECT_MASK, as_colours),
        quarantines=r"one\.png: an index mask has one channel, this file has 3 \(RGB\)",
    ),
    Spoiler(
        "mask of another aspect",
        repainted(OBJECT_MASK, lambda mask: mask.resize((24, 20))),
        quarantines=r"one\.jpg: a label map of 20 x 24 pixels \(height x width\) does not fit its picture of 16 x 24",
    ),
    Spoiler("mask at half the size", repainted(OBJECT_MASK, lambda mask: mask.resize((12, 8)))),
]


COMPOSITE = [
    Spoiler("no members", on("members.tsv", deleted), stops=r"members\.tsv does not exist"),
    Spoiler("a member's JSON cut", on(f"coco/{PANOPTIC}", truncated), stops=r"2017\.json: not valid JSON"),
    Spoiler("unknown format", edited("members.tsv", "image_folder", "image_folders"), stops="unknown format"),
    Spoiler("unknown member", edited("synonyms.tsv", "\town", "\tmine"), stops="unknown data set 'mine'"),
    Spoiler("a member's mask cut", on(f"coco/{PANOPTIC_MASK}", truncated), quarantines=r"000000000001\.png: cannot be"),
    Spoiler(
        "an image that cannot be counted",
        on("own/parts/train/a/one.png", truncated),
        quarantines=r"parts/train/a/one\.png: cannot be decoded",
        images=(4,),
        alone=False,
    ),
]

LABELS = {
    "ade20k": ADE20K,
    "broden": BRODEN,
    "celeba": CELEBA,
    "class_folder": CLASS_FOLDER,
    "coco_instances": COCO_INSTANCES,
    "coco_keypoints": COCO_KEYPOINTS,
    "coco_panoptic": COCO_PANOPTIC,
    "composite": COMPOSITE,
    "image_folder": IMAGE_FOLDER,
    "pascal_part": PASCAL_PART,
}

ANY = ("deleted", "truncated", "empty", "text", "noise")


def _unseen(how: tuple[str, ...], *files: str) -> set[tuple[str, str]]:
    return {(file, one) for file in files for one in how}


CUT, GONE = ("truncated",), ("deleted",)
UNSEEN: dict[str, set[tuple[str, str]]] = {
    "ade20k": _unseen(ANY, "instance_*", "never_listed.jpg"),  # instances are not used
    "broden": _unseen(ANY, "category.csv")  # never read
    | _unseen(GONE + CUT, "c_part.csv"),  # adds categories where it is there
    "class_folder": _unseen(CUT, "*.txt", "names.tsv"),  # lists may be shorter than the data set
    "composite": _unseen(GONE, "*.png") | _unseen(CUT, "materials.tsv", "synonyms.tsv"),
    "image_folder": _unseen(GONE, "*.png"),  # an image need not be in all layers
    "pascal_part": _unseen(ANY, "2010_000005.jpg")  # a picture without .mat
    | _unseen(GONE, "*.mat")  # which leaves its picture without one
    | _unseen(CUT, "*.txt"),
}

# Known to be wrong, and to be put right in the format concerned: (format, how) -> what is wrong.
OPEN: dict[tuple[str, str], str] = {}

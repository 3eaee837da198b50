"""Tiny data sets whose labels are of whole images: faces in CelebA's layout, and a folder a class in DTD's."""

from __future__ import annotations

from pathlib import Path

from tiny_files import FRAME, Row, picture, save_picture

# the headers of list_attr_celeba.txt and of list_landmarks_align_celeba.txt, as published
ATTRIBUTE_LINE = """
5_o_Clock_Shadow Arched_Eyebrows Attractive Bags_Under_Eyes Bald Bangs Big_Lips Big_Nose Black_Hair Blond_Hair
Blurry Brown_Hair Bushy_Eyebrows Chubby Double_Chin Eyeglasses Goatee Gray_Hair Heavy_Makeup High_Cheekbones
Male Mouth_Slightly_Open Mustache Narrow_Eyes No_Beard Oval_Face Pale_Skin Pointy_Nose Receding_Hairline
Rosy_Cheeks Sideburns Smiling Straight_Hair Wavy_Hair Wearing_Earrings Wearing_Hat Wearing_Lipstick
Wearing_Necklace Wearing_Necktie Young
"""
CELEBA_ATTRIBUTES = ATTRIBUTE_LINE.split()
LANDMARK_LINE = """
lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y
"""
CELEBA_LANDMARKS = LANDMARK_LINE.split()
CELEBA_FACES: list[tuple[int, list[str], list[int]]] = [  # partition, attributes at +1, landmarks
    (0, ["Smiling", "Male"], [69, 109, 106, 113, 77, 142, 73, 152, 108, 154]),
    (0, ["5_o_Clock_Shadow"], [69, 110, 107, 112, 81, 135, 70, 151, 108, 153]),
    (0, [], [76, 112, 104, 106, 108, 128, 74, 156, 98, 158]),
    (1, ["Young", "Smiling", "Wearing_Hat"], [72, 113, 108, 108, 101, 138, 71, 155, 101, 151]),
    (1, ["Smiling"], [66, 114, 112, 112, 86, 119, 71, 147, 104, 150]),
    (2, ["Eyeglasses"], [71, 111, 106, 110, 94, 131, 74, 154, 177, 217]),  # a mouth corner in the last pixel
]


def celeba(folder: Path) -> Row:
    """Six faces of 178 x 218 pixels; tables as published: a count, CRLF, numbers set in columns, blanks at the end."""
    attributes, partition, landmarks = [], [], []
    for i, (number, present, points) in enumerate(CELEBA_FACES, start=1):
        name = f"{i:06d}.jpg"
        save_picture(folder / "img_align_celeba" / name, picture(218, 178, seed=i))
        values = [f"{1 if attribute in present else -1:2d}" for attribute in CELEBA_ATTRIBUTES]
        attributes.append(f"{name} {' '.join(values)}")
        partition.append(f"{name} {number}")
        landmarks.append(f"{name} {' '.join(f'{value:4d}' for value in points)}")
    n = str(len(CELEBA_FACES))
    tables = {
        "list_attr_celeba.txt": [n, " ".join(CELEBA_ATTRIBUTES) + " ", *attributes],
        "list_eval_partition.txt": partition,
        "list_landmarks_align_celeba.txt": [n, " ".join(CELEBA_LANDMARKS) + " ", *landmarks],
    }
    for table, lines in tables.items():
        (folder / table).write_bytes("".join(f"{line}\r\n" for line in lines).encode())
    return {"dataset": "tiny", "format": "celeba", "path": str(folder), "annotations": "", **FRAME}


def celeba_csv(folder: Path) -> None:
    """Replace the tables of `celeba` by the .csv variants."""
    headers = {
        "list_attr_celeba": CELEBA_ATTRIBUTES,
        "list_eval_partition": ["partition"],
        "list_landmarks_align_celeba": CELEBA_LANDMARKS,
    }
    for name, header in headers.items():
        table = folder / f"{name}.txt"
        rows = [line.split() for line in table.read_text().splitlines() if ".jpg" in line]
        lines = [["image_id", *header], *rows]
        table.with_suffix(".csv").write_text("".join(",".join(line) + "\n" for line in lines))
        table.unlink()


def class_folder(folder: Path) -> Row:
    """Five textures in three folders, one more folder empty; names, further labels and lists as files beside them."""
    images = ["banded/banded_1.jpg", "banded/banded_2.png", "polka_dotted/dots_1.jpg", "n03/a.jpg", "n03/b.png"]
    for i, image in enumerate(images):
        save_picture(folder / "images" / image, picture(20, 14 + i, seed=i))
    (folder / "images" / "woven").mkdir()
    (folder / "names.tsv").write_text("folder\tname\nn03\tstriped\nn77\tnot here\n")
    (folder / "joint.txt").write_text(
        f"{images[0]} banded n03 \n{images[2]} polka_dotted frilly_edge\nn03/gone.jpg n03 \n"
    )
    (folder / "train1.txt").write_text(f"{images[0]}\n{images[2]}\n{images[3]}\n")
    (folder / "val1.txt").write_text(f"{images[1]}\nn03/gone.jpg\n")
    files = {"names": "names.tsv", "labels": "joint.txt", "train": "train1.txt", "val": "val1.txt"}
    options = ";".join(f"{option}={folder / file}" for option, file in files.items())
    return {
        "dataset": "tiny",
        "format": "class_folder",
        "path": str(folder / "images"),
        "annotations": "",
        "options": f"category=texture;{options}",
        **FRAME,
    }

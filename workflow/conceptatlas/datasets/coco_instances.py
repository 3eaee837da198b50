"""COCO instances: one JSON a split, whose annotations outline objects with polygons or run lengths (Lin et al. 2014).

Masks of one class in one picture are one label. Classes overlap where their outlines do: COCO's polygons are drawn one
by one, and a person's arm may lie over the bicycle.
"""

from __future__ import annotations

from conceptatlas.datasets.coco_crops import Crops
from conceptatlas.datasets.coco_files import Category, CocoFile, Entry
from conceptatlas.datasets.coco_kept import Kept
from conceptatlas.datasets.coco_objects import CocoObjectsReader, is_crowd
from conceptatlas.datasets.reader import ConceptKey
from conceptatlas.naming import unknown

CROWD = ("keep", "drop")


class CocoInstancesReader(CocoObjectsReader):
    """COCO instances annotations, and others in their form (LVIS).

    Parameters
    ----------
    path : str
        Folder of the images: one folder a JSON (separated by ``;``, in their order), or one root with a subfolder
        named like the JSON (``train2017`` for ``instances_train2017.json``), or the folder of the images itself.
    annotations : str
        The JSON files, separated by ``;``.
    classes : str
        Names of categories, separated by commas: only these are labels. Empty: all.
    images : "all" | "with_class"
        Whether images without any of the classes are listed.
    crowd : "keep" | "drop"
        Whether crowds (`iscrowd`) are labels.
    crop : "none" | "box"
        ``box``: every annotation of the classes that is no crowd becomes an image, cut to its box.
    margin : str
        How far an image reaches beyond its box on each side, as a share of the box's side; default 0.
    min_side : str
        Boxes with a side shorter than this many pixels are left out; default 1.
    """

    def __init__(
        self,
        *,
        path: str,
        annotations: str,
        classes: str = "",
        images: str = "all",
        crowd: str = "keep",
        crop: str = "none",
        margin: str = "",
        min_side: str = "",
    ) -> None:
        if crowd not in CROWD:
            raise unknown("value of crowd", crowd, CROWD)
        self.classes = [name.strip() for name in classes.split(",") if name.strip()]
        self.crowd = crowd
        crops = Crops.parse(crop=crop, margin=margin, min_side=min_side)
        super().__init__(
            path=path, annotations=annotations, form="instances", prefix="instances_", crops=crops, images=images
        )

    def concepts(self, categories: list[Category]) -> list[ConceptKey]:
        """The chosen classes in the order of their numbers."""
        names = [category.concept.name for category in categories]
        for name in self.classes:
            if name not in names:
                raise unknown("class", name, names, where=str(self.files[0].table))
        return [category.concept for category in categories if self._chosen(category)]

    def keep(self, file: CocoFile, annotation: Entry, category: Category) -> Kept | None:
        """The segmentation of an annotation of the classes."""
        if not self._chosen(category) or (self.crowd == "drop" and is_crowd(annotation)):
            return None
        return Kept(category.concept.name, annotation.get("segmentation"))

    def _chosen(self, category: Category) -> bool:
        return not self.classes or category.concept.name in self.classes

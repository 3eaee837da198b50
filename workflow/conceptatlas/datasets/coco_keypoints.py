"""COCO keypoints: eyes, shoulders, knees of persons as parts, each a disc around its point (Lin et al. 2014).

A keypoint has no extent, a concept needs one: the disc is chosen here, its radius stated with the results. It scales
with the person by default, as the standard deviations of COCO's own evaluation do.
"""

from __future__ import annotations

import math
import re

from conceptatlas.datasets.coco_crops import Crops, amount
from conceptatlas.datasets.coco_files import Category, CocoFile, Entry
from conceptatlas.datasets.coco_kept import Kept
from conceptatlas.datasets.coco_objects import CocoObjectsReader, box_of
from conceptatlas.datasets.reader import ConceptKey
from conceptatlas.naming import unknown

RADIUS_OF = {
    "box": "of the longer side of the person's box",
    "picture": "of the longer side of the whole picture",
    "pixels": "pixels of the picture",
}
LEAST_VISIBLE = {"labelled": 1, "visible": 2}
SIDES = ("keep", "merge")
OBJECTS = ("yes", "no")


class CocoKeypointsReader(CocoObjectsReader):
    """COCO keypoints annotations, of persons or of anything else.

    Parameters
    ----------
    path : str
        Folder of the images: one folder a JSON (separated by ``;``, in their order), or one root with a subfolder
        named like the JSON (``train2017`` for ``person_keypoints_train2017.json``), or the folder of the images itself.
    annotations : str
        The JSON files, separated by ``;``.
    radius : str
        Of the discs; default 0.05.
    radius_of : "box" | "picture" | "pixels"
        What the radius is a share of, or its unit.
    visibility : "labelled" | "visible"
        Which keypoints are labels: all that have a place (v = 1 or 2), or those not hidden behind something (v = 2).
    sides : "keep" | "merge"
        ``merge``: left eye and right eye are both "eye".
    objects : "yes" | "no"
        Whether the segmentation of the person is a label too, category object.
    images : "all" | "with_class"
        Whether images without any annotation are listed.
    crop, margin, min_side : str
        As in `coco_instances.CocoInstancesReader`: every person that is no crowd becomes an image.
    """

    def __init__(
        self,
        *,
        path: str,
        annotations: str,
        radius: str = "0.05",
        radius_of: str = "box",
        visibility: str = "labelled",
        sides: str = "keep",
        objects: str = "yes",
        images: str = "all",
        crop: str = "none",
        margin: str = "",
        min_side: str = "",
    ) -> None:
        for name, value, known in (
            ("radius_of", radius_of, RADIUS_OF),
            ("visibility", visibility, LEAST_VISIBLE),
            ("sides", sides, SIDES),
            ("objects", objects, OBJECTS),
        ):
            if value not in known:
                raise unknown(f"value of {name}", value, known)
        self._radius = amount("radius", radius)
        self.radius_of = radius_of
        self.visibility = visibility
        self.sides = sides
        self.objects = objects == "yes"
        crops = Crops.parse(crop=crop, margin=margin, min_side=min_side)
        super().__init__(
            path=path, annotations=annotations, form="keypoints", prefix="person_keypoints_", crops=crops, images=images
        )

    def concepts(self, categories: list[Category]) -> list[ConceptKey]:
        """The objects, then the parts in the order of the JSON."""
        parts = [self._part(name) for category in categories for name in category.keypoints]
        if not parts:
            raise ValueError(f"{self.files[0].table}: no category has keypoints; is this a COCO keypoints file?")
        objects = [category.concept for category in categories] if self.objects else []
        return [*objects, *(ConceptKey(part, "part") for part in parts)]

    def keep(self, file: CocoFile, annotation: Entry, category: Category) -> Kept | None:
        """The keypoints of an annotation, and its segmentation where objects are labels."""
        points, problem = self._points(file, annotation, category)
        side = box_of(file, annotation).longer_side if self.radius_of == "box" and points else 0.0
        concept, segmentation = (category.concept.name, annotation.get("segmentation")) if self.objects else ("", None)
        return Kept(concept, segmentation, points, side, problem)

    def radius(self, side: float, *, height: int, width: int) -> float:
        """Radius of the discs in pixels."""
        whole = {"box": side, "picture": float(max(height, width)), "pixels": 1.0}
        return self._radius * whole[self.radius_of]

    def definitions(self) -> dict[str, str]:
        """What a part is: which points, which disc."""
        least = LEAST_VISIBLE[self.visibility]
        sides = "; left and right are one part" if self.sides == "merge" else ""
        return {
            **super().definitions(),
            "part": f"keypoints with visibility {least} or more ({self.visibility}), each a disc around the centre of "
            f"its pixel{sides}",
            "disc_radius": f"{self._radius:g} {RADIUS_OF[self.radius_of]}",
        }

    def _points(
        self, file: CocoFile, annotation: Entry, category: Category
    ) -> tuple[tuple[tuple[str, float, float], ...], str]:
        """The keypoints that are labels, and what is wrong with them."""
        if not category.keypoints:
            return (), ""
        values = file.field(annotation, "keypoints")
        expected = 3 * len(category.keypoints)
        if not isinstance(values, list) or len(values) != expected:
            given = len(values) if isinstance(values, list) else "no"
            return (), f"{given} numbers of keypoints, expected {expected}: x, y and visibility of each"
        points = []
        for name, x, y, visibility in zip(category.keypoints, values[0::3], values[1::3], values[2::3], strict=True):
            if visibility not in (0, 1, 2):
                return (), f"visibility of {name!r} is {visibility!r}, expected 0, 1 or 2"
            if not all(isinstance(value, int | float) and math.isfinite(value) for value in (x, y)):
                return (), f"place of {name!r} is {x!r}, {y!r}, expected two numbers"
            if visibility >= LEAST_VISIBLE[self.visibility]:
                points.append((self._part(name), x, y))
        return tuple(points), ""

    def _part(self, name: str) -> str:
        """The part that a keypoint shows: ``left_eye`` is "left eye", or "eye" where sides are merged."""
        words = re.split(r"[_\s]+", name.strip())
        if self.sides == "merge":
            words = [word for word in words if word.lower() not in ("left", "right")] or words
        return " ".join(words)

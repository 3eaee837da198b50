"""The layers that are compared, the files that are kept of each, and whether they belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import h5py


class Place(NamedTuple):
    """A layer and its files; a file is "" where its analysis is off."""

    model: str
    layer: str
    depth: float
    discovered: str
    profiles: str
    geometry: str

    @property
    def name(self) -> str:
        """Model and layer: seeds and messages know the layer by it."""
        return f"{self.model}/{self.layer}"


def places_of(
    model: str, places: list[list[Any]], discovered: list[str], profiles: list[str], geometries: list[str]
) -> list[Place]:
    """The layers to compare with their files, those of `model` last; arguments as of `compare_models`.

    Raises
    ------
    ValueError
        if a list has not one file a layer, or the model's layers do not come last.
    """
    lists = {"discovered": discovered, "profiles": profiles, "geometries": geometries}
    for name, paths in lists.items():
        if paths and len(paths) != len(places):
            raise ValueError(f"{name}: {len(paths)} files for {len(places)} layers; expected one a layer")
    own = [place[0] == model for place in places]
    if not any(own) or own != sorted(own):
        raise ValueError(f"model {model} must come last among the layers it is compared with, got {places}")
    files = [[str(path) for path in paths] or [""] * len(places) for paths in lists.values()]
    return [
        Place(str(m), str(layer), float(depth), *paths)
        for (m, layer, depth), *paths in zip(places, *files, strict=True)
    ]


def check_files(layers: list[Place], thresholds: tuple[float, ...]) -> None:
    """Raise ValueError, naming two layers, unless all files are of the same images; also for other thresholds."""
    for kind in ("discovered", "profiles", "geometry"):
        seen: tuple[Place, str, Any] | None = None
        for place in layers:
            path = getattr(place, kind)
            if not path:
                continue
            with _opened(path) as file:
                digest, size = str(file.attrs["images_digest"]), file.attrs.get("size")
                held = tuple(float(t) for t in file.attrs.get("thresholds", ()))
                n_images = len(file["test_images"])
            if kind == "discovered" and held != thresholds:
                raise ValueError(f"{path}: masks at thresholds {list(held)}, the study asks for {list(thresholds)}; "
                                 "delete it and run again")  # fmt: skip
            if seen is None:
                seen = place, digest, (n_images, size)
            elif (digest, (n_images, size)) != seen[1:]:
                raise ValueError(
                    f"{seen[0].name} and {place.name} saw different images ({kind}: {seen[2][0]} and {n_images} test "
                    f"images, digests {seen[1]} and {digest}): layers are compared on the same images in the same "
                    f"order; run {seen[0].name} or {place.name} again"
                )


def _opened(path: str) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        if not Path(path).exists():
            raise
        raise ValueError(f"{path}: does not open ({error}); delete it and run again") from None

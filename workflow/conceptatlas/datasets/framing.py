"""One shard of a data set: pictures decoded once, placed in their frames, labels rasterised in the same geometry.

A bad image does not stop a run: it keeps its row, its frame is zeros, `valid` is False, it has no annotations, and the
reason is recorded (quarantine). `joining.join_shards` stops the run where too many images are bad.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from PIL import __version__ as pillow_version
from PIL import features

from conceptatlas.datasets.annotation_file import AnnotationWriter
from conceptatlas.datasets.annotations import ImageAnnotations, empty_annotations, rasterise
from conceptatlas.datasets.frame_file import FrameWriter
from conceptatlas.datasets.frames import FRAMES, place, placement
from conceptatlas.datasets.index import open_dataset, whole_number
from conceptatlas.datasets.listing import read_listing
from conceptatlas.datasets.reader import Map, Reader
from conceptatlas.files import atomic_path, file_sha256, write_json
from conceptatlas.naming import shard_bounds, shard_names, unknown
from conceptatlas.progress import progress as show
from conceptatlas.tables import n_rows, records

logger = logging.getLogger(__name__)

IMAGES_PER_TASK = 64  # 1 s of decoding, and 10 MB of frames to hand over at 224 pixels


@dataclass(frozen=True)
class FrameOptions:
    """How the pictures of a data set become frames: `frame` (squash, pad, centre_crop), sizes F and S in pixels."""

    frame: str
    frame_size: int
    mask_size: int

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> FrameOptions:
        """The options of a row of datasets.tsv; ValueError for an unknown frame or a size below 1."""
        frame = str(row.get("frame", ""))
        if frame not in FRAMES:
            raise unknown("frame", frame, FRAMES, where=f"data set {row.get('dataset', '?')}")
        sizes = {}
        for field in ("frame_size", "mask_size"):
            size = whole_number(row, field)
            if size is None or size < 1:
                raise ValueError(f"data set {row.get('dataset', '?')}: {field} is a number of pixels, not {size!r}")
            sizes[field] = size
        return cls(frame, sizes["frame_size"], sizes["mask_size"])


@dataclass(frozen=True)
class FramedImage:
    """One image, framed; `frame` is None and `reason` says why where it goes to quarantine."""

    frame: np.ndarray[Any, Any] | None
    annotations: ImageAnnotations
    width: int
    height: int
    sha256: str
    reason: str


def frame_image(
    reader: Reader, image: dict[str, Any], *, options: FrameOptions, vocabulary: Mapping[str, int]
) -> FramedImage:
    """Decode, place and rasterise one image (a row of the listing); a ValueError or OSError becomes its quarantine."""
    width = height = 0
    sha256 = ""
    try:
        source = reader.file(image)
        if source is not None:
            if not source.exists():
                raise ValueError(f"{source}: no such file")
            sha256 = file_sha256(source)
        picture = reader.picture(image)
        height, width = int(picture.shape[0]), int(picture.shape[1])
        where = placement(options.frame, height=height, width=width)
        frame = place(picture, options.frame, options.frame_size)
        annotations = rasterise(reader.labels(image), where, size=options.mask_size, vocabulary=vocabulary)
    except (ValueError, OSError) as error:
        empty = empty_annotations(options.mask_size)
        return FramedImage(None, empty, width, height, sha256, _reason(error, image))
    return FramedImage(frame, annotations, width, height, sha256, "")


def _reason(error: Exception, image: Mapping[str, Any]) -> str:
    """Why an image is not usable, with its file: what is said of geometry alone names none."""
    text = str(error) or type(error).__name__
    name = str(image["path"] or image["image_id"])
    stem = re.escape(PurePosixPath(name).stem)
    named = re.search(rf"(?<!\w){stem}(\.|_\w+\.)", text)  # itself, or one beside it: a.jpg, a.mat, a_seg.png
    return text if named else f"{name}: {text}"


def frame_shard(
    row: Mapping[str, Any],
    *,
    listing: str | Path,
    vocabulary: str | Path,
    shard: int,
    n_shards: int,
    frames: str | Path,
    annotations: str | Path,
    manifest: str | Path,
    study_seed: int,
    map: Map = map,
    progress: bool = True,
) -> dict[str, Any]:
    """Frame the images of one shard and write its three files, the manifest last.

    Parameters
    ----------
    row : mapping
        The row of datasets.tsv.
    listing, vocabulary : path
        ``listing.parquet`` and ``vocabulary.parquet`` of the data set.
    shard, n_shards : int
        Which part of the list, as `naming.shard_bounds` cuts it.
    frames, annotations, manifest : path
        Files to write: ``frames/{shard}.h5``, ``annotations/{shard}.h5``, ``frames/{shard}.json``.
    study_seed : int
    map : callable
        ``map(function, tasks)`` with results in the order of tasks; the built-in one runs here, a process pool's or
        Dask's decodes in parallel. Tasks hold rows, names and the reader, never arrays or open files.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    dict
        The manifest: dataset, shard, start, stop, sizes, n_valid, quarantine (image_index, image_id, reason), digests
        of the arrays of both files, versions of the decoder.
    """
    options = FrameOptions.of(row)
    start, stop = shard_bounds(n_rows(listing), n_shards, shard)
    listed = read_listing(images=listing, concepts=vocabulary, start=start, stop=stop)
    images = records(listed.images)
    names = {str(name): index for index, name in enumerate(listed.concepts["name"])}
    tasks = [images[begin : begin + IMAGES_PER_TASK] for begin in range(0, len(images), IMAGES_PER_TASK)]
    # one reader for all tasks of a process: what it reads once (tables of names) is not read for every task
    reader = open_dataset(row, study_seed=study_seed)
    work = partial(_frame_task, reader, options=options, vocabulary=names)
    Path(manifest).unlink(missing_ok=True)  # it must never vouch for files it was not written with
    with (
        atomic_path(frames) as frames_part,
        atomic_path(annotations) as annotations_part,
        FrameWriter(frames_part, start=start, stop=stop, size=options.frame_size) as pictures,
        AnnotationWriter(
            annotations_part, start=start, stop=stop, mask_size=options.mask_size, padded=options.frame == "pad"
        ) as labels,
    ):
        framed = (image for done in map(work, tasks) for image in done)
        for index, image in enumerate(_progress(framed, total=len(images), shard=shard, shown=progress)):
            pictures.add(image.frame, width=image.width, height=image.height, sha256=image.sha256, reason=image.reason)
            labels.add(start + index, image.annotations)
            if image.frame is None:
                logger.warning("quarantine: %s: %s", images[index]["image_id"], image.reason)
    quarantine = [
        {"image_index": start + position, "image_id": images[position]["image_id"], "reason": reason}
        for position, reason in pictures.reasons()
    ]
    content: dict[str, Any] = {
        "dataset": str(row.get("dataset", "")),
        "shard": shard_names(n_shards)[shard],
        "n_shards": n_shards,
        "start": start,
        "stop": stop,
        "frame": options.frame,
        "frame_size": options.frame_size,
        "mask_size": options.mask_size,
        "n_valid": len(images) - len(quarantine),
        "quarantine": quarantine,
        "arrays": pictures.digests,
        "annotation_arrays": labels.digests,
        "versions": {"pillow": pillow_version, "libjpeg_turbo": features.version("libjpeg_turbo") or ""},
    }
    write_json(manifest, content)
    return content


def _frame_task(
    reader: Reader, images: list[dict[str, Any]], *, options: FrameOptions, vocabulary: dict[str, int]
) -> list[FramedImage]:
    return [frame_image(reader, image, options=options, vocabulary=vocabulary) for image in images]


def _progress(images: Iterator[FramedImage], *, total: int, shard: int, shown: bool) -> Iterable[FramedImage]:
    return show(images, description=f"framing shard {shard}" if shown else "", total=total, unit="image")

"""The extraction of one shard: one forward pass, all layers of a group, stored and summarised as they come.

On a GPU the model waits for nothing: blocks go through a short queue, and this thread counts, digests and writes them
while the next ones are computed. On a CPU the forward pass has all the threads already, so both take turns, which is
faster than sharing the cores.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from conceptatlas.activations.sinks import HistogramSink, Sink, StoreSink
from conceptatlas.activations.store import ShardWriter
from conceptatlas.datasets.frame_file import map_frames
from conceptatlas.files import atomic_path, file_sha256, read_json, write_json
from conceptatlas.memory import keep_freed_memory
from conceptatlas.progress import progress
from conceptatlas.provenance import versions
from conceptatlas.sheets import Row

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Item = TypeVar("Item")

UNDERFLOW_SHARE = 0.05
"""Above this share of non-zero values that float16 loses or holds only as subnormal numbers, the job warns."""


def extract_shard(
    *,
    model: Row,
    layers: list[Row],
    report: str | Path,
    frames: str | Path,
    frames_manifest: str | Path,
    calibration: str | Path | None,
    store: str | Path,
    manifest: str | Path,
    batch: int,
    threads: int,
    device: str = "auto",
    tf32: bool = False,
) -> None:
    """Run a model over the frames of one shard and write its activations and their manifest.

    Parameters
    ----------
    model, layers : the rows of models.tsv and layers.tsv (one group).
    report : the model's check report, for the shapes of the maps. frames, frames_manifest : the shard's pictures.
    calibration : re-estimated batch-norm statistics of a random model, or None.
    store, manifest : where to write. batch, threads, device, tf32 : config values, recorded.

    Raises
    ------
    ValueError
        if a layer's values overflow its dtype or are not a number (with unit and image), or its maps do not have the
        shape of the report.
    """
    import torch

    from conceptatlas.devices import lease_device
    from conceptatlas.models.blocks import iterate_blocks
    from conceptatlas.models.index import load_model

    torch.set_num_threads(threads)
    keep_freed_memory()
    started = time.monotonic()
    source = read_json(frames_manifest)
    pictures, valid = map_frames(frames, manifest=frames_manifest)
    shapes = read_json(report)["layers"]
    loaded = load_model(model, calibration=Path(calibration) if calibration else None)
    with lease_device(device) as leased, atomic_path(store) as part:
        writer = ShardWriter(part, n_images=len(pictures))
        try:
            counted, sinks = shard_sinks(layers, shapes, writer, n_images=len(pictures), threads=threads)
            blocks = iterate_blocks(
                loaded,
                {row["layer"]: row["module"] for row in layers},
                pictures,
                valid,
                batch=batch,
                device=leased,
                dtypes={row["layer"]: row["dtype"] for row in layers},
                tf32=tf32,
            )
            batch_used = batch
            underflow = {row["layer"]: np.zeros(2, dtype=np.int64) for row in layers}
            steps = -(-len(pictures) // batch)
            ready = blocks if leased == "cpu" else in_background(blocks)
            for block in progress(ready, description=f"activations of {model['model']}", total=steps):
                batch_used = min(batch_used, block.batch_used)
                for layer, counts in block.underflow.items():
                    underflow[layer] += counts
                for sink in sinks:
                    sink.consume(block)
            for row in layers:
                _check_range(row, counted[row["layer"]], underflow[row["layer"]], start=source["start"])
            write_summaries(writer, counted)
            arrays = writer.finish()
        except BaseException:
            writer.close()
            raise
    seconds = time.monotonic() - started
    write_json(
        manifest,
        {
            "layers": {
                row["layer"]: {"module": row["module"], "dtype": row["dtype"], "store": row["store"]} for row in layers
            },
            "arrays": arrays,
            "start": source["start"],
            "stop": source["stop"],
            "quarantined": [source["start"] + int(i) for i in np.flatnonzero(~valid)],
            "frames_digest": source["arrays"]["frames"],
            "model": {key: str(value) for key, value in model.items()},
            "weights_sha256": loaded.weights_sha256,
            "calibration_sha256": file_sha256(calibration) if calibration else "",
            "preprocessing": loaded.preprocessing,
            "device": leased,
            "batch": batch,
            "batch_used": batch_used,
            "threads": threads,
            "tf32": tf32,
            "versions": versions(),
        },
    )
    logger.info("%d images in %.1f s, %s, batch %d", len(pictures), seconds, leased, batch_used)


def in_background(blocks: Iterable[Item], *, ahead: int = 2) -> Iterator[Item]:
    """Run the forward passes of `blocks` in this thread's stead: a thread computes them up to `ahead` in advance.

    An error in that thread is raised here; leaving the loop early ends the thread.
    """
    ready: queue.Queue[Any] = queue.Queue(maxsize=ahead)
    stop = threading.Event()
    end = object()

    def produce() -> None:
        outcome: Any = end
        try:
            for block in blocks:
                while not stop.is_set():
                    with contextlib.suppress(queue.Full):
                        ready.put(block, timeout=0.5)
                        break
                if stop.is_set():
                    return
        except BaseException as error:
            outcome = error
        while not stop.is_set():
            with contextlib.suppress(queue.Full):
                ready.put(outcome, timeout=0.5)
                break

    thread = threading.Thread(target=produce, name="forward", daemon=True)
    thread.start()
    try:
        while True:
            item = ready.get()
            if item is end:
                return
            if isinstance(item, BaseException):
                raise item
            yield item
    finally:
        stop.set()
        thread.join()


def shard_sinks(
    layers: list[Row], shapes: dict[str, Any], writer: ShardWriter, *, n_images: int, threads: int = 1
) -> tuple[dict[str, HistogramSink], list[Sink]]:
    """The sinks of a shard in their order, and the histograms among them by layer.

    layers : rows with layer, dtype, store. shapes : layer -> n_units, height, width.
    """
    counted: dict[str, HistogramSink] = {}
    sinks: list[Sink] = []
    for row in layers:
        name, shape = row["layer"], shapes[row["layer"]]
        maps = (shape["n_units"], shape["height"], shape["width"])
        writer.add_layer(name, maps, dtype=row["dtype"], store=row["store"] == "full")
        counted[name] = HistogramSink(name, n_images=n_images, n_units=maps[0], dtype=row["dtype"], threads=threads)
        sinks.append(counted[name])  # before the store: it writes -0.0 as 0.0
        if row["store"] == "full":
            sinks.append(StoreSink(name, writer))
    return counted, sinks


def write_summaries(writer: ShardWriter, counted: dict[str, HistogramSink]) -> None:
    """Write each image's maximum and mean and the sparse histogram of every layer."""
    for name, sink in counted.items():
        writer.write_array(f"{name}/max", sink.maximum)
        writer.write_array(f"{name}/mean", sink.mean)
        state = sink.histogram.state()
        state["counts"] = narrow(state["counts"])
        for part, values in state.items():
            writer.write_array(f"{name}/histogram/{part}", values, compress=True)


def narrow(counts: Array) -> Array:
    """Counts in the smallest unsigned type that holds them: most patterns of a shard occur a few times."""
    return counts.astype(np.min_scalar_type(int(counts.max()))) if counts.size else counts


def _check_range(row: Row, sink: HistogramSink, underflow: Array, *, start: int) -> None:
    """Stop on values that are not finite, warn of values that float16 cannot hold.

    underflow : (values that rounding made zero, values that were not zero), counted on a sample.
    """
    broken = sink.histogram.non_finite()
    if broken.any():
        unit = int(np.flatnonzero(broken)[0])
        images = np.flatnonzero(~np.isfinite(sink.maximum[:, unit]) | ~np.isfinite(sink.mean[:, unit]))
        where = f"image_index {start + int(images[0])}" if len(images) else "an image of this shard"
        advice = "; set `dtype` to float32 in layers.tsv" if row["dtype"] == "float16" else ""
        raise ValueError(
            f"layer {row['layer']} of model {row['model']}: {int((broken > 0).sum())} units have infinite or NaN "
            f"values, the first is unit {unit} in {where}{advice}"
        )
    zeroed, nonzero = int(underflow[0]), int(underflow[1])
    subnormal = sink.histogram.subnormal()
    present = np.maximum(sink.histogram.n_values - sink.histogram.zeros(), 1)
    share = subnormal / present
    if zeroed > UNDERFLOW_SHARE * max(nonzero, 1) or (share > UNDERFLOW_SHARE).any():
        unit = int(share.argmax())
        logger.warning(
            "layer %s of model %s: float16 turns %.1f %% of the non-zero values into 0, and %d of %d units hold more "
            "than %.0f %% as subnormal numbers (worst: unit %d, %.0f %%); `dtype` float32 in layers.tsv keeps them",
            row["layer"],
            row["model"],
            100 * zeroed / max(nonzero, 1),
            int((share > UNDERFLOW_SHARE).sum()),
            len(share),
            100 * UNDERFLOW_SHARE,
            unit,
            100 * share[unit],
        )

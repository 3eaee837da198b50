"""The forward pass as a stream: frames in, blocks of several layers' activations out, nothing kept.

One pass serves all layers of a group. Values are rounded to their storage type here, once, so that every sink sees
the same numbers. On a CPU the numbers do not depend on how images are cut into shards or blocks: batches always have
full size (the last one is padded) and the threads are the caller's. After an out-of-memory back-off, or on another
device, only a tolerance is promised.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from conceptatlas.models.arithmetic import exact_arithmetic, is_out_of_memory
from conceptatlas.models.hooks import ActivationHooks
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare
from conceptatlas.naming import unknown

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
DTYPES: dict[str, torch.dtype] = {"float16": torch.float16, "float32": torch.float32}


@dataclass
class Block:
    """Activations of consecutive images.

    Attributes
    ----------
    start, stop : the rows of `frames` this block covers.
    valid : bool (image,); the activations of an invalid image are those of a black frame: do not use them.
    tensors : layer -> tensor (image, unit, height, width) in the storage type, contiguous, on the device.
    batch_used : images a forward pass took; smaller than asked for after an out-of-memory back-off.
    output : float32 (image, class), the network's own output, where asked for.
    """

    start: int
    stop: int
    valid: Array
    tensors: dict[str, torch.Tensor]
    batch_used: int
    output: torch.Tensor | None = None
    _counts: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    _host: dict[str, torch.Tensor] = field(default_factory=dict, repr=False)
    _ready: torch.cuda.Event | None = field(default=None, repr=False)

    def array(self, layer: str) -> Array:
        """The layer as a numpy array on the host (copied there once): (image, unit, height, width)."""
        if layer not in self.tensors:
            raise unknown("layer", layer, self.tensors, where="this block")
        if self._ready is not None:
            self._ready.synchronize()
        if layer not in self._host:
            self._host[layer] = self.tensors[layer].cpu()
        return self._host[layer].numpy()

    @property
    def underflow(self) -> dict[str, tuple[int, int]]:
        """Layer -> (n_zeroed, n_nonzero): of the values that were not 0, how many rounding to float16 made 0.

        Counted on the first image of the batch, for layers stored as float16.
        """
        return {layer: (int(count[0]), int(count[1])) for layer, count in self._counts.items()}


def iterate_blocks(
    model: LoadedModel,
    layers: Mapping[str, str],
    frames: Any,
    valid: Array | None = None,
    *,
    batch: int,
    device: torch.device | str = "cpu",
    dtypes: Mapping[str, str] | None = None,
    start: int = 0,
    stop: int | None = None,
    with_output: bool = False,
    host_copies: bool = True,
    tf32: bool = False,
) -> Iterator[Block]:
    """Run a model over frames and yield the activations of some layers, batch by batch.

    Parameters
    ----------
    model : moved to `device` in channels-last layout and left there; values, mode and hooks stay as they are.
    layers : layer name -> dotted module name.
    frames : uint8, or float32 on the same scale, (image, size, size, 3); anything that slices to an array (memory map,
        HDF5 dataset, view of perturbed frames).
    valid : bool (image,) of the same length; False rows (quarantined images) run as black frames. Default: all valid.
    batch : images a forward pass, at least 1; smaller remainders are padded with black frames and cut off again.
    device : "cpu", "cuda", "cuda:1" ...
    dtypes : layer -> "float16" (default) or "float32".
    start, stop : the range of rows to run.
    with_output : also yield the network's output; otherwise the pass ends after the last hooked layer.
    host_copies : on CUDA, begin to copy every block to the host while the next batch runs (for sinks that write).
    tf32 : allow TF32 on CUDA; less exact and never on by default.

    Yields
    ------
    Block : in order, without gaps; up to `batch` images each.

    Raises
    ------
    ValueError
        for unknown modules, outputs that are no maps (see `ActivationHooks`), and frames of another type.
    torch.OutOfMemoryError
        where a single image does not fit.
    """
    if batch < 1:
        raise ValueError(f"batch must be at least 1 image, got {batch}")
    wanted = dict.fromkeys(layers, DTYPES["float16"])
    for layer, dtype in (dtypes or {}).items():
        if layer not in layers:
            raise unknown("layer", layer, layers, where="dtypes")
        if dtype not in DTYPES:
            raise unknown("storage type", dtype, DTYPES, where=f"layer {layer!r}")
        wanted[layer] = DTYPES[dtype]
    n_images = len(frames) if stop is None else min(stop, len(frames))
    mask = np.ones(len(frames), dtype=bool) if valid is None else np.asarray(valid, dtype=bool)
    if mask.shape != (len(frames),):
        raise ValueError(f"valid has shape {mask.shape}, expected ({len(frames)},): one entry per frame")
    runner = _Runner(model, layers, wanted, torch.device(device), with_output=with_output, tf32=tf32)
    with runner, _Prefetcher(frames, mask, pin=runner.device.type == "cuda") as source:
        yield from runner.stream(source, start, n_images, batch, host_copies=host_copies)


class _Prefetcher:
    """Reads the next frames in a thread of its own: from disk to a (pinned) tensor of full batch size."""

    def __init__(self, frames: Any, valid: Array, *, pin: bool) -> None:
        self.frames, self.valid, self.pin = frames, valid, pin
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="frames")
        self._next: tuple[tuple[int, int, int], Future[torch.Tensor]] | None = None

    def __enter__(self) -> _Prefetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def take(self, start: int, stop: int, batch: int, *, then: tuple[int, int] | None) -> torch.Tensor:
        """Frames start:stop padded to `batch`; begins to read `then` for the next call."""
        key = (start, stop, batch)
        future = self._next[1] if self._next is not None and self._next[0] == key else None
        frames = self._read(*key) if future is None else future.result()
        self._next = None
        if then is not None:
            key = (*then, batch)
            self._next = key, self._pool.submit(self._read, *key)
        return frames

    def _read(self, start: int, stop: int, batch: int) -> torch.Tensor:
        rows = np.asarray(self.frames[start:stop])
        if rows.dtype not in (np.uint8, np.float32) or rows.ndim != 4:
            raise ValueError(f"frames must be uint8 or float32 (image, size, size, 3), got {rows.dtype} {rows.shape}")
        dtype = torch.uint8 if rows.dtype == np.uint8 else torch.float32
        out = torch.empty((batch, *rows.shape[1:]), dtype=dtype, pin_memory=self.pin)
        host = out.numpy()
        host[: len(rows)] = rows
        host[len(rows) :] = 0
        host[: len(rows)][~self.valid[start:stop]] = 0
        return out


class _Runner:
    """Forward passes with hooks in place; knows the device, the storage types and the back-off."""

    def __init__(
        self,
        model: LoadedModel,
        layers: Mapping[str, str],
        dtypes: dict[str, torch.dtype],
        device: torch.device,
        *,
        with_output: bool,
        tf32: bool,
    ) -> None:
        model.module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model, self.device, self.dtypes = model, device, dtypes
        self.with_output, self.tf32 = with_output, tf32
        self.counts: dict[str, torch.Tensor] = {}
        self.hooks = ActivationHooks(
            model.module,
            layers,
            convert=self._store,
            channel_last=model.channel_last,
            prefix_tokens=model.prefix_tokens,
            name=model.name,
        )

    def __enter__(self) -> _Runner:
        self.hooks.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self.hooks.remove()
        self.hooks.maps = {}

    def _store(self, layer: str, values: torch.Tensor) -> torch.Tensor:
        """A contiguous copy in the storage type: conversion and change of layout in one sweep."""
        dtype = self.dtypes[layer]
        with torch.inference_mode(mode=False):  # sinks may work in place on what they are given
            stored = torch.empty(values.shape, dtype=dtype, device=values.device)
        stored.copy_(values)
        if dtype == torch.float16:
            nonzero = torch.count_nonzero(values[0])
            self.counts[layer] = torch.stack([nonzero - torch.count_nonzero(stored[0]), nonzero])
        return stored

    def stream(self, source: _Prefetcher, start: int, stop: int, batch: int, *, host_copies: bool) -> Iterator[Block]:
        """Blocks of start:stop; on CUDA a block is handed over while the device runs the next one."""
        waiting: Block | None = None
        position = start
        while position < stop:
            end = min(position + batch, stop)
            then = (end, min(end + batch, stop)) if end < stop else None
            frames = source.take(position, end, batch, then=then)
            block, reason = self._attempt(frames, position, end, source.valid)
            if block is None:
                if waiting is not None:  # give its memory free before trying again
                    yield waiting
                    waiting = None
                if batch == 1:
                    raise torch.OutOfMemoryError(
                        f"model {self.model.name!r}: one image does not fit into the memory of {self.device}; use "
                        f"another device, fewer layers in a group, or a smaller input_size ({reason})"
                    )
                batch = max(1, batch // 2)
                logger.warning("model %s: out of memory on %s; batch is now %d", self.model.name, self.device, batch)
                continue
            position = end
            if self.device.type != "cuda":
                yield block
                continue
            if host_copies:
                self._begin_copy(block)
            if waiting is not None:
                yield waiting
            waiting = block
        if waiting is not None:
            yield waiting

    def _attempt(self, frames: torch.Tensor, start: int, stop: int, valid: Array) -> tuple[Block | None, str]:
        """The block of one forward pass; None and the reason where memory ran out.

        The exception is gone when this returns: its traceback would keep the tensors that must be freed.
        """
        try:
            return self._forward(frames, start, stop, valid), ""
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        self.hooks.maps = {}
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        return None, reason

    def _forward(self, frames: torch.Tensor, start: int, stop: int, valid: Array) -> Block:
        batch, n = len(frames), stop - start
        with torch.inference_mode(), exact_arithmetic(tf32=self.tf32):
            inputs = prepare(frames, self.model, device=self.device)
            output = self.hooks.run(inputs, stop_after_last=not self.with_output)
            tensors = {layer: self.hooks.maps[layer][:n] for layer in self.hooks.layers}
            self.hooks.maps = {}
        if self.with_output and not isinstance(output, torch.Tensor):
            raise ValueError(f"model {self.model.name!r} returns a {type(output).__name__}, expected one tensor")
        return Block(
            start=start,
            stop=stop,
            valid=valid[start:stop].copy(),
            tensors=tensors,
            batch_used=batch,
            output=output[:n].clone() if self.with_output else None,
            _counts=dict(self.counts),
        )

    def _begin_copy(self, block: Block) -> None:
        for layer, tensor in block.tensors.items():
            host = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
            block._host[layer] = host.copy_(tensor, non_blocking=True)
        block._ready = torch.cuda.Event()
        block._ready.record()

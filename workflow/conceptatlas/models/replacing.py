"""What a network answers when the output of one of its layers is replaced by given maps.

The replacement takes the place of what the hooked module returns: all that reads it there sees the given maps, in the
memory layout the module's own output has, so that a layer replaced by itself changes no bit of the answer. Tokens in
front of a grid (class, registers) stay as they are. A module that returns its own input (dropout) is replaced where its
output is read, not where others read that input.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import nn

from conceptatlas.models.arithmetic import exact_arithmetic, is_out_of_memory
from conceptatlas.models.hooks import ActivationHooks, Layout, as_map, find_module
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Result = TypeVar("Result")

Variants = Callable[[Array], Iterable[Array]]
"""From maps float32 (image, unit, height, width) to the maps that replace them, one after the other, same shape."""


class Answers(NamedTuple):
    """What a network answers to some images.

    own : int64 (image,), its class, the highest score. score : float32 (image,), the score of that class.
    top : int64 (variant, image), the class under each replacement. scores : float32 (variant, image), the score of the
    network's `own` class there.
    """

    own: Array
    score: Array
    top: Array
    scores: Array


class UnscoredError(ValueError):
    """A model whose output is no class scores."""


def class_scores(output: Any, *, n_images: int, name: str) -> torch.Tensor:
    """The output as class scores (image, class).

    Raises
    ------
    UnscoredError
        naming the model, if it is anything else: scores have at least two classes.
    """
    if isinstance(output, torch.Tensor) and output.is_floating_point():
        if output.ndim == 2 and len(output) == n_images and output.shape[1] >= 2:
            return output
        found = f"{output.dtype} {tuple(output.shape)}"
    else:
        found = f"a {type(output).__name__}"
    raise UnscoredError(
        f"model {name!r} returns {found}; responses to concepts need class scores (image, class) of at least two "
        "classes"
    )


def run_replaced(
    module: nn.Module, inputs: torch.Tensor, maps: torch.Tensor, *, dotted: str, layout: Layout, name: str = ""
) -> Any:
    """The output of a network in which the output of one module is replaced.

    Parameters
    ----------
    inputs : float32 (image, 3, height, width).
    maps : (image, unit, height, width), taken in the dtype and memory layout of the module's own output.
    dotted : name of the module. layout : of its output, as `ActivationHooks` found it. name : the model's, for errors.

    Raises
    ------
    ValueError
        for an unknown module, or maps that do not have the shape of the layer.
    """

    def replace(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
        replaced = output.clone(memory_format=torch.preserve_format)  # not the output itself: it may be a parameter
        place = as_map(replaced, layout)
        if place.shape != maps.shape:
            raise ValueError(
                f"model {name!r}: maps of shape {tuple(maps.shape)} cannot replace module {dotted!r}, whose output is "
                f"{tuple(place.shape)} (image, unit, height, width)"
            )
        place.copy_(maps)
        return replaced

    handle = find_module(module, dotted, where=f"model {name!r}").register_forward_hook(replace)
    try:
        return module(inputs)
    finally:
        handle.remove()


class LayerSwap:
    """One layer of a model: its maps and the answers to their replacements, some images at a time.

    Parameters
    ----------
    model : moved to `device` in channels-last layout and left there.
    layer, dotted : name of the layer and of its module.
    """

    def __init__(
        self,
        model: LoadedModel,
        layer: str,
        dotted: str,
        *,
        device: torch.device | str = "cpu",
        tf32: bool = False,
    ) -> None:
        self.device, self.tf32 = torch.device(device), tf32
        model.module.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model, self.layer, self.dotted = model, layer, dotted
        self.hooks = ActivationHooks(
            model.module,
            {layer: dotted},
            channel_last=model.channel_last,
            prefix_tokens=model.prefix_tokens,
            name=model.name,
        )

    def answer(self, frames: Array, variants: Variants) -> Answers:
        """The answers to frames (image, size, size, 3) as they are and under every variant of the layer.

        Raises
        ------
        UnscoredError
            naming the model, if its output is not class scores.
        """
        with torch.no_grad(), exact_arithmetic(tf32=self.tf32):  # what a network caches may need gradients later
            inputs = prepare(frames, self.model, device=self.device)
            with self.hooks as hooks:
                output = hooks.run(inputs, stop_after_last=False)
            scores = class_scores(output, n_images=len(frames), name=self.model.name)
            own = scores.argmax(dim=1)
            maps, layout = self.hooks.maps[self.layer], self.hooks.layouts[self.layer]
            self.hooks.maps = {}
            score = scores.gather(1, own[:, None])[:, 0].clone()
            tops, others = [], []
            for replaced in self._replaced(inputs, maps, layout, variants):
                tops.append(replaced.argmax(dim=1).cpu().numpy())
                others.append(replaced.gather(1, own[:, None])[:, 0].float().cpu().numpy())
        n = len(frames)
        return Answers(
            own.cpu().numpy(),
            score.float().cpu().numpy(),
            np.array(tops, dtype=np.int64).reshape(-1, n),
            np.array(others, dtype=np.float32).reshape(-1, n),
        )

    def _replaced(
        self, inputs: torch.Tensor, maps: torch.Tensor, layout: Layout, variants: Variants
    ) -> Iterator[torch.Tensor]:
        for other in variants(maps.float().cpu().numpy()):
            output = run_replaced(
                self.model.module,
                inputs,
                torch.from_numpy(np.ascontiguousarray(other, dtype=np.float32)).to(self.device),
                dotted=self.dotted,
                layout=layout,
                name=self.model.name,
            )
            yield class_scores(output, n_images=len(inputs), name=self.model.name)


def padded(frames: Sequence[Array] | Array, *, batch: int) -> Array:
    """Frames as a batch of full size, black ones behind them: on a CPU no number then depends on the cut."""
    rows = np.asarray(frames)
    out = np.zeros((batch, *rows.shape[1:]), dtype=rows.dtype)
    out[: len(rows)] = rows
    return out


def run_batches(
    run: Callable[[Array], Result], frames: Array, *, batch: int, name: str
) -> Iterator[tuple[slice, Result]]:
    """(which frames, what `run` gives) for frames in batches of full size; half of that where memory runs out.

    run : takes frames (batch, size, size, 3). name : of the model, for errors. torch.OutOfMemoryError where a single
    image does not fit.
    """
    first = 0
    while first < len(frames):
        last = min(first + batch, len(frames))
        found = _attempt(run, padded(frames[first:last], batch=batch))
        if found is None:
            if batch == 1:
                raise torch.OutOfMemoryError(f"model {name!r}: one image does not fit into memory")
            batch = max(1, batch // 2)
            logger.warning("model %s: out of memory; %d images at a time now", name, batch)
            continue
        yield slice(first, last), found
        first = last


def _attempt(run: Callable[[Array], Result], frames: Array) -> Result | None:
    """What `run` gives; None where memory ran out. The traceback, which keeps the tensors, is gone on return."""
    try:
        return run(frames)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None

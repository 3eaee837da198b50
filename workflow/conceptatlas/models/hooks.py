"""Reading what happens inside a network without changing it.

`ActivationHooks` records the outputs of named modules as maps (image, unit, height, width). Each output is converted
and copied inside the hook, because an in-place operation that follows (ReLU(inplace=True)) would otherwise change what
was kept. On leaving, also through an exception, every hook is gone and the network is as it was.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from torch import nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

from conceptatlas.models.cubes import channel_last_cubes, is_cube
from conceptatlas.naming import unknown

PREFIX_TOKENS = (0, 1, 2, 5)
"""Tokens before the grid that are recognised unasked: none; class; class and distillation; class and four registers."""

_MAX_NAMES = 8  # of modules that an error proposes

Convert = Callable[[str, torch.Tensor], torch.Tensor]


class _StopForwardError(Exception):
    """All hooked modules have run: the rest of the forward pass is not needed. Never leaves this file."""


@dataclass(frozen=True)
class Layout:
    """How a module's output becomes a map.

    kind : "map" (image, unit, height, width), "channel_last" (image, height, width, unit), "token"
        (image, token, unit) with a square grid after `prefix` tokens, or "vector" (image, unit), taken as a 1 x 1 map.
    """

    kind: str
    prefix: int = 0
    side: int = 0


def find_module(module: nn.Module, dotted: str, *, where: str = "") -> nn.Module:
    """The submodule of a dotted name; ValueError with the nearest names where there is none."""
    known = {name: child for name, child in module.named_modules(remove_duplicate=False) if name}
    if dotted not in known:
        raise unknown("module", dotted, known, where=where)
    return known[dotted]


def modules_inside(module: nn.Module, dotted: str) -> list[str]:
    """Dotted names of the next modules inside a module that run by themselves (lists of modules do not)."""
    found = []
    for name, child in module.named_children():
        if type(child) in (nn.ModuleList, nn.ModuleDict):
            found += modules_inside(child, f"{dotted}.{name}")
        elif not isinstance(child, NonDynamicallyQuantizableLinear):  # inside attention, which takes its weights only
            found.append(f"{dotted}.{name}")
    return found


def layout_of(
    output: Any,
    *,
    layer: str,
    n_images: int,
    channel_last: bool = False,
    prefix_tokens: int | None = None,
    inside: Sequence[str] = (),
) -> Layout:
    """How the output of a module is read, by its shape; ValueError by name where it is no map.

    A square grid of tokens may follow the number of other tokens that the source declares, or none (before those join
    the grid); undeclared, `PREFIX_TOKENS` are tried in their order. An output whose second and third dimension agree
    but not its fourth is channel-last: inputs are square, so maps are. Where all three agree, `channel_last` decides.

    inside : names of modules to hook instead, for the error.
    """
    if not isinstance(output, torch.Tensor):
        raise ValueError(_several(output, layer, inside))
    shape = tuple(output.shape)
    if not output.is_floating_point():
        raise ValueError(f"layer {layer!r}: its module returns {output.dtype}, expected floating-point activations")
    if not shape or shape[0] != n_images:
        raise ValueError(
            f"layer {layer!r}: its module returns shape {shape} for {n_images} images; the first dimension must count "
            "images (windows of an attention layer do not)"
        )
    if len(shape) == 2:
        return Layout("vector")
    if len(shape) == 3:
        return _token_layout(shape[1], layer=layer, declared=prefix_tokens)
    if len(shape) == 4:
        looks_last = shape[1] == shape[2] and shape[2] != shape[3]
        return Layout("channel_last") if channel_last or looks_last else Layout("map")
    raise ValueError(
        f"layer {layer!r}: its module returns shape {shape}; expected (image, unit, height, width), tokens "
        "(image, token, unit) or vectors (image, unit)"
    )


def _several(output: Any, layer: str, inside: Sequence[str]) -> str:
    what = f"a {type(output).__name__}"
    if isinstance(output, Mapping):
        what += f" ({', '.join(repr(key) for key in output)})"
    advice = "the module that follows it"
    if inside:
        names = ", ".join(repr(name) for name in inside[:_MAX_NAMES]) + (", ..." if len(inside) > _MAX_NAMES else "")
        advice = f"a module inside it ({names}) or the one that follows"
    return f"layer {layer!r}: its module returns {what}, not one tensor; hook {advice}"


def _token_layout(n_tokens: int, *, layer: str, declared: int | None) -> Layout:
    for prefix in PREFIX_TOKENS if declared is None else (declared, 0):  # before the others join the grid: none yet
        side = math.isqrt(max(0, n_tokens - prefix))
        if side >= 1 and side * side == n_tokens - prefix:
            return Layout("token", prefix=prefix, side=side)
    tried = "0, 1, 2 or 5" if declared is None else f"{declared} or 0" if declared else "0"
    raise ValueError(
        f"layer {layer!r}: its {n_tokens} tokens are no square grid after {tried} other tokens; the model source can "
        "declare `prefix_tokens`"
    )


def as_map(output: torch.Tensor, layout: Layout) -> torch.Tensor:
    """A view of a module's output as (image, unit, height, width)."""
    if layout.kind == "vector":
        return output[:, :, None, None]
    if layout.kind == "channel_last":
        return output.permute(0, 3, 1, 2)
    if layout.kind == "token":
        grid = output[:, layout.prefix :]
        return grid.transpose(1, 2).unflatten(2, (layout.side, layout.side))
    return output


class ActivationHooks:
    """Outputs of named modules as maps; a context manager.

    Parameters
    ----------
    module : the network, in whatever mode it is.
    layers : layer name -> dotted module name.
    convert : (layer, map) -> tensor to keep; must copy. Default: a contiguous copy in the same dtype.
    channel_last, prefix_tokens : what the model source declares (see `LoadedModel`).
    name : the model's name, for errors.
    check_calls : whether the first `run` goes to the end of the pass to count calls; False where that was done before.

    Attributes
    ----------
    maps : layer -> tensor (image, unit, height, width) of the last forward pass.
    layouts : layer -> Layout, as found in the last forward pass.

    Notes
    -----
    Calling the network fills `maps`, too; `run(inputs)` may also leave out the end of the pass. The first pass always
    goes to the end: there, modules that run several times or never are refused. Where `run` meets an output whose
    units, rows and columns are equally many, and the source declares nothing, it finds out which are the units
    (`cubes.channel_last_cubes`).
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Mapping[str, str],
        *,
        convert: Convert | None = None,
        channel_last: Iterable[str] = (),
        prefix_tokens: int | None = None,
        name: str = "",
        check_calls: bool = True,
    ) -> None:
        self.module = module
        self.layers = dict(layers)
        self.where = f"model {name!r}" if name else ""
        self.convert: Convert = _copy if convert is None else convert
        self.channel_last = set(channel_last)
        self.prefix_tokens = prefix_tokens
        self.maps: dict[str, torch.Tensor] = {}
        self.layouts: dict[str, Layout] = {}
        self._handles: list[Any] = []
        self._calls: dict[str, int] = {}
        self._cubes: set[str] = set()
        self._settled: set[str] = set(self.channel_last)
        self._n_images = 0
        self._stop = False
        self._checked = not check_calls

    def __enter__(self) -> ActivationHooks:
        if self._handles:
            raise ValueError("these hooks are in use already; make another ActivationHooks")
        found = {layer: find_module(self.module, dotted, where=self.where) for layer, dotted in self.layers.items()}
        try:
            for layer, module in found.items():
                self._handles.append(module.register_forward_hook(self._hook(layer)))
            self._handles.append(self.module.register_forward_pre_hook(self._begin, prepend=True))
            self._handles.append(self.module.register_forward_hook(self._end))
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.remove()

    def remove(self) -> None:
        """Take all hooks off the network (done on leaving the context)."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()

    def run(self, inputs: torch.Tensor, *, stop_after_last: bool = True) -> Any:
        """One forward pass; `maps` holds the layers afterwards.

        inputs : float32 (image, 3, height, width).
        stop_after_last : whether the pass may end when all layers have run (the network's output is then None).

        Returns the network's output, or None where the pass stopped early.
        """
        self._stop = stop_after_last and self._checked
        try:
            output = self._pass(inputs)
            if not self._cubes:
                return output
            cubes, stop, self._stop = set(self._cubes), self._stop, False
            self.channel_last |= channel_last_cubes(self.module, cubes, inputs)
            self._settled |= cubes
            self._stop = stop
            return self._pass(inputs)
        finally:
            self._stop = False

    def _pass(self, inputs: torch.Tensor) -> Any:
        try:
            return self.module(inputs)
        except _StopForwardError:
            return None

    def _begin(self, _module: nn.Module, inputs: tuple[Any, ...]) -> None:
        self.maps = {}
        self._calls = dict.fromkeys(self.layers, 0)
        self._cubes = set()
        self._n_images = int(inputs[0].shape[0])

    def _end(self, _module: nn.Module, _inputs: Any, _output: Any) -> None:
        self._check_calls()
        self._checked = True

    def _hook(self, layer: str) -> Callable[[nn.Module, Any, Any], None]:
        dotted = self.layers[layer]

        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            self._calls[layer] += 1
            if self._calls[layer] > 1:
                return  # counted to the end of the pass, then refused by name
            if isinstance(output, torch.Tensor) and is_cube(output) and dotted not in self._settled:
                self._cubes.add(dotted)
            layout = layout_of(
                output,
                layer=layer,
                n_images=self._n_images,
                channel_last=dotted in self.channel_last,
                prefix_tokens=self.prefix_tokens,
                inside=modules_inside(module, dotted),
            )
            self.layouts[layer] = layout
            self.maps[layer] = self.convert(layer, as_map(output, layout))
            if self._stop and len(self.maps) == len(self.layers):
                raise _StopForwardError

        return hook

    def _check_calls(self) -> None:
        for layer, dotted in self.layers.items():
            n = self._calls[layer]
            place = f" of {self.where}" if self.where else ""
            if n > 1:
                raise ValueError(
                    f"layer {layer!r}: module {dotted!r}{place} is called {n} times in one forward pass, so it has no "
                    "single map; hook a module around or after it"
                )
            if n == 0:
                raise ValueError(
                    f"layer {layer!r}: module {dotted!r}{place} is never called in a forward pass (its parent uses its "
                    "weights directly, or it serves training only); hook the module around it"
                )


def _copy(_layer: str, values: torch.Tensor) -> torch.Tensor:
    return values.detach().clone(memory_format=torch.contiguous_format)

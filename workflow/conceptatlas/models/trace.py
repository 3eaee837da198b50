"""What runs in one forward pass: every module with its output's shape, in order; layers are chosen from this list."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from conceptatlas.models.arithmetic import is_out_of_memory
from conceptatlas.models.cubes import channel_last_cubes, is_cube
from conceptatlas.models.hooks import as_map, layout_of, modules_inside
from conceptatlas.models.loaded import LoadedModel

CLIPPED = ("ReLU6", "Hardtanh", "Hardsigmoid", "Sigmoid", "Softmax", "Tanh")
"""Classes whose outputs are bounded above: their thresholds meet ties at the bound, and units saturate."""

RECTIFIED = ("ReLU", "ReLU6", "Sigmoid", "Hardsigmoid", "Softmax", "Softplus")
"""Classes whose outputs are never negative."""


@dataclass
class ModuleCall:
    """One module of a network as a forward pass sees it.

    name, class_name : dotted name and class.
    n_calls : times it runs in one pass; only those that run once can be layers.
    kind : "map", "channel_last", "token" or "vector"; "" where the output is no map.
    shape : (n_units, height, width) of the map; None where the output is no map.
    reason : why it cannot be a layer; "" if it can.
    depth : share of all leaf modules' calls that have run when it is done, 0..1.
    n_parameters : in it and everything below it.
    last_leaf : the leaf whose output it passes on unchanged ("" if none), its class, and the leaf before that.
    """

    name: str
    class_name: str
    n_calls: int = 0
    kind: str = ""
    shape: tuple[int, int, int] | None = None
    reason: str = ""
    depth: float = 0.0
    n_parameters: int = 0
    last_leaf: str = ""
    last_leaf_class: str = ""
    leaf_before: str = ""

    @property
    def hookable(self) -> bool:
        """Whether the module can be a layer."""
        return self.n_calls == 1 and self.shape is not None

    @property
    def clipped(self) -> bool:
        """Whether the module passes on what a bounded non-linearity returns."""
        return self.last_leaf_class in CLIPPED


def trace_modules(model: LoadedModel) -> dict[str, ModuleCall]:
    """Run a black picture through a model and list its modules in the order in which they finish.

    The network is left as it was. Modules that never run come last, with n_calls 0.
    """
    module = model.module
    names = {child: name for name, child in module.named_modules() if name}
    calls = {
        name: ModuleCall(name, type(child).__name__, n_parameters=sum(p.numel() for p in child.parameters()))
        for child, name in names.items()
    }
    leaves: list[tuple[str, str]] = []
    finished: dict[str, int] = {}
    passed_on: list[Any] = [None]  # the tensor that the last leaf returned
    cubes: set[str] = set()

    def watch(child: nn.Module) -> Callable[[nn.Module, Any, Any], None]:
        name = names[child]
        is_leaf = next(child.children(), None) is None

        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            call = calls[name]
            call.n_calls += 1
            if is_leaf:
                leaves.append((name, call.class_name))
                passed_on[0] = output
            if leaves and output is passed_on[0]:
                call.last_leaf, call.last_leaf_class = leaves[-1]
                call.leaf_before = leaves[-2][0] if len(leaves) > 1 else ""
            finished.pop(name, None)
            finished[name] = len(leaves)
            try:
                layout = layout_of(
                    output,
                    layer=name,
                    n_images=2,
                    channel_last=name in model.channel_last,
                    prefix_tokens=model.prefix_tokens,
                    inside=modules_inside(child, name),
                )
            except ValueError as error:
                call.reason = str(error)
            else:
                if is_cube(output) and name not in model.channel_last:
                    cubes.add(name)
                values = as_map(output, layout)
                call.kind = layout.kind
                call.shape = (int(values.shape[1]), int(values.shape[2]), int(values.shape[3]))

        return hook

    handles: list[Any] = []
    try:
        for child in names:
            handles.append(child.register_forward_hook(watch(child)))
        size = model.input_size
        with torch.inference_mode():
            module(torch.zeros(2, 3, size, size, device=model.device))
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError) as error:
        if is_out_of_memory(error):
            raise
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"model {model.name!r}: a picture of {size} x {size} pixels does not run through it ({said}); give the "
            "input_size that it was made for"
        ) from error
    finally:
        for handle in handles:
            handle.remove()
    if cubes:
        pictures = torch.zeros(1, 3, size, size, device=model.device)
        for name in channel_last_cubes(module, cubes, pictures):
            calls[name].kind = "channel_last"
    for name, call in calls.items():
        if not call.n_calls:
            call.reason = model.why_outside(name) or "never runs when a picture passes through"
    for name, position in finished.items():
        calls[name].depth = position / max(1, len(leaves))
        if calls[name].n_calls > 1:
            calls[name].reason = f"runs {calls[name].n_calls} times in one pass"
    return {name: calls[name] for name in finished} | {name: call for name, call in calls.items() if not call.n_calls}

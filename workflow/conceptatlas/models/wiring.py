"""Arithmetic in which only the wiring of a network shows: what operations do while a structural copy runs.

Within `Wiring`, whichever way a forward pass is written (modules, functions, methods of tensors):

- elementwise non-linearities pass everything on, and max pooling averages;
- normalisations (batch, layer, group, instance, ...) divide by one number, so that nothing grows or vanishes;
- nearest-neighbour upsampling interpolates, which removes the jitter of half a source cell and keeps the average;
- convolutions and pooling may be reduced to the middles of their windows, which have the same centres;
- what mixes all places passes values but no gradient: global pooling (squeeze-and-excitation, ECA, global response
  normalisation, image pooling) and attention (any product of two activations). It says nothing about where a cell lies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_ELEMENTWISE = frozenset(
    [
        "relu",
        "relu6",
        "hardtanh",
        "hardswish",
        "silu",
        "gelu",
        "elu",
        "selu",
        "celu",
        "leaky_relu",
        "prelu",
        "rrelu",
        "mish",
        "softplus",
        "softsign",
        "tanh",
        "threshold",
        "logsigmoid",
        "tanhshrink",
        "softshrink",
        "hardshrink",
    ]
)
_NORMS = frozenset(["layer_norm", "group_norm", "instance_norm", "rms_norm", "local_response_norm", "normalize"])
_REDUCTIONS = frozenset(
    [
        "mean",
        "sum",
        "amax",
        "norm",
        "vector_norm",
        "std",
        "var",
        "avg_pool2d",
        "adaptive_avg_pool2d",
        "adaptive_max_pool2d",
    ]
)
_PRODUCTS = frozenset(["matmul", "__matmul__", "__rmatmul__", "bmm", "baddbmm", "einsum"])
_ATTENTION = frozenset(("scaled_dot_product_attention", "multi_head_attention_forward"))


class Wiring(TorchFunctionMode):
    """Context in which the operations of torch do as described above.

    Parameters
    ----------
    points : reduce convolutions and pooling to the middle tap of each window, or the two middle ones.
    passes_global : let the gradient through global pooling and attention after all: to tell a cell that sees the whole
        picture alike from one that sees nothing.
    """

    def __init__(self, *, points: bool = False, passes_global: bool = False) -> None:
        super().__init__()
        self.points = points
        self.passes_global = passes_global

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Called by torch in place of `func`."""
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name.removesuffix("_") in _ELEMENTWISE:
            return _first(args, kwargs)
        if name in _NORMS:
            return _divided(_first(args, kwargs))
        if name == "batch_norm":
            return _batch_norm(*args, **kwargs)
        if name == "max_pool2d":
            func, args, kwargs = functional.avg_pool2d, *_averaging(*args, **kwargs)
        if func is functional.avg_pool2d and self.points:
            return self._pool_points(*args, **kwargs)
        if name == "conv2d" and self.points:
            args, kwargs = _pointed(*args, **kwargs)
        elif name in ("interpolate", "upsample"):
            args, kwargs = _interpolating(*args, **kwargs)
        result = func(*args, **kwargs)
        if self.passes_global:
            return result
        if name in _ATTENTION:
            return (_cut(result[0]), *result[1:]) if isinstance(result, tuple) else _cut(result)
        if name in _PRODUCTS:
            return _cut(result) if _n_activations(args) > 1 else result
        if name in _REDUCTIONS or name == "max_pool2d":
            return _cut(result) if _is_global(_first(args, kwargs), result) else result
        return result

    def _pool_points(
        self, input: torch.Tensor, kernel_size: Any, stride: Any = None, padding: Any = 0, *rest: Any, **kwargs: Any
    ) -> torch.Tensor:
        pooled = functional.avg_pool2d(input, kernel_size, stride, padding, *rest, **kwargs)
        if _is_global(input, pooled) or input.ndim != 4:
            return pooled if self.passes_global else _cut(pooled)
        stride = kernel_size if stride is None else stride
        for axis, kernel, step, margin in zip((2, 3), _pair(kernel_size), _pair(stride), _pair(padding), strict=True):
            input = _middles(input, axis, kernel, step, margin, pooled.shape[axis])
        return input


def _middles(values: torch.Tensor, axis: int, kernel: int, step: int, margin: int, n_windows: int) -> torch.Tensor:
    """Along an axis, the mean of the middle one or two places of each window of a pooling; 0 beyond the edge."""
    beyond = max(0, (n_windows - 1) * step + kernel - margin - values.shape[axis])
    values = functional.pad(values, (margin, beyond) if axis == 3 else (0, 0, margin, beyond))
    last = (n_windows - 1) * step + 1
    taps = [values.narrow(axis, tap, last) for tap in ((kernel - 1) // 2, kernel // 2)]
    return (taps[0] + taps[1]).div(2).index_select(axis, torch.arange(0, last, step, device=values.device))


def _first(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    return args[0] if args else kwargs["input"]


def _divided(values: torch.Tensor) -> torch.Tensor:
    return values / values.detach().abs().mean().clamp(min=1e-30)


def _batch_norm(input: torch.Tensor, running_mean: torch.Tensor | None = None, *_: Any, **__: Any) -> torch.Tensor:
    """Without running statistics it standardises the weights of a convolution: those are the copy's own already."""
    return input if running_mean is None else _divided(input)


def _averaging(
    input: torch.Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    **_: Any,
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments of average pooling for those of max pooling; a dilated one counts as its whole window."""
    if dilation not in (1, (1, 1), [1, 1]):
        sizes, steps = _pair(kernel_size), _pair(dilation)
        stride = kernel_size if stride is None else stride
        kernel_size = tuple(step * (size - 1) + 1 for size, step in zip(sizes, steps, strict=True))
    return (input, kernel_size, stride, padding, ceil_mode), {}


def _pointed(
    input: torch.Tensor, weight: torch.Tensor, *rest: Any, **kwargs: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """A convolution's arguments with the middles of its kernels only, which keep the kernels' sums."""
    height, width = weight.shape[2:]
    middle = torch.zeros_like(weight[:1, :1])
    middle[:, :, (height - 1) // 2 : height // 2 + 1, (width - 1) // 2 : width // 2 + 1] = 1
    return (input, weight * middle * (height * width / middle.sum()), *rest), kwargs


def _pair(value: Any) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _interpolating(
    input: torch.Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *rest: Any, **kwargs: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if mode.startswith("nearest") and input.ndim == 4:
        mode, rest = "bilinear", ()
        kwargs = kwargs | {"align_corners": False}
    return (input, size, scale_factor, mode, *rest), kwargs


def _n_activations(args: tuple[Any, ...]) -> int:
    """Operands that depend on the picture: only they require gradients in a structural copy."""
    found = 0
    for value in args:
        tensors = value if isinstance(value, list | tuple) else (value,)
        found += sum(isinstance(tensor, torch.Tensor) and tensor.requires_grad for tensor in tensors)
    return found


def _is_global(before: torch.Tensor, after: Any) -> bool:
    """Whether rows and columns of a map, or the tokens of a sequence, became one."""
    if not isinstance(after, torch.Tensor) or before.ndim not in (3, 4):
        return False
    if before.ndim == 3:
        return after.ndim < 3 or any(after.shape[axis] == 1 < before.shape[axis] for axis in (1, 2))
    if after.ndim < 4:
        return after.ndim <= 2
    return any(
        max(before.shape[a], before.shape[b]) > 1 and after.shape[a] == after.shape[b] == 1 for a, b in ((2, 3), (1, 2))
    )


def _cut(values: torch.Tensor) -> torch.Tensor:
    """The same values as a new beginning: still an activation, but no gradient goes further back."""
    return values.detach().requires_grad_() if values.requires_grad else values

"""Gradient descent on the weights of a concept, an image at a time, without a copy of anything unpacked.

A step of Net2Vec's segmentation (section 3.1.2) on an image: z = sum_k w_k 1[A_k > T_k] on the layer's grid, upsampled
to S x S, p = sigmoid(z), the loss, and the gradient all the way back. Done here in one pass:

- z needs one addition for every unit above its threshold (`firing`), the gradient of w one more;
- upsampling is linear, so the sum is upsampled once; it is separable, so rows of knots are widened first;
- sigmoid, loss and gradient of a pixel are taken in the same loop over a row of pixels, eight or more at a time;
- pixels whose four knots are all silent have z = 0 and a gradient that reaches no weight: they are skipped (exactly,
  because without a bias only positions where a unit fires pass a gradient on). With a bias every pixel counts.

Several solutions (initialisations, subsets of filters) walk the same images together, so that masks are expanded once.

Weights, momentum and sums of gradients are float64, pixels float32. exp is a Taylor polynomial of degree 6 on
[-ln 2 / 2, ln 2 / 2] scaled by a power of two: relative error of the sigmoid below 5e-7, and no call, branch or check
(``error_model``) that would stop the compiler from working on several pixels at once.

Kernels that call each other stay in one file: numba's cache looks at the file of the caller only.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba.core import types
from numba.extending import intrinsic

Array = np.ndarray[Any, Any]

NET2VEC, BCE = 0, 1
LOSSES = ("net2vec", "bce")
"""Objectives by their number in the kernel."""


def _bitcast(kind: Any) -> Any:
    def typed(typing_context: Any, value: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.bitcast(arguments[0], context.get_value_type(kind))

        return kind(types.int32 if kind is types.float32 else types.float32), codegen

    return typed


as_float: Any = intrinsic(_bitcast(types.float32))
"""The float32 whose bits are those of an int32 (inside numba functions)."""
as_int: Any = intrinsic(_bitcast(types.int32))
"""The bits of a float32 as an int32 (inside numba functions)."""


def _fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return types.float32(types.float32, types.float32, types.float32), codegen


fma: Any = intrinsic(_fma)
"""a b + c of float32, rounded once: one instruction, and the same result on every machine (inside numba functions)."""

_LOG2E, _LN2 = np.float32(1.4426950408889634), np.float32(0.6931471805599453)
_C2, _C3, _C4, _C5, _C6 = (np.float32(c) for c in (1 / 2, 1 / 6, 1 / 24, 1 / 120, 1 / 720))
_ONE, _ZERO = np.float32(1), np.float32(0)
_LOWEST = np.float32(-87)
_ROUND = np.float32(12582912)  # 1.5 * 2^23: adding it rounds to whole numbers, which then stand in the lowest bits
_BIAS, _SHIFT, _NO_SIGN = np.int32(127), np.int32(23), np.int32(0x7FFFFFFF)


@numba.njit(cache=True, nogil=True, inline="always", error_model="numpy")
def _decay(v: Any) -> Any:
    """e^-|v| of a float32, for |v| beyond 87 that of 87."""
    x = -as_float(np.int32(as_int(v) & _NO_SIGN))
    x = x if x > _LOWEST else _LOWEST
    shifted = fma(x, _LOG2E, _ROUND)
    r = fma(_ROUND - shifted, _LN2, x)
    p = fma(r, fma(r, fma(r, fma(r, fma(r, fma(r, _C6, _C5), _C4), _C3), _C2), _ONE), _ONE)
    return p * as_float(np.int32(np.int32(as_int(shifted) + _BIAS) << _SHIFT))


@numba.njit(cache=True, nogil=True, error_model="numpy")
def sigmoids(values: Array, out: Array) -> None:
    """1 / (1 + e^-v) of float32 values by the arithmetic of the kernel: for tests of its accuracy."""
    for i in range(values.shape[0]):
        e = _decay(values[i])
        s = _ONE / (_ONE + e)
        out[i] = s if values[i] >= _ZERO else e * s


@numba.njit(cache=True, nogil=True)
def _expand(packed: Array, ignore: Array, has_ignore: bool, weights: Array, kept: Array, out: Array) -> None:
    """Weights of pixels from packed masks, eight at a time: weights, kept float32 (256, 8), a row for every byte."""
    for b in range(out.shape[0] // 8):
        row = weights[packed[b]]
        for i in range(8):
            out[8 * b + i] = row[i]
        if has_ignore and ignore[b]:
            row = kept[ignore[b]]
            for i in range(8):
                out[8 * b + i] *= row[i]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _row_of_pixels(
    upper: Array, lower: Array, t: Any, bias: Any, weight: Array, loss: int, up: Array, down: Array
) -> None:
    """Gradients of a row of pixels, added to those of the two rows of widened knots it lies between."""
    s1 = _ONE - t
    if loss == 0:
        for x in range(upper.shape[0]):
            e = _decay(fma(t, lower[x] - upper[x], upper[x]) + bias)
            s = _ONE / (_ONE + e)
            g = -weight[x] * e * s * s
            up[x] = fma(s1, g, up[x])
            down[x] = fma(t, g, down[x])
    else:
        for x in range(upper.shape[0]):
            v = fma(t, lower[x] - upper[x], upper[x]) + bias
            e = _decay(v)
            s = _ONE / (_ONE + e)
            wrong = e * s if (v >= _ZERO) == (weight[x] > _ZERO) else s  # probability of what the pixel is not
            g = -weight[x] * wrong
            up[x] = fma(s1, g, up[x])
            down[x] = fma(t, g, down[x])


@numba.njit(cache=True, nogil=True)
def _runs(low: Array, high: Array) -> Any:
    """Where runs of pixels between the same two knots begin: int64 (run + 1,), at last their number."""
    starts = np.empty(low.shape[0] + 1, dtype=np.int64)
    n = 0
    for x in range(low.shape[0]):
        if x == 0 or low[x] != low[x - 1] or high[x] != high[x - 1]:
            starts[n] = x
            n += 1
    starts[n] = low.shape[0]
    return starts[: n + 1]


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _widen(z: Array, first: int, last: int, runs: Array, low: Array, high: Array, t: Array, out: Array) -> None:
    """A row of knots, interpolated along the row: runs first .. last-1."""
    for j in range(first, last):
        a = z[low[runs[j]]]
        d = z[high[runs[j]]] - a
        for x in range(runs[j], runs[j + 1]):
            out[x] = fma(t[x], d, a)


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _gather(back: Array, first: int, last: int, runs: Array, low: Array, high: Array, t: Array, dz: Array) -> Any:
    """The adjoint of `_widen`: gradients of the knots of a row (added to dz) from those of its pixels; their sum."""
    total = _ZERO
    for j in range(first, last):
        whole = _ZERO
        far = _ZERO
        for x in range(runs[j], runs[j + 1]):
            whole += back[x]
            far = fma(t[x], back[x], far)
        dz[low[runs[j]]] += whole - far
        dz[high[runs[j]]] += far
        total += whole
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def _image_gradient(
    z: Array,
    fires: Array,
    bias: Any,
    has_bias: bool,
    weight: Array,
    loss: int,
    r_low: Array,
    r_high: Array,
    r_t: Array,
    c_low: Array,
    c_high: Array,
    c_t: Array,
    runs: Array,
    wide: Array,
    back: Array,
    hot: Array,
    warm: Array,
    dz: Array,
) -> Any:
    """Gradient of an image's loss: dz (height, width) with respect to z, and with respect to the bias (returned).

    z : float32 (height, width). fires : bool (height, width). weight : float32 (at least S * S,), alpha inside,
    alpha - 1 outside, 0 ignored. runs : of the columns. wide, back : float32 (height, S), hot : bool (height,), warm :
    bool (width,), scratch. dz is only made where something fires in the row: elsewhere no weight asks for it.
    """
    height, width = z.shape
    size = c_t.shape[0]
    warm[:] = has_bias
    for r in range(height):
        hot[r] = has_bias
        for c in range(width):
            if fires[r, c]:
                hot[r] = True
                warm[c] = True
    first = runs.shape[0]
    last = 0
    for j in range(runs.shape[0] - 1):
        if warm[c_low[runs[j]]] or warm[c_high[runs[j]]]:
            first = min(first, j)
            last = j + 1
    dz[:] = 0
    if last == 0:
        return _ZERO
    begin = runs[first]
    end = runs[last]
    for r in range(height):
        back[r, begin:end] = _ZERO
        if hot[r]:
            _widen(z[r], first, last, runs, c_low, c_high, c_t, wide[r])
        else:
            wide[r, begin:end] = _ZERO
    for y in range(r_t.shape[0]):
        a = r_low[y]
        b = r_high[y]
        if hot[a] or hot[b]:
            start = y * size
            _row_of_pixels(
                wide[a, begin:end],
                wide[b, begin:end],
                r_t[y],
                bias,
                weight[start + begin : start + end],
                loss,
                back[a, begin:end],
                back[b, begin:end],
            )
    total = _ZERO
    for r in range(height):
        if hot[r]:
            total += _gather(back[r], first, last, runs, c_low, c_high, c_t, dz[r])
    return total


@numba.njit(cache=True, nogil=True, error_model="numpy")
def descend(
    order: Array,
    images: Array,
    labels: Array,
    ignore: Array,
    has_ignore: bool,
    offsets: Array,
    positions: Array,
    units: Array,
    map_shape: tuple[int, int],
    r_low: Array,
    r_high: Array,
    r_t: Array,
    c_low: Array,
    c_high: Array,
    c_t: Array,
    weights: Array,
    bias: Array,
    member: Array,
    inside: Any,
    outside: Any,
    loss: int,
    has_bias: bool,
    batch: int,
    learning_rate: float,
    momentum: float,
    l1: float,
    l2: float,
) -> None:
    """Stochastic gradient descent on all solutions of one concept at once; `weights` and `bias` are changed in place.

    order : int32 (epoch, n), positions into `images` in the order of each epoch. images : int64 (n,), image_index of
    the training images. labels : uint8 (n, byte), their packed masks. ignore : uint8 (image_index, byte).
    offsets, positions, units : the lists of `firing.Firing`. r_..., c_... : knots of rows and columns of pixels.
    weights : float64 (solution, unit), 0 for filters that do not belong to it. bias : float64 (solution,).
    member : bool (solution, unit). inside, outside : float32 weights of pixels in and out of the mask, the latter
    negative. learning_rate : for a loss that is summed over pixels and averaged over the images of a batch.
    """
    height, width = map_shape
    n_solutions, n_units = weights.shape
    size = c_t.shape[0]
    pixel = np.empty(8 * labels.shape[1], dtype=np.float32)  # whole bytes: more than there are pixels, perhaps
    z = np.empty((height, width), dtype=np.float32)
    flat = z.reshape(-1)
    fires = np.empty((height, width), dtype=np.bool_)
    flat_fires = fires.reshape(-1)
    dz = np.empty((height, width), dtype=np.float32)
    flat_dz = dz.reshape(-1)
    wide = np.empty((height, size), dtype=np.float32)
    back = np.empty((height, size), dtype=np.float32)
    hot = np.empty(height, dtype=np.bool_)
    warm = np.empty(width, dtype=np.bool_)
    runs = _runs(c_low, c_high)
    by_byte = np.empty((256, 8), dtype=np.float32)
    kept = np.empty((256, 8), dtype=np.float32)
    for byte in range(256):
        for i in range(8):
            by_byte[byte, i] = inside if (byte >> i) & 1 else outside
            kept[byte, i] = _ZERO if (byte >> i) & 1 else _ONE
    now = np.empty((n_solutions, n_units), dtype=np.float32)
    gradient = np.zeros((n_solutions, n_units), dtype=np.float64)
    bias_gradient = np.zeros(n_solutions, dtype=np.float64)
    speed = np.zeros((n_solutions, n_units), dtype=np.float64)
    bias_speed = np.zeros(n_solutions, dtype=np.float64)
    for epoch in range(order.shape[0]):
        for begin in range(0, order.shape[1], batch):
            end = min(begin + batch, order.shape[1])
            gradient[:] = 0
            bias_gradient[:] = 0
            for v in range(n_solutions):
                for k in range(n_units):
                    now[v, k] = weights[v, k]
            for i in range(begin, end):
                place = order[epoch, i]
                n = images[place]
                _expand(labels[place], ignore[n if has_ignore else 0], has_ignore, by_byte, kept, pixel)
                for v in range(n_solutions):
                    flat[:] = 0
                    flat_fires[:] = False
                    for e in range(offsets[n], offsets[n + 1]):
                        k = units[e]
                        if member[v, k]:
                            flat[positions[e]] += now[v, k]
                            flat_fires[positions[e]] = True
                    bias_gradient[v] += _image_gradient(
                        z, fires, np.float32(bias[v]), has_bias, pixel, loss, r_low, r_high, r_t, c_low, c_high, c_t,
                        runs, wide, back, hot, warm, dz,
                    )  # fmt: skip
                    for e in range(offsets[n], offsets[n + 1]):
                        k = units[e]
                        if member[v, k]:
                            gradient[v, k] += flat_dz[positions[e]]
            for v in range(n_solutions):
                for k in range(n_units):
                    if member[v, k]:
                        w = weights[v, k]
                        g = gradient[v, k] / (end - begin) + 2 * l2 * w + l1 * np.sign(w)
                        speed[v, k] = momentum * speed[v, k] + g
                        weights[v, k] = w - learning_rate * speed[v, k]
                if has_bias:
                    bias_speed[v] = momentum * bias_speed[v] + bias_gradient[v] / (end - begin)
                    bias[v] -= learning_rate * bias_speed[v]

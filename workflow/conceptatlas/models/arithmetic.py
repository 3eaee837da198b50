"""How a device computes: exact float32 unless asked, and what running out of memory looks like."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

_OUT_OF_MEMORY = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


@contextlib.contextmanager
def exact_arithmetic(*, tf32: bool = False) -> Iterator[None]:
    """Within: TF32 off (or on) in matrix products and convolutions on CUDA, no trial of algorithms, which may differ.

    The settings are the process's own; they are put back on leaving.
    """
    if not torch.cuda.is_available():
        yield
        return
    matmul = torch.backends.cuda.matmul.allow_tf32
    try:
        torch.backends.cuda.matmul.allow_tf32 = tf32
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = matmul


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error of a forward pass says that memory ran out, on a device or on the host."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return any(sign.lower() in str(error).lower() for sign in _OUT_OF_MEMORY)

"""Memory of a long-running forward pass: keep what is freed instead of giving it back page by page.

glibc returns large blocks to the system when they are freed and gets fresh, zeroed pages for the next batch; on a CPU
these page faults can cost as much as the forward pass itself (1.7 times the images/s of MobileNetV2 without them; see
benchmarks/RESULTS.md).
"""

from __future__ import annotations

import ctypes
import logging

logger = logging.getLogger(__name__)

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 2**31 - 1


def keep_freed_memory() -> bool:
    """Tell the C library to reuse large blocks for the rest of this process; whether it could (glibc only)."""
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(_M_MMAP_THRESHOLD, _LARGEST)) and bool(mallopt(_M_TRIM_THRESHOLD, _LARGEST))

"""Memory of a long-running forward pass: keep what is freed instead of giving it back page by page.

glibc returns large blocks to the system when they are freed and gets fresh, zeroed pages for the next batch; on a CPU
these page faults can cost as much as the forward pass itself (1.7 times the images/s of MobileNetV2 without them; see
benchmarks/RESULTS.md).
"""

from __future__ import annotations

import ctypes

_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_LARGEST = 2**31 - 1
_LARGEST_OF_OLD = 2**25  # glibc before 2.35 refuses more


def keep_freed_memory() -> bool:
    """Tell the C library to reuse large blocks for the rest of this process; whether it could (glibc only).

    Old versions of glibc can be told so for blocks up to 32 MB only.
    """
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return False
    reused = mallopt(_M_MMAP_THRESHOLD, _LARGEST) or mallopt(_M_MMAP_THRESHOLD, _LARGEST_OF_OLD)
    kept = mallopt(_M_TRIM_THRESHOLD, _LARGEST)
    return bool(reused and kept)

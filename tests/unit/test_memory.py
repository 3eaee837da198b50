"""Freed memory is kept by the process: a second large block costs no fresh pages."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource
import numpy as np
from conceptatlas.memory import keep_freed_memory

def faults_of_a_second_block():
    np.ones(4_000_000)  # 32 MB, freed at once
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(4_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults_of_a_second_block(), int(keep_freed_memory()), faults_of_a_second_block())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives large blocks back to the system")
def test_a_second_block_reuses_the_pages_of_the_first() -> None:
    # transparent huge pages would make faults rare in both cases
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    stock, could, kept = (int(number) for number in done.stdout.split())
    assert could == 1
    assert kept <= max(stock // 2, 8)

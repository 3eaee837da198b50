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
    np.ones(8_000_000)  # 64 MB, freed at once: more than glibc keeps by itself
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(8_000_000)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults_of_a_second_block(), int(keep_freed_memory()), faults_of_a_second_block())
"""


NAME, VERSION = platform.libc_ver()


@pytest.mark.skipif(NAME != "glibc", reason="only glibc gives large blocks back to the system")
@pytest.mark.skipif(
    NAME == "glibc" and tuple(map(int, VERSION.split(".")[:2])) < (2, 35), reason="older glibc keeps 32 MB at most"
)
def test_a_second_block_reuses_the_pages_of_the_first() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    stock, could, kept = (int(number) for number in done.stdout.split())
    assert could == 1
    assert kept <= max(stock // 2, 8)

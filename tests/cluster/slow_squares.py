"""Squares of numbers, half a second each, spread by the library; prints how many are done and where the last was made.

slow_squares.py N FILE: writes the results of 0 .. N-1 to FILE.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def square(number: int) -> tuple[int, str]:
    time.sleep(0.5)
    return number * number, os.environ.get("SLURM_JOB_ID", str(os.getpid()))


def main() -> None:
    import slow_squares  # under its name: that of the main module means another thing to workers

    from conceptatlas.parallel import parallel_each

    n, file = int(sys.argv[1]), Path(sys.argv[2])
    results = {}
    for position, (value, place) in parallel_each(slow_squares.square, range(n)):
        results[position] = value
        sys.stdout.write(f"done {len(results)} {place}\n")
        sys.stdout.flush()
    file.write_text(json.dumps([results[i] for i in range(n)]))


if __name__ == "__main__":
    main()

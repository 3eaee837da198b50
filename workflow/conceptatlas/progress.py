"""Progress of a loop: a bar where a person watches, a line every few seconds in a log."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
EVERY_S = 10.0


def progress(
    items: Iterable[Item],
    *,
    description: str = "",
    total: int | None = None,
    unit: str = "item",
    every_s: float = EVERY_S,
) -> Iterator[Item]:
    """Yield `items` while showing how far they are.

    On a terminal this is a tqdm bar; elsewhere a log line at most every `every_s` seconds and one at the end, so that
    the log of a job on a cluster can be followed with ``tail -f`` and does not fill with carriage returns.

    Parameters
    ----------
    items : what to iterate over; its length is the total unless `total` is given.
    description : what is being done, e.g. "tally conv5"; empty for no line and no bar.
    unit : the singular noun of what is counted.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    if not description:
        yield from items
        return
    if sys.stderr.isatty():
        from tqdm import tqdm

        yield from tqdm(items, desc=description, total=total, unit=f" {unit}", leave=False)
        return
    started = shown = time.monotonic()
    done = 0
    for item in items:
        yield item
        done += 1
        now = time.monotonic()
        if now - shown >= every_s:
            shown = now
            _line(description, done, total, unit, now - started)
    if done:
        _line(description, done, total, unit, time.monotonic() - started)


def _line(what: str, done: int, total: int | None, unit: str, elapsed_s: float) -> None:
    rate = done / elapsed_s if elapsed_s > 0 else 0.0
    left = f", {(total - done) / rate:.0f} s left" if total and rate > 0 and done < total else ""
    share = f" of {total} ({100 * done / total:.0f} %)" if total else ""
    logger.info("%s: %d%s %ss, %.1f/s%s", what, done, share, unit, rate, left)

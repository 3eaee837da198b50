"""The preflight for people: what the stages need and what the machine has, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Stage:
    """What one stage needs: `seconds` on one core, `mem_mb` of its largest job, `disk_mb` of its files."""

    stage: str
    jobs: int
    images: int
    seconds: float
    mem_mb: float
    disk_mb: float


@dataclass(frozen=True)
class Machine:
    """What there is: free disk under the results, memory, cores."""

    disk_mb: float
    mem_mb: float
    cores: int


def table(content: Mapping[str, Any]) -> str:
    """The estimate as a table for people."""
    machine = Machine(**content["machine"])
    stages = [Stage(**stage) for stage in content["stages"]]
    rows = [("stage", "images", "jobs", "disk", "memory of a job", f"time on {machine.cores} cores")]
    rows += [
        (
            stage.stage,
            f"{stage.images:,}" if stage.images else "",
            f"{stage.jobs:,}" if stage.jobs else "",
            size_text(stage.disk_mb) if stage.disk_mb else "",
            size_text(stage.mem_mb),
            time_text(stage.seconds / machine.cores),
        )
        for stage in stages
    ]
    rows.append(
        (
            "all",
            "",
            f"{sum(stage.jobs for stage in stages):,}",
            size_text(sum(stage.disk_mb for stage in stages)),
            size_text(max(stage.mem_mb for stage in stages)),
            time_text(sum(stage.seconds for stage in stages) / machine.cores),
        )
    )
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in rows
    ]
    rule = "-" * len(lines[0])
    lines = [lines[0], rule, *lines[1:-1], rule, lines[-1]]
    lines.append(
        f"this machine: {size_text(machine.disk_mb)} of disk free, {size_text(machine.mem_mb)} of memory, "
        f"{machine.cores} cores; times are right within a factor of three"
    )
    lines += content.get("notes", [])
    return "\n".join(lines)


def size_text(mb: float) -> str:
    """Megabytes for people."""
    if mb >= 1e6:
        return f"{mb / 1e6:.1f} TB"
    return f"{mb / 1000:.1f} GB" if mb >= 1000 else f"{mb:.0f} MB"


def time_text(seconds: float) -> str:
    """Seconds for people."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days"

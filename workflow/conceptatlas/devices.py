"""Which device a job computes on: one GPU each, leased with a lock that the operating system frees.

Snakemake's local executor does not assign devices: two jobs on one machine would both take the first. A lease is a
`flock` on one small file per visible device; it ends with the process, also after kill -9. Where the scheduler already
limits the view to one device, or gives each job a container, nothing is leased.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from conceptatlas.naming import unknown

logger = logging.getLogger(__name__)

REQUESTS = ("auto", "cpu", "cuda")
_POLL_S = 0.5
_REMIND_S = 60.0


@contextlib.contextmanager
def lease_device(
    request: str = "auto",
    *,
    device_ids: Sequence[str] | None = None,
    lock_dir: str | Path | None = None,
    timeout_s: float | None = None,
) -> Iterator[str]:
    """Yield the name of a device for torch: "cpu", "cuda" or "cuda:<index among the visible ones>".

    Parameters
    ----------
    request : "auto" (a GPU where there is one, else the CPU), "cpu", or "cuda" (a GPU or an error).
    device_ids : names of the visible devices in torch's order; default: as found (see `visible_devices`).
    lock_dir : folder of the lock files; default: one in the machine's temporary folder, shared by all users, or by the
        processes of a SLURM job (device 0 of one job is not device 0 of another).
    timeout_s : how long to wait for a free device; default: as long as it takes.

    Raises
    ------
    ValueError
        for an unknown request, or "cuda" where torch sees no device.
    TimeoutError
        when no device became free in time.
    """
    if request not in REQUESTS:
        raise unknown("device", request, REQUESTS)
    if request == "cpu":
        yield "cpu"
        return
    ids = visible_devices() if device_ids is None else list(device_ids)
    if not ids:
        if request == "cuda":
            raise ValueError("device is `cuda` but torch sees no CUDA device; use `auto` or `cpu`, or check the driver")
        yield "cpu"
        return
    if device_ids is None and view_is_limited(ids):
        yield "cuda"
        return
    folder = _own_folder() if lock_dir is None else Path(lock_dir)
    index, handle = _lease(ids, folder, timeout_s)
    try:
        logger.info("leased device %s (cuda:%d)", ids[index], index)
        yield f"cuda:{index}"
    finally:
        os.close(handle)  # frees the lock


def visible_devices() -> list[str]:
    """Names of the CUDA devices that torch sees, in its order, the same for every process of this machine.

    An entry is the index or UUID from CUDA_VISIBLE_DEVICES, else the device's index.
    """
    import torch

    n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
    named = [part.strip() for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()]
    return named[:n_devices] if len(named) >= n_devices else [str(i) for i in range(n_devices)]


def view_is_limited(ids: Sequence[str]) -> bool:
    """Whether the scheduler already decides which device this job sees: a pod, or a SLURM job that sees one device."""
    if os.environ.get("KUBERNETES_SERVICE_HOST"):
        return True
    return bool(os.environ.get("SLURM_JOB_ID") and os.environ.get("CUDA_VISIBLE_DEVICES")) and len(ids) == 1


def _own_folder() -> Path:
    job = os.environ.get("SLURM_JOB_ID", "")
    return Path(tempfile.gettempdir()) / "-".join(["conceptatlas-devices", *([job] if job else [])])


def _lease(ids: Sequence[str], folder: Path, timeout_s: float | None) -> tuple[int, int]:
    """Index and open lock file of the first device that is free, waiting for one."""
    begin = reminded = time.monotonic()
    while True:
        for index, name in enumerate(ids):
            handle = _open_lock(folder, name)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(handle)
                continue
            return index, handle
        now = time.monotonic()
        if timeout_s is not None and now - begin >= timeout_s:
            raise TimeoutError(f"no free device among {', '.join(ids)} within {timeout_s:g} s (locks in {folder})")
        if now - reminded >= _REMIND_S:
            reminded = now
            logger.info("waiting for one of %d devices (%d s)", len(ids), round(now - begin))
        time.sleep(_POLL_S)


def _open_lock(folder: Path, name: str) -> int:
    """The lock file of a device, open: made so that other users may lock it, too."""
    if not folder.is_dir():
        with contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
        with contextlib.suppress(PermissionError):
            folder.chmod(0o1777)
    path = folder / (re.sub(r"[^A-Za-z0-9._-]", "_", name) + ".lock")
    with contextlib.suppress(FileNotFoundError):
        return os.open(path, os.O_RDONLY)  # reading is enough to lock; another user's file may not be writable
    with contextlib.suppress(FileExistsError):
        return os.open(path, os.O_RDONLY | os.O_CREAT | os.O_EXCL, 0o644)
    return os.open(path, os.O_RDONLY)

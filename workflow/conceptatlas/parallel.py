"""One way to spread work: plain map, a local Dask cluster, or the cluster named by DASK_SCHEDULER_ADDRESS.

The result is the same in all three (contract test): tasks are pure functions of their arguments, get paths and slices
rather than arrays or open files, and results come back in the order of the items.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import platform
import tempfile
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from conceptatlas.progress import progress

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

CHUNKS_PER_THREAD = 16
"""Pieces of work of `spread_map` for each thread: few enough to cost nothing, enough that none waits for long."""

_KEPT_BY_WORKERS = {"MALLOC_TRIM_THRESHOLD_": 64 << 20, "MALLOC_MMAP_THRESHOLD_": 32 << 20}
"""Bytes of freed memory that the C library of a worker keeps, and up to which it reuses blocks. Dask's own 64 KB makes
every array of a task come from the system and go back, page by page: 16 of 38 s of processor time where a task decodes
.mat files."""

_open_client: ContextVar[Any] = ContextVar("open Dask client", default=None)


@contextlib.contextmanager
def dask_client(*, threads: int, mem_mb: int) -> Iterator[Any]:
    """Yield a Dask client, or None where one thread should do the work in this process.

    With DASK_SCHEDULER_ADDRESS set: connect, and never close that cluster. Otherwise, for more than one thread, a
    LocalCluster with `threads` processes of one thread and mem_mb / threads of memory each, closed at the end.
    """
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if address:
        from distributed import Client

        with Client(address) as client:
            yield client
        return
    if threads <= 1:
        yield None
        return
    import dask
    from distributed import Client, LocalCluster

    # A Dask worker inherits OMP_NUM_THREADS from Snakemake (an existing variable wins over the nanny's 1), which would
    # give threads^2 threads; `_one_thread` limits every task instead.
    with (
        tempfile.TemporaryDirectory(prefix="conceptatlas-dask-") as scratch,
        dask.config.set({f"distributed.nanny.pre-spawn-environ.{name}": n for name, n in _KEPT_BY_WORKERS.items()}),
        LocalCluster(
            n_workers=threads,
            threads_per_worker=1,
            processes=True,
            memory_limit=f"{max(mem_mb // threads, 256)}MB",
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",  # a free port: several jobs run on one machine
            local_directory=scratch,
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@contextlib.contextmanager
def workers(*, threads: int, mem_mb: int) -> Iterator[None]:
    """Keep the workers of several `parallel_map` calls: starting a local cluster takes some seconds each time."""
    with dask_client(threads=threads, mem_mb=mem_mb) as client:
        token = _open_client.set(client)
        try:
            yield
        finally:
            _open_client.reset(token)


@contextlib.contextmanager
def _client(*, threads: int, mem_mb: int) -> Iterator[Any]:
    if _open_client.get() is not None:
        yield _open_client.get()
        return
    with dask_client(threads=threads, mem_mb=mem_mb) as client:
        yield client


def _one_thread(function: Callable[[Item], Result], item: Item, code: str = "") -> Result:
    _check_code(code)
    with threadpool_limits(1):
        return function(item)


def _keys(function: Callable[..., Any], n: int) -> list[str]:
    """Names of n tasks, never used before, that tell Dask's page and report what is computed."""
    inner = getattr(function, "func", function)  # of a functools.partial
    run = uuid.uuid4().hex
    return [f"{getattr(inner, '__name__', type(inner).__name__).strip('_')}-{run}-{i}" for i in range(n)]


def _expected_code() -> str:
    """Digest of this package where workers were started by others, who may have another one; "" where they were not."""
    return _code() if os.environ.get("DASK_SCHEDULER_ADDRESS") else ""


def _check_code(expected: str) -> None:
    if expected and expected != _code():
        raise ValueError(
            f"the Dask worker on {platform.node()} has other code of conceptatlas ({Path(__file__).parent}) than the "
            "job: start the workers from the same checkout, after the last change"
        )


@functools.cache
def _code() -> str:
    folder = Path(__file__).parent
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def parallel_each(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    threads: int = 1,
    mem_mb: int = 2000,
    description: str = "",
) -> Iterator[tuple[int, Result]]:
    """Yield (position, ``function(items[position])``) as results come, in any order, and keep none of them.

    For results that are added up: integers, whose sum does not depend on the order.

    function : importable at module level (it is sent to other processes), pure. items : small and picklable: paths,
        names, slices, seeds; never arrays that are large or files that are open.
    """
    if len(items) <= 1:
        threads = 1
    with _client(threads=min(threads, max(len(items), 1)), mem_mb=mem_mb) as client:
        if client is None:
            for position, item in enumerate(progress(items, description=description)):
                yield position, _one_thread(function, item)
            return
        from distributed import as_completed

        code = _expected_code()
        keys = _keys(function, len(items))
        futures = [
            client.submit(_one_thread, function, item, code, key=key) for item, key in zip(items, keys, strict=True)
        ]
        positions = {future.key: i for i, future in enumerate(futures)}
        finished = as_completed(futures, with_results=True)
        del futures  # a result is dropped by the workers once it has been taken
        for future, result in progress(finished, description=description, total=len(items)):
            yield positions[future.key], result


def parallel_map(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    threads: int = 1,
    mem_mb: int = 2000,
    description: str = "",
) -> list[Result]:
    """``[function(item) for item in items]``, spread over processes where that helps; see `parallel_each`."""
    results: list[Any] = [None] * len(items)
    for position, result in parallel_each(function, items, threads=threads, mem_mb=mem_mb, description=description):
        results[position] = result
    return results


@contextlib.contextmanager
def spread_map(
    *, threads: int, mem_mb: int, description: str = ""
) -> Iterator[Callable[[Callable[[Any], Any], Sequence[Any]], Iterable[Any]]]:
    """Yield a ``map(function, items)`` that spreads its work, with results in the order of the items.

    Workers start with the first call that has more than one item and stay for later calls. Items are handed over in
    chunks, so there may be many small ones. Of several items that fail, the error of the first is raised, as the
    built-in map would; it arrives as the function raised it.

    threads, mem_mb : as for `dask_client`. description : what a log calls the work, e.g. "listing ade20k".

    Raises
    ------
    OSError
        where worker processes were killed, with the items they worked on.
    """
    with contextlib.ExitStack() as stack:
        opened: list[Any] = []

        def spread(function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
            items = list(items)
            if not opened and len(items) > 1:
                opened.append(stack.enter_context(dask_client(threads=threads, mem_mb=mem_mb)))
            client = opened[0] if len(items) > 1 else None
            n_chunks = CHUNKS_PER_THREAD * max(threads, 1)
            results = _in_order(client, function, items, n_chunks=n_chunks, description=description)
            return progress(results, description=description, total=len(items))

        yield spread


def _in_order(
    client: Any, function: Callable[[Any], Any], items: list[Any], *, n_chunks: int, description: str
) -> Iterator[Any]:
    if client is None:
        for item in items:
            yield _one_thread(function, item)
        return
    from distributed import KilledWorker

    size = -(-len(items) // n_chunks)
    chunks = [items[begin : begin + size] for begin in range(0, len(items), size)]
    code = _expected_code()
    keys = _keys(function, len(chunks))
    futures = deque(
        client.submit(_each, function, chunk, code, key=key) for chunk, key in zip(chunks, keys, strict=True)
    )
    done = 0
    try:
        while futures:
            results = futures.popleft().result()  # the workers drop a result once it has been taken
            yield from results
            done += len(results)
    except KilledWorker:
        raise OSError(
            f"{description or 'parallel work'}: the worker processes at items {done + 1} to {done + size} of "
            f"{len(items)} were killed; memory is the usual reason: use fewer dask workers, or allow the job more"
        ) from None
    finally:
        client.cancel(list(futures))


def _each(function: Callable[[Any], Any], chunk: list[Any], code: str) -> list[Any]:
    _check_code(code)
    with threadpool_limits(1):
        return [function(item) for item in chunk]

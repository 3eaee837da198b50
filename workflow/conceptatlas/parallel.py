"""One way to spread work: plain map, a local Dask cluster, or the cluster named by DASK_SCHEDULER_ADDRESS.

The result is the same in all three (contract test): tasks are pure functions of their arguments, get paths and slices
rather than arrays or open files, and results come back in the order of the items.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from conceptatlas.progress import progress

logger = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

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
    from distributed import Client, LocalCluster

    # A Dask worker inherits OMP_NUM_THREADS from Snakemake (an existing variable wins over the nanny's 1), which would
    # give threads^2 threads; `_one_thread` limits every task instead.
    with (
        tempfile.TemporaryDirectory(prefix="conceptatlas-dask-") as scratch,
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


def _one_thread(function: Callable[[Item], Result], item: Item) -> Result:
    with threadpool_limits(1):
        return function(item)


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

        futures = [client.submit(_one_thread, function, item, pure=False) for item in items]
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

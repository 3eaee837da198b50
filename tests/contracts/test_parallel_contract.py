"""Work gives the same result in this process, on a local cluster, and on the cluster a scheduler address names."""

from __future__ import annotations

import os
import time

import h5py
import numpy as np
import pytest

from conceptatlas.parallel import dask_client, parallel_map, spread_map, workers
from planted import OPTIONS, detectors, dissect, noise, scenes

distributed = pytest.importorskip("distributed")


def square(number):
    return number * number


def fail_at_three(number):
    if number == 3:
        raise ValueError("three is damaged")
    return number


def fail_late_or_early(number):
    if number == 3:
        time.sleep(0.3)
        raise ValueError("three is damaged")
    if number > 20:
        raise ValueError("another one")
    return number


def process(_):
    return os.getpid()


def die(_):
    os._exit(1)


def threads_and_process(_):
    import numba
    from threadpoolctl import threadpool_info

    return max((pool["num_threads"] for pool in threadpool_info()), default=1), os.getpid(), numba.__version__


@pytest.fixture(scope="module")
def outside():
    """A cluster somebody else started."""
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster


@pytest.fixture(params=["process", "local", "address"])
def way(request, monkeypatch):
    """Threads to ask for; with `address`, the cluster of somebody else."""
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    if request.param == "address":
        cluster = request.getfixturevalue("outside")
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", cluster.scheduler_address)
    return {"process": 1, "local": 2, "address": 1}[request.param]


def test_results_come_in_order(way):
    assert parallel_map(square, list(range(17)), threads=way, mem_mb=1000) == [n * n for n in range(17)]
    assert parallel_map(square, [5], threads=way) == [25]
    assert parallel_map(square, [], threads=way) == []


def test_errors_come_through(way):
    with pytest.raises(ValueError, match="three is damaged"):
        parallel_map(fail_at_three, list(range(6)), threads=way)


def test_a_task_has_one_thread(way, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    found = parallel_map(threads_and_process, list(range(4)), threads=way)
    assert {threads for threads, _, _ in found} == {1}
    if way == 2:
        assert os.getpid() not in {pid for _, pid, _ in found}


def test_the_cluster_of_somebody_else_is_not_closed(outside, monkeypatch):
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", outside.scheduler_address)
    for _ in range(2):
        assert parallel_map(square, [1, 2, 3], threads=4) == [1, 4, 9]
    assert outside.status == distributed.Status.running
    with distributed.Client(outside.scheduler_address) as client:
        assert client.submit(square, 7).result() == 49


def test_workers_are_kept_for_several_maps(monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with workers(threads=2, mem_mb=1000):
        pids = [{pid for _, pid, _ in parallel_map(threads_and_process, range(6), threads=2)} for _ in range(2)]
    assert len(pids[0] | pids[1]) <= 2
    assert os.getpid() not in pids[0] | pids[1]
    with workers(threads=1, mem_mb=1000):
        assert {pid for _, pid, _ in parallel_map(threads_and_process, range(2))} == {os.getpid()}


def test_a_spread_map_keeps_the_order_and_its_workers(way):
    with spread_map(threads=way, mem_mb=1000) as spread:
        assert list(spread(square, range(100))) == [n * n for n in range(100)]
        assert list(spread(square, [5])) == [25]
        assert list(spread(square, [])) == []
        pids = {pid for _ in range(2) for pid in spread(process, range(20))}
        assert len(pids) <= 2
        if way == 2:
            assert os.getpid() not in pids
            assert set(spread(process, [1])) == {os.getpid()}  # nothing to spread


def test_a_spread_map_raises_the_error_of_the_first_item(way):
    with spread_map(threads=way, mem_mb=1000) as spread:
        for _ in range(2):
            with pytest.raises(ValueError, match="three is damaged"):
                list(spread(fail_late_or_early, range(40)))
        assert list(spread(square, [1, 2])) == [1, 4]  # the workers go on


def test_killed_workers_are_named(monkeypatch):
    import dask

    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        spread_map(threads=2, mem_mb=1000, description="listing birds") as spread,
        pytest.raises(OSError, match=r"listing birds: .* at items 1 to 2 of 64 were killed; memory is the usual"),
    ):
        list(spread(die, range(64)))


def test_no_client_for_one_thread(monkeypatch):
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    with dask_client(threads=1, mem_mb=100) as client:
        assert client is None


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    os.environ.pop("DASK_SCHEDULER_ADDRESS", None)
    return run(tmp_path_factory.mktemp("serial"), threads=1)


def run(folder, *, threads):
    labels = scenes(40, seed=3)
    maps = np.concatenate([detectors(labels, ["car", "sky"]), noise(40, 3)], axis=1)
    options = OPTIONS | {"n_permutations": 5, "n_bootstrap": 30}
    return dissect(folder, maps, labels, n_shards=3, annotation_shards=2, options=options, threads=threads)


def test_dissection_is_the_same_to_the_byte(way, serial, tmp_path):
    files = run(tmp_path, threads=way)
    for name in ("labels", "units", "summary", "netdissect"):
        assert files[name].read_bytes() == serial[name].read_bytes(), name
    for name in ("tally", "statistics"):
        with h5py.File(files[name]) as found, h5py.File(serial[name]) as expected:
            names = []
            expected.visititems(lambda n, item, out=names: out.append(n) if isinstance(item, h5py.Dataset) else None)
            for array in names:
                np.testing.assert_array_equal(found[array][()], expected[array][()], err_msg=f"{name}:{array}")

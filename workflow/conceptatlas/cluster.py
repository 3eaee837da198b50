"""Dask workers on several machines around a run: ``conceptatlas cluster -- snakemake ...``.

A scheduler starts in this process and workers as SLURM jobs (dask-jobqueue), or as processes of this machine. The
wrapped command finds the scheduler in DASK_SCHEDULER_ADDRESS, and so does every job it submits; `parallel.dask_client`
connects to it and never closes it. A worker that is lost, or at the end of its time, is replaced by a new job; its
tasks run again, and they are pure functions, so the result is the same. Whatever ends the command, the workers go too.

A Dask scheduler runs whatever it is sent. Connections are therefore encrypted and need a key that lies in a folder only
the user may read, made for this run and removed after it.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

from conceptatlas.naming import unknown

INSTALL = "install it with `make install-cluster`, or pip install 'conceptatlas[cluster]'"
PACKAGE_PARENT = Path(__file__).resolve().parents[1]
FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
JOB_NAME = "conceptatlas-dask"
WATCH_S = 10.0
LIFETIME_SHARE = 0.9
"""Share of its time after which a worker hands over what it holds and ends, before SLURM kills it."""
LIFETIME_STAGGER_S = 60


@dataclass(frozen=True, kw_only=True)
class Workers:
    """What workers are asked for.

    n : worker jobs, or processes with `local`. cores, memory_mb : of each; a job runs one process of one thread a core.
    walltime_min : of a job. queue, account : SLURM's partition and account, None for the site's default. interface :
    network interface of workers and scheduler, e.g. "ib0". scheduler_interface : where the scheduler's has another
    name. extra : further options of sbatch, e.g. "--constraint=haswell". log_directory : output of the worker jobs,
    seen by all machines; the key of the run lies there, too. scratch : where workers spill to; default: the temporary
    folder.
    """

    n: int
    cores: int = 1
    memory_mb: int = 4000
    local: bool = False
    walltime_min: int = 60
    queue: str | None = None
    account: str | None = None
    interface: str | None = None
    scheduler_interface: str | None = None
    extra: tuple[str, ...] = ()
    log_directory: Path = Path("logs/dask")
    scratch: Path | None = None


def run_with_workers(
    command: Sequence[str], workers: Workers, *, dashboard: int | None = None, report: Path | None = None
) -> int:
    """Run a command beside a Dask cluster and return its exit status (128 + n where signal n ended it).

    command : program and arguments. dashboard : port of Dask's web page on 127.0.0.1, 0 for any free one, None for no
    page; it shows what runs to everybody who reaches that port. report : HTML file for Dask's performance report.

    Raises
    ------
    ValueError
        before anything starts: a missing program or package, an unknown interface, options that sbatch refuses.
    KeyboardInterrupt
        for a signal before the command has started; after that signals go to the command.
    """
    check_request(command, workers, dashboard=dashboard, report=report)
    from distributed import Client, performance_report

    with contextlib.ExitStack() as stack:
        stack.enter_context(_handled(_interrupt))
        workers.log_directory.mkdir(parents=True, exist_ok=True)
        keys = stack.enter_context(_keys(workers.log_directory))
        cluster = stack.enter_context(_cluster(workers, _security(keys), dashboard))
        client = stack.enter_context(Client(cluster))
        if dashboard is not None:
            _tell(f"dashboard: {cluster.dashboard_link}")
        _tell(f"waiting for the first of {workers.n} workers ({cluster.scheduler_address})")
        client.wait_for_workers(1)
        if report is not None:
            report.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(performance_report(filename=str(report)))
        environment = {**os.environ, **_environment(keys), "DASK_SCHEDULER_ADDRESS": str(cluster.scheduler_address)}
        status = _run(command, environment)
    if report is not None:
        _tell(f"performance report: {report}")
    return status


def check_request(
    command: Sequence[str], workers: Workers, *, dashboard: int | None = None, report: Path | None = None
) -> None:
    """Raise ValueError for what can be known to fail before a cluster starts; parameters as for `run_with_workers`."""
    if not command:
        raise ValueError("no command: conceptatlas cluster [options] -- snakemake ...")
    if shutil.which(command[0]) is None:
        raise ValueError(f"command {command[0]!r} was not found")
    for name, number in (("workers", workers.n), ("cores", workers.cores), ("walltime", workers.walltime_min)):
        if number < 1:
            raise ValueError(f"{name}: expected at least 1, got {number}")
    if find_spec("cryptography") is None:
        raise ValueError(f"connections between Dask workers need cryptography: {INSTALL}")
    if (dashboard is not None or report is not None) and find_spec("bokeh") is None:
        raise ValueError(f"--dashboard and --report need bokeh: {INSTALL}")
    interface = workers.scheduler_interface or workers.interface
    if interface is not None and interface not in psutil.net_if_addrs():
        raise unknown("network interface", interface, psutil.net_if_addrs(), where="this machine")
    if workers.local:
        return
    if find_spec("dask_jobqueue") is None:
        raise ValueError(f"workers on SLURM need dask-jobqueue: {INSTALL}; --local N starts them on this machine")
    if shutil.which("sbatch") is None:
        raise ValueError("sbatch was not found: this machine submits no SLURM jobs; --local N starts workers here")


@contextlib.contextmanager
def _cluster(workers: Workers, security: Any, dashboard: int | None) -> Iterator[Any]:
    """A running Dask cluster that keeps its number of workers."""
    page = None if dashboard is None else f"127.0.0.1:{dashboard}"
    if workers.local:
        from distributed import LocalCluster

        sys.path.insert(0, str(_library()))  # workers get this process's path
        with (
            tempfile.TemporaryDirectory(prefix="conceptatlas-dask-", dir=workers.scratch) as scratch,
            LocalCluster(
                n_workers=workers.n,
                threads_per_worker=1,
                processes=True,
                memory_limit=f"{workers.memory_mb}MB",
                host="127.0.0.1",
                protocol="tls://",
                security=security,
                dashboard_address=page,
                local_directory=scratch,
            ) as cluster,
        ):
            yield cluster
        return
    from dask_jobqueue import SLURMCluster

    scheduler = {"dashboard": dashboard is not None, "dashboard_address": page or ":0"}
    if workers.scheduler_interface:
        scheduler["interface"] = workers.scheduler_interface
    life_s = int(workers.walltime_min * 60 * LIFETIME_SHARE)
    lifetime = ["--lifetime", f"{life_s}s", "--lifetime-stagger", f"{min(LIFETIME_STAGGER_S, life_s // 20)}s"]
    with SLURMCluster(
        queue=workers.queue,
        account=workers.account,
        cores=workers.cores,
        processes=workers.cores,
        memory=f"{workers.memory_mb}MB",
        walltime=str(workers.walltime_min),
        interface=workers.interface,
        job_name=JOB_NAME,
        python=sys.executable,
        # jobs and workers must run the same code: that of the checkout the run starts in
        job_script_prologue=[f"export PYTHONPATH={_library()}:$PYTHONPATH"],
        job_extra_directives=list(workers.extra),
        worker_extra_args=lifetime,
        log_directory=str(workers.log_directory.resolve()),
        local_directory=str(workers.scratch or "${TMPDIR:-/tmp}"),
        security=security,
        protocol="tls://",
        scheduler_options=scheduler,
    ) as cluster:
        _test_submission(cluster.job_script())
        cluster.adapt(minimum_jobs=workers.n, maximum_jobs=workers.n)  # unlike scale(), this replaces lost workers
        with _replacing_lost_jobs(cluster):
            yield cluster


@contextlib.contextmanager
def _replacing_lost_jobs(cluster: Any) -> Iterator[None]:
    """Give up worker jobs that ended before their workers had connected: dask-jobqueue would wait for them for ever."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(WATCH_S):
            submitted = {name: str(job.job_id) for name, job in dict(cluster.workers).items() if job.job_id}
            listed = subprocess.run(
                ["squeue", "--noheader", f"--name={JOB_NAME}", "--format=%i"],
                capture_output=True,
                text=True,
                check=False,
            )
            if listed.returncode != 0:
                continue  # a busy controller says nothing about jobs
            lost = [name for name, job_id in submitted.items() if job_id not in listed.stdout.split()]
            if lost and not ended.is_set():
                cluster.sync(cluster.scale_down, lost)  # and adapt() asks for others

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _library() -> Path:
    """Folder from which the run's jobs import this package: the checkout in the working directory, else this one's."""
    here = Path.cwd() / "workflow"
    return here if (here / "conceptatlas").is_dir() else PACKAGE_PARENT


def _test_submission(script: str) -> None:
    """Let sbatch look at a worker's job: a wrong partition would otherwise mean a run that waits for ever."""
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(script)
        file.flush()
        done = subprocess.run(["sbatch", "--test-only", file.name], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        reason = "; ".join(done.stderr.strip().splitlines())
        raise ValueError(f"sbatch refuses the workers' job: {reason}")


@contextlib.contextmanager
def _keys(folder: Path) -> Iterator[Path]:
    """A folder, for the user only, with key and certificate of this run; removed at the end."""
    from distributed.security import Security

    with tempfile.TemporaryDirectory(prefix=".key-", dir=folder.resolve()) as name:
        made = Security.temporary().get_tls_config_for_role("client")
        for file, content in (("key.pem", made["key"]), ("certificate.pem", made["cert"])):
            with os.fdopen(os.open(Path(name) / file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as handle:
                handle.write(content)
        yield Path(name)


def _security(keys: Path) -> Any:
    from distributed.security import Security

    key, certificate = str(keys / "key.pem"), str(keys / "certificate.pem")
    roles = {f"tls_{role}_{part}": file for role in ("client", "scheduler", "worker")
             for part, file in (("key", key), ("cert", certificate))}  # fmt: skip
    return Security(require_encryption=True, tls_ca_file=certificate, **roles)


def _environment(keys: Path) -> dict[str, str]:
    """What a client needs to connect, as Dask reads it from the environment."""
    certificate = str(keys / "certificate.pem")
    return {
        "DASK_DISTRIBUTED__COMM__TLS__CA_FILE": certificate,
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT": certificate,
        "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY": str(keys / "key.pem"),
    }


def _run(command: Sequence[str], environment: dict[str, str]) -> int:
    """Run the command in a process group of its own and pass signals on, each once; returns its exit status.

    In the terminal's group it would get Ctrl-C from the terminal and from here, and two of them mean "at once" to
    Snakemake.
    """
    process = subprocess.Popen(command, env=environment, process_group=0)

    def forward(number: int, _frame: Any) -> None:
        with contextlib.suppress(ProcessLookupError):
            if number == signal.SIGINT:
                os.killpg(process.pid, number)  # as a terminal does
            else:
                process.send_signal(number)

    with _handled(forward):
        status = process.wait()
    return status if status >= 0 else 128 - status


@contextlib.contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Iterator[None]:
    """Let `handler` have the signals that end a run."""
    before = {number: signal.signal(number, handler) for number in FORWARDED}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)


def _interrupt(_number: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _tell(message: str) -> None:
    sys.stderr.write(f"conceptatlas cluster: {message}\n")
    sys.stderr.flush()

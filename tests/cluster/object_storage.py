"""An S3 endpoint on loopback (moto_server), and what Snakemake's plugin needs to know of it."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SECRET = "never-to-be-printed-7f3a"
"""The secret key: moto takes any, the tests look for it where it must not stand."""


@dataclass(frozen=True)
class Storage:
    """A running endpoint."""

    endpoint: str

    def variables(self) -> dict[str, str]:
        """The environment in which Snakemake finds it."""
        return {
            "SNAKEMAKE_STORAGE_S3_ENDPOINT_URL": self.endpoint,
            "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "tester",
            "SNAKEMAKE_STORAGE_S3_SECRET_KEY": SECRET,
        }

    def bucket(self, name: str) -> Any:
        import boto3

        service = boto3.resource(
            "s3",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id="tester",
            aws_secret_access_key=SECRET,
        )
        return service.Bucket(name)

    def download(self, bucket: str, folder: Path) -> Path:
        """All objects of a bucket as files of a folder."""
        for found in self.bucket(bucket).objects.all():
            target = folder / found.key
            target.parent.mkdir(parents=True, exist_ok=True)
            self.bucket(bucket).download_file(found.key, str(target))
        return folder


def why_no_storage() -> str:
    """Why there is no endpoint on this machine; "" if there is."""
    if moto_server() is None:
        return "moto_server is not installed (make install-cluster, envs/requirements-cluster-dev.txt)"
    try:
        import snakemake_storage_plugin_s3  # noqa: F401
    except ImportError:
        return "snakemake-storage-plugin-s3 is not installed (make install-cluster)"
    return ""


def moto_server() -> str | None:
    return shutil.which("moto_server", path=str(Path(sys.executable).parent)) or shutil.which("moto_server")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def serving_storage(log: Path) -> Iterator[Storage]:
    """Start an endpoint, and stop it at the end."""
    port, program = free_port(), moto_server()
    assert program is not None
    with log.open("wb") as output:
        server = subprocess.Popen([program, "-H", "127.0.0.1", "-p", str(port)], stdout=output, stderr=output)
    try:
        wait_for_port(port, server, log)
        yield Storage(f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait(timeout=20)


def wait_for_port(port: int, server: subprocess.Popen[bytes], log: Path, *, timeout_s: float = 60) -> None:
    """Wait until a server answers; fail with its log if it ends or takes too long."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise AssertionError(f"no answer on port {port}:\n{log.read_text()[-3000:]}")

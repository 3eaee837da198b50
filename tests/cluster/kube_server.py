"""The stand-in of the Kubernetes API as a process of its own, and what the tests read from it afterwards."""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kube_runners import Bubblewrap
from object_storage import free_port, wait_for_port, why_no_storage

HERE = Path(__file__).parent
PYTHON = Path(sys.executable).parent.parent
"""The Python environment that pods see as part of their image."""


@dataclass(frozen=True)
class Kubernetes:
    """A running stand-in."""

    state: Path
    kubeconfig: Path

    def calls(self) -> list[dict[str, Any]]:
        """All calls so far: verb, path, code, body of Jobs, error."""
        return [json.loads(line) for line in (self.state / "audit.jsonl").read_text().splitlines()]

    def jobs(self) -> list[dict[str, Any]]:
        """The calls that asked for a Job."""
        return [call for call in self.calls() if call["verb"] == "POST" and call["path"].endswith("/jobs")]

    def logs(self) -> dict[str, str]:
        """Folder of a pod -> what it printed, by the time at which the pod last wrote (names of folders are random)."""
        files = sorted(self.state.glob("pod-*/log"), key=lambda path: path.stat().st_mtime_ns)
        return {path.parent.name: path.read_text() for path in files}

    def log_of(self, rule: str) -> list[str]:
        """What the pods of a rule printed."""
        return [text for text in self.logs().values() if f"--target-jobs {rule}:" in text]


def command_of(job: Mapping[str, Any]) -> str:
    """What the container of a Job runs."""
    return str(container_of(job)["args"][-1])


def container_of(job: Mapping[str, Any]) -> dict[str, Any]:
    containers: list[dict[str, Any]] = job["body"]["spec"]["template"]["spec"]["containers"]
    return containers[0]


def why_no_kubernetes() -> str:
    """Why pods cannot be run on this machine; "" if they can."""
    if why_no_storage():
        return why_no_storage()
    try:
        import snakemake_executor_plugin_kubernetes  # noqa: F401
    except ImportError:
        return "snakemake-executor-plugin-kubernetes is not installed (make install-cluster)"
    if shutil.which("git") is None:
        return "git is not installed; Snakemake collects sources with it"
    if shutil.which("bwrap") is None:
        return "bwrap is not installed (apt-get install bubblewrap)"
    trial, env = Bubblewrap().command("trial", {"command": ["true"]}, {}, [])
    done = subprocess.run(trial, env=env, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"bwrap cannot make a sandbox here: {done.stderr.strip()}"


@contextlib.contextmanager
def serving_kubernetes(folder: Path, *, claims: Mapping[str, Path], env: Mapping[str, str]) -> Iterator[Kubernetes]:
    """Start a stand-in whose pods see this Python environment and nothing of this checkout; stop it at the end.

    claims : volume claims and their folders. env : further variables of the image.
    """
    folder.mkdir(parents=True)
    kubernetes, port, log = Kubernetes(folder / "state", folder / "kubeconfig"), free_port(), folder / "server.log"
    image = {"PATH": f"{PYTHON / 'bin'}:/usr/local/bin:/usr/bin:/bin", **env}
    command = [sys.executable, str(HERE / "kube_api.py"), "--port", str(port)]
    command += ["--state", str(kubernetes.state), "--kubeconfig", str(kubernetes.kubeconfig)]
    command += ["--expose", str(PYTHON), sys.base_prefix]
    command += ["--image-env", *(f"{name}={value}" for name, value in image.items())]
    command += ["--claims", *(f"{name}={place}" for name, place in claims.items())]
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        wait_for_port(port, server, log)
        yield kubernetes
    finally:
        server.terminate()
        server.wait(timeout=20)

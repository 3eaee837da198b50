"""How the stand-in runs a pod's container: in a bubblewrap sandbox, or as a container of the pod's image with podman.

Bubblewrap shows the container the machine's system folders (its "image", read-only), the folders named by `expose` (a
Python environment), the pod's volumes, and nothing else: no home, no checkout, no /tmp of the machine, no other
processes, and only the variables of the image and of the pod. The network is the machine's, so that a loopback bucket
can be reached; memory is not limited. Podman limits memory.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kube_fields import quantity

IMAGE_FOLDERS = ("bin", "etc", "lib", "lib32", "lib64", "opt", "sbin", "usr")

Command = tuple[list[str], dict[str, str]]
"""Arguments and environment of the process that runs a container."""


class Runner(Protocol):
    """Makes the command that runs a container."""

    def command(
        self, pod: str, container: dict[str, Any], env: Mapping[str, str], mounts: Sequence[tuple[str, str]]
    ) -> Command:
        """pod : name. env : variables of the pod. mounts : (folder of this machine, place in the container)."""
        ...

    def stop(self, pod: str) -> None:
        """End what terminating the process does not end."""
        ...


@dataclass(frozen=True)
class Bubblewrap:
    """`expose`: folders of this machine that belong to the image; `image_env`: the image's variables."""

    expose: tuple[str, ...] = ()
    image_env: Mapping[str, str] = field(default_factory=dict)

    def command(
        self, pod: str, container: dict[str, Any], env: Mapping[str, str], mounts: Sequence[tuple[str, str]]
    ) -> Command:
        command = ["bwrap", "--tmpfs", "/", "--dev", "/dev", "--proc", "/proc", "--dir", "/tmp", "--die-with-parent"]
        command += ["--unshare-pid", "--unshare-uts", "--unshare-ipc", "--hostname", pod[:60]]
        for name in IMAGE_FOLDERS:
            place = Path("/", name)
            if place.is_symlink():
                command += ["--symlink", str(place.readlink()), str(place)]
            elif place.is_dir():
                command += ["--ro-bind", str(place), str(place)]
        for folder in self.expose:
            command += ["--ro-bind", folder, folder]
        for source, target in mounts:
            command += ["--bind", source, target]
        command.append("--clearenv")
        inside = {"PATH": os.defpath, "HOME": "/", "LANG": "C.UTF-8", **self.image_env, **env}
        for name, value in inside.items():
            command += ["--setenv", name, value]
        command += ["--chdir", container.get("workingDir") or "/", "--"]
        return [*command, *_arguments(container)], {"PATH": os.environ["PATH"]}

    def stop(self, pod: str) -> None:
        """Nothing: `--die-with-parent` and the sandbox's own process space end all."""


@dataclass(frozen=True)
class Podman:
    """A container of the pod's image, which must be there. The limits are for machines without CAP_SYS_RESOURCE."""

    runtime: str = "runc"

    def command(
        self, pod: str, container: dict[str, Any], env: Mapping[str, str], mounts: Sequence[tuple[str, str]]
    ) -> Command:
        command = ["podman", "--runtime", self.runtime, "run", "--rm", "--name", pod, "--network=host", "--pull=never"]
        command += ["--ulimit", "nofile=10000:10000", "--ulimit", "nproc=4096:4096"]
        command += ["--workdir", container.get("workingDir") or "/"]
        memory = ((container.get("resources") or {}).get("limits") or {}).get("memory")
        if memory:
            command += ["--memory", str(int(quantity(memory)))]
        for source, target in mounts:
            command += ["--volume", f"{source}:{target}"]
        for name in env:  # values go through the environment: arguments are seen by everyone
            command += ["--env", name]
        if container.get("command"):
            command += ["--entrypoint", json.dumps(container["command"])]
        return [*command, container["image"], *(container.get("args") or [])], {**os.environ, **env}

    def stop(self, pod: str) -> None:
        subprocess.run(["podman", "kill", pod], capture_output=True, check=False)


def _arguments(container: dict[str, Any]) -> list[str]:
    return [*(container.get("command") or []), *(container.get("args") or [])]

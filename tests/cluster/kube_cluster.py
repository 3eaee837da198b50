"""A cluster of one node in a process: stored objects, and the scheduler, kubelet and Job controller over them.

Only what a Snakemake run touches: secrets, Jobs with one pod of one container each, the pods' logs, volumes that are
empty or claimed by name. A pod that cannot be scheduled, or whose image is not there, waits for ever, as it would.
"""

from __future__ import annotations

import base64
import contextlib
import copy
import datetime
import os
import signal
import subprocess
import tempfile
import threading
import traceback
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kube_admission import Object, RefusedError, check_job, check_secret
from kube_fields import quantity
from kube_runners import Runner

Key = tuple[str, str]
"""Namespace and name."""

GPU = "nvidia.com/gpu"


@dataclass(frozen=True)
class Node:
    """What the only node has. `gpu_taint`: value of the taint nvidia.com/gpu, which GPU pods must tolerate."""

    cpu: float = 8
    memory_mb: float = 16000
    gpus: int = 2
    gpu_taint: str = "present"
    labels: Mapping[str, str] = field(default_factory=dict)

    def capacity(self) -> dict[str, float]:
        return {"cpu": self.cpu, "memory": self.memory_mb * 1e6, GPU: self.gpus, "ephemeral-storage": 50e9}


class Cluster:
    """state : folder for logs and empty volumes. claims : name of a volume claim -> folder of this machine.
    images : images that can be pulled; all if empty. strict_previous : answer 400 to `log?previous=true` of a container
    that was never restarted, as a kubelet does."""

    def __init__(
        self,
        state: Path,
        *,
        runner: Runner,
        node: Node,
        claims: Mapping[str, str],
        images: tuple[str, ...] = (),
        strict_previous: bool = True,
    ) -> None:
        self.state, self.runner, self.node = state, runner, node
        self.claims, self.images, self.strict_previous = claims, images, strict_previous
        self.lock = threading.RLock()
        self.objects: dict[str, dict[Key, Object]] = {"secrets": {}, "jobs": {}, "pods": {}}
        self.version = 0
        self._processes: dict[Key, subprocess.Popen[bytes]] = {}
        self._logs: dict[Key, Path] = {}
        self._used: dict[Key, dict[str, float]] = {}
        self._ending = threading.Event()
        threading.Thread(target=self._control, daemon=True).start()

    # What the API offers

    def create(self, resource: str, namespace: str, content: Object) -> Object:
        if resource == "secrets":
            check_secret(content)
            return self._put("secrets", namespace, content, "Secret", "v1")
        check_job(content)
        return self._create_job(namespace, content)

    def get(self, resource: str, namespace: str, name: str) -> Object:
        with self.lock:
            if (namespace, name) not in self.objects[resource]:
                raise RefusedError(404, "NotFound", f'{resource} "{name}" not found')
            return self.objects[resource][namespace, name]

    def listed(self, resource: str, namespace: str, labels: Mapping[str, str]) -> list[Object]:
        with self.lock:
            return [
                content
                for (place, _), content in self.objects[resource].items()
                if place == namespace and labels.items() <= (content["metadata"].get("labels") or {}).items()
            ]

    def delete(self, resource: str, namespace: str, name: str) -> Object:
        """Delete an object; with a Job its pods, with a pod its process."""
        content = self.get(resource, namespace, name)
        with self.lock:
            if resource == "jobs":
                for pod in self.listed("pods", namespace, {"controller-uid": content["metadata"]["uid"]}):
                    self.delete("pods", namespace, pod["metadata"]["name"])
            if resource == "pods":
                self._end(namespace, name)
            self.objects[resource].pop((namespace, name), None)
        details = {"name": name, "kind": resource}
        return {"kind": "Status", "apiVersion": "v1", "status": "Success", "metadata": {}, "details": details}

    def log(self, namespace: str, name: str, container: str | None, *, previous: bool) -> bytes:
        pod = self.get("pods", namespace, name)
        names = [each["name"] for each in pod["spec"]["containers"]]
        container = container or names[0]
        if container not in names:
            raise RefusedError(400, "BadRequest", f"container {container} is not valid for pod {name}")
        if previous and self.strict_previous:
            text = f'previous terminated container "{container}" in pod "{name}" not found'
            raise RefusedError(400, "BadRequest", text)
        return self._logs[namespace, name].read_bytes()

    def close(self) -> None:
        """End all pods."""
        self._ending.set()
        with self.lock:
            for namespace, name in list(self._processes):
                self._end(namespace, name, signal.SIGKILL)

    # Objects

    def _put(self, resource: str, namespace: str, content: Object, kind: str, version: str) -> Object:
        with self.lock:
            name = content["metadata"]["name"]
            if (namespace, name) in self.objects[resource]:
                raise RefusedError(409, "AlreadyExists", f'{resource} "{name}" already exists')
            self.version += 1
            content["kind"], content["apiVersion"] = kind, version
            content["metadata"].update(
                namespace=namespace,
                uid=str(uuid.uuid4()),
                creationTimestamp=_now(),
                resourceVersion=str(self.version),
            )
            self.objects[resource][namespace, name] = content
            return content

    def _create_job(self, namespace: str, content: Object) -> Object:
        template = content["spec"]["template"]
        for name, default in (("backoffLimit", 6), ("completions", 1), ("parallelism", 1)):
            content["spec"].setdefault(name, default)
        with self.lock:
            job = self._put("jobs", namespace, content, "Job", "batch/v1")
            job["status"] = {"active": 1, "startTime": _now()}
            name = job["metadata"]["name"]
            own = {"job-name": name, "controller-uid": job["metadata"]["uid"]}
            own |= {f"batch.kubernetes.io/{key}": value for key, value in own.items()}
            labels = (template.get("metadata") or {}).get("labels", {}) | own
            pod = {
                "metadata": {"name": f"{name}-{uuid.uuid4().hex[:5]}", "labels": labels},
                "spec": copy.deepcopy(template.get("spec") or {}),
                "status": {"phase": "Pending"},
            }
            self._put("pods", namespace, pod, "Pod", "v1")
        return job

    def _end(self, namespace: str, name: str, how: signal.Signals = signal.SIGTERM) -> None:
        process = self._processes.pop((namespace, name), None)
        if process is not None and process.poll() is None:
            self.runner.stop(name)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, how)
        self._used.pop((namespace, name), None)

    # Scheduler, kubelet, Job controller

    def _control(self) -> None:
        while not self._ending.wait(0.1):
            try:
                with self.lock:
                    for key, pod in list(self.objects["pods"].items()):
                        if pod["status"]["phase"] == "Pending":
                            self._schedule(key, pod)
                        elif pod["status"]["phase"] == "Running":
                            self._watch(key, pod)
            except Exception:  # a fault of the stand-in: seen in its output, the next pod goes on
                traceback.print_exc()

    def _schedule(self, key: Key, pod: Object) -> None:
        spec, status = pod["spec"], pod["status"]
        container = spec["containers"][0]
        requested = (container.get("resources") or {}).get("requests") or {}
        requests = {name: quantity(amount) for name, amount in requested.items()}
        reasons = self._reasons_to_wait(key[0], spec, requests)
        scheduled = {"type": "PodScheduled", "status": "False" if reasons else "True"}
        if reasons:
            message = f"0/1 nodes are available: {', '.join(reasons)}"
            status["conditions"] = [scheduled | {"reason": "Unschedulable", "message": message}]
            return
        status["conditions"] = [scheduled]
        if self.images and container["image"] not in self.images:
            message = f"image {container['image']} not found"
            status["containerStatuses"] = [_status(container, {"waiting": _why("ErrImagePull", message)})]
            return
        try:
            env = self._variables(key[0], container)
        except RefusedError as refused:
            waiting = _why("CreateContainerConfigError", refused.message)
            status["containerStatuses"] = [_status(container, {"waiting": waiting})]
            return
        env.setdefault("KUBERNETES_SERVICE_HOST", "127.0.0.1")  # a kubelet tells every pod
        if requests.get(GPU):
            env["NVIDIA_VISIBLE_DEVICES"] = ",".join(str(i) for i in range(int(requests[GPU])))
        self._start(key, pod, env)
        self._used[key] = requests

    def _reasons_to_wait(self, namespace: str, spec: Object, requests: Mapping[str, float]) -> list[str]:
        capacity, reasons = self.node.capacity(), []
        for name, amount in requests.items():
            if sum(used.get(name, 0) for used in self._used.values()) + amount > capacity.get(name, 0):
                reasons.append(f"Insufficient {name}")
        for name, value in (spec.get("nodeSelector") or {}).items():
            if self.node.labels.get(name) != value:
                reasons.append("node(s) didn't match Pod's node affinity/selector")
        tolerated = any(
            toleration.get("key") == GPU and toleration.get("value") == self.node.gpu_taint
            for toleration in spec.get("tolerations") or []
        )
        if self.node.gpu_taint and GPU in requests and not tolerated:
            reasons.append(f"node(s) had untolerated taint {{{GPU}: {self.node.gpu_taint}}}")
        for volume in spec.get("volumes") or []:
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            if claim and claim not in self.claims:
                reasons.append(f'persistentvolumeclaim "{claim}" not found')
        return reasons

    def _variables(self, namespace: str, container: Object) -> dict[str, str]:
        env = {}
        for variable in container.get("env") or []:
            reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
            if reference:
                secret = self.get("secrets", namespace, reference["name"])
                if reference["key"] not in secret["data"]:
                    raise RefusedError(404, "NotFound", f"secret {reference['name']} has no key {reference['key']}")
                env[variable["name"]] = base64.b64decode(secret["data"][reference["key"]]).decode()
            elif variable.get("value") is not None:
                env[variable["name"]] = variable["value"]
        return env

    def _start(self, key: Key, pod: Object, env: Mapping[str, str]) -> None:
        container, status = pod["spec"]["containers"][0], pod["status"]
        folder = Path(tempfile.mkdtemp(prefix="pod-", dir=self.state))
        places = {}
        for volume in pod["spec"].get("volumes") or []:
            claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
            places[volume["name"]] = self.claims[claim] if claim else str(folder / volume["name"])
            Path(places[volume["name"]]).mkdir(parents=True, exist_ok=True)
        mounts = [(places[mount["name"]], mount["mountPath"]) for mount in container.get("volumeMounts") or []]
        command, environment = self.runner.command(key[1], container, env, mounts)
        self._logs[key] = folder / "log"
        with self._logs[key].open("wb") as log:
            self._processes[key] = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd="/",
            )
        status.update(phase="Running", startTime=_now(), hostIP="127.0.0.1", podIP="127.0.0.1")
        status["containerStatuses"] = [_status(container, {"running": {"startedAt": _now()}})]

    def _watch(self, key: Key, pod: Object) -> None:
        code = self._processes[key].poll()
        if code is None:
            return
        code = 128 - code if code < 0 else code
        reason = "Completed" if code == 0 else "OOMKilled" if code == 137 else "Error"
        ended = {"exitCode": code, "startedAt": pod["status"]["startTime"], "finishedAt": _now()}
        pod["status"]["phase"] = "Succeeded" if code == 0 else "Failed"
        pod["status"]["containerStatuses"] = [
            _status(pod["spec"]["containers"][0], {"terminated": ended | {"reason": reason}})
        ]
        self._used.pop(key, None)
        job = self.objects["jobs"].get((key[0], pod["metadata"]["labels"]["job-name"]))
        if job is None:
            return
        job["status"].pop("active", None)
        if code == 0:
            conditions = [{"type": "Complete", "status": "True"}]
            job["status"].update(succeeded=1, completionTime=_now(), conditions=conditions)
        else:
            why = _why("BackoffLimitExceeded", "Job has reached the specified backoff limit")
            job["status"].update(failed=1, conditions=[{"type": "Failed", "status": "True", **why}])


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _why(reason: str, message: str) -> Object:
    return {"reason": reason, "message": message}


def _status(container: Object, state: Object) -> Object:
    about = {"name": container["name"], "image": container["image"], "imageID": "", "lastState": {}}
    return about | {"ready": "running" in state, "restartCount": 0, "state": state}

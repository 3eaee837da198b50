"""The stand-in of the Kubernetes API is as strict as it is meant to be: what a run on it proves depends on that."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("kubernetes", reason="the client package is not installed (make install-cluster)")

from kube_admission import RefusedError, check_job, check_secret
from kube_fields import quantity
from kube_runners import Bubblewrap

pytestmark = pytest.mark.kubernetes

Object = dict[str, Any]


def job(**resources: Object) -> Object:
    """A Job as the plugin sends one."""
    container = {
        "name": "snakemake",
        "image": "registry/conceptatlas:1",
        "command": ["/bin/sh"],
        "args": ["-c", "true"],
        "workingDir": "/workdir",
        "env": [{"name": "KEY", "valueFrom": {"secretKeyRef": {"name": "some-secret", "key": "key"}}}],
        "volumeMounts": [{"name": "workdir", "mountPath": "/workdir"}],
        "resources": resources,
    }
    pod = {"containers": [container], "restartPolicy": "Never", "volumes": [{"name": "workdir", "emptyDir": {}}]}
    return {"metadata": {"name": "snakejob-1"}, "spec": {"backoffLimit": 0, "template": {"spec": pod}}}


def refused(content: Object, check: Callable[[Object], None] = check_job) -> RefusedError:
    with pytest.raises(RefusedError) as caught:
        check(content)
    return caught.value


def test_quantities() -> None:
    assert [quantity(text) for text in ("950m", "4000M", "2Gi", "1", "1e3")] == pytest.approx(
        [0.95, 4e9, 2 * 2**30, 1, 1000]
    )
    with pytest.raises(ValueError, match="must match"):
        quantity("4 GB")


def test_what_the_plugin_sends_is_accepted() -> None:
    check_job(job(requests={"cpu": "950m", "memory": "4000M", "ephemeral-storage": "1000M"}))
    both = {"cpu": "1000m", "nvidia.com/gpu": "1"}
    check_job(job(requests=both, limits=both))
    check_secret({"metadata": {"name": "some-secret"}, "type": "Opaque", "data": {"key": "dmFsdWU="}})


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"requests": {"nvidia.com/gpu": "1"}}, "Limit must be set for non overcommitable resources"),
        ({"requests": {"nvidia.com/gpu": "1"}, "limits": {"nvidia.com/gpu": "2"}}, "must be equal to nvidia.com/gpu"),
        ({"requests": {"nvidia.com/gpu": "0.5"}, "limits": {"nvidia.com/gpu": "0.5"}}, "must be an integer"),
        ({"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}, "must be less than or equal to cpu limit"),
        ({"requests": {"gpu": "1"}}, "must be a standard resource type or fully qualified"),
        ({"requests": {"memory": "4 GB"}}, "quantities must match"),
    ],
)
def test_wrong_resources_are_refused(resources: Object, said: str) -> None:
    error = refused(job(**resources))
    assert error.code == 422
    assert said in error.message


def changed(change: Callable[[Object, Object], Any]) -> Object:
    """The Job, after a change to its pod and container."""
    content = copy.deepcopy(job())
    pod = content["spec"]["template"]["spec"]
    change(pod, pod["containers"][0])
    return content


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        (lambda pod, _: pod.update(restartPolicy="Always"), 422, "restartPolicy: Unsupported value"),
        (lambda pod, _: pod.update(containers=[]), 422, "containers: Required value"),
        (lambda _, container: container.update(image=" "), 422, "image: Required value"),
        (lambda pod, _: pod.update(volumes=[]), 422, "volumeMounts: Not found: workdir"),
        (lambda _, container: container.update(gpu=1), 400, 'unknown field "job.spec.template.spec.containers[0].gpu"'),
        (lambda _, container: container.update(args="true"), 400, "args: expected array"),
        (lambda pod, _: pod.update(tolerations=[{"operator": "Maybe"}]), 422, "operator: Unsupported value"),
    ],
)  # fmt: skip
def test_wrong_pods_are_refused(change: Callable[[Object, Object], Any], code: int, said: str) -> None:
    error = refused(changed(change))
    assert error.code == code
    assert said in error.message
    assert error.body()["code"] == code


def test_a_secret_must_be_base64() -> None:
    error = refused({"metadata": {"name": "some-secret"}, "data": {"key": "no base64"}}, check_secret)
    assert (error.code, "illegal base64" in error.message) == (422, True)


def test_a_sandbox_sees_nothing_but_image_and_volumes() -> None:
    container = {"name": "c", "image": "i", "command": ["true"], "workingDir": "/workdir"}
    runner = Bubblewrap(("/somewhere/python",), {"PATH": "/usr/bin"})
    command, env = runner.command("pod-1", container, {"KEY": "value"}, [("/state/pod/workdir", "/workdir")])
    bound = [command[i + 1] for i, word in enumerate(command) if word in ("--bind", "--ro-bind")]
    assert {"/somewhere/python", "/state/pod/workdir"} <= set(bound)
    assert not {"/", "/home", "/root", "/tmp", "/var", "/run", "/work"} & set(bound)
    assert "--clearenv" in command
    assert set(env) == {"PATH"}

"""What an API server refuses: the rules for secrets and batch Jobs that a Snakemake run can break.

They are the documented rules of Kubernetes, written down here and not compared with a real server.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from typing import Any

from kube_fields import LABEL, SUBDOMAIN, VARIABLE, field_errors, quantity

Object = dict[str, Any]

PLAIN_RESOURCES = ("cpu", "memory", "ephemeral-storage")


class RefusedError(Exception):
    """An answer of the API server that is no success."""

    def __init__(self, code: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message

    def body(self) -> Object:
        return {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
            "reason": self.reason,
            "code": self.code,
        }


def check_secret(secret: Object) -> None:
    """Raise `RefusedError` (400 for fields, 422 for content) unless the secret may be made."""
    _decoded(secret, "V1Secret", "secret")
    name = secret.get("metadata", {}).get("name", "")
    errors = [] if SUBDOMAIN.fullmatch(name) and len(name) <= 253 else ["metadata.name: invalid"]
    for key, value in (secret.get("data") or {}).items():
        if not re.fullmatch(r"[-._a-zA-Z0-9]+", key):
            errors.append(f"data[{key}]: invalid key")
        try:
            base64.b64decode(value, validate=True)
        except binascii.Error:
            errors.append(f"data[{key}]: illegal base64")
    _refuse("Secret", name, errors)


def check_job(job: Object) -> None:
    """Raise `RefusedError` (400 for fields, 422 for content) unless the Job may be made."""
    _decoded(job, "V1Job", "job")
    name = job.get("metadata", {}).get("name", "")
    errors = [] if SUBDOMAIN.fullmatch(name) and len(name) <= 63 else [f"metadata.name: Invalid value: {name!r}"]
    pod = job["spec"]["template"].get("spec") or {}
    where = "spec.template.spec"
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        errors.append(f'{where}.restartPolicy: Unsupported value: supported values: "OnFailure", "Never"')
    volumes = [volume["name"] for volume in pod.get("volumes") or []]
    errors += _volume_errors(pod.get("volumes") or [])
    if not pod.get("containers"):
        errors.append(f"{where}.containers: Required value")
    for i, container in enumerate(pod.get("containers") or []):
        place = f"{where}.containers[{i}]"
        errors += [*_container_errors(container, volumes, place), *resource_errors(container, place)]
    errors += [error for toleration in pod.get("tolerations") or [] for error in _toleration_errors(toleration)]
    _refuse("Job.batch", name, errors)


def _decoded(content: Object, type_name: str, where: str) -> None:
    errors = field_errors(content, type_name, where)
    if errors:
        raise RefusedError(400, "BadRequest", "; ".join(errors))


def _refuse(kind: str, name: str, errors: list[str]) -> None:
    if errors:
        raise RefusedError(422, "Invalid", f'{kind} "{name}" is invalid: {"; ".join(errors)}')


def _volume_errors(volumes: list[Object]) -> Iterator[str]:
    names: set[str] = set()
    for volume in volumes:
        name = volume["name"]
        if not LABEL.fullmatch(name):
            yield f"volumes[{name}].name: invalid"
        if name in names:
            yield f"volumes: Duplicate value: {name}"
        if len([key for key, value in volume.items() if key != "name" and value is not None]) != 1:
            yield f"volumes[{name}]: must specify exactly one volume type"
        names.add(name)


def _container_errors(container: Object, volumes: list[str], where: str) -> Iterator[str]:
    if not LABEL.fullmatch(container.get("name", "")):
        yield f"{where}.name: invalid"
    image = container.get("image") or ""
    if not image.strip():
        yield f"{where}.image: Required value"
    elif image != image.strip():
        yield f"{where}.image: must not have leading or trailing whitespace"
    places: set[str] = set()
    for mount in container.get("volumeMounts") or []:
        if mount["name"] not in volumes:
            yield f"{where}.volumeMounts: Not found: {mount['name']}"
        if mount["mountPath"] in places:
            yield f"{where}.volumeMounts.mountPath: must be unique: {mount['mountPath']}"
        places.add(mount["mountPath"])
    for variable in container.get("env") or []:
        if not VARIABLE.fullmatch(variable["name"]):
            yield f"{where}.env: invalid name {variable['name']}"
        if variable.get("value") and variable.get("valueFrom"):
            yield f"{where}.env: valueFrom may not be specified when `value` is not empty"


def resource_errors(container: Object, where: str) -> Iterator[str]:
    """Requests and limits; extended resources (a name with a slash: GPUs) cannot be overcommitted."""
    resources = container.get("resources") or {}
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    sound = True
    for kind, amounts in (("requests", requests), ("limits", limits)):
        for error in _amount_errors(amounts, f"{where}.resources.{kind}"):
            sound = False
            yield error
    if not sound:
        return
    for name, amount in requests.items():
        extended = "/" in name
        if name not in limits:
            if extended:
                yield (
                    f"{where}.resources.limits: Required value: "
                    f"Limit must be set for non overcommitable resources ({name})"
                )
        elif extended and quantity(amount) != quantity(limits[name]):
            yield f"{where}.resources.requests: Invalid value: must be equal to {name} limit"
        elif quantity(amount) > quantity(limits[name]):
            yield f"{where}.resources.requests: Invalid value: must be less than or equal to {name} limit"


def _amount_errors(amounts: Mapping[str, object], where: str) -> Iterator[str]:
    for name, text in amounts.items():
        try:
            amount = quantity(text)
        except ValueError as error:
            yield f"{where}[{name}]: {error}"
            continue
        if amount < 0:
            yield f"{where}[{name}]: must be greater than or equal to 0"
        if "/" in name and amount != int(amount):
            yield f"{where}[{name}]: must be an integer"
        if "/" not in name and name not in PLAIN_RESOURCES:
            yield f"{where}[{name}]: must be a standard resource type or fully qualified"


def _toleration_errors(toleration: Object) -> Iterator[str]:
    operator = toleration.get("operator", "Equal")
    if operator not in ("Equal", "Exists"):
        yield "tolerations.operator: Unsupported value"
    if operator == "Exists" and toleration.get("value"):
        yield "tolerations.value: must be empty when `operator` is 'Exists'"
    if toleration.get("effect", "") not in ("", "NoSchedule", "PreferNoSchedule", "NoExecute"):
        yield "tolerations.effect: Unsupported value"

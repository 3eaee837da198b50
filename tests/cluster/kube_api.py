"""A strict loopback stand-in for the part of the Kubernetes API that Snakemake's executor plugin uses; it runs pods.

    python tests/cluster/kube_api.py --state FOLDER --kubeconfig FILE --expose .venv

core/v1: secrets, pods, pods/log; batch/v1: jobs, jobs/status. Every call is checked (token, role, fields, rules) and
written to `FOLDER/audit.jsonl`: verb, path, answer, and the body of each Job. Bodies of secrets are never written.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import re
import signal
import sys
import threading
import time
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from kube_admission import Object, RefusedError
from kube_cluster import Cluster, Node
from kube_runners import Bubblewrap, Podman

ROLE = {
    "secrets": {"create", "delete"},
    "jobs": {"create", "delete"},
    "jobs/status": {"get"},
    "pods": {"list", "delete"},
    "pods/log": {"get"},
}
"""What the token may do: docs/kubernetes.md asks a cluster's administrator for exactly this."""

GROUPS = {"api/v1": {"secrets", "pods"}, "apis/batch/v1": {"jobs"}}
VERBS = {"POST": "create", "DELETE": "delete"}

_PATH = re.compile(r"/(api/v1|apis/batch/v1)/namespaces/([^/]+)/([a-z]+)(?:/([^/]+))?(?:/([a-z]+))?")


class Api(ThreadingHTTPServer):
    """The HTTP server over a cluster; port 0 takes a free one."""

    def __init__(self, cluster: Cluster, *, port: int, token: str, namespaces: tuple[str, ...], audit: Path) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.cluster, self.token, self.namespaces, self.audit = cluster, token, namespaces, audit
        self.audit_lock = threading.Lock()

    def answer(self, verb: str, address: str, authorization: str, raw: bytes) -> tuple[int, Object | bytes]:
        """Status and body of one call, which is written to the audit log."""
        sent: Object = {}
        try:
            if authorization.lower() != f"bearer {self.token}".lower():
                raise RefusedError(401, "Unauthorized", "Unauthorized")
            try:
                body = json.loads(raw) if raw else {}
                sent = copy.deepcopy(body)  # the server adds to what it keeps
            except ValueError as error:
                raise RefusedError(400, "BadRequest", f"json: {error}") from None
            code, content = self._route(verb, address, body)
        except RefusedError as refused:
            code, content = refused.code, refused.body()
        except Exception as error:  # a fault of the stand-in
            traceback.print_exc()
            code, content = 500, RefusedError(500, "InternalError", repr(error)).body()
        entry: Object = {"t": time.time(), "verb": verb, "path": address, "code": code}
        if verb == "POST" and "/jobs" in address:
            entry["body"] = sent
        if code >= 400 and isinstance(content, dict):
            entry["error"] = content["message"]
        with self.audit_lock, self.audit.open("a") as file:
            file.write(json.dumps(entry) + "\n")
        return code, content

    def _route(self, verb: str, address: str, body: Object) -> tuple[int, Object | bytes]:
        parts = urlsplit(address)
        if parts.path in ("/healthz", "/readyz", "/livez"):
            return 200, b"ok"
        match = _PATH.fullmatch(parts.path)
        if match is None or match.group(3) not in GROUPS[match.group(1)]:
            raise RefusedError(404, "NotFound", "the server could not find the requested resource")
        _, namespace, resource, name, part = match.groups()
        if namespace not in self.namespaces:
            raise RefusedError(404, "NotFound", f'namespaces "{namespace}" not found')
        action = VERBS.get(verb, verb.lower()) if verb != "GET" else "get" if name else "list"
        kind = f"{resource}/{part}" if part else resource
        if action not in ROLE.get(kind, set()):
            text = f'User "ci" cannot {action} resource "{kind}" in the namespace "{namespace}"'
            raise RefusedError(403, "Forbidden", f"{resource} is forbidden: {text}")
        query = parse_qs(parts.query)
        if action == "create":
            return 201, self.cluster.create(resource, namespace, body)
        if action == "delete":
            return 200, self.cluster.delete(resource, namespace, name)
        if part == "log":
            previous = query.get("previous", ["false"])[0].lower() == "true"
            return 200, self.cluster.log(namespace, name, query.get("container", [None])[0], previous=previous)
        if action == "get":
            return 200, self.cluster.get(resource, namespace, name)
        selector = query.get("labelSelector", [""])[0].replace("==", "=")
        labels = dict(term.split("=", 1) for term in selector.split(",") if term)
        items = self.cluster.listed(resource, namespace, labels)
        metadata = {"resourceVersion": str(self.cluster.version)}
        return 200, {"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def log_message(self, format: str, *arguments: Any) -> None:
        """The audit log says more."""

    def _handle(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.cluster.lock:  # an object must not change while it is written
            code, content = self.server.answer(self.command, self.path, self.headers.get("Authorization", ""), raw)
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Type", "text/plain" if isinstance(content, bytes) else "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_DELETE = do_PUT = do_PATCH = _handle  # noqa: N815


def kubeconfig(port: int, token: str) -> Object:
    """The file that clients read, for a user with a token."""
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "ci",
        "clusters": [{"name": "ci", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "ci", "user": {"token": token}}],
        "contexts": [{"name": "ci", "context": {"cluster": "ci", "user": "ci", "namespace": "default"}}],
    }


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="folder for audit log, pods' logs and empty volumes")
    parser.add_argument("--kubeconfig", type=Path, required=True, help="file to write for clients")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--token", default="ci-token")
    parser.add_argument("--namespaces", nargs="+", default=["default"])
    parser.add_argument("--runner", choices=["bwrap", "podman"], default="bwrap")
    parser.add_argument("--expose", nargs="*", default=[], help="bwrap: folders that belong to the image")
    parser.add_argument("--image-env", nargs="*", default=[], metavar="NAME=VALUE", help="bwrap: the image's variables")
    parser.add_argument("--images", nargs="*", default=[], help="images that can be pulled (default: all)")
    parser.add_argument("--claims", nargs="*", default=[], metavar="NAME=FOLDER", help="persistent volume claims")
    parser.add_argument("--cpu", type=float, default=8)
    parser.add_argument("--memory-mb", type=float, default=16000)
    parser.add_argument("--gpus", type=int, default=2)
    parser.add_argument(
        "--no-strict-previous",
        dest="strict_previous",
        action="store_false",
        help="give the log of a container that was never restarted as its previous log; a kubelet answers 400",
    )
    return parser.parse_args()


def main() -> None:
    given = options()
    given.state.mkdir(parents=True, exist_ok=True)
    image_env = dict(pair.split("=", 1) for pair in given.image_env)
    cluster = Cluster(
        given.state,
        runner=Podman() if given.runner == "podman" else Bubblewrap(tuple(given.expose), image_env),
        node=Node(given.cpu, given.memory_mb, given.gpus),
        claims=dict(pair.split("=", 1) for pair in given.claims),
        images=tuple(given.images),
        strict_previous=given.strict_previous,
    )
    audit = given.state / "audit.jsonl"
    audit.touch()
    api = Api(cluster, port=given.port, token=given.token, namespaces=tuple(given.namespaces), audit=audit)
    given.kubeconfig.write_text(json.dumps(kubeconfig(api.server_port, given.token)))
    sys.stdout.write(f"listening on 127.0.0.1:{api.server_port}\n")
    sys.stdout.flush()

    def stop(*_: object) -> None:
        cluster.close()
        os._exit(0)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    api.serve_forever()


if __name__ == "__main__":
    main()

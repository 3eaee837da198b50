"""A network whose first use in a pod fails: what a lost connection or a busy device do to a job."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import nn

from conceptatlas.datasets.scenes.vocabulary import CLASSES
from conceptatlas.models import demo_nets

MARKER = Path("failed_once")
MESSAGE = "the network fails once in every pod"


def build() -> tuple[nn.Module, dict[str, Any]]:
    """The demo's plain network, as the source `user` expects one; Kubernetes tells every pod where its API is."""
    if "KUBERNETES_SERVICE_HOST" in os.environ and not MARKER.exists():
        MARKER.touch()
        raise OSError(MESSAGE)
    return demo_nets.build("plain", len(CLASSES)), {"mean": (0.5, 0.5, 0.5), "std": (0.25, 0.25, 0.25)}

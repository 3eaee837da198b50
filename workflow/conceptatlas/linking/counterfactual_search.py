"""Counterfactuals: how far must a representation move until the picture it stands for is another class?

From the published code of Wehrheim et al. (2024): r' = r - shift, and gradient descent (plain, learning rate 0.5) on

    - logit_target + 0.6 logit_origin - 10 cos(w(r), w(r'))

through the head and the link only. After each step the *generated* picture of relu(r') is classified; the search stops
when it is the target. Each row of a batch descends on its own loss, so a batch finds what single searches find.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from conceptatlas.linking.classifier import Classifier
from conceptatlas.linking.link import Link

Array = np.ndarray[Any, Any]

KEPT = (0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
"""Steps whose shifts are kept for the trajectory, besides the last."""


@dataclass(frozen=True)
class Descent:
    """Options of the search; the defaults are those of the published code.

    steps : at most. check_every : steps between looks at the generated picture.
    """

    steps: int = 2000
    learning_rate: float = 0.5
    origin_weight: float = 0.6
    cosine_weight: float = 10.0
    check_every: int = 1


@dataclass
class Found:
    """What the search of one row found.

    shift : float32 (K,), the last one. steps : taken. success : whether the generated picture became the target.
    finite : whether every number stayed finite. kept : steps of the trajectory. shifts : float32 (m, K) at these.
    logits : float32 (m, 2), of the head for r' at these, of the origin and of the target.
    """

    shift: Array
    steps: int
    success: bool
    finite: bool
    kept: list[int]
    shifts: Array
    logits: Array


def search(
    classifier: Classifier,
    link: Link,
    classify: Callable[[torch.Tensor], torch.Tensor],
    r: torch.Tensor,
    shift: torch.Tensor,
    origins: torch.Tensor,
    targets: torch.Tensor,
    options: Descent,
) -> list[Found]:
    """Search counterfactuals of a batch of representations.

    Parameters
    ----------
    classify : representations r' (n, K) to the classifier's answers to their generated pictures, int64 (n,).
    r, shift : float32 (n, K), where to start from. origins, targets : int64 (n,).
    """
    n = len(r)
    shift = shift.clone()
    active = torch.arange(n, device=r.device)
    done = [Found(np.zeros(0), 0, False, True, [], np.zeros(0), np.zeros(0)) for _ in range(n)]
    kept: list[list[tuple[int, Array, Array]]] = [[] for _ in range(n)]
    w = link.apply(r)
    for step in range(options.steps + 1):
        stopped = torch.zeros(len(active), dtype=torch.bool, device=r.device)
        finite = torch.isfinite(shift[active]).all(1)
        if step % options.check_every == 0 or step == options.steps:
            stopped = classify(r[active] - torch.nan_to_num(shift[active])) == targets[active]
        over = stopped | ~finite | (step == options.steps)
        if step in KEPT or bool(over.any()):
            rows = active if step in KEPT else active[over]
            for row, own, logits in zip(
                rows.tolist(), *_state(classifier, r, shift, origins, targets, rows), strict=True
            ):
                kept[row].append((step, own, logits))
        for at in torch.nonzero(over).flatten().tolist():
            row = int(active[at])
            done[row] = Found(
                kept[row][-1][1], step, bool(stopped[at] & finite[at]), bool(finite[at]),
                [k for k, _, _ in kept[row]], np.array([own for _, own, _ in kept[row]]),
                np.array([logits for _, _, logits in kept[row]]),
            )  # fmt: skip
        active = active[~over]
        if not len(active):
            break
        shift[active] -= options.learning_rate * gradient(
            classifier, link, r[active], w[active], shift[active], origins[active], targets[active], options
        )
    return done


def gradient(
    classifier: Classifier,
    link: Link,
    r: torch.Tensor,
    w: torch.Tensor,
    shift: torch.Tensor,
    origins: torch.Tensor,
    targets: torch.Tensor,
    options: Descent,
) -> torch.Tensor:
    """Gradient of each row's loss with respect to its shift, float32 (n, K)."""
    with torch.enable_grad():
        variable = shift.detach().requires_grad_()
        moved = r - variable
        logits = classifier.head(moved)
        loss = -logits.gather(1, targets[:, None]) + options.origin_weight * logits.gather(1, origins[:, None])
        loss = loss[:, 0] - options.cosine_weight * torch.cosine_similarity(w, link.apply(moved), dim=1)
        (found,) = torch.autograd.grad(loss.sum(), [variable])
    return found


def _state(
    classifier: Classifier,
    r: torch.Tensor,
    shift: torch.Tensor,
    origins: torch.Tensor,
    targets: torch.Tensor,
    rows: Any,
) -> tuple[Array, Array]:
    """Shifts and the two logits of some rows, on the host."""
    with torch.inference_mode():
        logits = classifier.head(r[rows] - shift[rows])
        two = torch.stack([logits.gather(1, t[rows][:, None])[:, 0] for t in (origins, targets)], dim=1)
    return shift[rows].cpu().numpy(), two.cpu().numpy()

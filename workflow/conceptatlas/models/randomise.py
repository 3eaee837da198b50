"""Networks that have learnt nothing: seeded initialisation, and trained weights with their entries shuffled.

Both are floors for every headline number. `random` keeps the architecture only; `shuffled` also keeps the distribution
of the trained weights, tensor by tensor. Either needs its batch-norm statistics re-estimated (`models.calibration`).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from conceptatlas.seeds import derive_seed, generator


def seeded_build(build: Callable[[], nn.Module], *, seed: int) -> nn.Module:
    """Call `build` with torch's CPU generator seeded by (seed, "init"); the global generator is left as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(seed, "init"))
        return build()


def shuffle_parameters(module: nn.Module, *, seed: int) -> None:
    """Permute the entries of every parameter in place, each by a permutation seeded by its name.

    Buffers stay: batch-norm statistics belong to the trained order of weights and are re-estimated anyway. A parameter
    that several modules share is permuted once, under its first name.
    """
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            order = torch.from_numpy(generator(seed, "shuffle", name).permutation(parameter.numel()))
            parameter.copy_(parameter.detach().reshape(-1)[order].reshape(parameter.shape))

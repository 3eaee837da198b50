"""Which modules of a classifier its penultimate representation is the pooled output of.

A unit of the link is a unit of a layer only where r is the mean over positions of that layer's maps. That is measured
on pictures, not taken from names or widths.
"""

from __future__ import annotations

from typing import Any

import torch

from conceptatlas.models.loaded import LoadedModel

N_PICTURES = 4
TOLERANCE = 1e-4
"""Largest difference allowed, as a share of the largest entry of r: both are means of the same float32 numbers."""


def pooled_modules(model: LoadedModel, head_name: str) -> list[str]:
    """Dotted names of the modules whose maps, averaged over positions, are what the last linear layer reads.

    Parameters
    ----------
    model : loaded, in evaluation mode. head_name : dotted name of the last linear layer (`classifier.find_head`).

    Returns
    -------
    Names in the order of the network; a module that runs several times in a pass is none of them. Empty where r is made
    otherwise (a class token, a hidden linear layer, a normalisation after the pooling), or is 0 for all pictures.
    """
    pooled: dict[str, list[torch.Tensor]] = {}
    read: list[torch.Tensor] = []
    handles = []
    for name, module in model.module.named_modules():
        if name == head_name:
            handles.append(module.register_forward_pre_hook(lambda _module, inputs: read.append(inputs[0].clone())))
        elif name:

            def keep(_module: Any, _inputs: Any, output: Any, name: str = name) -> None:
                if isinstance(output, torch.Tensor) and output.ndim == 4:
                    pooled.setdefault(name, []).append(output.mean(dim=(2, 3)))

            handles.append(module.register_forward_hook(keep))
    pictures = torch.rand(N_PICTURES, 3, model.input_size, model.input_size, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            model.module(pictures.to(model.device))
    finally:
        for handle in handles:
            handle.remove()
    r = read[-1]
    largest = float(r.abs().max())
    if not largest:
        return []
    return [
        name
        for name, outputs in pooled.items()
        if len(outputs) == 1
        and outputs[0].shape == r.shape
        and float((outputs[0] - r).abs().max()) <= TOLERANCE * largest
    ]

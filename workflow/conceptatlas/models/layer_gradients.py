"""How a class score changes with the output of a layer: gradients at several layers in one forward and backward pass.

The class is the one that the model itself gives the picture. The gradient at a layer is that of the score with respect
to what the hooked module returns, everything behind it included, skip connections around it not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import nn

from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.models.hooks import ActivationHooks, Layout, as_map, find_module
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare
from conceptatlas.models.replacing import class_scores

Array = np.ndarray[Any, Any]


class LayerGradients:
    """Gradients of the model's own class score at some layers; layouts are found on the first batch.

    Parameters
    ----------
    model : moved to `device` in channels-last layout and left there; its parameters get no gradients.
    layers : layer name -> dotted module name.
    """

    def __init__(
        self,
        model: LoadedModel,
        layers: Mapping[str, str],
        *,
        device: torch.device | str = "cpu",
        tf32: bool = False,
    ) -> None:
        self.device, self.tf32 = torch.device(device), tf32
        model.module.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model, self.layers = model, dict(layers)
        self.layouts: dict[str, Layout] = {}

    def classes(self, frames: Array) -> Array:
        """The model's class of each frame, int64 (image,): a forward pass alone. Takes and raises what `of` does."""
        with exact_arithmetic(tf32=self.tf32), torch.inference_mode():
            output = self.model.module(prepare(frames, self.model, device=self.device))
            return class_scores(output, n_images=len(frames), name=self.model.name).argmax(dim=1).cpu().numpy()

    def of(self, frames: Array) -> tuple[Array, dict[str, Array]]:
        """Classes and gradients of some frames.

        frames : uint8 or float32 (image, size, size, 3).

        Returns
        -------
        own : int64 (image,), the model's class of each.
        gradients : layer -> float32 (image, unit, height, width); 0 where the score does not depend on the layer.

        Raises
        ------
        UnscoredError
            naming the model, if its output is not class scores.
        """
        with exact_arithmetic(tf32=self.tf32):
            inputs = prepare(frames, self.model, device=self.device)
            if not self.layouts:
                self._find_layouts(inputs)
            with torch.enable_grad():
                output, outputs = self._run(inputs)
                scores = class_scores(output, n_images=len(frames), name=self.model.name)
                own = scores.detach().argmax(dim=1)
                target = scores.gather(1, own[:, None]).sum()  # images do not see each other: one pass for all
                found: tuple[torch.Tensor | None, ...] = (None,) * len(outputs)
                if target.requires_grad:
                    found = torch.autograd.grad(target, list(outputs.values()), allow_unused=True)
        gradients = {}
        for (layer, value), gradient in zip(outputs.items(), found, strict=True):
            whole = torch.zeros_like(value) if gradient is None else gradient
            gradients[layer] = np.ascontiguousarray(as_map(whole, self.layouts[layer]).detach().float().cpu().numpy())
        return own.cpu().numpy(), gradients

    def _find_layouts(self, inputs: torch.Tensor) -> None:
        hooks = ActivationHooks(
            self.model.module,
            self.layers,
            convert=lambda _layer, values: values.new_zeros(0),  # only the layouts are wanted
            channel_last=self.model.channel_last,
            prefix_tokens=self.model.prefix_tokens,
            name=self.model.name,
        )
        with torch.no_grad(), hooks:
            output = hooks.run(inputs, stop_after_last=False)
            class_scores(output, n_images=len(inputs), name=self.model.name)
        self.layouts = dict(hooks.layouts)

    def _run(self, inputs: torch.Tensor) -> tuple[Any, dict[str, torch.Tensor]]:
        """Output of the network and, per layer, the tensor whose gradient is wanted."""
        kept: dict[str, torch.Tensor] = {}

        def hook(layer: str) -> Callable[[nn.Module, Any, torch.Tensor], torch.Tensor]:
            def keep(_module: nn.Module, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
                if not output.requires_grad:  # nothing before the first layer needs a graph
                    output = output.detach().clone(memory_format=torch.preserve_format).requires_grad_()
                kept[layer] = output
                return output.clone(memory_format=torch.preserve_format)  # in-place operations may follow

            return keep

        handles = []
        try:
            for layer, dotted in self.layers.items():
                module = find_module(self.model.module, dotted, where=f"model {self.model.name!r}")
                handles.append(module.register_forward_hook(hook(layer)))
            output = self.model.module(inputs)
        finally:
            for handle in handles:
                handle.remove()
        return output, {layer: kept[layer] for layer in self.layers}

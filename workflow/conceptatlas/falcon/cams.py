"""Where in an image a group of features looks: GradCAM of the sum of its pooled activations.

GradCAM (Selvaraju et al. 2017) weighs the units of a convolutional layer by the spatial mean of the target's gradient,
sums, and keeps the positive part. The target is the sum of the group's features h_k, the spatial means of the units of
the layer under study (Kalibhat et al. 2023).

Where that layer has a map of its own, it is the last convolutional layer before h, the gradient is 1/(height * width)
at every position of the group's units and 0 elsewhere: the map is the mean of their activations, and one forward pass
serves all groups. Otherwise (a vector, a class token) the map is taken at the last module before it that has positions
(for a transformer the patch tokens) and that the features depend on, with one forward pass a batch and a backward pass
for each group of the image that has most.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.models.hooks import ActivationHooks, Layout, as_map, find_module
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]
Groups = Sequence[Sequence[Sequence[int]]]
"""Of every image its groups, each the features it sums."""


class GroupCams:
    """GradCAM maps of groups of features.

    Parameters
    ----------
    model : moved to `device` in channels-last layout and left there.
    dotted : module of the layer whose pooled activations are the features.
    candidates : dotted modules with positions that run before it, the last one last; looked at only where the layer
        itself has none.

    Attributes
    ----------
    module : the module at which maps are taken; known after the first call.
    """

    def __init__(
        self,
        model: LoadedModel,
        dotted: str,
        *,
        candidates: Sequence[str] = (),
        device: torch.device | str = "cpu",
        tf32: bool = False,
    ) -> None:
        self.device, self.tf32 = torch.device(device), tf32
        model.module.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model, self.dotted, self.candidates = model, dotted, list(candidates)
        self.module = ""
        self._layouts: dict[str, Layout] = {}

    def of(self, frames: Array, groups: Groups) -> tuple[Array, Array | None, list[Array]]:
        """Features, class scores and maps of some frames.

        frames : uint8 (image, size, size, 3). groups : of every image.

        Returns
        -------
        features : float32 (image, feature), pooled. scores : float32 (image, class), or None where the model's output
        is no matrix. maps : per image float32 (group, height, width), at least 0.
        """
        with exact_arithmetic(tf32=self.tf32):
            inputs = prepare(frames, self.model, device=self.device)
            if not self.module:
                self.module = self._find(inputs)
            if self.module == self.dotted:
                return self._own_maps(inputs, groups)
            return self._gradient_maps(inputs, groups)

    def _find(self, inputs: torch.Tensor) -> str:
        """The module to take maps at: the layer itself, or the last candidate that the features depend on."""
        hooks = ActivationHooks(
            self.model.module,
            {name: name for name in [self.dotted, *self.candidates]},
            convert=lambda _layer, values: values.new_zeros(values.shape[-2:]),
            channel_last=self.model.channel_last,
            prefix_tokens=self.model.prefix_tokens,
            name=self.model.name,
        )
        with torch.no_grad(), hooks:
            hooks.run(inputs, stop_after_last=False)
            sizes = {name: values.shape[0] * values.shape[1] for name, values in hooks.maps.items()}
        self._layouts = dict(hooks.layouts)
        if sizes[self.dotted] > 1:
            return self.dotted
        for name in reversed([name for name in self.candidates if sizes[name] > 1]):
            with torch.enable_grad():
                h, maps, _ = self._run(inputs, name)
                # weights that differ: the plain sum of normalised features is constant
                target = (h * torch.linspace(0.5, 1.0, h.shape[1], device=h.device)).sum()
                found = torch.autograd.grad(target, maps, allow_unused=True)[0] if h.requires_grad else None
            if found is not None and as_map(found, self._layouts[name]).abs().sum() > 0:
                logger.info("model %s: GradCAM at module %s", self.model.name, name)
                return name
        raise ValueError(
            f"model {self.model.name!r}: no module before {self.dotted!r} has positions that its features depend on; "
            "FALCON needs a layer with a map, or one behind such a layer"
        )

    def _own_maps(self, inputs: torch.Tensor, groups: Groups) -> tuple[Array, Array | None, list[Array]]:
        kept: list[torch.Tensor] = []
        module = find_module(self.model.module, self.dotted, where=f"model {self.model.name!r}")
        handle = module.register_forward_hook(lambda _m, _i, output: kept.append(output.detach().clone()))
        try:
            with torch.no_grad():
                output = self.model.module(inputs)
        finally:
            handle.remove()
        values = as_map(kept[0], self._layouts[self.dotted]).float()
        found = [
            torch.stack([values[n, list(own)].sum(dim=0) for own in of_image]).clamp_min(0).cpu().numpy()
            / _area(values)
            if of_image
            else np.zeros((0, *values.shape[-2:]), dtype=np.float32)
            for n, of_image in enumerate(groups)
        ]
        return values.mean(dim=(2, 3)).cpu().numpy(), _scores(output, len(inputs)), found

    def _run(self, inputs: torch.Tensor, name: str) -> tuple[torch.Tensor, torch.Tensor, Any]:
        """Pooled features, the tensor at a module, and the output, with a graph from the one to the other."""
        kept: dict[str, torch.Tensor] = {}

        def at_maps(_module: Any, _inputs: Any, output: torch.Tensor) -> torch.Tensor:
            # parameters have no gradients, so the graph begins here
            kept["maps"] = output.detach().clone(memory_format=torch.preserve_format).requires_grad_()
            return kept["maps"].clone(memory_format=torch.preserve_format)  # in-place operations may follow

        def at_features(_module: Any, _inputs: Any, output: torch.Tensor) -> None:
            kept["features"] = as_map(output, self._layouts[self.dotted]).mean(dim=(2, 3))

        where = f"model {self.model.name!r}"
        handles = [
            find_module(self.model.module, name, where=where).register_forward_hook(at_maps),
            find_module(self.model.module, self.dotted, where=where).register_forward_hook(at_features),
        ]
        try:
            output = self.model.module(inputs)
        finally:
            for handle in handles:
                handle.remove()
        return kept["features"], kept["maps"], output

    def _gradient_maps(self, inputs: torch.Tensor, groups: Groups) -> tuple[Array, Array | None, list[Array]]:
        layout = self._layouts[self.module]
        with torch.enable_grad():
            h, maps, output = self._run(inputs, self.module)
            values = as_map(maps, layout).detach().float()
            found: list[list[Array]] = [[] for _ in groups]
            rounds = max((len(of_image) for of_image in groups), default=0)
            for turn in range(rounds):  # one group of every image at a time: images do not see each other
                busy = [n for n, of_image in enumerate(groups) if turn < len(of_image)]
                target = torch.stack([h[n, list(groups[n][turn])].sum() for n in busy]).sum()
                [gradient] = torch.autograd.grad(target, maps, retain_graph=turn + 1 < rounds)
                weights = as_map(gradient, layout).float().mean(dim=(2, 3), keepdim=True)
                cam = (weights * values).sum(dim=1).clamp_min(0).cpu().numpy()
                for n in busy:
                    found[n].append(cam[n])
        shape = tuple(values.shape[-2:])
        stacked = [np.stack(own) if own else np.zeros((0, *shape), dtype=np.float32) for own in found]
        return h.detach().float().cpu().numpy(), _scores(output, len(inputs)), stacked


def _area(values: torch.Tensor) -> int:
    return int(values.shape[-2] * values.shape[-1])


def _scores(output: Any, n_images: int) -> Array | None:
    """The output as class scores (image, class), or None."""
    if not isinstance(output, torch.Tensor) or not output.is_floating_point() or output.ndim != 2:
        return None
    if len(output) != n_images or output.shape[1] < 2:
        return None
    scores: Array = output.detach().float().cpu().numpy()
    return scores

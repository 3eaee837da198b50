"""A classifier as the link needs it: its penultimate representation r, the head that reads it, and its classes.

r is the input of the last linear layer, the one whose output the network returns as class scores (for ResNet-50 the
2,048 pooled units before `fc`). A network that ends in softmax counts: its logits are what the softmax took.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from conceptatlas.models.index import load_model
from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.preprocessing import prepare
from conceptatlas.naming import unknown


class Classifier:
    """A network split before its last linear layer.

    Attributes
    ----------
    name : of the model. n_units : K, length of r. n_classes : of the logits. classes : their names, or their numbers
        as text. head_name : dotted name of the last linear layer. model : the loaded network.
    """

    def __init__(self, model: LoadedModel, *, device: torch.device | str = "cpu") -> None:
        self.model = model
        self.device = torch.device(device)
        model.module.to(device=self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.name = model.name
        self.head_name, self._head = find_head(model)
        self.n_units, self.n_classes = int(self._head.in_features), int(self._head.out_features)
        names = model.classes if model.classes is not None else [str(i) for i in range(self.n_classes)]
        if len(names) != self.n_classes:
            raise ValueError(f"model {self.name!r}: {len(names)} class names for {self.n_classes} outputs")
        self.classes = [str(name) for name in names]

    def represent(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Representation and logits of pictures; differentiable in the pictures.

        images : float32 (n, 3, height, width) in 0..1, square; resized as frames are (see `models.preprocessing`).

        Returns
        -------
        r : float32 (n, K). logits : float32 (n, class), equal to ``head(r)``.
        """
        taken: list[torch.Tensor] = []
        handle = self._head.register_forward_pre_hook(lambda _module, inputs: taken.append(inputs[0]))
        try:
            frames = (images.permute(0, 2, 3, 1) * 255).contiguous()
            self.model.module(prepare(frames, self.model, device=self.device))
        finally:
            handle.remove()
        r = taken[-1]
        return r, self.head(r)

    def head(self, r: torch.Tensor) -> torch.Tensor:
        """Logits (n, class) of representations (n, K)."""
        logits: torch.Tensor = self._head(r)
        return logits

    def class_index(self, named: str | int, *, where: str) -> int:
        """Index of a class given by name or number; an unknown one raises ValueError with the nearest."""
        if str(named) in self.classes:
            return self.classes.index(str(named))
        if str(named).isdigit() and int(named) < self.n_classes:
            return int(named)
        raise unknown("class", str(named), self.classes, where=where)


def load_classifier(
    model_row: dict[str, Any], *, calibration: str | Path | None = None, device: torch.device | str = "cpu"
) -> Classifier:
    """The classifier of a row of models.tsv.

    Raises
    ------
    ValueError
        as `models.index.load_model`, and naming the model where it has no last linear layer.
    """
    return Classifier(load_model(model_row, calibration=calibration), device=device)


def find_head(model: LoadedModel) -> tuple[str, nn.Linear]:
    """The last linear layer: the one whose output the network returns, as it is or through (log-)softmax.

    Raises
    ------
    ValueError
        naming the model and what it returns instead.
    """
    outputs: list[tuple[str, nn.Linear, torch.Tensor, torch.Tensor]] = []
    handles = []
    for name, child in model.module.named_modules():
        if isinstance(child, nn.Linear):

            def keep(module: nn.Module, inputs: Any, output: Any, name: str = name) -> None:
                outputs.append((name, module, inputs[0], output))  # type: ignore[arg-type]

            handles.append(child.register_forward_hook(keep))
    pictures = torch.rand(2, 3, model.input_size, model.input_size, generator=torch.Generator().manual_seed(0))
    try:
        with torch.no_grad():
            scores = model.module(pictures.to(model.device))
    finally:
        for handle in handles:
            handle.remove()
    if not isinstance(scores, torch.Tensor) or scores.ndim != 2:
        found = f"{tuple(scores.shape)}" if isinstance(scores, torch.Tensor) else f"a {type(scores).__name__}"
        raise ValueError(
            f"model {model.name!r} has no penultimate representation to link: it returns {found} instead of class "
            "scores (image, class); name another under linking.models"
        )
    for name, layer, r, logits in reversed(outputs):
        if r.ndim == 2 and logits.shape == scores.shape and _reads(logits, scores):
            return name, layer
    raise ValueError(
        f"model {model.name!r} has no penultimate representation to link: none of its {len(outputs)} linear layers "
        "gives the scores that it returns; name another under linking.models"
    )


def _reads(logits: torch.Tensor, scores: torch.Tensor) -> bool:
    """Whether scores are the logits themselves, their softmax, or its logarithm."""
    return any(torch.allclose(way, scores, atol=1e-5) for way in (logits, logits.softmax(1), logits.log_softmax(1)))


def class_map(
    generator_classes: Sequence[str],
    classifier: Classifier,
    *,
    named: Mapping[str, Any] | None = None,
    asked: Sequence[str] | None = None,
    where: str,
) -> dict[int, int]:
    """Which class of the classifier a class of the generator means: generator index -> classifier index.

    Parameters
    ----------
    generator_classes : names of the generator's classes.
    named : pairs that the config gives (generator class -> classifier class, by name or index); the others go by equal
        name, or by equal index where either side has no names.
    asked : names of the generator's classes to take; None: all.
    where : for errors.

    Raises
    ------
    ValueError
        for an unknown class on either side, with the nearest.
    """
    named = {str(key): value for key, value in (named or {}).items()}
    for name in [*named, *(asked or [])]:
        if name not in generator_classes:
            raise unknown("class of the generator", name, generator_classes, where=where)
    chosen = generator_classes if asked is None else asked
    return {
        generator_classes.index(name): classifier.class_index(named.get(name, name), where=where) for name in chosen
    }

"""Model source `timm`: any of its architectures by name, with registered weights, a local file, or none (twins).

The column `architecture` may name a pretrained tag, too (``vit_base_patch16_224.augreg_in21k``): then preprocessing and
number of classes are that tag's also with random weights or a local file.
"""

from __future__ import annotations

import logging
from typing import Any, cast

import timm
import torch
from timm.data.config import resolve_model_data_config
from timm.data.imagenet_info import ImageNetInfo
from timm.models import get_arch_pretrained_cfgs, get_pretrained_cfg, split_model_name_tag
from torch import nn

from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.options import Options, builder_options, built, where
from conceptatlas.models.rows import (
    RANDOM,
    SHUFFLED,
    integer_cell,
    looks_like_path,
    options_cell,
    text_cell,
    triple_cell,
)
from conceptatlas.models.timm_registry import registry_file
from conceptatlas.models.weights import State, fits, weighted
from conceptatlas.naming import unknown

logger = logging.getLogger(__name__)

_BY_COLUMN = "column `weights` says where weights come from"
_BY_LAYERS = "layers are hooked by name; the network itself stays whole"
_BY_WORKFLOW = "the workflow decides where and how a network runs"
_REFUSED = {
    "pretrained": _BY_COLUMN,
    "pretrained_cfg": _BY_COLUMN,
    "pretrained_cfg_overlay": _BY_COLUMN,
    "checkpoint_path": _BY_COLUMN,
    "cache_dir": "set HF_HOME or TORCH_HOME instead",
    "features_only": _BY_LAYERS,
    "out_indices": _BY_LAYERS,
    "in_chans": "pictures have three channels",
    "scriptable": _BY_WORKFLOW,
    "exportable": _BY_WORKFLOW,
    "no_jit": _BY_WORKFLOW,
    "device": _BY_WORKFLOW,
    "dtype": _BY_WORKFLOW,
}


def load(row: dict[str, Any]) -> LoadedModel:
    """Load a network of timm (see `models.index.load_model` for the row and the errors)."""
    name = text_cell(row, "model", "?")
    request = _Request(row)
    module, sha256 = weighted(
        row,
        request.build,
        registry=lambda _tag: registry_file(request.configuration, model=name),
        fit=request.fit,
        convert=request.convert,
    )
    data = resolve_model_data_config(module)
    size = request.input_size or int(data["input_size"][1])
    if not request.input_size and data["input_size"][1] != data["input_size"][2]:
        raise ValueError(
            f"model {name!r}: {request.full_name} takes pictures of {data['input_size'][1]} x {data['input_size'][2]} "
            "pixels, frames are square; give input_size"
        )
    stated = bool(text_cell(row, "mean") or text_cell(row, "std"))
    return LoadedModel(
        name=name,
        module=module,
        input_size=size,
        mean=triple_cell(row, "mean", tuple(data["mean"])),
        std=triple_cell(row, "std", tuple(data["std"])),
        weights_sha256=sha256,
        classes=request.classes(module),
        preprocessing={
            "normalisation": "sheet" if stated else f"timm {request.full_name}",
            "not_used": {key: data[key] for key in ("interpolation", "crop_pct", "crop_mode")},
        },
        prefix_tokens=getattr(module, "num_prefix_tokens", None),
        source={
            "source": "timm",
            "architecture": text_cell(row, "architecture"),
            "weights": text_cell(row, "weights"),
            "configuration": request.full_name,
            "seed": integer_cell(row, "seed", 0),
            "options": options_cell(row),
            "timm": timm.__version__,
        },
    )


class _Request:
    """What a row asks of timm: the architecture with its tag, and the options it is built with.

    Attributes
    ----------
    full_name : architecture and pretrained tag, ``resnet50.a1_in1k``.
    configuration : timm's record of them (classes, preprocessing, where the weights are).
    options : keyword arguments of `timm.create_model`.
    input_size : in pixels, as the sheet says it; 0 where it does not.
    """

    def __init__(self, row: dict[str, Any]) -> None:
        self.row = row
        self.name = text_cell(row, "model", "?")
        self.full_name, self.tag = _full_name(row, model=self.name)
        self.configuration = cast(Any, get_pretrained_cfg(self.full_name))
        self.options: Options = builder_options(row, refused=_REFUSED)
        self.input_size = integer_cell(row, "input_size", 0)
        given = self.options.get("img_size")
        if given is not None and not isinstance(given, int):
            raise ValueError(f"{where(row)}: img_size={given}, expected a whole number of pixels; frames are square")
        if given is not None and self.input_size and given != self.input_size:
            raise ValueError(f"{where(row)}: img_size={given} and input_size {self.input_size} differ; one is enough")
        if self.input_size and self.configuration.fixed_input_size:  # as timm's own scripts hand a size over
            self.options["img_size"] = self.input_size
        self.input_size = self.input_size or int(given or 0)

    def build(self) -> nn.Module:
        """The network with timm's own initialisation."""
        return self._network(self.options)

    def fit(self, state: State) -> nn.Module:
        """The network with as many classes as the state dict has outputs, unless a tag or an option says how many."""
        n_classes = self._n_classes(state)
        known = self.tag or "num_classes" in self.options or n_classes in (None, self.configuration.num_classes)
        return self._network(self.options if known else self.options | {"num_classes": n_classes or 0})

    def convert(self, module: nn.Module, state: State) -> State:
        """The state dict under the names and shapes of the network: timm converts what it publishes while it loads.

        A registered file goes that way as timm itself would take it. A local file of the network's own names is taken
        as it is; others are offered to timm's conversion, and what that refuses is left for `load_state` to explain.
        """
        if self.tag:
            self._check_classes()
        elif fits(module, state):
            return state
        n_classes = self._n_classes(state) if not self.tag else None
        overlay: dict[str, Any] = {"state_dict": dict(state)} | ({"num_classes": n_classes} if n_classes else {})
        options: dict[str, Any] = self.options | ({"num_classes": n_classes} if n_classes else {})
        try:
            with torch.random.fork_rng(devices=[]):
                twin = timm.create_model(self.full_name, pretrained=True, pretrained_cfg_overlay=overlay, **options)
        except (RuntimeError, LookupError, TypeError, ValueError, AssertionError) as error:
            logger.info("model %s: timm does not convert the file (%s)", self.name, str(error).splitlines()[0])
            return state
        return dict(twin.state_dict())

    def classes(self, module: nn.Module) -> list[str] | None:
        """Names of the outputs of networks trained on ImageNet-1k (by their tag)."""
        if not self.tag or "in1k" not in self.tag or getattr(module, "num_classes", 0) != 1000:
            return None
        return [str(text).split(",")[0] for text in ImageNetInfo("imagenet-1k").label_descriptions()]

    def _check_classes(self) -> None:
        given = self.options.get("num_classes", self.configuration.num_classes)
        if given not in (0, self.configuration.num_classes):
            raise ValueError(
                f"{where(self.row)}: num_classes={given}, weights {self.tag} have {self.configuration.num_classes} "
                "classes (0 leaves the classifier out)"
            )

    def _n_classes(self, state: State) -> int | None:
        """Outputs of the classifier in a state dict, less a background class that timm drops; None without one."""
        named = self.configuration.classifier or ()
        for classifier in (named,) if isinstance(named, str) else named:
            bias = state.get(f"{classifier}.bias", state.get(f"{classifier}.weight"))
            if bias is not None:
                n = int(bias.shape[0])
                offset = int(self.configuration.label_offset or 0)
                return n - offset if n - offset == self.configuration.num_classes else n
        return None

    def _network(self, options: Options) -> nn.Module:
        return built(lambda **given: timm.create_model(self.full_name, **given), options, row=self.row, but=_REFUSED)


def _full_name(row: dict[str, Any], *, model: str) -> tuple[str, str]:
    """The architecture with its tag, and the tag that the weights name ("" for files and random weights)."""
    given = text_cell(row, "architecture")
    architecture, tag = split_model_name_tag(given)
    if not timm.is_model(architecture):
        raise unknown("architecture", architecture, timm.list_models(), where=f"model {model!r} (source timm)")
    tags = {full.partition(".")[2]: full for full in get_arch_pretrained_cfgs(architecture)}
    if tag and tag not in tags:
        raise unknown("pretrained tag", tag, filter(None, tags), where=f"timm's {architecture}")
    weights = text_cell(row, "weights").removeprefix(SHUFFLED)
    if weights in ("", RANDOM) or looks_like_path(weights):
        return given, ""
    if weights not in tags:
        raise unknown("weights", weights, filter(None, tags), where=f"timm's {architecture}")
    if tag and tag != weights:
        raise ValueError(
            f"model {model!r}: architecture {given!r} and weights {weights!r} name two tags; one is enough"
        )
    return f"{architecture}.{weights}", weights

"""Layers suggested for detectors, segmenters and transformers."""

from __future__ import annotations

from typing import Any

import pytest

from conceptatlas.models.index import load_model
from conceptatlas.models.suggest import layer_listing, suggest_layers
from conceptatlas.models.trace import trace_modules


def row(architecture: str, size: int, **cells: Any) -> dict[str, Any]:
    source = {"model": "m", "source": "torchvision", "architecture": architecture, "weights": "random"}
    return source | {"input_size": size} | cells


CASES = [
    (row("ssdlite320_mobilenet_v3_large", 160), "map", ["backbone.features."], "backbone.extra."),
    (row("fasterrcnn_mobilenet_v3_large_320_fpn", 96), "map", ["backbone.body."], "backbone.fpn.layer_blocks."),
    (row("lraspp_mobilenet_v3_large", 64), "map", ["backbone."], "classifier"),
    (row("vit_tiny_patch16_224", 64, source="timm"), "token", ["blocks."], "blocks.11"),
    (row("tiny_models:small_swin", 112, source="user", weights=""), "channel_last", ["features."], "features.3"),
]


@pytest.mark.parametrize(("cells", "kind", "first", "last"), CASES)
def test_suggestions_are_maps_along_the_backbone(cells: dict[str, Any], kind: str, first: list[str], last: str) -> None:
    calls = trace_modules(load_model(cells))
    chosen = suggest_layers(calls, n=4)
    assert len(chosen) == 4
    assert chosen[0].name.startswith(tuple(first))
    assert chosen[-1].name.startswith(last)
    assert {call.kind for call in chosen} == {kind}
    assert all(call.shape is not None and call.shape[1] == call.shape[2] > 1 for call in chosen)
    assert [call.depth for call in chosen] == sorted({call.depth for call in chosen})
    assert chosen[-1].depth > 0.8


def test_outputs_that_are_not_square_are_marked_and_not_suggested() -> None:
    model = load_model(row("vit_tiny_patch16_224", 64, source="timm", options="depth=1"))
    text = layer_listing(model, n=12)
    (line,) = (line for line in text.splitlines() if line.startswith("  blocks.0.attn.q_norm"))
    assert "3 x 17 x 64" in line
    assert line.endswith("not square: heads or windows?")
    assert "q_norm" not in text.split("Rows for layers.tsv:")[1]

"""Which layers could be dissected, and which to begin with: the answer of `python -m conceptatlas layers MODEL`."""

from __future__ import annotations

from collections.abc import Iterable

from conceptatlas.models.loaded import LoadedModel
from conceptatlas.models.trace import ModuleCall, trace_modules

COLUMNS = ("model", "layer", "module", "group", "dtype", "store", "tail")
"""Columns of layers.tsv."""

_ACTIVATIONS = ("ReLU", "ReLU6", "Hardswish", "SiLU", "GELU", "ELU", "LeakyReLU", "PReLU", "Mish")
_NOT_WORTH = ("Dropout", "Dropout2d", "Identity", "Flatten", "Permute", "StochasticDepth", "AdaptiveAvgPool2d")


def suggest_layers(calls: dict[str, ModuleCall], *, n: int) -> list[ModuleCall]:
    """Up to `n` modules, evenly distributed over the depth of a network, early to late.

    calls : of `trace.trace_modules`.

    Blocks are preferred to what is inside them, outputs of activation functions to other leaves, and the module before
    a clipping non-linearity to the one behind it. Maps of a single cell, and outputs that are not square (heads and
    windows of attention), come only where there is nothing else.
    """
    if n < 1:
        raise ValueError(f"the number of layers to suggest must be at least 1, got {n}")
    blocks = [call for call in _blocks(calls, n) if call.hookable]
    candidates = [_before_clip(calls, call) for call in blocks]
    replaced = {own.name for own, call in zip(candidates, blocks, strict=True) if own is not call}
    candidates = list({call.name: call for call in candidates if call.class_name not in _NOT_WORTH}.values())
    spatial = [call for call in candidates if call.shape is not None and call.shape[1] == call.shape[2] > 1]
    candidates = spatial or candidates
    activations = [
        call
        for call in candidates
        if call.class_name in _ACTIVATIONS or call.name in replaced or not _is_leaf(calls, call)
    ]
    if len(activations) >= n:
        candidates = activations
    candidates = sorted(candidates, key=lambda call: call.depth)
    if len(candidates) <= n:
        return candidates
    deepest = candidates[-1].depth
    chosen: list[ModuleCall] = []
    for k in range(1, n + 1):  # leave as many candidates as are still to be chosen
        left = [call for call in candidates[: len(candidates) - (n - k)] if not chosen or call.depth > chosen[-1].depth]
        if left:
            chosen.append(min(left, key=lambda call: abs(call.depth - deepest * k / n)))
    return chosen


def _blocks(calls: dict[str, ModuleCall], n: int) -> list[ModuleCall]:
    """Modules that cut the network into pieces of less than 1/n of its depth, as large as possible."""
    children: dict[str, list[str]] = {}
    for name in calls:
        parts = name.split(".")
        for depth in range(len(parts)):
            own = children.setdefault(".".join(parts[:depth]), [])
            child = ".".join(parts[: depth + 1])
            if child not in own:
                own.append(child)
    leaves = {name: call for name, call in calls.items() if name not in children and call.n_calls}
    total = max(1, sum(call.n_calls for call in leaves.values()))
    found: list[ModuleCall] = []
    queue = list(children.get("", []))
    while queue:
        name = queue.pop()
        inside = [call for leaf, call in leaves.items() if leaf == name or leaf.startswith(f"{name}.")]
        share = sum(call.n_calls for call in inside) / total
        call = calls.get(name)
        coarse = share > 1 / n or call is None or not call.hookable
        if coarse and name in children:
            queue.extend(children[name])
        elif call is not None:
            found.append(call)
    return found


def _is_leaf(calls: dict[str, ModuleCall], call: ModuleCall) -> bool:
    return not any(name.startswith(f"{call.name}.") for name in calls)


def _before_clip(calls: dict[str, ModuleCall], call: ModuleCall) -> ModuleCall:
    before = calls.get(call.leaf_before)
    return before if call.clipped and before is not None and before.hookable else call


def sheet_rows(model: str, chosen: Iterable[ModuleCall]) -> list[str]:
    """Rows of layers.tsv, tab-separated, for modules to be layers of `model`; layers are called as their modules."""
    return ["\t".join((model, call.name, call.name, "main", "float16", "full", "")) for call in chosen]


def layer_listing(model: LoadedModel, *, n: int = 5) -> str:
    """The text of `python -m conceptatlas layers MODEL`: hookable modules, and `n` rows ready for layers.tsv."""
    calls = trace_modules(model)
    hookable = [call for call in calls.values() if call.hookable]
    chosen = suggest_layers(calls, n=n)
    names = {call.name for call in chosen}
    width = max([len(call.name) for call in hookable] + [6])
    classes = max([len(call.class_name) for call in hookable] + [5])
    lines = [
        f"{model.name}: input {model.input_size} x {model.input_size} px, {len(hookable)} of {len(calls)} modules can "
        "be layers (* suggested; depth = share of the modules that have run)",
        "",
        f"  {'module':{width}s}  {'class':{classes}s}  {'units x height x width':>22s}  {'kind':12s} "
        f"{'parameters':>11s} {'depth':>6s}",
    ]
    for call in hookable:
        mark = "*" if call.name in names else " "
        shape = " x ".join(str(side) for side in call.shape or ())
        note = f"  clips; {call.leaf_before} does not" if call.clipped and call.leaf_before else ""
        if call.shape is not None and call.shape[1] != call.shape[2]:
            note += "  not square: heads or windows?"
        lines.append(
            f"{mark} {call.name:{width}s}  {call.class_name:{classes}s}  {shape:>22s}  {call.kind:12s} "
            f"{call.n_parameters:11,d} {call.depth:6.2f}{note}"
        )
    lines += (
        ["", *(f"{name} does not run: {reason}" for name, reason in model.outside.items())] if model.outside else []
    )
    return "\n".join([*lines, "", "Rows for layers.tsv:", "", "\t".join(COLUMNS), *sheet_rows(model.name, chosen), ""])

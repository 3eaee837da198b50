"""The job of counterfactuals: pictures of every class on their way into every other, failures with their reason.

Method and options: `counterfactual_search`. What is recorded beyond the published code: whether the search started from
a picture of the origin class at all, how far r' lies from the representations of real pictures of the target, and how
far different starts agree.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import torch

from conceptatlas.devices import lease_device
from conceptatlas.files import atomic_path
from conceptatlas.generators.generator import Generator
from conceptatlas.generators.loaded import load_generator
from conceptatlas.linking.classifier import Classifier, load_classifier
from conceptatlas.linking.counterfactual_search import Descent, Found, search
from conceptatlas.linking.counterfactual_tables import RATE_COLUMNS, ROW_COLUMNS, rate_frame
from conceptatlas.linking.cycling import rmse
from conceptatlas.linking.fitting import Spaces, read_spaces
from conceptatlas.linking.link import Link, read_link
from conceptatlas.linking.pair_file import Pairs
from conceptatlas.models.arithmetic import exact_arithmetic
from conceptatlas.naming import unknown
from conceptatlas.progress import progress
from conceptatlas.seeds import generator as random_generator
from conceptatlas.tables import write_table

logger = logging.getLogger(__name__)

Array = np.ndarray[Any, Any]

N_TOP = 10
MAX_RANKED = 2000
"""Held-out representations of a class that distances are ranked among, at most."""


@dataclass(frozen=True)
class Start:
    """One search: the held-out pair `image`, from class `origin` to `target` (the classifier's), start `init`."""

    image: int
    origin: int
    target: int
    init: int


@dataclass
class Machine:
    """Representation to picture and answer: the link, the generator, the classifier."""

    generator: Generator
    classifier: Classifier
    link: Link
    batch: int

    def show(self, r: torch.Tensor) -> torch.Tensor:
        """Pictures of representations, cut at 0 where the classifier's are never negative."""
        pictures = []
        for part in r.split(self.batch):
            with torch.inference_mode():
                pictures.append(self.generator.generate(self.link.apply(part.relu() if self.link.rectified else part)))
        return torch.cat(pictures)

    def classify(self, r: torch.Tensor) -> torch.Tensor:
        """The classifier's answers to these pictures, int64 (n,)."""
        answers = []
        for part in r.split(self.batch):
            with torch.inference_mode():
                answers.append(self.classifier.represent(self.show(part))[1].argmax(1))
        return torch.cat(answers)


def find_counterfactuals(
    *,
    generator: dict[str, Any],
    model: dict[str, Any],
    encoder: dict[str, Any] | None,
    link: str | Path,
    pairs: Sequence[str | Path],
    options: Mapping[str, Any],
    seed: int,
    batch: int,
    threads: int,
    device: str,
    tf32: bool,
    table: str | Path,
    rates: str | Path,
    trajectories: str | Path,
) -> None:
    """Write counterfactuals.parquet, counterfactual_rates.parquet and counterfactuals.h5.

    Parameters
    ----------
    generator, model, encoder : expanded rows.
    link, pairs : of the same generator and model.
    options : of the config section `linking.counterfactuals`.

    Raises
    ------
    ValueError
        for a pair of an unknown class.
    """
    torch.set_num_threads(threads)
    held_out = Pairs(pairs, test=True)
    spaces = read_spaces(link)
    starts = plan(held_out, spaces, options)
    with lease_device(device) as leased, exact_arithmetic(tf32=tf32):
        classifier = load_classifier(model, device=leased)
        machine = Machine(load_generator(generator, device=leased), classifier, read_link(link), batch)
        judge = load_classifier(encoder, device=leased) if encoder else None
        names = {"generator": machine.generator.name, "model": classifier.name}
        found = run(machine, held_out, starts, options, device=leased, seed=seed)
        frame = describe(machine, held_out, spaces, starts, found, judge, names=names, device=leased)
        with atomic_path(trajectories) as part, h5py.File(part, "w") as store:
            write_trajectories(store, machine, held_out, starts, found, int(options["n_trajectories"]), device=leased)
    write_table(table, frame, columns=ROW_COLUMNS)
    write_table(rates, rate_frame(frame), columns=RATE_COLUMNS)


def plan(held_out: Pairs, spaces: Spaces, options: Mapping[str, Any]) -> list[Start]:
    """All searches, pair of classes after pair of classes."""
    names = held_out.class_names
    present = [int(i) for i in spaces.classes if (held_out.classes == i).any()]
    if options["pairs"] is None:
        wanted = [(a, b) for a in present for b in present if a != b]
    else:
        wanted = [(_class_of(a, names, present), _class_of(b, names, present)) for a, b in options["pairs"]]
    n_inits = int(options["n_inits"]) if options["init"] == "uniform" else 1
    return [
        Start(int(image), origin, target, init)
        for origin, target in wanted
        for image in np.flatnonzero(held_out.classes == origin)[: int(options["n_images"])]
        for init in range(n_inits)
    ]


def _class_of(named: str | int, names: list[str], present: list[int]) -> int:
    """Index of a class by name or number; one without pairs raises ValueError with the nearest that have some."""
    index = names.index(str(named)) if str(named) in names else int(named) if str(named).isdigit() else -1
    if index not in present:
        known = [names[i] for i in present]
        raise unknown("class with pairs", str(named), known, where="linking.counterfactuals.pairs")
    return index


def run(
    machine: Machine,
    held_out: Pairs,
    starts: list[Start],
    options: Mapping[str, Any],
    *,
    device: Any,
    seed: int,
) -> list[Found | None]:
    """Search all counterfactuals in batches; None where the generated picture of r is not of the origin class."""
    descent = Descent(**{key: options[key] for key in Descent.__dataclass_fields__})
    r = torch.from_numpy(representations(held_out, starts)).to(device)
    images = {start.image: at for at, start in enumerate(starts)}
    answers = machine.classify(r[list(images.values())]) if starts else torch.zeros(0)
    begins = {image: int(answer) for image, answer in zip(images, answers, strict=True)}
    found: list[Found | None] = [None] * len(starts)
    able = [i for i, start in enumerate(starts) if begins[start.image] == start.origin]
    size = int(options["searches"])
    for first in progress(range(0, len(able), size), description="counterfactuals", unit="batch"):
        rows = able[first : first + size]
        shift = np.array([begin(held_out, starts[i], options, seed=seed) for i in rows])
        origins, targets = (
            torch.tensor([getattr(starts[i], key) for i in rows], device=device) for key in ("origin", "target")
        )
        results = search(
            machine.classifier, machine.link, machine.classify, r[rows], torch.from_numpy(shift).to(device), origins,
            targets, descent,
        )  # fmt: skip
        for i, result in zip(rows, results, strict=True):
            found[i] = result
    return found


def begin(held_out: Pairs, start: Start, options: Mapping[str, Any], *, seed: int) -> Array:
    """The shift that a search starts from, float32 (K,): zeros, or U[0, 1] as in the published code."""
    if options["init"] == "zero":
        return np.zeros(held_out.n_units, dtype=np.float32)
    rng = random_generator(seed, "shift", str(held_out.seeds[start.image]), start.init)
    return rng.random(held_out.n_units, dtype=np.float32)


def representations(held_out: Pairs, starts: list[Start]) -> Array:
    """r of every search, float32 (search, K)."""
    images = sorted({start.image for start in starts})
    rows = held_out.take(np.array(images, dtype=np.int64)).r
    at = {image: i for i, image in enumerate(images)}
    return rows[[at[start.image] for start in starts]]


def describe(
    machine: Machine,
    held_out: Pairs,
    spaces: Spaces,
    starts: list[Start],
    found: list[Found | None],
    encoder: Classifier | None,
    *,
    names: Mapping[str, str],
    device: Any,
) -> pd.DataFrame:
    """The rows of counterfactuals.parquet."""
    r = representations(held_out, starts)
    ranks = _Ranks(held_out, spaces)
    agreement = agreements(starts, found)
    classes, rows = held_out.class_names, []
    cut: Callable[[Array], Array] = (lambda x: np.maximum(x, 0)) if machine.link.rectified else (lambda x: x)
    for i, (start, result) in enumerate(zip(starts, found, strict=True)):
        row: dict[str, Any] = {
            **names,
            "origin": classes[start.origin],
            "target": classes[start.target],
            "image": start.image,
            "seed": str(held_out.seeds[start.image]),
            "init": start.init,
            "started": result is not None,
            "success": result is not None and result.success,
            "reason": reason_of(result, classes[start.origin], classes[start.target]),
            "mahalanobis_start": float(spaces.mahalanobis(r[i : i + 1], np.array([start.origin]))[0]),
        }
        if result is not None and result.finite:
            moved = r[i] - result.shift
            pictures = machine.show(torch.from_numpy(np.stack([r[i], moved])).to(device))
            distance = float(spaces.mahalanobis(cut(moved)[None], np.array([start.target]))[0])
            says = int(machine.classifier.head(torch.from_numpy(moved[None]).to(device)).argmax())
            row |= {
                "steps": result.steps,
                "shift_l1": float(np.abs(result.shift).sum()),
                "shift_l2": float(np.sqrt((result.shift.astype(np.float64) ** 2).sum())),
                "image_rmse": float(rmse(pictures[:1], pictures[1:])[0]),
                "mahalanobis": distance,
                "mahalanobis_rank": ranks.share(start.target, distance),
                "agreement": agreement[i],
                "head_says": classes[says],
                "logit_origin": float(result.logits[-1, 0]),
                "logit_target": float(result.logits[-1, 1]),
                "top_units": ";".join(str(u) for u in np.argsort(-np.abs(result.shift), kind="stable")[:N_TOP]),
            }
            if encoder is not None:
                with torch.inference_mode():
                    codes = encoder.represent(pictures)[0]
                row["image_distance"] = float(1 - torch.cosine_similarity(codes[:1], codes[1:])[0])
        rows.append(row)
    frame = pd.DataFrame(rows, columns=[column.name for column in ROW_COLUMNS])
    frame["steps"] = frame["steps"].astype("Int64")
    for name in ("reason", "head_says", "top_units"):
        frame[name] = frame[name].fillna("")
    numbers = [c for c in map(str, frame) if c.startswith(("shift", "image_", "mahalanobis", "agreement", "logit"))]
    return frame.astype(dict.fromkeys(numbers, "float64"))


def reason_of(result: Found | None, origin: str, target: str) -> str:
    """Why a search found nothing, in words; "" for a success."""
    if result is None:
        return f"the generated picture of r is not called {origin!r} to begin with"
    if not result.finite:
        return f"the shift is no longer finite after {result.steps} steps: lower learning_rate"
    return "" if result.success else f"no generated picture is called {target!r} within {result.steps} steps"


def agreements(starts: list[Start], found: list[Found | None]) -> Array:
    """Mean cosine of each successful shift with those of the other successful starts of its image and target; NaN for
    others."""
    groups: dict[tuple[int, int], list[int]] = {}
    for i, (start, result) in enumerate(zip(starts, found, strict=True)):
        if result is not None and result.success:
            groups.setdefault((start.image, start.target), []).append(i)
    values = np.full(len(starts), np.nan)
    for members in groups.values():
        if len(members) < 2:
            continue
        shifts = np.array([found[i].shift for i in members], dtype=np.float64)  # type: ignore[union-attr]
        unit = shifts / np.maximum(np.sqrt((shifts**2).sum(1, keepdims=True)), 1e-30)
        cosines = unit @ unit.T
        values[members] = (cosines.sum(1) - 1) / (len(members) - 1)
    return values


class _Ranks:
    """Distances of held-out representations to the mean of their class."""

    def __init__(self, held_out: Pairs, spaces: Spaces) -> None:
        self._pairs, self._spaces = held_out, spaces
        self._known: dict[int, Array] = {}

    def share(self, index: int, distance: float) -> float:
        """Share of a class' held-out representations that are farther from its mean than `distance`."""
        if index not in self._known:
            rows = np.flatnonzero(self._pairs.classes == index)[:MAX_RANKED]
            self._known[index] = self._spaces.mahalanobis(self._pairs.take(rows).r, np.full(len(rows), index))
        return float((self._known[index] > distance).mean())


def write_trajectories(
    store: h5py.File,
    machine: Machine,
    held_out: Pairs,
    starts: list[Start],
    found: list[Found | None],
    n_each: int,
    *,
    device: Any,
) -> None:
    """Pictures along `n_each` searches of every pair of classes, successes and other pictures first.

    `pictures` uint8 (frame, 3, size, size); per frame `row` (of the table), `step` (-2 the picture I itself, -1 its
    copy through the circle, else the step), `logits` float32 (frame, 2) of the head, of origin and target (NaN for I),
    `w` float32 (frame, w_dim).
    """
    chosen: dict[tuple[int, int], list[int]] = {}
    order = sorted(range(len(starts)), key=lambda i: starts[i].init)
    for wanted in (True, False):
        for i in order:
            start, result = starts[i], found[i]
            own = chosen.setdefault((start.origin, start.target), [])
            if result is not None and result.finite and result.success == wanted and len(own) < n_each:
                own.append(i)
    r = representations(held_out, starts)
    size = machine.generator.image_size
    frames: dict[str, list[Array]] = {name: [] for name in ("pictures", "row", "step", "logits", "w")}
    for i in (i for own in chosen.values() for i in own):
        result, start = found[i], starts[i]
        if result is None:
            continue
        cut = np.concatenate([r[i : i + 1], r[i] - result.shifts]).astype(np.float32)
        moved = torch.from_numpy(np.maximum(cut, 0) if machine.link.rectified else cut).to(device)
        with torch.inference_mode():
            original = torch.from_numpy(held_out.take(np.array([start.image])).w).to(device)
            w = torch.cat([original, machine.link.apply(moved)])
            pictures = torch.cat([machine.generator.generate(part) for part in w.split(machine.batch)])
            first = machine.classifier.head(torch.from_numpy(r[i : i + 1]).to(device))[0].cpu().numpy()
        logits = np.full((len(w), 2), np.nan, dtype=np.float32)
        logits[1], logits[2:] = first[[start.origin, start.target]], result.logits
        frames["pictures"].append((pictures * 255 + 0.5).clamp(0, 255).byte().cpu().numpy())
        frames["row"].append(np.full(len(w), i))
        frames["step"].append(np.array([-2, -1, *result.kept]))
        frames["logits"].append(logits)
        frames["w"].append(w.cpu().numpy())
    empty = {
        "pictures": np.zeros((0, 3, size, size), np.uint8), "logits": np.zeros((0, 2), np.float32),
        "w": np.zeros((0, machine.link.w_dim), np.float32),
    }  # fmt: skip
    for name, parts in frames.items():
        store[name] = np.concatenate(parts) if parts else empty.get(name, np.zeros(0, dtype=np.int64))
    store.attrs["classes"] = json.dumps(held_out.class_names)

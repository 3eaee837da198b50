"""Which pairs a study wants: slots, each with seeds of its own, so that pairs do not depend on how they are cut.

A slot is (split, class, number). It tries seeds that derive from its own name until the classifier puts a picture in
its class, at most `max_tries` times: draws are never repeated (the published sampler restarts its seed and repeats
them), and training and test seeds are disjoint because their names are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from conceptatlas.naming import shard_bounds
from conceptatlas.seeds import derive_seed

Array = np.ndarray[Any, Any]

SPLITS = ("train", "test")


@dataclass(frozen=True)
class Slots:
    """All slots of a generator and a classifier, in an order that interleaves classes.

    generator_classes, classes : for each class asked for, its index in the generator and in the classifier; for an
        unconditional generator both are [-1]: the class is what the classifier says, and nothing is refused.
    n_train, n_test : slots of a class.
    """

    generator: str
    generator_classes: tuple[int, ...]
    classes: tuple[int, ...]
    n_train: int
    n_test: int
    max_tries: int
    seed: int

    @property
    def n(self) -> int:
        """Number of slots."""
        return (self.n_train + self.n_test) * len(self.classes)

    @property
    def tries(self) -> int:
        """Tries of a slot: one where the classifier's answer is the class."""
        return self.max_tries if self.classes[0] >= 0 else 1

    def part(self, number: int, n_parts: int) -> range:
        """The slots of a part."""
        return range(*shard_bounds(self.n, n_parts, number))

    def split(self, slot: int) -> int:
        """0 for a training slot, 1 for a test slot."""
        return int(slot // len(self.classes) >= self.n_train)

    def position(self, slot: int) -> int:
        """Position of its class in `classes`."""
        return slot % len(self.classes)

    def draw(self, slot: int, attempt: int) -> int:
        """The seed of a try, 63 bits."""
        number = slot // len(self.classes)
        own = self.generator_classes[self.position(slot)]
        return derive_seed(self.seed, "pair", self.generator, SPLITS[self.split(slot)], own, number, attempt)


def slots_of(
    generator: str, mapped: Mapping[int, int], *, options: Mapping[str, Any], seed: int, conditional: bool
) -> Slots:
    """The slots that the config asks for.

    mapped : generator class -> classifier class (see `classifier.class_map`); where the class is the classifier's
        answer (``conditional`` false), its length says how many classes' worth of draws are made.
    options : n_train, n_test, max_tries of the config section `linking`.
    """
    n_train, n_test = int(options["n_train"]), int(options["n_test"])
    if not conditional:
        worth = max(1, len(mapped))
        return Slots(generator, (-1,), (-1,), n_train * worth, n_test * worth, 1, seed)
    names = tuple(mapped), tuple(mapped.values())
    return Slots(generator, *names, n_train, n_test, int(options["max_tries"]), seed)

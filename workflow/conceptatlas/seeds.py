"""Random numbers that depend on names only.

A seed is derived from the study's seed and the name of the item that needs it (a concept, an image, a permutation),
never from the order of calls: results do not depend on the number of shards, workers, blocks or batches.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(study_seed: int, *names: str | int) -> int:
    """A 63-bit seed for the item called `names` in a study.

    >>> derive_seed(0, "null", "conv5") == derive_seed(0, "null", "conv5")
    True
    """
    text = "\x1f".join([str(int(study_seed)), *(str(name) for name in names)])
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


def generator(study_seed: int, *names: str | int) -> np.random.Generator:
    """A numpy generator for the item called `names` (see `derive_seed`)."""
    return np.random.Generator(np.random.PCG64(derive_seed(study_seed, *names)))


def unit_interval(study_seed: int, *names: str | int) -> float:
    """A number in [0, 1) for the item called `names`: hash-based splits and blocks use it."""
    return derive_seed(study_seed, *names) / 2.0**63


def image_block(image_id: str, *, n_blocks: int = 32) -> int:
    """The bootstrap block (0 .. n_blocks-1) of an image: a hash of its id, so sharding cannot change it."""
    digest = hashlib.blake2b(image_id.encode(), digest_size=8, person=b"image-block").digest()
    return int.from_bytes(digest, "little") % n_blocks

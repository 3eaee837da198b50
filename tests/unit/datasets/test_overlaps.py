"""Overlap counts: what is added in many small steps equals one slow count."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from conceptatlas.datasets import overlaps
from conceptatlas.datasets.annotation_file import MergedAnnotations
from conceptatlas.datasets.annotations import pack_masks
from conceptatlas.datasets.overlaps import OverlapCounts

SIZE, N_CONCEPTS, N_IMAGES = 6, 9, 60


def labels() -> list[dict[int, np.ndarray | None]]:
    """For each image its concepts' masks; None covers the whole image."""
    rng = np.random.default_rng(0)
    return [
        {
            int(concept): None if rng.random() < 0.2 else rng.random((SIZE, SIZE)) < 0.5
            for concept in np.sort(rng.choice(N_CONCEPTS, size=rng.integers(0, N_CONCEPTS), replace=False))
        }
        for _ in range(N_IMAGES)
    ]


def merged(images: list[dict[int, np.ndarray | None]], *, start: int) -> MergedAnnotations:
    rows = [(start + i, concept, mask) for i, found in enumerate(images) for concept, mask in found.items()]
    masks = [mask for *_, mask in rows if mask is not None]
    has_mask = np.array([mask is not None for *_, mask in rows], dtype=bool)
    return MergedAnnotations(
        image_index=np.array([image for image, *_ in rows], dtype=np.int64),
        concept_index=np.array([concept for _, concept, _ in rows], dtype=np.int32),
        n_pixels=np.array([SIZE**2 if mask is None else mask.sum() for *_, mask in rows], dtype=np.int64),
        mask_row=np.where(has_mask, np.cumsum(has_mask) - 1, -1).astype(np.int32),
        masks=pack_masks(np.array(masks)) if masks else np.zeros((0, 8), dtype=np.uint8),
        mask_size=SIZE,
    )


@pytest.mark.parametrize("compact_above", [1, 40, 1 << 20])
def test_steps_and_windows_do_not_show(compact_above: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlaps, "_COMPACT_ABOVE", compact_above)
    images, blocks = labels(), np.arange(N_IMAGES) % 3  # few blocks: the same pair meets in many images of one
    counts = OverlapCounts(n_concepts=N_CONCEPTS)
    for start in range(0, N_IMAGES, 7):
        part = slice(start, start + 7)
        valid = np.ones(len(images[part]), dtype=bool)
        counts.add(merged(images[part], start=start), start=start, blocks=blocks[part], valid=valid)
    pixels: Counter[tuple[int, int, int]] = Counter()
    met: Counter[tuple[int, int, int]] = Counter()
    full = np.ones((SIZE, SIZE), dtype=bool)
    for found, block in zip(images, blocks.tolist(), strict=True):
        dense = {concept: full if mask is None else mask for concept, mask in found.items()}
        for a in dense:
            for b in dense:
                if a < b:
                    pixels[a, b, block] += int((dense[a] & dense[b]).sum())
                    met[a, b, block] += 1
    result = counts.result()
    keys = list(zip(result.concept_a.tolist(), result.concept_b.tolist(), result.block.tolist(), strict=True))
    assert keys == sorted(met)
    assert max(met.values()) > 5
    assert result.images.tolist() == [met[key] for key in keys]
    assert result.pixels.tolist() == [pixels[key] for key in keys]
    assert result.block_images[:4].tolist() == [20, 20, 20, 0]

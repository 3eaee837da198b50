"""The cost model: it grows as docs/scaling.md says, and the page names coefficients that exist."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from conceptatlas import costs, costs_similarity

REPOSITORY = Path(__file__).resolve().parents[2]
SECTION: dict[str, Any] = {
    "train_share": 0.7,
    "n_permutations": 99,
    "n_bootstrap": 100,
    "unsupervised": {"n_concepts": 10, "thresholds": [0.5, 0.75]},
    "reference": {"measures": ["cka"], "batch": 1000, "max_images": 5000},
}


@pytest.fixture(scope="module")
def scaling() -> Any:
    sys.path.insert(0, str(REPOSITORY / "benchmarks"))
    try:
        import scaling
    finally:
        sys.path.pop(0)
    return scaling


def test_the_page_names_coefficients_that_exist() -> None:
    text = (REPOSITORY / "docs" / "scaling.md").read_text(encoding="utf-8")
    table = text[text.index("## Formulas") : text.index("## What grows")]
    named = {
        word
        for word in re.findall(r"`([a-z]+_[a-z]+)`", table)
        if not (REPOSITORY / "workflow" / "scripts" / f"{word}.py").exists()
    }
    known = {"max_cells"}
    for path in (REPOSITORY / "workflow" / "conceptatlas").glob("costs*.py"):
        module = importlib.import_module(f"conceptatlas.{path.stem}")
        known |= {*vars(module), *getattr(module, "SECONDS", {})}
    assert {"forward_gmac", "null_pair", "start_job", "count_value"} <= {*named, "start_job"}
    assert not named - known


def test_masks_take_a_bit_a_pixel_at_most() -> None:
    for positions in (49, 169, 784, 12544, 50176):
        held = costs.masks_mb(1000, 64, positions, 112, packed=costs.HELD_MASK)
        assert costs.masks_mb(1000, 64, positions, 112) < held <= 1000 * 64 * 112**2 / 8e6
    assert costs.masks_mb(63305, 64, 224**2, 112) < 0.02 * 63305 * 64 * 224**2 * 2 / 1e6
    assert costs.masks_mb(2000, 64, 50176, 112) == pytest.approx(2 * costs.masks_mb(1000, 64, 50176, 112))


def test_pairs_of_images_are_square_up_to_a_batch() -> None:
    assert costs_similarity.paired_images(1000, SECTION) == pytest.approx(300**2)
    assert costs_similarity.paired_images(100_000, SECTION) == pytest.approx(30_000 * 1000)
    assert costs_similarity.geometry_s(200_000, SECTION) == pytest.approx(
        2 * costs_similarity.geometry_s(100_000, SECTION)
    )


def test_memory_of_the_null_depends_on_images_only() -> None:
    assert costs.null_mb(2e6, 112) == pytest.approx(2 * costs.null_mb(1e6, 112))
    assert costs.null_mb(63305, 112) < 2000


def test_comparison_of_layers_is_quadratic_in_models(scaling: Any) -> None:
    def seconds(n_models: int) -> float:
        plan = {"images": 100_000, "shards": 10, "models": n_models, "layers": scaling.RESNET, "counts": ()}
        stages = scaling.plan_stages(plan, similarity={"datasets": ["d"], "unsupervised": {"n_stability": 0}})
        return float({stage.stage: stage for stage in stages}["similarity"].seconds)

    assert seconds(40) - 2 * seconds(20) > 0
    growth = (seconds(40) - 2 * seconds(20)) / (seconds(20) - 2 * seconds(10))
    assert growth == pytest.approx(4, rel=0.01)  # what is left without the linear part


def test_a_layer_that_is_counted_needs_less_disk_where_its_maps_are_large(scaling: Any) -> None:
    def disk_mb(counts: tuple[str, ...]) -> float:
        plan = {"images": 1000, "shards": 2, "models": 1, "layers": scaling.RESNET_6, "counts": counts}
        return sum(stage.disk_mb for stage in scaling.plan_stages(plan))

    assert disk_mb(("conv1",)) < disk_mb(())

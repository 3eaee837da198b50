"""UCS: masks by hand, the kernel against a slow numpy twin, planted concepts, and chance."""

from __future__ import annotations

import numpy as np
import pytest

from conceptatlas.masks.bitmask import as_words, count, pack, unpack
from conceptatlas.seeds import image_block
from conceptatlas.similarity.setting import Comparing
from conceptatlas.similarity.ucs import ConceptLayer, compare_concepts
from conceptatlas.similarity.ucs_kernel import ONE, LayerMasks, iou_sums_of_pairs, shuffled_iou_sums, ucs_of


def layer_masks(masks):
    """LayerMasks of bool masks (image, concept, height, width)."""
    packed = pack(np.asarray(masks))
    return LayerMasks(as_words(packed), count(packed.reshape(-1, packed.shape[-1])).reshape(packed.shape[:2]))


def concept_layer(name, *masks):
    """A ConceptLayer of masks at several thresholds."""
    return ConceptLayer(name, np.arange(len(masks[0])), [layer_masks(of) for of in masks])


def comparing(n_images=1000, *, n_permutations=19, seed=0, sources=None, n_bootstrap=200):
    blocks = np.array([image_block(f"image {i}") for i in range(n_images)])
    sources = np.zeros(n_images, dtype=np.int64) if sources is None else sources
    return Comparing(blocks, sources, n_permutations, n_bootstrap, 0.95, seed)


def random_masks(n_images, n_concepts, *, size=14, density=0.3, seed=0, empty=0.0):
    rng = np.random.default_rng(seed)
    masks = rng.random((n_images, n_concepts, size, size)) < density
    masks[rng.random((n_images, n_concepts)) < empty] = False
    return masks


def boxes(n_images, n_concepts, *, size=16, seed=0):
    """A box a concept and image, anywhere."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((n_images, n_concepts, size, size), dtype=bool)
    for n in range(n_images):
        for c in range(n_concepts):
            y, x = rng.integers(0, size - 5, 2)
            tall, wide = rng.integers(4, 7, 2)
            masks[n, c, y : y + tall, x : x + wide] = True
    return masks


def slow_sums(a, b, partner):
    """Sums of IoU in fixed point and images counted, (concept, concept), the definition."""
    sums = np.zeros((a.shape[1], b.shape[1]), dtype=np.int64)
    defined = np.zeros_like(sums)
    for n in range(len(a)):
        for i in range(a.shape[1]):
            for j in range(b.shape[1]):
                first, second = a[n, i], b[partner[n], j]
                union = int((first | second).sum())
                if union:
                    sums[i, j] += int((first & second).sum()) * ONE // union
                    defined[i, j] += 1
    return sums, defined


def rows_of(pair, threshold=None):
    return {row.measure: row for row in pair.rows if threshold is None or row.threshold == threshold}


def test_by_hand_with_empty_masks():
    a, b = np.zeros((4, 2, 4, 4), dtype=bool), np.zeros((4, 2, 4, 4), dtype=bool)
    a[0, 0, 0, :] = True  # 4 cells
    b[0, 0, 0, :2] = True  # 2 of them: IoU 1/2
    a[1, 0, 1] = b[1, 0, 1] = True  # the same: 1
    a[2, 0, 0, 0] = True  # the other empty: 0, and counted
    # image 3: both empty, not counted; concept 1 of a is never there, nor is concept 1 of b
    ((sums, defined),) = iou_sums_of_pairs([layer_masks(a), layer_masks(b)], [(0, 1)], np.zeros(4, int), n_blocks=1)
    np.testing.assert_array_equal(defined[0], [[3, 3], [2, 0]])
    ucs = ucs_of(sums[0], defined[0])
    assert ucs[0, 0] == pytest.approx(0.5)
    assert ucs[0, 1] == 0
    assert ucs[1, 0] == 0
    assert np.isnan(ucs[1, 1])  # never 0, never 1


@pytest.mark.parametrize("size", [3, 8, 14, 45])
def test_the_kernel_equals_its_slow_twin(size):
    a = random_masks(21, 3, size=size, seed=1, empty=0.3)
    b = random_masks(21, 5, size=size, density=0.6, seed=2, empty=0.3)
    a[:, 1, size // 2 :] = False  # spans that do not meet
    b[:, 2, : size // 2] = False
    blocks = np.arange(21) % 4
    order = np.array([np.random.default_rng(r).permutation(21) for r in range(3)])
    ((sums, defined),) = iou_sums_of_pairs([layer_masks(a), layer_masks(b)], [(0, 1)], blocks, n_blocks=4)
    for block in range(4):
        here = np.flatnonzero(blocks == block)
        slow = slow_sums(a[here], b[here], np.arange(len(here)))
        np.testing.assert_array_equal(sums[block], slow[0])
        np.testing.assert_array_equal(defined[block], slow[1])
    sums, defined = shuffled_iou_sums(layer_masks(a), layer_masks(b), order)
    for r, p in enumerate(order):
        slow = slow_sums(a, b, p)
        np.testing.assert_array_equal(sums[r], slow[0])
        np.testing.assert_array_equal(defined[r], slow[1])


def test_packing_is_the_projects():
    masks = random_masks(2, 3)
    np.testing.assert_array_equal(unpack(layer_masks(masks).words, height=14, width=14), masks)


def test_a_layer_with_itself():
    masks = boxes(120, 4)
    layer = concept_layer("m/l", masks)
    pair = compare_concepts([layer], [(0, 0)], (0.5,), comparing())[0]
    rows = rows_of(pair)
    assert rows["ucs_raw"].value == 1
    assert rows["ucs_scaled"].value == pytest.approx(1)
    assert rows["correspondence"].value == 1
    assert rows["one_to_one"].value == 1
    assert rows["ucs"].value == pytest.approx(1 - rows["ucs_raw"].null_mean)
    assert rows["ucs_raw"].p == pytest.approx(1 / 20)
    np.testing.assert_array_equal(np.diagonal(pair.ucs[0]), 1)
    assert all(row["ucs"] == 1 and row["above_null"] and row["mutual_best"] for row in pair.concepts)


def test_planted_concepts_find_one_another():
    shared = boxes(150, 3, seed=1)
    a = np.concatenate([shared, boxes(150, 2, seed=2)], axis=1)
    b = np.concatenate([boxes(150, 2, seed=3), shared[:, ::-1]], axis=1)
    layers = [concept_layer("m/a", a), concept_layer("m/b", b)]
    pair = compare_concepts(layers, [(0, 1)], (0.5,), comparing())[0]
    above = {(row["concept_a"], row["concept_b"]) for row in pair.concepts if row["above_null"]}
    assert above == {(0, 4), (1, 3), (2, 2)}
    assert all(row["mutual_best"] and row["hungarian"] for row in pair.concepts if row["above_null"])
    assert rows_of(pair)["one_to_one"].value == pytest.approx(3 / 5)
    assert rows_of(pair)["ucs"].p == pytest.approx(1 / 20)


def test_unrelated_sets_match_well_only_before_chance_is_taken_off():
    # masks of very different sizes: some of ten by ten pairs overlap by much, whatever the image
    def sets(seed):
        rng = np.random.default_rng(seed)
        density = np.linspace(0.05, 0.9, 10)[None, :, None, None]
        return rng.random((200, 10, 12, 12)) < density

    layers = [concept_layer("m/a", sets(1)), concept_layer("m/b", sets(2))]
    rows = rows_of(compare_concepts(layers, [(0, 1)], (0.5,), comparing(n_permutations=39))[0])
    assert 0.25 < rows["ucs_raw"].value < 0.45
    assert rows["ucs_all"].value < rows["ucs_raw"].value
    assert abs(rows["ucs"].value) < 0.01
    assert rows["ucs"].p > 0.05
    assert rows["one_to_one"].value <= 0.3


def test_shuffling_the_images_of_one_layer_gives_chance():
    masks = boxes(150, 4)
    order = np.random.default_rng(9).permutation(150)
    layers = [concept_layer("m/a", masks), concept_layer("m/b", masks[order])]
    rows = rows_of(compare_concepts(layers, [(0, 1)], (0.5,), comparing(n_permutations=99))[0])
    assert rows["ucs"].p > 0.05
    assert abs(rows["ucs"].value) < 0.03


def test_pairs_keep_their_partner_at_other_thresholds():
    low = boxes(80, 2)
    high = low.copy()
    high[:, :, :, ::2] = False  # columns fall away
    high[:, 1] = False  # concept 1 has no cell left
    layers = [concept_layer("m/a", low, high), concept_layer("m/b", low[:, ::-1], low[:, ::-1])]
    pair = compare_concepts(layers, [(0, 1)], (0.5, 0.75), comparing())[0]
    found = {(row["threshold"], row["concept_a"]): row for row in pair.concepts}
    assert [row["concept_b"] for row in pair.concepts] == [1, 0, 1, 0]
    assert found[0.5, 0]["robustness"] == 1
    assert found[0.75, 0]["robustness"] == found[0.75, 0]["ucs"] == pytest.approx(0.5, abs=0.1)
    assert found[0.75, 1]["robustness"] == 0


def test_concepts_without_masks_are_counted_as_undefined():
    masks = boxes(60, 3)
    masks[:, 2] = False
    layers = [concept_layer("m/a", masks), concept_layer("m/b", masks)]
    pair = compare_concepts(layers, [(0, 1)], (0.5,), comparing())[0]
    rows = rows_of(pair)
    assert rows["ucs_raw"].value == 1
    assert rows["ucs_raw"].n_concepts == 2
    assert rows["ucs_raw"].n_undefined == 1
    assert {(row["concept_a"], row["concept_b"]) for row in pair.concepts} == {(0, 0), (1, 1)}
    nothing = concept_layer("m/c", np.zeros_like(masks))
    rows = rows_of(compare_concepts([nothing, nothing], [(0, 1)], (0.5,), comparing())[0])
    for row in rows.values():
        assert np.isnan(row.value)
        assert row.reason


def test_without_shuffles_there_is_no_chance():
    layers = [concept_layer("m/a", boxes(60, 3)), concept_layer("m/b", boxes(60, 3))]
    pair = compare_concepts(layers, [(0, 1)], (0.5,), comparing(n_permutations=0))[0]
    rows = rows_of(pair)
    assert rows["ucs_raw"].value == 1
    assert np.isnan(rows["ucs_raw"].p)
    for name in ("ucs", "ucs_scaled", "correspondence", "one_to_one"):
        assert np.isnan(rows[name].value)
        assert "n_permutations" in rows[name].reason
    assert all(row["above_null"] is None for row in pair.concepts)


def test_the_order_of_layers_and_the_other_pairs_do_not_matter():
    a, b, c = (concept_layer(f"m/{name}", boxes(70, 3, seed=seed)) for seed, name in enumerate("abc"))
    together = compare_concepts([a, b, c], [(0, 1), (0, 2), (1, 2)], (0.5,), comparing())
    alone = compare_concepts([b, a], [(1, 0)], (0.5,), comparing())[0]
    assert together[0].rows == alone.rows
    np.testing.assert_array_equal(together[0].ucs, alone.ucs)
    turned = compare_concepts([b, a], [(0, 1)], (0.5,), comparing())[0]
    np.testing.assert_array_equal(turned.ucs[0], alone.ucs[0].T)
    for name, row in rows_of(turned).items():
        other = rows_of(alone)[name]
        np.testing.assert_allclose(row[2:8], other[2:8], atol=1e-12)


def test_images_stay_within_their_source():
    # masks depend on the source alone: shuffles within sources change nothing, so nothing is above chance
    sources = np.arange(100) % 2
    masks = np.zeros((100, 2, 8, 8), dtype=bool)
    masks[sources == 0, 0, :4] = True
    masks[sources == 1, 1, 4:] = True
    layers = [concept_layer("m/a", masks), concept_layer("m/b", masks)]
    rows = rows_of(compare_concepts(layers, [(0, 1)], (0.5,), comparing(100, sources=sources))[0])
    assert rows["ucs_raw"].value == 1
    assert rows["ucs"].value == 0
    assert rows["ucs"].p == 1
    assert "nothing is left" in rows["ucs_scaled"].reason


def test_intervals_hold_the_value_and_shrink_with_images():
    masks, other = boxes(300, 3, seed=1), boxes(300, 3, seed=2)
    keep = np.random.default_rng(0).random(300) < 0.5
    other[keep] = masks[keep]
    widths = []
    for n in (60, 300):
        layers = [concept_layer("m/a", masks[:n]), concept_layer("m/b", other[:n])]
        row = rows_of(compare_concepts(layers, [(0, 1)], (0.5,), comparing())[0])["ucs_raw"]
        assert row.low < row.value < row.high
        widths.append(row.high - row.low)
    assert widths[1] < widths[0]
    few = [concept_layer("m/a", masks[:6]), concept_layer("m/b", other[:6])]
    row = rows_of(compare_concepts(few, [(0, 1)], (0.5,), comparing())[0])["ucs_raw"]
    assert np.isnan(row.low)  # fewer than 8 blocks

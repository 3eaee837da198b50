"""Ground truth on the demo's scenes: a planted feature that fires on striped things is called striped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conceptatlas.datasets.scenes.captions import captions
from conceptatlas.datasets.scenes.drawing import draw_scene
from conceptatlas.falcon.captions import CaptionReader, read_stop_words
from conceptatlas.falcon.group_words import GroupImages, explain
from conceptatlas.falcon.grouping import common_groups
from conceptatlas.falcon.low_images import low_images
from conceptatlas.falcon.selection import high_images, normalise_rows
from conceptatlas.falcon.word_scores import word_table
from conceptatlas.inference.bootstrap import block_weights

STOP_WORDS = Path(__file__).resolve().parents[3] / "resources" / "stop_words" / "english.txt"
N_SCENES = 500
STRIPED, CAT, NIGHT = 0, 1, 2
"""Planted features: the main thing is striped, is a cat, it is night."""
WORDS = {"n_captions": 5, "centre": False, "contrast": "score", "contrast_cut": 0.1}
SIMILARITY = {"diagonal": "exclude", "judged_by": "percentile", "cut": 95.0}
NULL = {"n_random": 199, "level": 0.05}
BETA = 0.05
"""Of a representation in which high images differ in thing and place, so that their mean is short."""


class Planted:
    """A representation written down from the parameters of scenes, and captions as a retrieval of their own would
    give them: the sentences that hold for the scene, with cosines of bags of words."""

    def __init__(self) -> None:
        scenes = [draw_scene(11, i) for i in range(N_SCENES)]
        told = [captions(scene) for scene in scenes]
        self.striped = np.array(["striped" in " ".join(own) for own in told])
        self.cat = np.array([scene.main.kind == "cat" for scene in scenes])
        self.night = np.array([scene.time == "night" for scene in scenes])
        kinds = sorted({scene.main.kind for scene in scenes})
        places = sorted({scene.background.place for scene in scenes})
        rest = np.zeros((N_SCENES, len(kinds) + len(places)))
        for i, scene in enumerate(scenes):  # what high and low images share: thing and place
            rest[i, kinds.index(scene.main.kind)] = 1
            rest[i, len(kinds) + places.index(scene.background.place)] = 1
        rng = np.random.default_rng(0)
        planted = np.stack([self.striped, self.cat, self.night], axis=1) * 2.0
        self.h = normalise_rows(np.hstack([planted, rest]) + 0.02 * rng.random((N_SCENES, 3 + rest.shape[1])))
        self.captions = [(own * 5)[:5] for own in told]
        self.embeddings = self._bags(told)
        texts = self._bags([[caption] for own in self.captions for caption in own]).reshape(N_SCENES, 5, -1)
        self.scores = np.einsum("nd,npd->np", self.embeddings, texts)

    def _bags(self, sentences: list[list[str]]) -> np.ndarray:
        words = {}
        for own in sentences:
            for word in " ".join(own).lower().replace(".", "").replace(",", "").split():
                words.setdefault(word, len(words))
        if not hasattr(self, "_words"):
            self._words = words
        bags = np.zeros((len(sentences), len(self._words)))
        for i, own in enumerate(sentences):
            for word in " ".join(own).lower().replace(".", "").replace(",", "").split():
                bags[i, self._words[word]] += 1
        return bags / np.linalg.norm(bags, axis=1, keepdims=True)

    def explain(self, groups, **options):
        reader = CaptionReader(read_stop_words(STOP_WORDS))
        table = word_table(self.captions, self.scores, reader.words_of)
        of_groups = []
        for group in groups:
            low = low_images(self.h, group.features, group.images, beta=BETA)
            of_groups.append(GroupImages(group.name, group.images, low.images, group.images % 32))
        return explain(
            of_groups, table, self.embeddings, np.arange(N_SCENES), words=WORDS | options, similarity=SIMILARITY,
            null=NULL, weights=block_weights(32, 50, seed=0), confidence=0.95, seed=0,
        )  # fmt: skip


@pytest.fixture(scope="module")
def planted() -> Planted:
    return Planted()


@pytest.fixture(scope="module")
def groups(planted):
    high = high_images(planted.h[:, :3], rule="quantile", quantile=0.5)
    sets = np.zeros(planted.h.shape, dtype=bool)
    for feature, truth in ((STRIPED, planted.striped), (CAT, planted.cat), (NIGHT, planted.night)):
        sets[:, feature] = truth
        assert high.sets[truth, feature].all() or truth.mean() > 0.5
    return {group.name: group for group in common_groups(sets, min_images=3)}


def test_a_feature_of_striped_things_is_called_striped(planted, groups):
    assert planted.striped.sum() > 15
    about, words = planted.explain([groups["0"]])
    best = [row for row in words if row["kind"] != "phrase" and row["above_null"]]
    assert best[0]["word"] == "striped"
    assert about[0]["explained"] or not about[0]["interpretable"]
    assert about[0]["words"].startswith("striped")
    assert best[0]["n_holding"] == planted.striped.sum()


def test_words_that_high_and_low_images_share_are_dropped(planted, groups):
    _, words = planted.explain([groups["0"]])
    by_word = {row["word"]: row for row in words}
    assert not by_word["striped"]["dropped"]
    dropped = {row["word"] for row in words if row["dropped"]}
    low = low_images(planted.h, [STRIPED], groups["0"].images, beta=BETA).images
    common = {scene_word for i in low for scene_word in " ".join(planted.captions[i]).lower().replace(".", "").split()}
    assert dropped, "high and low images share things and places"
    assert dropped <= common | {row["word"] for row in words if row["n_counter_holding"]}
    assert all("low images" in by_word[word]["dropped_because"] for word in dropped)
    _, by_any = planted.explain([groups["0"]], contrast="any")
    assert dropped <= {row["word"] for row in by_any if row["dropped"]}


def test_a_planted_pair_means_its_conjunction(planted, groups):
    about, words = planted.explain([groups["0"], groups["2"], groups["0-2"]])
    pair = [row for row in words if row["group"] == "0-2" and row["above_null"]]
    assert {"striped", "night"} <= {row["word"] for row in pair}
    single = {row["word"]: row["score"] for row in words if row["group"] == "0"}
    both = {row["word"]: row["score"] for row in words if row["group"] == "0-2"}
    assert both["night"] > 2 * single.get("night", 0.0), "alone the feature knows nothing of the night"
    images = set(groups["0"].images) & set(groups["2"].images)
    assert set(groups["0-2"].images) == images
    assert next(row for row in about if row["group"] == "0-2")["n_words"] > 0


def test_random_groups_of_images_mean_nothing(planted):
    from conceptatlas.falcon.grouping import Group

    rng = np.random.default_rng(3)
    groups = [Group((i,), np.sort(rng.permutation(N_SCENES)[:20])) for i in range(20)]
    about, _ = planted.explain(groups)
    assert sum(row["n_above_null"] > 0 for row in about) <= 1

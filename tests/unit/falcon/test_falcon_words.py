"""Captions to words, equation 1, its null, and contrast."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from conceptatlas.falcon.captions import CaptionReader, Word, noun_phrases, read_stop_words
from conceptatlas.falcon.contrasting import drop_words
from conceptatlas.falcon.crop_similarity import (
    mean_similarity,
    percentile,
    random_similarities,
    similarity_interval,
)
from conceptatlas.falcon.word_scores import RandomSets, score_intervals, word_scores, word_table
from conceptatlas.inference.bootstrap import block_weights

STOP_WORDS = Path(__file__).resolve().parents[3] / "resources" / "stop_words" / "english.txt"


@pytest.fixture(scope="module")
def reader() -> CaptionReader:
    return CaptionReader(read_stop_words(STOP_WORDS))


def texts(words):
    return {(word.text, word.kind) for word in words}


def test_words_are_lemmas_by_tag(reader):
    found = texts(reader.words_of("Two striped boats sailing on the water, a photo"))
    assert ("striped", "adjective") in found, "an adjective is no inflected verb"
    assert ("boat", "noun") in found
    assert ("water", "noun") in found
    assert not {"two", "photo", "the", "boats"} & {text for text, _ in found}
    assert ("run", "verb") in texts(reader.words_of("dogs running in a field"))


def test_noun_phrases_end_with_a_noun(reader):
    assert ("shaggy komondor dog", "phrase") in texts(reader.words_of("a shaggy komondor dog standing"))
    tagged = [("red", "JJ"), ("car", "NN"), ("old", "JJ"), ("house", "NN"), ("and", "CC"), ("tree", "NN")]
    assert [[word for word, _ in run] for run in noun_phrases(tagged)] == [["red", "car"], ["old", "house"]]
    assert list(noun_phrases([("striped", "JJ")])) == []
    assert ("red fox", "phrase") in texts(reader.words_of("red foxes"))


def test_short_words_and_digits_are_left_out(reader):
    assert texts(reader.words_of("fig12 of ox 3d")) <= set()


def test_stop_word_files(tmp_path):
    (tmp_path / "own.txt").write_text("# note\nFoo bar\n")
    assert read_stop_words(tmp_path / "own.txt") == ["foo", "bar"]
    (tmp_path / "empty.txt").write_text("# note\n")
    with pytest.raises(ValueError, match="holds no word"):
        read_stop_words(tmp_path / "empty.txt")
    with pytest.raises(ValueError, match=r"missing\.txt"):
        read_stop_words(tmp_path / "missing.txt")


def split(caption):
    return frozenset(Word(text, "noun") for text in caption.split())


def slow_score(captions, scores, images, word):
    """Equation 1, letter by letter."""
    total = 0.0
    for q in images:
        total += max(c if word in caption.split() else 0.0 for caption, c in zip(captions[q], scores[q], strict=True))
    return total / len(images)


@pytest.mark.parametrize("shift", [0.0, -0.5])  # cosines of centred vectors may be negative
def test_word_scores_are_equation_1(shift):
    rng = np.random.default_rng(0)
    words = ["cat", "dog", "sun", "sea", "red"]
    captions = [[" ".join(rng.choice(words, size=2)) for _ in range(5)] for _ in range(30)]
    scores = rng.random((30, 5)) + shift
    table = word_table(captions, scores, split)
    images = np.array([3, 4, 8, 11, 29])
    found = dict(zip([word.text for word in table.words], word_scores(table, images), strict=True))
    for word in words:
        assert found[word] == pytest.approx(slow_score(captions, scores, images, word), abs=1e-12)


def test_images_without_the_word_count_as_zero():
    table = word_table([["cat sun"], ["dog"], ["dog"], ["dog"]], np.array([[0.4], [0.3], [0.3], [0.3]]), split)
    scores = dict(zip([word.text for word in table.words], word_scores(table, np.arange(4)), strict=True))
    assert scores["cat"] == pytest.approx(0.1)
    assert scores["dog"] == pytest.approx(0.225)


def test_random_sets_give_the_p_of_the_definition():
    rng = np.random.default_rng(1)
    captions = [["cat"] if i < 10 else ["dog"] for i in range(60)]
    table = word_table(captions, np.full((60, 1), 0.5), split)
    sets = RandomSets(table.confidence, 6, 99, np.random.default_rng(2))
    assert (np.asarray(sets.draws.sum(axis=1)) == 6).all()
    assert sets.draws.max() == 1, "the images of a set are different ones"
    null = sets.compare(np.array([0.5, 0.25]), np.array([0, 1]))
    slow = np.array([table.confidence[np.flatnonzero(row)].toarray().mean(axis=0) for row in sets.draws.toarray()])
    assert null.p[0] == (1 + (slow[:, 0] >= 0.5).sum()) / 100
    np.testing.assert_allclose(null.mean, table.confidence.toarray().mean(axis=0))
    np.testing.assert_allclose(null.high, np.quantile(slow, 0.95, axis=0))
    assert (null.p_search >= null.p - 1e-12).all()
    with pytest.raises(ValueError, match=r"random groups of 61 images out of 60"):
        RandomSets(table.confidence, 61, 9, rng)


def test_the_search_is_part_of_the_null():
    """Random groups with a thousand rare words: p of the best word is nearly always small, p_search is not."""
    rng = np.random.default_rng(5)
    captions = [[f"w{rng.integers(400):03d} w{rng.integers(400):03d}"] for _ in range(300)]
    table = word_table(captions, 0.2 + 0.1 * rng.random((300, 1)), split)
    sets = RandomSets(table.confidence, 8, 199, np.random.default_rng(6))
    plain, search = [], []
    for n in range(40):
        images = np.random.default_rng(100 + n).permutation(300)[:8]
        null = sets.compare(word_scores(table, images), np.arange(len(table.words)))
        plain.append(null.p.min())
        search.append(null.p_search.min())
    assert np.mean(np.array(plain) <= 0.05) > 0.8
    assert np.mean(np.array(search) <= 0.05) < 0.2


def test_groups_whose_words_the_pool_lacks_are_no_surprise():
    """Rare words come and go: without the group's own images in the pool nearly every group would have one."""
    rng = np.random.default_rng(8)
    captions = [[f"w{rng.integers(4000):04d} w{rng.integers(4000):04d}"] for _ in range(320)]
    table = word_table(captions, 0.2 + 0.1 * rng.random((320, 1)), split)
    alone, together = [], []
    for n in range(30):
        order = np.random.default_rng(n).permutation(320)
        group, pool = order[:10], order[10:]
        scores = word_scores(table, group)
        for rows, found in ((pool, alone), (np.concatenate([pool, group]), together)):
            sets = RandomSets(table.confidence[rows], 10, 99, np.random.default_rng(1000 + n))
            columns = np.flatnonzero(np.asarray(table.holds[group].sum(axis=0)).ravel())
            found.append(sets.compare(scores[columns], columns).p_search.min())
    assert np.mean(np.array(alone) <= 0.05) > 0.5
    assert np.mean(np.array(together) <= 0.05) < 0.2


def test_intervals_need_eight_blocks():
    table = word_table([["cat"], ["dog"]] * 16, np.full((32, 1), 0.5), split)
    weights = block_weights(32, 200, seed=0)
    columns = np.arange(2)
    low, high = score_intervals(table, np.arange(32), columns, np.arange(32), weights, confidence=0.95)
    assert (low < 0.25).all()
    assert (high > 0.25).all()
    low, _ = score_intervals(table, np.arange(32), columns, np.arange(32) % 7, weights, confidence=0.95)
    assert np.isnan(low).all()


def test_contrast_by_score_and_by_any():
    scores, holding = np.array([0.3, 0.1, 0.05, 0.0]), np.array([9, 5, 2, 0])
    found = drop_words(scores, holding, 10, contrast="score", cut=0.1)
    assert found.dropped.tolist() == [True, True, False, False]
    assert found.because[0] == "scores 0.300 >= 0.1 in 10 low images"
    found = drop_words(scores, holding, 10, contrast="any", cut=0.1)
    assert found.dropped.tolist() == [True, True, True, False]
    assert found.because[2:] == ["extracted from 2 of 10 low images", ""]
    with pytest.raises(ValueError, match="unknown contrast 'all'"):
        drop_words(scores, holding, 10, contrast="all", cut=0.1)


def unit_vectors(n, dim, seed=0):
    rows = np.random.default_rng(seed).standard_normal((n, dim))
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_similarity_with_and_without_the_diagonal():
    rows = unit_vectors(7, 5)
    pairs = [rows[i] @ rows[j] for i in range(7) for j in range(7) if i != j]
    assert mean_similarity(rows) == pytest.approx(np.mean(pairs))
    assert mean_similarity(rows, diagonal="include") == pytest.approx((rows @ rows.T).mean())
    assert np.isnan(mean_similarity(rows[:1]))


def test_similarity_of_random_sets_is_that_of_their_rows():
    rows = unit_vectors(20, 6)
    sets = RandomSets(word_table([["a"]] * 20, np.ones((20, 1)), split).confidence, 5, 11, np.random.default_rng(0))
    found = random_similarities(rows, sets.draws, 5)
    slow = [mean_similarity(rows[np.flatnonzero(draw)]) for draw in sets.draws.toarray()]
    np.testing.assert_allclose(found, slow)
    assert percentile(2.0, found) == 100
    assert percentile(found[0], found[:1]) == 50


def test_interval_of_similarity_holds_it():
    rows = unit_vectors(15, 4)
    draws = np.random.default_rng(0).multinomial(15, np.full(15, 1 / 15), size=300)
    low, high = similarity_interval(rows, draws, diagonal="exclude", confidence=0.95)
    assert low < mean_similarity(rows) < high
    one = np.ones((1, 15), dtype=int)
    assert similarity_interval(rows, one, diagonal="include", confidence=0.9)[0] == pytest.approx(
        mean_similarity(rows, diagonal="include")
    )

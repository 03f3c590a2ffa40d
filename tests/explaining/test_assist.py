"""The second model: what touches, that it changes nothing where it knows nothing, and that it steadies the weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fer_spark.explaining.assist import touching
from fer_spark.explaining.local_model import Scored, fit_faces
from fer_spark.explaining.masks import Drawn, MaskSource, join_repetitions
from fer_spark.explaining.ridge import rank_correlation
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import grid, landmarks

PLAIN = LimeSettings(masks="balanced", hide="gray", target="probability", keep=0.5)
ASSISTED = replace(PLAIN, assisted=True)
COUNT = 36
PAIRS = touching(grid(48, COUNT))


def draw(seed: int, samples: int) -> Drawn:
    source = MaskSource("face", COUNT, "balanced", seed=seed)
    return join_repetitions(source.rows(0, samples), source.group_rows)


def weights(drawn: Drawn, probabilities: np.ndarray, settings: LimeSettings) -> np.ndarray:
    (model,) = fit_faces([Scored(drawn, probabilities, 1, PAIRS)], settings)
    return model.weights


def truth(kind: str, seed: int = 5):
    """(M, n) masks → (M, 3) probabilities: of segments and those that touch, of pairs far apart, or of two values."""
    random = np.random.default_rng(seed)
    alone = random.normal(0, 0.4, (COUNT, 3))
    far = [(i, COUNT - 1 - i) for i in range(COUNT // 2 - 4)]
    pairs = np.array(PAIRS if kind == "touching" else far)
    together = random.normal(0, 0.5, (len(pairs), 3))

    def answer(masks: np.ndarray) -> np.ndarray:
        signs = masks * 2.0 - 1
        logits = signs @ alone + (signs[:, pairs[:, 0]] * signs[:, pairs[:, 1]]) @ together
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(raised / raised.sum(axis=1, keepdims=True))

    return answer


def test_segments_that_share_a_side_or_a_corner_touch() -> None:
    assert touching(np.array([[0, 0, 1], [2, 2, 1], [2, 3, 3]])) == ((0, 1), (0, 2), (1, 2), (1, 3), (2, 3))
    assert touching(np.array([[0, 1], [2, 3]])) == ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3))
    assert touching(np.zeros((5, 5), int)) == ()
    # a square of 6 x 6: 30 + 30 sides and twice 25 corners
    assert len(PAIRS) == 110
    names = landmarks(48)
    assert all(a < b < names.count for a, b in touching(names.map))


def test_weights_of_few_masks_agree_more_between_seeds_and_with_those_of_many() -> None:
    answer = truth("touching")
    many = draw(99, 20_000)
    aim = weights(many, answer(many.unique), PLAIN)
    agree: dict[str, list[float]] = {"plain": [], "assisted": []}
    near: dict[str, list[float]] = {"plain": [], "assisted": []}
    for seed in range(6):
        drawn = [draw(2 * seed, 256), draw(2 * seed + 1, 256)]
        for name, settings in (("plain", PLAIN), ("assisted", ASSISTED)):
            one, other = (weights(each, answer(each.unique), settings) for each in drawn)
            agree[name].append(rank_correlation(one, other))
            near[name].append(float(np.abs(one - aim).max()))
    assert np.mean(agree["assisted"]) > np.mean(agree["plain"]) + 0.05
    assert np.mean(near["assisted"]) < 0.75 * np.mean(near["plain"])


def test_where_the_second_model_is_wrong_many_masks_give_the_same_weights() -> None:
    """Pairs far apart are none that it knows: it can only be wrong about them."""
    answer = truth("far")
    many = draw(99, 20_000)
    aim = weights(many, answer(many.unique), PLAIN)
    found = np.mean([weights(each, answer(each.unique), ASSISTED) for each in (draw(s, 2048) for s in range(12))], 0)
    assert np.abs(aim).max() > 0.1
    assert np.abs(found - aim).max() < 0.02
    assert found @ aim / (aim @ aim) == pytest.approx(1, abs=0.05)


def test_what_never_changes_has_no_weights() -> None:
    drawn = draw(0, 256)
    found = weights(drawn, np.tile([0.2, 0.5, 0.3], (len(drawn.unique), 1)), ASSISTED)
    assert found == pytest.approx(np.zeros(COUNT), abs=1e-12)
    sure = weights(drawn, np.tile([0.0, 1.0, 0.0], (len(drawn.unique), 1)), ASSISTED)
    assert sure == pytest.approx(np.zeros(COUNT), abs=1e-9)


def test_the_segments_of_largest_weight_alone() -> None:
    drawn, answer = draw(0, 512), truth("touching")
    settings = replace(ASSISTED, features=5)
    found = weights(drawn, answer(drawn.unique), settings)
    every = weights(drawn, answer(drawn.unique), ASSISTED)
    assert set(np.flatnonzero(found)) == set(np.argsort(-np.abs(every))[:5])


def test_faces_together_equal_each_alone() -> None:
    first, second, answer = draw(0, 128), draw(1, 384), truth("touching")
    faces = [Scored(one, answer(one.unique), label, PAIRS) for one, label in ((first, 1), (second, 2))]
    together = fit_faces(faces, ASSISTED)
    for face, model in zip(faces, together, strict=True):
        (alone,) = fit_faces([face], ASSISTED)
        assert model.weights == pytest.approx(alone.weights, abs=1e-12)
        assert (model.r2, model.r2_held_out) == pytest.approx((alone.r2, alone.r2_held_out))
        assert (model.rank, model.overlap) == (alone.rank, alone.overlap)


def test_masks_that_are_held_out_and_the_other_half_are_not_looked_at() -> None:
    drawn, random = draw(0, 256), np.random.default_rng(0)
    noise = random.dirichlet([2, 2, 2], len(drawn.unique))
    (model,) = fit_faces([Scored(drawn, noise, 1, PAIRS)], ASSISTED)
    assert model.r2 > 0.05
    assert model.r2_held_out < 0
    assert abs(model.rank) < 0.5

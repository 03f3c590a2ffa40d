from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fer_spark.explaining.lime import Face, explain
from fer_spark.explaining.masks import join_repetitions
from fer_spark.explaining.perturb import hide, score
from fer_spark.explaining.ridge import kernel_weights
from fer_spark.explaining.settings import LimeSettings
from fer_spark.explaining.superpixels import KINDS, grid, landmarks
from tests.explaining.scorers import ContrastScorer, PairScorer, RegionScorer, noise

SQUARE = (8, 16, 16, 24)  # segment 8 of a six by six grid on 48 px
OTHER = (32, 40, 40, 48)  # segment 29
QUICK = LimeSettings(samples=200, hide="black", target="probability", keep=0.5)


def _one(scorer: Any, settings: LimeSettings, pixels: np.ndarray, face_id: str = "a"):
    return explain([Face(face_id, pixels)], scorer, settings)[0]


def test_the_region_that_decides_comes_first_with_the_right_sign_and_the_right_size() -> None:
    scorer = RegionScorer((SQUARE, OTHER), (0.7, -0.1))
    face = noise()
    found = _one(scorer, replace(QUICK, samples=1000, label="happy"), face)
    order = np.argsort(-np.abs(found.model.weights))
    assert order[:2].tolist() == [8, 29]
    truth = 0.8 * 0.7 * face[8:16, 16:24].mean() / 255, -0.8 * 0.1 * face[32:40, 40:48].mean() / 255
    assert found.model.weights[8] == pytest.approx(truth[0], rel=0.02)  # ridge shrinks a little
    assert found.model.weights[29] == pytest.approx(truth[1], rel=0.02)
    assert np.abs(np.delete(found.model.weights, [8, 29])).max() < 0.01
    assert found.model.intercept == pytest.approx(0.1, abs=0.01)
    assert found.model.r2 > 0.99
    assert found.model.r2_held_out > 0.99
    assert found.model.overlap >= 0.5
    assert found.explained
    assert found.hidden_probability == pytest.approx(0.1, abs=1e-6)
    assert found.probability == pytest.approx(0.1 + sum(truth), abs=1e-6)
    assert (found.samples, found.unique_samples) == (1000, 1000)
    assert found.heat_map[10, 20] == found.model.weights[8]


def test_the_predicted_label_is_explained_unless_another_is_named() -> None:
    scorer = RegionScorer((SQUARE,), (0.3,))  # never above a half: sad
    sad, happy = (_one(scorer, replace(QUICK, label=label), noise()) for label in ("", "happy"))
    assert (sad.predicted, sad.label) == (0, 0)
    assert (happy.predicted, happy.label) == (0, 1)
    assert sad.model.weights == pytest.approx(-happy.model.weights, abs=1e-6)
    assert np.argmin(sad.model.weights) == 8
    surely = _one(RegionScorer((SQUARE,), (0.9,)), QUICK, noise())
    assert (surely.predicted, surely.label) == (1, 1)  # of the whole face; with all hidden it is sad
    assert surely.hidden_probability == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize("shape", [(48, 48), (48, 48, 3)])
@pytest.mark.parametrize("kind", [np.uint8, np.float32])
@pytest.mark.parametrize("how", ["gray", "mean", "blur", "black"])
def test_masked_faces_are_the_face_where_shown_and_what_hides_it_elsewhere(shape, kind, how) -> None:
    face = noise(shape) if kind is np.uint8 else (noise(shape) / np.float32(255))
    segments = grid(48, 9)
    masks = np.random.default_rng(0).integers(0, 2, (5, 9)).astype(np.uint8)
    job = hide(face, segments, how, (0.2, 0.4, 0.6)[: len(shape) if len(shape) == 3 else 1])
    shown = job.show(masks)
    assert shown.dtype == kind
    assert shown.shape == (5, *shape)
    for picture, mask in zip(shown, masks, strict=True):
        for one in range(9):
            inside = segments == one
            assert (picture[inside] == (face if mask[one] else job.hidden)[inside]).all()
    hidden = job.hidden[segments == 4].reshape(256, -1)
    if how == "black":
        assert (hidden == 0).all()
    elif how == "mean":
        wanted = face[segments == 4].reshape(256, -1).mean(axis=0)
        assert np.abs(hidden - (wanted.astype(int) if kind is np.uint8 else wanted)).max() < 1e-5
    elif how == "gray":
        level = np.array((0.2, 0.4, 0.6)[: hidden.shape[1]])
        assert hidden[0] == pytest.approx(np.rint(level * 255) if kind is np.uint8 else level, abs=1e-6)
    else:
        assert 0 < hidden.astype(float).std() < 0.3 * face.astype(float).std()


def test_chunks_are_bounded_shared_between_faces_and_change_nothing() -> None:
    scorer = RegionScorer((SQUARE,), (0.7,))
    faces = [Face(str(i), noise(seed=i)) for i in range(5)]
    settings = replace(QUICK, samples=500)
    whole = explain(faces, scorer, settings)
    assert scorer.calls == [2505]
    scorer.calls.clear()
    chunked = explain(faces, scorer, settings, chunk_bytes=1)
    assert scorer.calls == [1024, 1024, 457]
    for a, b in zip(whole, chunked, strict=True):
        assert (a.model.weights == b.model.weights).all()
    alone = [explain([face], scorer, settings)[0] for face in reversed(faces)]
    for a, b in zip(whole, reversed(alone), strict=True):
        assert a.model.weights == pytest.approx(b.model.weights, abs=1e-12)


def test_masks_that_come_again_are_scored_once_and_count_as_often_as_they_came() -> None:
    scorer = RegionScorer(((0, 24, 0, 24),), (0.7,))
    found = _one(scorer, replace(QUICK, segment_count=4, samples=300), noise())
    assert found.samples == 300
    assert found.unique_samples == 16  # all there are of four segments
    assert scorer.seen == 17  # and once with nothing shown


def test_adaptive_stops_early_where_the_answer_is_plain_and_goes_on_where_it_is_not() -> None:
    adaptive = replace(QUICK, adaptive=True, round_samples=64, samples=1000, label="happy")
    plain = RegionScorer(
        tuple((8 * r, 8 * r + 8, 8 * c, 8 * c + 8) for r in range(6) for c in range(6)),
        tuple(0.02 * 1.1**i / 5 for i in range(36)),
    )
    scorer = RegionScorer((SQUARE,), (0.7,))
    rough = _Rough(scorer)
    settled, going_on = _one(plain, adaptive, noise()), _one(rough, adaptive, noise())
    assert settled.samples in (64, 128, 192, 256)
    assert plain.seen == settled.unique_samples + 1
    assert settled.model.overlap >= 0.5
    assert settled.model.rank >= 0.8
    assert going_on.samples == 1000
    assert not going_on.explained
    assert going_on.model.r2_held_out < 0 < going_on.model.r2 < 0.1


class _Rough:
    """Answers that follow from the picture, but from no segment: a hash of its bytes."""

    labels, digest, preparation_digest = ["sad", "happy"], "rough", ""

    def __init__(self, like: RegionScorer) -> None:
        self.like = like

    def predict_proba(self, images: np.ndarray, batch_size: int | None = None, views: str | None = None) -> np.ndarray:
        happy = np.array(
            [
                int(image.astype(np.int64).ravel() @ np.arange(1, image.size + 1)) * 7919 % 1009 / 1009
                for image in images
            ]
        )
        return np.stack([1 - happy, happy], axis=1).astype(np.float32)

    def predict(self, images: np.ndarray, batch_size: int | None = None, views: str | None = None):
        return self.predict_proba(images), None


def test_a_longer_run_begins_with_the_masks_of_a_shorter_one() -> None:
    scorer = RegionScorer((SQUARE,), (0.7,))
    adaptive = replace(QUICK, adaptive=True, round_samples=200, samples=200)
    fixed = _one(scorer, QUICK, noise())
    assert (_one(scorer, adaptive, noise()).model.weights == fixed.model.weights).all()


def test_opposite_masks_take_out_what_pairs_of_segments_do_together() -> None:
    """P = 0.1 + 0.8 · b₈ · b₂₉: half of the effect is each one's own, the rest is noise to a linear model."""
    scorer = PairScorer((SQUARE, OTHER), (0.9,))
    errors = {}
    for masks in ("random", "antithetic", "balanced"):
        settings = replace(QUICK, samples=256, masks=masks, label="happy")
        weights = [_one(scorer, settings, noise(), f"face-{i}").model.weights for i in range(8)]
        errors[masks] = float(np.std(weights, axis=0).mean())
    assert errors["antithetic"] < 0.8 * errors["random"]
    assert errors["balanced"] < 0.5 * errors["random"]


@pytest.mark.parametrize("segments", KINDS)
def test_a_picture_of_one_colour_hidden_by_it_is_not_explained_and_nothing_fails(segments: str) -> None:
    pytest.importorskip("skimage")
    flat = np.full((48, 48), 100, np.uint8)
    settings = LimeSettings(segments=segments, hide="mean", samples=100, adaptive=True, round_samples=32, fidelity=True)
    found = _one(RegionScorer((SQUARE,), (0.7,)), settings, flat)
    assert not found.explained
    assert found.samples == 32  # more masks would not help
    assert np.abs(found.model.weights).max() < 1e-6
    assert found.model.r2 == 0


def test_one_segment_gets_a_weight_but_explains_nothing() -> None:
    found = _one(
        RegionScorer((SQUARE,), (0.7,)), replace(QUICK, segment_count=1, fidelity=True, label="happy"), noise()
    )
    assert found.segmentation.count == 1
    assert found.model.weights[0] > 0
    assert not found.explained
    assert found.unique_samples == 2


def test_wrong_settings_are_named_before_anything_is_scored() -> None:
    scorer = RegionScorer((SQUARE,), (0.7,))
    for change, message in (
        ({"label": "joy"}, "'joy' is none of the model's: sad, happy"),
        ({"samples": 1}, "--samples: 1"),
        ({"keep": 0.7, "masks": "antithetic"}, "--keep: 0.7, expected 0.5 with"),
        ({"stable_rank": 1.5}, "--stable-rank: 1.5"),
        ({"kernel_width": 0.0}, "--kernel-width"),
        ({"kernel_width": float("nan")}, "--kernel-width"),
    ):
        with pytest.raises(ValueError, match=message):
            _one(scorer, replace(QUICK, **change), noise())
    assert scorer.seen == 0


# The lime package itself


def _with_limes_masks(face: np.ndarray, segments: np.ndarray, scorer: Any, samples: int, seed: int):
    """lime_image on a face, and our weights on the masks that it drew: (theirs, ours), each as an array per segment."""
    lime_image = pytest.importorskip("lime.lime_image")
    explainer = lime_image.LimeImageExplainer(random_state=seed)
    gray = face.ndim == 2
    theirs = explainer.explain_instance(
        face,
        (lambda images: scorer.predict_proba(images[..., 0])) if gray else scorer.predict_proba,
        labels=(1,),
        top_labels=None,
        num_samples=samples,
        batch_size=64,
        segmentation_fn=lambda image: segments,
        random_seed=0,
    )
    count = int(segments.max()) + 1
    masks = np.random.RandomState(seed).randint(0, 2, samples * count).reshape(samples, count).astype(np.uint8)
    masks[0] = 1
    drawn = join_repetitions(masks)
    settings = LimeSettings(as_lime=True)
    (probabilities,) = score([(hide(face, segments, settings.hide), drawn.unique)], scorer)
    from fer_spark.explaining.local_model import Scored, fit_faces

    (model,) = fit_faces([Scored(drawn, probabilities.astype(np.float64), 1)], settings)
    weights = np.zeros(count)
    for place, weight in theirs.local_exp[1]:
        weights[place] = weight
    return (weights, theirs.intercept[1], theirs.score), (model.weights, model.intercept, model.r2)


@pytest.mark.parametrize("shape", [(48, 48), (48, 48, 3)])
@pytest.mark.parametrize("segments", [grid(48, 36), landmarks(48).map, grid(48, 4)], ids=["grid", "landmarks", "four"])
def test_the_same_masks_give_the_weights_of_the_lime_package(shape: tuple[int, ...], segments: np.ndarray) -> None:
    scorer = ContrastScorer((SQUARE, OTHER, (10, 40, 5, 43)), (1.0, -0.5, 2.0))
    theirs, ours = _with_limes_masks(noise(shape), segments, scorer, 400, seed=7)
    assert np.abs(theirs[0]).max() > 0.01
    assert ours[0] == pytest.approx(theirs[0], abs=1e-9)
    assert ours[1] == pytest.approx(theirs[1], abs=1e-9)
    assert ours[2] == pytest.approx(theirs[2], abs=1e-9)


def test_our_masks_give_the_weights_of_the_lime_packages_own_solver() -> None:
    lime_base = pytest.importorskip("lime.lime_base")
    from sklearn.metrics.pairwise import cosine_distances

    scorer, face = PairScorer((SQUARE, OTHER), (0.9,)), noise()
    settings = replace(QUICK, label="happy", samples=500)
    ours = _one(scorer, settings, face)
    from fer_spark.explaining.masks import MaskSource

    masks = MaskSource("a", 36).rows(0, 500)
    (answers,) = score([(hide(face, grid(48, 36), "black"), masks)], scorer)
    base = lime_base.LimeBase(lambda d: np.sqrt(np.exp(-(d**2) / 0.25**2)), random_state=0)
    distances = cosine_distances(masks, masks[:1]).ravel()
    intercept, pairs, r2, _ = base.explain_instance_with_data(masks.astype(float), answers, distances, 1, 10**6)
    assert kernel_weights(masks, 0.25) == pytest.approx(base.kernel_fn(distances), abs=1e-9)
    assert ours.model.weights[[place for place, _ in pairs]] == pytest.approx([w for _, w in pairs], abs=1e-9)
    assert (ours.model.intercept, ours.model.r2) == pytest.approx((intercept, r2), abs=1e-9)


class _InShort(RegionScorer):
    """Knows the answers of masked copies of faces with an even first pixel without looking at the copies."""

    def predict_masked(
        self,
        face: np.ndarray,
        hidden: np.ndarray,
        segments: np.ndarray,
        masks: np.ndarray,
        views: str | None = None,
    ) -> np.ndarray | None:
        if face.flat[0] % 2:
            return None
        plain = RegionScorer(self.regions, self.strengths)
        return plain.predict_proba(np.where(masks[:, segments] == 1, face, hidden))


def test_a_scorer_that_knows_a_shorter_way_is_asked_for_it_and_for_the_other_faces_pictures() -> None:
    faces = [Face(name, noise(seed=seed)) for name, seed in (("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5))]
    odd = sum(int(face.pixels.flat[0] % 2) for face in faces)
    assert 0 < odd < len(faces)
    plain, short = (kind((SQUARE, OTHER), (0.7, -0.1)) for kind in (RegionScorer, _InShort))
    settings = replace(QUICK, adaptive=True, round_samples=64)
    expected, found = explain(faces, plain, settings), explain(faces, short, settings)
    assert [one.face_id for one in found] == [one.face_id for one in expected]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.model.weights == pytest.approx(theirs.model.weights, abs=1e-6)
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-7)
    assert 0 < short.seen < plain.seen

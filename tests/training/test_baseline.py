from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier
from sklearn.preprocessing import StandardScaler

from fer_spark.batches import Batch
from fer_spark.training import baseline
from fer_spark.training.baseline import LabelledPixels, NearestNeighbours, choose_k, gather


def drawn(rows: int, seed: int, classes: int = 4) -> LabelledPixels:
    """6 x 5 pictures around a centre per class, wide enough apart for a neighbour to tell, not for all of them."""
    centres = np.random.default_rng(99).integers(60, 200, (classes, 30))
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    pixels = (centres[labels] + random.normal(0, 60, (rows, 30))).clip(0, 255).astype(np.uint8)
    pixels[:, 7] = 13  # a pixel that never changes
    return LabelledPixels(torch.from_numpy(pixels), torch.from_numpy(labels), classes)


def reference(train: LabelledPixels, queries: LabelledPixels, k: int) -> np.ndarray:
    scaler = StandardScaler().fit(train.pixels.numpy())
    model = KNeighborsClassifier(k, algorithm="brute")
    model.fit(scaler.transform(train.pixels.numpy()), train.labels.numpy())
    return np.asarray(model.predict_proba(scaler.transform(queries.pixels.numpy())))


@pytest.mark.parametrize("k", [1, 7, 60])
def test_votes_are_those_of_scikit_learn_whatever_the_blocks(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    train, queries = drawn(301, 1), drawn(77, 2)
    expected = reference(train, queries, k)
    whole = NearestNeighbours(train, k).predict_proba(queries.pixels.reshape(77, 6, 5))
    assert whole.dtype == torch.float32
    assert whole.numpy() == pytest.approx(expected, abs=1e-6)
    monkeypatch.setattr(baseline, "_QUERY_ROWS", 10)
    monkeypatch.setattr(baseline, "_BLOCK_BYTES", 4 * 30 * 23)  # 23 train rows in a block, fewer than k
    assert torch.equal(NearestNeighbours(train, k).predict_proba(queries.pixels), whole)


def test_k_is_the_best_on_validation_and_all_accuracies_come_from_one_search() -> None:
    train, val = drawn(400, 3), drawn(150, 4)
    chosen = choose_k(train, val, (1, 5, 25, 399, 1000))
    assert sorted(chosen.accuracy) == [1, 5, 25, 399], "there are not 1000 train rows"
    for k, accuracy in chosen.accuracy.items():
        found = reference(train, val, k).argmax(1) == val.labels.numpy()
        assert accuracy == pytest.approx(found.mean())
    assert chosen.accuracy[chosen.k] == max(chosen.accuracy.values())
    assert chosen.k in (5, 25), "one neighbour is noise, all of them are the largest class"


def test_of_equal_candidates_the_smallest_is_chosen() -> None:
    train = LabelledPixels(torch.tensor([[0], [1], [2], [100], [101], [102]]), torch.tensor([0, 0, 0, 1, 1, 1]), 2)
    val = LabelledPixels(torch.tensor([[1], [101]]), torch.tensor([0, 1]), 2)
    assert choose_k(train, val, (3, 1, 2)).k == 1


class _Source:
    """Rows 0-9 in two batches out of order; 4 has no label, the last row of the second batch is padding."""

    label_names = ["happy", "sad"]  # noqa: RUF012

    def __len__(self) -> int:
        return 2

    def epoch(self, epoch: int, start: int = 0) -> Iterator[Batch]:
        for rows, real in (([9, 3, 4, 0, 7], [True] * 5), ([1, 8, 2, 6, 5, 9], [True] * 5 + [False])):
            at = torch.tensor(rows)
            images = at[:, None, None].expand(-1, 3, 2).to(torch.uint8)
            yield Batch(images, torch.where(at == 4, -1, at % 2), at, torch.tensor(real))


def test_gather_takes_every_labelled_row_once_in_row_order() -> None:
    held = gather(_Source())
    assert held.pixels[:, 0].tolist() == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    assert held.pixels.shape == (9, 6)
    assert held.labels.tolist() == [0, 1, 0, 1, 1, 0, 1, 0, 1]
    assert held.classes == 2


def test_what_cannot_be_is_refused() -> None:
    train = drawn(20, 1)
    with pytest.raises(ValueError, match="k is 21, expected 1 to 20"):
        NearestNeighbours(train, 21)
    with pytest.raises(ValueError, match="pictures of 12 values"):
        NearestNeighbours(train, 3).predict_proba(torch.zeros(2, 4, 3))
    with pytest.raises(ValueError, match="labels must lie in"):
        LabelledPixels(torch.zeros(2, 3), torch.tensor([0, 4]), 4)
    with pytest.raises(ValueError, match="0 val rows"):
        choose_k(train, LabelledPixels(torch.zeros(0, 30), torch.zeros(0, dtype=torch.int64), 4))

from __future__ import annotations

import numpy as np
import pytest

from fer_spark.explaining.masks import MaskSource, join_repetitions

KINDS = ("random", "antithetic", "balanced")


@pytest.mark.parametrize("kind", KINDS)
def test_rows_depend_on_seed_face_and_place_alone(kind: str) -> None:
    source = MaskSource("face-a", 36, kind, seed=3)
    whole = source.rows(0, 300)
    assert whole.shape == (300, 36)
    assert (whole[0] == 1).all()
    assert (source.rows(70, 200) == whole[70:200]).all()
    assert (np.concatenate([source.rows(0, 129), source.rows(129, 300)]) == whole).all()
    assert (MaskSource("face-b", 36, kind, seed=3).rows(0, 300) != whole).mean() > 0.4
    assert (MaskSource("face-a", 36, kind, seed=4).rows(0, 300) != whole).mean() > 0.4


@pytest.mark.parametrize("kind", KINDS)
def test_half_of_the_segments_are_shown(kind: str) -> None:
    masks = MaskSource("a", 11, kind).rows(1, 8001)
    assert set(np.unique(masks)) == {0, 1}
    assert masks.mean() == pytest.approx(0.5, abs=0.01)
    assert masks.mean(axis=0) == pytest.approx(0.5, abs=0.03)


def test_random_masks_show_a_segment_with_the_chance_asked_for() -> None:
    assert MaskSource("a", 20, "random", keep=0.7).rows(1, 3001).mean() == pytest.approx(0.7, abs=0.01)


@pytest.mark.parametrize("kind", ["antithetic", "balanced"])
def test_masks_come_in_opposite_pairs(kind: str) -> None:
    masks = MaskSource("a", 20, kind).rows(2, 300)
    assert (masks[::2] + masks[1::2] == 1).all()


@pytest.mark.parametrize("segments", [1, 2, 11, 36, 63, 64])
def test_in_a_balanced_block_every_two_segments_are_hidden_together_as_often_as_apart(segments: int) -> None:
    side = next(2**k for k in range(9) if 2**k >= segments)
    block = MaskSource("a", segments, "balanced").rows(2 * side, 4 * side).astype(int)  # the second: not its first row
    signs = 2 * block - 1
    assert (signs.T @ signs == 2 * side * np.eye(segments)).all()


@pytest.mark.parametrize(("keep", "levels", "segments"), [(0.667, 3, 4), (2 / 3, 3, 36), (0.8, 5, 6), (0.8, 5, 31)])
def test_in_a_balanced_block_segments_are_hidden_in_pairs_as_by_coins_of_their_share(
    keep: float, levels: int, segments: int
) -> None:
    source = MaskSource("a", segments, "balanced", keep, seed=5)
    rows = source.group_rows
    hidden = 1 - source.rows(rows, 2 * rows).astype(int)  # the second block: its first row shows not everything
    together = np.full((segments, segments), rows // levels**2)
    np.fill_diagonal(together, rows // levels)
    assert (hidden.T @ hidden == together).all()
    assert (source.rows(rows, 2 * rows) != source.rows(2 * rows, 3 * rows)).any()
    assert (source.rows(3, rows + 7) == source.rows(0, 2 * rows)[3 : rows + 7]).all()


def test_balanced_masks_of_other_shares_are_refused() -> None:
    with pytest.raises(ValueError, match=r"four fifths, not 0\.7"):
        MaskSource("a", 6, "balanced", 0.7).rows(0, 2)


def test_balanced_blocks_do_not_all_hold_the_same_masks() -> None:
    masks = MaskSource("a", 36, "balanced").rows(1, 20 * 128)
    assert (masks.sum(axis=1) == 36).sum() <= 1  # a matrix as it is would show everything once per block
    assert len(join_repetitions(masks).unique) > 0.99 * len(masks)


def test_repetitions_are_joined_in_order_of_first_appearance() -> None:
    masks = np.array([[1, 1, 1], [0, 1, 0], [1, 1, 1], [0, 0, 1], [0, 1, 0], [0, 1, 0]], np.uint8)
    drawn = join_repetitions(masks)
    assert drawn.unique.tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 1]]
    assert drawn.counts.tolist() == [2, 3, 1]
    assert drawn.pair.tolist() == [0, 0, 1]
    assert drawn.half.tolist() == [0, 0, 1]
    assert drawn.samples == 6
    assert join_repetitions(masks, 3).half.tolist() == [0, 0, 1]
    assert join_repetitions(masks, 4).half.tolist() == [0, 0, 1]  # two groups of four there are not: pairs


def test_halves_of_balanced_masks_are_whole_blocks_where_there_are_two() -> None:
    source = MaskSource("a", 36, "balanced")
    drawn = join_repetitions(source.rows(0, 512), source.group_rows)
    assert source.group_rows == 128
    assert drawn.half[:128].tolist() == [0] * 128
    assert drawn.half[128:256].tolist() == [1] * 128
    assert join_repetitions(source.rows(0, 128), source.group_rows).half[:6].tolist() == [0, 0, 1, 1, 0, 0]


def test_a_longer_draw_keeps_the_order_of_a_shorter_one() -> None:
    source = MaskSource("a", 6)
    short, long = (join_repetitions(source.rows(0, n)) for n in (40, 500))
    assert (long.unique[: len(short.unique)] == short.unique).all()
    assert len(long.unique) <= 64
    assert long.samples == 500


def test_unknown_kinds_and_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="sobol"):
        MaskSource("a", 3, "sobol").rows(0, 2)
    with pytest.raises(ValueError, match="rows 5 to 3"):
        MaskSource("a", 3).rows(5, 3)

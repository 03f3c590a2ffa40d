"""What teachers answer, each time or once per row or version, with a teacher whose answers are plain arithmetic."""

from __future__ import annotations

import torch

from fer_spark.batches import Batch
from fer_spark.training.teaching import Teaching

CPU = torch.device("cpu")


class Bright:
    """Two logits: the brightness of the left half and of the right one. Counts the pictures that it was shown."""

    def __init__(self) -> None:
        self.shown = 0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.shown += len(images)
        half = images.shape[-1] // 2
        return torch.stack([images[..., :half].mean(dim=(1, 2, 3)), images[..., half:].mean(dim=(1, 2, 3))], dim=1)


def batch(*rows: int) -> Batch:
    """Row r is 10 r + 51 on the left and black on the right."""
    numbers = torch.tensor(rows)
    images = torch.zeros(len(rows), 4, 4, dtype=torch.uint8)
    images[:, :, :2] = (10 * numbers + 51)[:, None, None].to(torch.uint8)
    return Batch(images, torch.zeros_like(numbers), numbers, torch.ones(len(rows), dtype=torch.bool))


def test_each_time_a_teacher_sees_what_the_pupil_sees() -> None:
    teacher, images = Bright(), torch.rand(3, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    teaching = Teaching([teacher], False, 0, "fp32", CPU)
    for epoch in range(2):
        assert teaching.known(batch(5, 0, 7), epoch) is None
        found = teaching.answer(images)
        teaching.keep(batch(5, 0, 7), epoch, found)
        assert torch.allclose(found[0, :, 0], images[..., :2].mean(dim=(1, 2, 3)))
    assert teacher.shown == 6


def test_once_it_is_the_stored_picture_and_its_mirror_image_and_then_no_more() -> None:
    teachers = [Bright(), Bright()]
    teaching = Teaching([*teachers], True, 0, "fp32", CPU)
    expected = (10 * torch.tensor([5.0, 0, 7]) + 51) / 255 / 2  # both halves, once the mirror image is counted in
    for epoch, (rows, at) in enumerate((((5, 0, 7), [0, 1, 2]), ((7, 5, 5), [2, 0, 0]), ((0, 7, 0), [1, 2, 1]))):
        found = teaching.known(batch(*rows), epoch)
        assert found is not None
        assert torch.allclose(found, expected[at][None, :, None].expand(2, -1, 2))
    assert [one.shown for one in teachers] == [6, 6]
    teaching.known(batch(5, 9, 0), 3)  # 9 is new: rows known before keep what was answered
    assert teachers[0].shown == 12
    found = teaching.known(batch(9, 5, 0), 4)
    assert found is not None
    assert torch.allclose(found[1, 0], torch.tensor((90 + 51) / 255 / 2).expand(2))


def test_with_versions_each_is_answered_once_and_returns() -> None:
    teacher, seen = Bright(), {}
    teaching = Teaching([teacher], False, 2, "fp32", CPU)
    for epoch, rows in enumerate(((5, 0), (5, 0), (0, 5), (5, 5), (5, 0))):
        found = teaching.known(batch(*rows), epoch)
        if epoch < 2:
            assert found is None
            seen[epoch] = teaching.answer(torch.full((2, 1, 4, 4), 0.1 + epoch / 2) + torch.rand(2, 1, 1, 1) / 4)
            teaching.keep(batch(*rows), epoch, seen[epoch])
        else:
            assert found is not None
            assert torch.equal(found, seen[epoch % 2][:, [(5, 0).index(row) for row in rows]])
    assert teacher.shown == 4
    assert teaching.known(batch(5, 7), 5) is None


def test_without_teachers_there_is_no_teaching() -> None:
    assert not Teaching([], True, 0, "fp32", CPU)
    assert Teaching([Bright()], True, 0, "fp32", CPU)
    assert Teaching([], False, 0, "fp32", CPU).known(batch(1), 0) is None

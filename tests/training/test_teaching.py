"""What teachers answer, each time or once per row, with a teacher whose answers are plain arithmetic."""

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
    teaching = Teaching([teacher], False, "fp32", CPU)
    for _ in range(2):
        (found,) = teaching.logits(images, batch(5, 0, 7))
        assert torch.allclose(found[:, 0], images[..., :2].mean(dim=(1, 2, 3)))
    assert teacher.shown == 6


def test_once_it_is_the_stored_picture_and_its_mirror_image_and_then_no_more() -> None:
    teachers, varied = [Bright(), Bright()], torch.rand(3, 1, 4, 4)
    teaching = Teaching([*teachers], True, "fp32", CPU)
    expected = (10 * torch.tensor([5.0, 0, 7]) + 51) / 255 / 2  # both halves, once the mirror image is counted in
    for rows, at in (((5, 0, 7), [0, 1, 2]), ((7, 5, 5), [2, 0, 0]), ((0, 7, 0), [1, 2, 1])):
        found = teaching.logits(varied, batch(*rows))
        assert len(found) == 2
        assert all(torch.allclose(one, expected[at][:, None].expand(-1, 2)) for one in found)
    assert [one.shown for one in teachers] == [6, 6]
    teaching.logits(varied, batch(5, 9, 0))  # 9 is new: rows known before keep what was answered
    assert teachers[0].shown == 12
    assert torch.allclose(teaching.logits(varied, batch(9, 5, 0))[1][0], torch.tensor((90 + 51) / 255 / 2).expand(2))


def test_without_teachers_there_is_no_teaching() -> None:
    assert not Teaching([], True, "fp32", CPU)
    assert Teaching([Bright()], True, "fp32", CPU)

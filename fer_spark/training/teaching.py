"""What teachers answer to the pictures of a batch: to each as it was augmented, or once per row, and kept."""

from __future__ import annotations

import torch

from fer_spark.batches import Batch
from fer_spark.training.pixels import autocast, to_unit
from fer_spark.training.targets import Teacher


class Teaching:
    """`once`: the mean of a teacher's logits for the stored picture and its mirror image, computed when a row is first
    seen. They are a function of the row alone: a resumed run computes them anew and finds the same.
    """

    def __init__(self, teachers: list[Teacher], once: bool, precision: str, device: torch.device) -> None:
        self._teachers, self._once, self._precision, self._device = teachers, once, precision, device
        self._seen = torch.zeros(0, dtype=torch.bool)  # on the CPU, as batches are: a GPU need not be waited for
        self._kept: list[torch.Tensor] = []

    def __bool__(self) -> bool:
        return bool(self._teachers)

    def logits(self, images: torch.Tensor, batch: Batch) -> list[torch.Tensor]:
        """(N, K) logits of each teacher; `images` are the batch's pictures as the pupil gets them, at full crop."""
        with torch.no_grad(), autocast(self._device, self._precision):
            if not self._once:
                return [teacher(images) for teacher in self._teachers]
            self._make_room(int(batch.rows.max()) + 1)
            if not self._seen[batch.rows].all():
                self._keep(batch)
            return [kept[batch.rows.to(self._device)] for kept in self._kept]

    def _make_room(self, rows: int) -> None:
        more = rows - len(self._seen)
        if more > 0:
            self._seen = torch.cat([self._seen, self._seen.new_zeros(more)])
            self._kept = [torch.cat([kept, kept.new_zeros((more, kept.shape[1]))]) for kept in self._kept]

    def _keep(self, batch: Batch) -> None:
        """Answers to the whole batch, never to its new rows alone: how a sum is rounded depends on its shape."""
        still = to_unit(batch.images, self._device)
        answers = [(teacher(still).float() + teacher(still.flip(-1)).float()) / 2 for teacher in self._teachers]
        self._kept = self._kept or [answer.new_zeros((len(self._seen), answer.shape[1])) for answer in answers]
        for kept, answer in zip(self._kept, answers, strict=True):
            kept[batch.rows.to(self._device)] = answer
        self._seen[batch.rows] = True

"""What teachers answer to the pictures of a batch: to each as it was augmented, or once, and kept."""

from __future__ import annotations

import torch

from fer_spark.batches import Batch
from fer_spark.training.pixels import autocast, to_unit
from fer_spark.training.targets import Teacher


class Teaching:
    """Answers of T teachers. With `once` they answer once per row: the mean of their logits for the stored picture and
    its mirror image. With `versions`, a row comes in so many augmented versions, epoch after epoch and then again, and
    they answer once to each. Answers are a function of the row (and version) alone: a resumed run computes them anew
    and finds the same.
    """

    def __init__(
        self, teachers: list[Teacher], once: bool, versions: int, precision: str, device: torch.device
    ) -> None:
        self._teachers, self._once, self._versions = teachers, once, versions
        self._precision, self._device = precision, device
        self._seen = torch.zeros(versions or 1, 0, dtype=torch.bool)  # on the CPU, as batches are: no waiting for a GPU
        self._kept = torch.zeros(0)

    def __bool__(self) -> bool:
        return bool(self._teachers)

    def known(self, batch: Batch, epoch: int) -> torch.Tensor | None:
        """(T, N, K) logits for the rows of a batch in an epoch where they are known, else None: `answer` gives them."""
        if not self._teachers or not (self._once or self._versions):
            return None
        if not self._has(batch, epoch):
            if not self._once:
                return None
            still = to_unit(batch.images, self._device)
            self.keep(batch, epoch, (self.answer(still) + self.answer(still.flip(-1))) / 2)
        return self._kept[self._version(epoch)][:, batch.rows.to(self._device)]

    @torch.no_grad()
    def answer(self, images: torch.Tensor) -> torch.Tensor:
        """(T, N, K) logits, float32; `images` are the pictures as the pupil gets them, at full crop."""
        with autocast(self._device, self._precision):
            return torch.stack([teacher(images).float() for teacher in self._teachers])

    def keep(self, batch: Batch, epoch: int, answers: torch.Tensor) -> None:
        """Remember answers to a whole batch, never to its new rows alone: how a sum is rounded depends on its shape."""
        if not (self._once or self._versions):
            return
        self._make_room(int(batch.rows.max()) + 1, answers)
        version = self._version(epoch)
        self._kept[version][:, batch.rows.to(self._device)] = answers
        self._seen[version, batch.rows] = True

    def _version(self, epoch: int) -> int:
        return epoch % len(self._seen)

    def _has(self, batch: Batch, epoch: int) -> bool:
        seen = self._seen[self._version(epoch)]
        return int(batch.rows.max()) < len(seen) and bool(seen[batch.rows].all())

    def _make_room(self, rows: int, answers: torch.Tensor) -> None:
        versions, known = self._seen.shape
        if not known:
            self._kept = answers.new_zeros((versions, len(answers), 0, answers.shape[2]))
        if rows > known:
            self._seen = torch.cat([self._seen, self._seen.new_zeros((versions, rows - known))], dim=1)
            more = self._kept.new_zeros((versions, self._kept.shape[1], rows - known, self._kept.shape[3]))
            self._kept = torch.cat([self._kept, more], dim=2)

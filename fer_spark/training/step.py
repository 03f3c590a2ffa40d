"""One step of training: pixels to the device, augmentation, loss, gradients."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn

from fer_spark.batches import Batch
from fer_spark.training.augment import augment, center, step_seed
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.pixels import autocast, to_unit
from fer_spark.training.ranks import Ranks
from fer_spark.training.settings import TrainSettings
from fer_spark.training.targets import ccc_loss, distillation_loss, mix_affect, mix_up, soften
from fer_spark.training.task import Task
from fer_spark.training.teaching import Teaching


class StepMaker:
    """What one step does is a pure function of the weights, the batch, and (seed, epoch, step, rank)."""

    def __init__(
        self, task: Task, settings: TrainSettings, augmenting: AugmentSettings, device: torch.device, ranks: Ranks
    ) -> None:
        self._task, self._settings, self._augmenting = task, settings, augmenting
        self._device, self._ranks = device, ranks
        self._classes = len(task.train.label_names)
        self._teaching = Teaching(task.teachers, settings.distill_once, settings.precision, device)

    def step(
        self, forward: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, epoch: int, step: int
    ) -> torch.Tensor:
        """Change the weights once; returns the loss, detached, on the device."""
        settings = self._settings
        key = (self._task.seed, epoch, step)
        torch.manual_seed(step_seed(*key, self._ranks.rank))
        images = self._pictures(batch, key)
        labels = batch.labels.to(self._device, non_blocking=True)
        weight = (batch.real.to(self._device) & (labels >= 0)).float()
        votes = None if batch.label_probs is None else batch.label_probs.to(self._device)
        targets = soften(labels, votes, settings.soft_label_share, self._classes)
        if settings.mixup_alpha:
            seed = step_seed(*key, self._ranks.rank, 1)
            images, targets = mix_up(images, targets, weight, settings.mixup_alpha, seed)
            batch = self._mixed_affect(batch, weight, seed)
        loss = self._loss(forward, images, targets, weight, batch, epoch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if settings.clip_norm:
            parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
            nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
        optimizer.step()
        return loss.detach()

    def _mixed_affect(self, batch: Batch, weight: torch.Tensor, seed: int) -> Batch:
        """The batch with valence and arousal of the mixed pictures."""
        valence, arousal = (
            None if values is None else mix_affect(values.to(self._device), weight, self._settings.mixup_alpha, seed)
            for values in (batch.valence, batch.arousal)
        )
        return dataclasses.replace(batch, valence=valence, arousal=arousal)

    def _pictures(self, batch: Batch, key: tuple[int, int, int]) -> torch.Tensor:
        """(N, C, S, S) in [0, 1] as they are trained on, at full crop size."""
        images = to_unit(batch.images, self._device)
        crop_px = self._settings.crop_px or images.shape[-1]
        if not self._augmenting.augment:
            return center(images, crop_px)
        return augment(images, self._augmenting, batch.rows, key, crop_px)

    def _loss(
        self,
        forward: nn.Module,
        images: torch.Tensor,
        targets: torch.Tensor,
        weight: torch.Tensor,
        batch: Batch,
        epoch: int,
    ) -> torch.Tensor:
        settings, device = self._settings, self._device
        seen = self._shrunk(images, epoch)
        with autocast(device, settings.precision):
            output = forward(self._task.scale.standardise(seen)).float()
        logits = output[:, : self._classes]
        loss = self._shared(self._task.loss(logits, targets, weight), self._task.loss.total_weight(targets, weight))
        if self._teaching:
            taught = self._teaching.logits(images, batch)
            counted = batch.real.to(device).float()
            learnt = distillation_loss(logits, taught, settings.distill_temperature, counted)
            learnt = self._shared(learnt, counted.sum())
            loss = (1 - settings.distill_weight) * loss + settings.distill_weight * learnt
        if output.shape[1] > self._classes:
            real = batch.real.to(device).float()
            for number, target in enumerate((batch.valence, batch.arousal)):
                if target is not None:
                    apart = ccc_loss(output[:, self._classes + number], target.to(device), real)
                    loss = loss + settings.va_weight * apart / 2
        return loss

    def _shrunk(self, images: torch.Tensor, epoch: int) -> torch.Tensor:
        px = self._settings.size_at(epoch, images.shape[-1])
        if px >= images.shape[-1]:
            return images
        return F.interpolate(images, size=(px, px), mode="bilinear", antialias=True, align_corners=False)

    def _shared(self, loss: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Scale this rank's mean so that the average over ranks is the mean over all their rows."""
        if self._ranks.world == 1:
            return loss
        total = self._ranks.total(weight).clamp(min=1e-12)
        return loss * weight.detach() * self._ranks.world / total

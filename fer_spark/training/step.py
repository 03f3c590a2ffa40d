"""One step of training: pixels to the device, augmentation, loss, gradients."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from fer_spark.batches import Batch
from fer_spark.training.augment import center, draw, step_seed, vary
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.graphs import RecordedSteps, Tensors
from fer_spark.training.pixels import autocast, sent, step_precision, to_unit
from fer_spark.training.ranks import Ranks
from fer_spark.training.settings import TrainSettings
from fer_spark.training.targets import Mixing, ccc_loss, distillation_loss, mixing, soften
from fer_spark.training.task import Task
from fer_spark.training.teaching import Teaching


class StepMaker:
    """What one step does is a pure function of the weights, the batch, and (seed, epoch, step, rank)."""

    def __init__(
        self, task: Task, settings: TrainSettings, augmenting: AugmentSettings, device: torch.device, ranks: Ranks
    ) -> None:
        self._task, self._settings, self._augmenting = task, settings, augmenting
        self._device, self._ranks = device, ranks
        self._precision = step_precision(settings.precision, device, task.network)
        self._classes = len(task.train.label_names)
        self._teaching = Teaching(
            task.teachers, settings.distill_once, settings.distill_versions, settings.precision, device
        )
        self._parameters = [parameter for group in task.groups for parameter in group["params"]]
        records = settings.cuda_graphs and device.type == "cuda" and ranks.world == 1
        self._recorded = RecordedSteps(self._parameters) if records else None

    def step(
        self, forward: nn.Module, optimizer: torch.optim.Optimizer, batch: Batch, epoch: int, step: int
    ) -> torch.Tensor:
        """Change the weights once; returns the loss, detached, on the device, valid until the next step."""
        torch.manual_seed(step_seed(self._task.seed, epoch, step, self._ranks.rank))
        inputs, px = self._inputs(batch, epoch, step), self._settings.size_at(epoch, 1 << 30)

        def compute(given: Tensors) -> dict[str, torch.Tensor]:
            return self._compute(forward, optimizer, given, px)

        if self._recorded is None:
            results: Tensors = compute({name: sent(value, self._device) for name, value in inputs.items()})
        else:
            results = self._recorded.run(compute, inputs, px, self._device)
        if "answers" in results:
            self._teaching.keep(batch, epoch, results["answers"])
        optimizer.step()
        return results["loss"]

    def _inputs(self, batch: Batch, epoch: int, step: int) -> dict[str, torch.Tensor]:
        """Everything that differs from step to step, as tensors; what is drawn for the step is drawn here."""
        settings, key = self._settings, (self._task.seed, epoch, step)
        weight = (batch.real & (batch.labels >= 0)).float()
        inputs = {"images": batch.images, "labels": batch.labels, "real": batch.real.float(), "weight": weight}
        if self._augmenting.augment:
            versions = settings.distill_versions
            inputs["draws"] = draw(batch.rows, (key[0], epoch % versions) if versions else key)
        if settings.mixup_alpha:
            mixes = mixing(weight, settings.mixup_alpha, step_seed(*key, self._ranks.rank, 1))
            inputs |= {"partner": mixes.partner, "share": mixes.share}
        optional = {"votes": batch.label_probs, "valence": batch.valence, "arousal": batch.arousal}
        optional["answers"] = self._teaching.known(batch, epoch)
        return inputs | {name: value for name, value in optional.items() if value is not None}

    def _compute(
        self, forward: nn.Module, optimizer: torch.optim.Optimizer, given: Tensors, px: int
    ) -> dict[str, torch.Tensor]:
        """Gradients into the parameters; the loss, and the teachers' answers where they were not given."""
        images = self._pictures(given)
        targets = soften(given["labels"], given.get("votes"), self._settings.soft_label_share, self._classes)
        affect = {name: given[name] for name in ("valence", "arousal") if name in given}
        if "share" in given:
            mix = Mixing(given["partner"], given["share"]).mix
            images, targets = mix(images), mix(targets)
            affect = {name: mix(values) for name, values in affect.items()}
        results = {}
        answers = given.get("answers")
        if self._teaching and answers is None:
            answers = results["answers"] = self._teaching.answer(images)
        loss = self._loss(forward, self._shrunk(images, px), targets, given, affect, answers)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        if self._settings.clip_norm:
            nn.utils.clip_grad_norm_(self._parameters, self._settings.clip_norm)
        return results | {"loss": loss.detach()}

    def _pictures(self, given: Tensors) -> torch.Tensor:
        """(N, C, S, S) in [0, 1] as they are trained on, at full crop size."""
        images = to_unit(given["images"], self._device)
        crop_px = self._settings.crop_px or images.shape[-1]
        if "draws" not in given:
            return center(images, crop_px)
        return vary(images, self._augmenting, given["draws"], crop_px)

    def _loss(
        self,
        forward: nn.Module,
        images: torch.Tensor,
        targets: torch.Tensor,
        given: Tensors,
        affect: Tensors,
        answers: torch.Tensor | None,
    ) -> torch.Tensor:
        settings, weight, real = self._settings, given["weight"], given["real"]
        with autocast(self._device, self._precision):
            output = forward(self._task.scale.standardise(images)).float()
        logits = output[:, : self._classes]
        loss = self._shared(self._task.loss(logits, targets, weight), self._task.loss.total_weight(targets, weight))
        if answers is not None:
            learnt = distillation_loss(logits, answers, settings.distill_temperature, real)
            learnt = self._shared(learnt, real.sum())
            loss = (1 - settings.distill_weight) * loss + settings.distill_weight * learnt
        if output.shape[1] > self._classes:
            for number, name in enumerate(("valence", "arousal")):
                if name in affect:
                    apart = ccc_loss(output[:, self._classes + number], affect[name], real)
                    loss = loss + settings.va_weight * apart / 2
        return loss

    def _shrunk(self, images: torch.Tensor, px: int) -> torch.Tensor:
        if px >= images.shape[-1]:
            return images
        return F.interpolate(images, size=(px, px), mode="bilinear", antialias=True, align_corners=False)

    def _shared(self, loss: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Scale this rank's mean so that the average over ranks is the mean over all their rows."""
        if self._ranks.world == 1:
            return loss
        total = self._ranks.total(weight).clamp(min=1e-12)
        return loss * weight.detach() * self._ranks.world / total

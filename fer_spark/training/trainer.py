"""Training a network on batches: the loop, its checkpoints, and the choice of the epoch that is kept."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from fer_spark.batches import BatchSource
from fer_spark.settings import differences
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.averaging import AveragedNetwork
from fer_spark.training.checkpoint import (
    Checkpoint,
    CheckpointError,
    load_checkpoint,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from fer_spark.training.judge import judge
from fer_spark.training.listeners import Listener
from fer_spark.training.predict import Answers, answer
from fer_spark.training.ranks import Ranks
from fer_spark.training.schedule import rate_at
from fer_spark.training.settings import TrainSettings
from fer_spark.training.step import StepMaker
from fer_spark.training.task import Task

_AGREE_EVERY = 16
"""Batches after which several processes ask each other whether a checkpoint is due or one was told to stop."""

_GPU_SAVES_S = 10.0


@dataclass(frozen=True)
class Trained:
    """`network`: the averaged weights of the kept epoch; `finished`: neither time ran out nor a stop was requested."""

    network: nn.Module
    history: list[dict[str, Any]]
    best_epoch: int
    finished: bool


class Trainer:
    """One run; `fit` resumes from `checkpoints` where there is any."""

    def __init__(
        self,
        task: Task,
        settings: TrainSettings,
        augment: AugmentSettings,
        checkpoints: Path | None,
        device: torch.device,
        ranks: Ranks,
    ) -> None:
        settings.check()
        self._task, self._settings, self._ranks, self._device = task, settings, ranks, device
        self._checkpoints = checkpoints
        if device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # steps are alike: trying kernels pays
        self._network = task.network.to(device).to(memory_format=torch.channels_last)
        self._average = AveragedNetwork(self._network, settings.ema_decay)
        self._best: dict[str, torch.Tensor] = {}
        self._peak = settings.peak_rate_per_128 * task.batch_size * ranks.world / 128
        self._optimizer = _optimizer(task.groups, settings)
        self._epoch = self._batch = self._step = 0
        self._best_epoch, self._saved_at = -1, float("-inf")
        self._history: list[dict[str, Any]] = []
        self._steps_of = getattr(task.train, "steps", lambda epoch: len(task.train))
        self._maker = StepMaker(task, settings, augment, device, ranks)

    def fit(self, listen: Listener, should_stop: Callable[[], bool] = lambda: False) -> Trained:
        """Train until the last epoch, until patience or time runs out, or until `should_stop`.

        Raises CheckpointError for a checkpoint of another run and FloatingPointError when the loss is no longer finite.
        """
        self._resume(listen)
        began = time.monotonic()
        limit_s = self._settings.max_minutes * 60 or float("inf")
        steps = sum(self._steps_of(epoch) for epoch in range(self._settings.epochs))
        forward = self._ranks.wrap(self._network, self._device)
        if self._settings.compile:
            forward = torch.compile(forward)  # type: ignore[assignment]
        while self._epoch < self._settings.epochs and not self._patience_is_over():
            stop = lambda: should_stop() or time.monotonic() - began > limit_s  # noqa: E731
            if not self._train_epoch(forward, steps, listen, stop):
                return self._trained(finished=False)
        return self._trained(finished=True)

    def _train_epoch(self, forward: nn.Module, steps: int, listen: Listener, stop: Callable[[], bool]) -> bool:
        """One epoch, or the rest of one; False when asked to stop in the middle, with a checkpoint written."""
        settings, epoch_began, saved = self._settings, time.monotonic(), time.monotonic()
        self._network.train()
        total, seen, first = torch.zeros((), device=self._device), 0, self._batch
        in_epoch = self._steps_of(self._epoch)
        for batch in self._task.train.epoch(self._epoch, self._batch):
            rate = rate_at(self._step, steps, self._peak, settings.schedule, settings.warmup_frac)
            for group in self._optimizer.param_groups:
                group["lr"] = rate
            loss = self._maker.step(forward, self._optimizer, batch, self._epoch, self._step)
            self._average.update(self._network, self._step)
            total, seen = total + loss, seen + len(batch)
            self._step, self._batch = self._step + 1, self._batch + 1
            listen(
                "step",
                {"epoch": self._epoch, "batch": self._batch, "batches": in_epoch, "step": self._step, "steps": steps},
            )
            if self._batch < in_epoch and (self._ranks.world == 1 or self._batch % _AGREE_EVERY == 0):
                due = time.monotonic() - saved > settings.checkpoint_minutes * 60
                due, stopping = self._ranks.agree_on([due, stop()], self._device)
                if due or stopping:
                    self._save()
                    saved = time.monotonic()
                if stopping:
                    return False
        took = time.monotonic() - epoch_began
        mean_loss = float(total / max(1, self._batch - first))
        if mean_loss != mean_loss or mean_loss in (float("inf"), float("-inf")):
            raise FloatingPointError(
                f"epoch {self._epoch}: the loss is no longer finite; try a lower --learning-rate or --clip-norm 1"
            )
        self._end_epoch(
            {"train_loss": mean_loss, "rate": rate, "images_per_s": seen * self._ranks.world / took}, listen
        )
        stopping = self._epoch < settings.epochs and self._ranks.agree_on([stop()], self._device)[0]
        if stopping and self._device.type != "cpu":
            self._save()
        return not stopping

    def _end_epoch(self, figures: dict[str, Any], listen: Listener) -> None:
        """Test the averaged network on the val split, note whether it is the best so far, write a checkpoint."""
        entry = {"epoch": self._epoch, **figures}
        if self._task.val is not None:
            answers = self.answers(self._task.val)
            if not np.isfinite(answers.logits).all():
                raise FloatingPointError(
                    f"epoch {self._epoch}: the network's predictions for the val split are no longer finite; "
                    "try a lower --learning-rate or --clip-norm 1"
                )
            entry |= judge(answers)
        self._history.append(entry)
        if self._task.val is None or self._epoch == self._best_of(self._history):
            self._best_epoch = self._epoch
            self._best = {key: value.clone() for key, value in self._average.network.state_dict().items()}
        entry["best"] = self._best_epoch == self._epoch
        self._epoch, self._batch = self._epoch + 1, 0
        if self._device.type == "cpu" or self._epoch == self._settings.epochs or self._save_is_due():
            self._save()
        listen("epoch", entry)
        listen("history", {"history": self._history})

    def answers(self, source: BatchSource, network: nn.Module | None = None, mirrored: bool = False) -> Answers:
        """What the averaged network (or `network`) says to a split; see `answer`."""
        classes = len(self._task.train.label_names)
        return answer(
            network or self._average.network,
            source,
            self._task.scale,
            self._settings.crop_px,
            classes,
            self._settings.precision,
            self._ranks,
            mirrored,
        )

    def _best_of(self, history: list[dict[str, Any]]) -> int:
        """The first epoch with the best figure."""
        name = f"val_{self._settings.select_on}"
        sign = -1 if self._settings.select_on == "loss" else 1
        return int(max(history, key=lambda entry: (sign * entry[name], -entry["epoch"]))["epoch"])

    def _patience_is_over(self) -> bool:
        patience = self._settings.patience
        return bool(patience and self._best_epoch >= 0 and self._epoch - 1 - self._best_epoch >= patience)

    def _trained(self, finished: bool) -> Trained:
        network = self._average.network
        if self._best:
            network.load_state_dict(self._best)
        return Trained(network, self._history, self._best_epoch, finished)

    def _save_is_due(self) -> bool:
        """On a GPU an epoch may take less time than its checkpoint: then there is one in ten seconds."""
        return time.monotonic() - self._saved_at > _GPU_SAVES_S

    def _save(self) -> None:
        if self._checkpoints is None or not self._ranks.leads:
            return
        tensors = {f"network.{k}": v for k, v in self._network.state_dict().items()}
        tensors |= {f"average.{k}": v for k, v in self._average.network.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self._best.items()}
        tensors |= {f"optimizer.{k}": v for k, v in optimizer_tensors(self._optimizer).items()}
        state = {
            "step": self._step,
            "epoch": self._epoch,
            "batch": self._batch,
            "best_epoch": self._best_epoch,
            "history": self._history,
            "fingerprint": self._task.fingerprint,
        }
        save_checkpoint(self._checkpoints, Checkpoint(tensors, state))
        self._saved_at = time.monotonic()

    def _resume(self, listen: Listener) -> None:
        checkpoint = load_checkpoint(self._checkpoints) if self._checkpoints else None
        if checkpoint is None:
            return
        state = checkpoint.state
        if state["fingerprint"] != self._task.fingerprint:
            differing = "; ".join(differences(state["fingerprint"], self._task.fingerprint))
            raise CheckpointError(
                f"{self._checkpoints} belongs to a run with other settings ({differing}); "
                "train with those, or into another --output, or with --overwrite"
            )
        parts: dict[str, dict[str, torch.Tensor]] = {"network": {}, "average": {}, "best": {}, "optimizer": {}}
        for name, value in checkpoint.tensors.items():
            kind, _, key = name.partition(".")
            parts[kind][key] = value.to(self._device)
        self._network.load_state_dict(parts["network"])
        self._average.network.load_state_dict(parts["average"])
        self._best = parts["best"]
        restore_optimizer(self._optimizer, parts["optimizer"])
        self._step, self._epoch, self._batch = state["step"], state["epoch"], state["batch"]
        self._best_epoch, self._history = state["best_epoch"], state["history"]
        listen("note", {"text": f"resuming at epoch {self._epoch}, batch {self._batch}"})


def _optimizer(groups: list[dict[str, Any]], settings: TrainSettings) -> torch.optim.Optimizer:
    if settings.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=0.9, nesterov=True)
    return torch.optim.AdamW(groups, lr=0.0)

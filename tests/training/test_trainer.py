"""The training loop on pictures whose classes are plain to see: it learns, resumes exactly, keeps the right epoch."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.checkpoint import CheckpointError, load_checkpoint
from fer_spark.training.imbalance.losses import make_loss
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.judge import judge
from fer_spark.training.pixels import PixelScale
from fer_spark.training.ranks import Ranks, choose_device
from fer_spark.training.settings import TrainSettings
from fer_spark.training.targets import Teacher
from fer_spark.training.task import Task
from fer_spark.training.trainer import Trained, Trainer
from tests.training.memory import NAMES, MemorySource, stripes

SETTINGS = TrainSettings(epochs=4, precision="fp32", label_smoothing=0.05, ema_decay=0.9, learning_rate=0.05)
CPU = torch.device("cpu")


def quiet(event: str, figures: dict[str, Any]) -> None:
    """Listens to nothing."""


def small_network(outputs: int = 3, seed: int = 0) -> nn.Module:
    """Convolution, batch norm, dropout: everything with a state or a draw of its own."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.LazyLinear(outputs)
    )


def make_task(network: nn.Module, rows: int = 300, **more: Any) -> Task:
    images, labels = stripes(rows)
    with torch.no_grad():
        network(torch.zeros(2, 1, 12, 12))
    loss = make_loss(ImbalanceSettings(), torch.bincount(labels, minlength=3).numpy(), 0.05)
    val = MemorySource(*stripes(120, seed=9), 50, shuffle=False)
    parts: dict[str, Any] = {
        "network": network,
        "groups": [{"params": list(network.parameters()), "weight_decay": 1e-4}],
        "train": MemorySource(images, labels, 32),
        "val": val,
        "loss": loss,
        "scale": PixelScale((0.35,), (0.2,)),
        "batch_size": 32,
        "seed": 3,
    }
    return Task(**{**parts, **more})


def run(task: Task, directory: Path | None = None, stop_after: int = -1, **changes: Any) -> Trained:
    settings = dataclasses.replace(SETTINGS, **changes)
    steps: list[int] = []

    def listen(event: str, figures: dict[str, Any]) -> None:
        if event == "step":
            steps.append(figures["step"])

    trainer = Trainer(task, settings, AugmentSettings(), directory, CPU, Ranks())
    return trainer.fit(listen, lambda: 0 <= stop_after <= len(steps))


def weights(trained: Trained) -> dict[str, torch.Tensor]:
    return trained.network.state_dict()


def test_it_learns_stripes() -> None:
    trained = run(make_task(small_network()), epochs=8)
    assert trained.finished
    assert trained.history[-1]["val_accuracy"] > 0.95
    assert trained.history[-1]["train_loss"] < trained.history[0]["train_loss"]
    assert trained.history[-1]["rate"] < trained.history[2]["rate"]


@pytest.mark.parametrize(
    ("groups", "frozen", "precision", "computed"),
    [
        (1, False, "auto", torch.bfloat16),
        (8, False, "auto", torch.float32),
        (8, True, "auto", torch.bfloat16),
        (8, False, "bf16", torch.bfloat16),
        (1, False, "fp32", torch.float32),
    ],
)
def test_a_cpu_trains_depthwise_convolutions_in_float32(
    monkeypatch: pytest.MonkeyPatch, groups: int, frozen: bool, precision: str, computed: torch.dtype
) -> None:
    """Their gradients take longer in bfloat16; all else takes less."""
    monkeypatch.setattr("fer_spark.training.pixels.bf16_pays", lambda device: True)
    seen = set()
    last = nn.Conv2d(8, 8, 3, groups=groups)
    last.register_forward_hook(lambda module, given, found: seen.add(found.dtype) if torch.is_grad_enabled() else None)
    network = nn.Sequential(nn.Conv2d(1, 8, 3, 2), last, nn.Flatten(), nn.LazyLinear(3))
    last.weight.requires_grad_(not frozen)
    run(make_task(network), precision=precision, epochs=1)
    assert seen == {computed}


def test_a_run_gives_the_same_weights_again() -> None:
    first, second = run(make_task(small_network())), run(make_task(small_network()))
    assert all(torch.equal(weights(first)[key], weights(second)[key]) for key in weights(first))


@pytest.mark.parametrize("stop_after", [1, 9, 10, 17, 33])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_a_run_that_was_stopped_ends_with_the_same_weights(tmp_path: Path, stop_after: int, optimizer: str) -> None:
    changes: dict[str, Any] = {"optimizer": optimizer, "learning_rate": 0.01, "mixup_alpha": 0.2}
    whole = run(make_task(small_network()), **changes)
    first = run(make_task(small_network()), tmp_path, stop_after, **changes)
    assert not first.finished
    rest = run(make_task(small_network(seed=77)), tmp_path, **changes)
    assert rest.finished
    assert all(torch.equal(weights(rest)[key], weights(whole)[key]) for key in weights(whole))
    drop = ("images_per_s", "train_loss")
    figures = [[{k: v for k, v in entry.items() if k not in drop} for entry in one.history] for one in (whole, rest)]
    assert figures[0] == figures[1]


def test_a_checkpoint_of_other_settings_is_refused_and_a_damaged_one_named(tmp_path: Path) -> None:
    run(make_task(small_network(), fingerprint={"epochs": 4}), tmp_path, 3)
    with pytest.raises(CheckpointError, match="epochs: 4 there, 9 now"):
        run(make_task(small_network(), fingerprint={"epochs": 9}), tmp_path)
    tensors = next(tmp_path.glob("step-*/tensors.safetensors"))
    tensors.write_bytes(tensors.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="step-"):
        load_checkpoint(tmp_path)


def test_the_best_epoch_is_kept_not_the_last() -> None:
    """A rate that is far too high from the third epoch on: the kept weights are those of before."""
    task = make_task(small_network())
    trained = run(task, epochs=6, schedule="constant", learning_rate=3.0, ema_decay=0.0, clip_norm=0.0)
    figures = [entry["val_accuracy"] for entry in trained.history]
    assert trained.best_epoch == figures.index(max(figures))
    answers = Trainer(task, SETTINGS, AugmentSettings(), None, CPU, Ranks()).answers(task.val, trained.network)  # type: ignore[arg-type]
    assert judge(answers)["val_accuracy"] == max(figures)


def test_patience_ends_a_run_that_no_longer_gets_better() -> None:
    trained = run(make_task(small_network()), epochs=50, patience=3, schedule="constant")
    assert trained.finished
    assert len(trained.history) == trained.best_epoch + 4 < 50


def test_rows_without_a_label_and_padding_teach_nothing() -> None:
    images, labels = stripes(64)
    noise = torch.randint(0, 255, (64, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    unlabelled = torch.cat([labels, torch.full((64,), -1)])
    plain = nn.Sequential(nn.Flatten(), nn.Linear(144, 3))
    noisy = MemorySource(torch.cat([images, noise]), unlabelled, 128)
    with_noise = make_task(copy.deepcopy(plain), train=noisy, val=None)
    padded = MemorySource(images, labels, 100)  # 36 rows of its one batch repeat others
    without = make_task(copy.deepcopy(plain), train=padded, val=None)
    still = AugmentSettings(augment=False)
    found = [
        Trainer(task, dataclasses.replace(SETTINGS, epochs=3), still, None, CPU, Ranks()).fit(quiet)
        for task in (with_noise, without)
    ]
    for key, value in weights(found[0]).items():
        assert torch.allclose(value, weights(found[1])[key], atol=1e-5)


def test_valence_and_arousal_are_learnt_beside_the_classes() -> None:
    images, labels = stripes(300)
    valence = torch.tensor([-0.8, 0.0, 0.8])[labels]
    arousal = torch.where(torch.arange(300) % 2 == 0, torch.tensor([0.5, -0.5, 0.1])[labels], torch.nan)
    train = MemorySource(images, labels, 32, valence=valence, arousal=arousal)
    val_images, val_labels = stripes(120, seed=9)
    val = MemorySource(
        val_images, val_labels, 50, False,
        valence=torch.tensor([-0.8, 0.0, 0.8])[val_labels], arousal=torch.tensor([0.5, -0.5, 0.1])[val_labels],
    )  # fmt: skip
    trained = run(make_task(small_network(5), train=train, val=val), epochs=30)
    assert trained.history[-1]["val_ccc_valence"] > 0.7
    assert trained.history[-1]["val_ccc_arousal"] > 0.7
    assert trained.history[-1]["val_accuracy"] > 0.9


def wrong_by_one(teacher: nn.Module) -> Teacher:
    """A teacher that calls every class by the next number."""
    scale = PixelScale((0.35,), (0.2,))

    def teach(images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = teacher(scale.standardise(images)).roll(1, dims=1)
        return logits

    return teach


TEACHING: list[dict[str, Any]] = [{}, {"distill_once": True}, {"distill_versions": 2, "distill": ("wrong by one",)}]


@pytest.mark.parametrize("how", TEACHING, ids=["each time", "once", "versions"])
def test_a_pupil_learns_its_teachers_answers_without_labels(how: dict[str, Any]) -> None:
    """The teacher calls every class by the next number; with the whole loss from it, the pupil does so too."""
    teach = wrong_by_one(run(make_task(small_network()), epochs=8).network)
    task = make_task(small_network(seed=5), teachers=[teach], val=None)  # labels of val would choose a bad epoch
    trained = run(task, epochs=20, distill_weight=1.0, distill_temperature=2.0, **how)
    val = MemorySource(*stripes(120, seed=9), 50, shuffle=False)
    answers = Trainer(task, SETTINGS, AugmentSettings(), None, CPU, Ranks()).answers(val, trained.network)
    agreed = answers.logits.argmax(1) == (answers.labels + 1) % len(NAMES)
    assert agreed.mean() > 0.9


def test_a_teacher_whose_word_weighs_nothing_changes_nothing() -> None:
    teach = wrong_by_one(run(make_task(small_network(seed=8)), epochs=1).network)
    alone = run(make_task(small_network()))
    taught = run(make_task(small_network(), teachers=[teach]), distill_weight=0.0)
    assert all(torch.equal(weights(taught)[key], weights(alone)[key]) for key in weights(alone))


@pytest.mark.parametrize("how", TEACHING, ids=["each time", "once", "versions"])
def test_a_taught_run_that_was_stopped_ends_with_the_same_weights(tmp_path: Path, how: dict[str, Any]) -> None:
    teach = wrong_by_one(run(make_task(small_network()), epochs=1).network)
    whole, first, rest = (
        run(make_task(small_network(seed=seed), teachers=[teach]), directory, stop, **how)
        for seed, directory, stop in ((0, None, -1), (0, tmp_path, 14), (77, tmp_path, -1))
    )
    assert (first.finished, rest.finished) == (False, True)
    assert all(torch.equal(weights(rest)[key], weights(whole)[key]) for key in weights(whole))


def test_a_loss_that_explodes_is_an_error_with_a_remedy() -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(144, 3))
    with pytest.raises(FloatingPointError, match="--learning-rate"):
        run(make_task(plain), learning_rate=1e38, clip_norm=0.0, schedule="constant")


def test_answers_that_explode_after_the_last_batch_are_an_error_with_a_remedy() -> None:
    """One batch is an epoch: its loss is finite still, what comes of its step is not."""
    plain = nn.Sequential(nn.Flatten(), nn.Linear(144, 16), nn.Linear(16, 3))
    one_batch = MemorySource(*stripes(32), 32)
    with pytest.raises(
        FloatingPointError, match=r"predictions for the val split are no longer finite.*--learning-rate"
    ):
        run(make_task(plain, train=one_batch), learning_rate=1e38, clip_norm=0.0, schedule="constant", ema_decay=0.0)


def test_a_gpu_that_is_not_there_is_an_error() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ValueError, match="sees no GPU"):
        choose_device("cuda")
    with pytest.raises(ValueError, match="'gpu', expected auto, cpu, cuda or cuda:1"):
        choose_device("gpu")
    assert choose_device("auto").type == "cpu"

"""What a user can choose about training."""

from __future__ import annotations

from dataclasses import dataclass, field

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("one_cycle", "cosine", "constant")
PRECISIONS = ("auto", "bf16", "fp32")
SELECT_ON = ("accuracy", "balanced_accuracy", "macro_f1", "loss")


@dataclass(frozen=True)
class TrainSettings:
    """Flags of `fer-spark train`; the bundle's card stores them as they were used."""

    epochs: int = field(default=30, metadata={"help": "passes over the train split"})
    optimizer: str = field(default="sgd", metadata={"help": "sgd: with Nesterov momentum 0.9", "choices": OPTIMIZERS})
    learning_rate: float = field(
        default=0.0, metadata={"help": "the highest; 0: 0.1 for sgd and 0.001 for adamw, per 128 pictures of a batch"}
    )
    weight_decay: float = field(default=5e-4, metadata={"help": "on weights; never on biases and normalisation"})
    schedule: str = field(
        default="one_cycle",
        metadata={
            "help": "one_cycle: up and down again (Smith 2018); cosine: short warm-up, then down; both end at zero",
            "choices": SCHEDULES,
        },
    )
    warmup_frac: float = field(default=0.2, metadata={"help": "share of the steps in which one_cycle rises"})
    label_smoothing: float = field(default=0.1, metadata={"help": "share of a label spread over all classes, 0-1"})
    soft_label_share: float = field(
        default=0.0,
        metadata={"help": "share of the target taken from the shards' soft labels (annotators' votes), 0-1"},
    )
    mixup_alpha: float = field(default=0.0, metadata={"help": "mixup's Beta(α, α) (Zhang et al. 2018); 0: off"})
    ema_decay: float = field(
        default=0.999, metadata={"help": "moving average of the weights, which is what is kept; 0: off"}
    )
    clip_norm: float = field(default=5.0, metadata={"help": "largest norm of the gradient; 0: no limit"})
    crop_px: int = field(
        default=0, metadata={"help": "train on random crops of this side and test on the middle one; 0: no crop"}
    )
    sizes: str = field(
        default="",
        metadata={
            "help": "train small first: 0.5:32 shows 32 px for the first half of the epochs, then the full side",
            "metavar": "FRAC:PX,…",
        },
    )
    select_on: str = field(
        default="accuracy",
        metadata={"help": "figure of the val split that decides which epoch is kept", "choices": SELECT_ON},
    )
    patience: int = field(default=0, metadata={"help": "stop after so many epochs without a better one; 0: never"})
    va_weight: float = field(default=1.0, metadata={"help": "weight of the valence/arousal loss (1 - CCC)"})
    init: str = field(
        default="",
        metadata={
            "help": "start from this bundle's weights; its card decides the network; classes are matched by name",
            "metavar": "BUNDLE",
        },
    )
    distill: tuple[str, ...] = field(
        default=(),
        metadata={"help": "learn from this bundle's probabilities too; repeat for several", "metavar": "BUNDLE"},
    )
    distill_weight: float = field(default=0.7, metadata={"help": "share of the loss that comes from the teachers, 0-1"})
    distill_temperature: float = field(
        default=3.0, metadata={"help": "softening of teachers' and pupil's probabilities"}
    )
    precision: str = field(
        default="auto",
        metadata={"help": "auto: bf16 where the hardware computes in it, else fp32", "choices": PRECISIONS},
    )
    compile: bool = field(default=False, metadata={"help": "torch.compile the network"})
    device: str = field(default="auto", metadata={"help": "auto: a GPU where there is one; or cpu, cuda, cuda:1"})
    threads: int = field(default=0, metadata={"help": "CPU threads; 0: as torch decides"})
    checkpoint_minutes: float = field(default=5.0, metadata={"help": "write a checkpoint so often, besides each epoch"})
    max_minutes: float = field(
        default=0.0, metadata={"help": "stop after so long with a checkpoint; the same command goes on; 0: no limit"}
    )

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        for name, choices in (
            ("optimizer", OPTIMIZERS),
            ("schedule", SCHEDULES),
            ("precision", PRECISIONS),
            ("select_on", SELECT_ON),
        ):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: {getattr(self, name)!r} is none of {', '.join(choices)}")
        if self.epochs < 1:
            raise ValueError(f"epochs: {self.epochs}, expected 1 or more")
        for name in ("label_smoothing", "soft_label_share", "ema_decay", "warmup_frac", "distill_weight"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name}: {getattr(self, name)}, expected 0 to 1")
        if not self.distill_temperature > 0:
            raise ValueError(f"distill_temperature: {self.distill_temperature}, expected more than 0")
        _ = self.size_steps

    @property
    def peak_rate_per_128(self) -> float:
        return self.learning_rate or (0.1 if self.optimizer == "sgd" else 0.001)

    @property
    def size_steps(self) -> list[tuple[float, int]]:
        """[(share of the epochs, px)] in rising order; ValueError that shows the form."""
        steps: list[tuple[float, int]] = []
        for word in filter(None, self.sizes.split(",")):
            share, _, px = word.partition(":")
            try:
                steps.append((float(share), int(px)))
            except ValueError:
                raise ValueError(f"sizes: {word!r}, expected SHARE:PX, as in 0.5:32,0.8:40") from None
        if steps != sorted(steps) or any(not 0 < share <= 1 or px < 8 for share, px in steps):
            raise ValueError(f"sizes: {self.sizes!r}, expected rising shares up to 1 and sides of 8 px or more")
        return steps

    def size_at(self, epoch: int, full_px: int) -> int:
        """The side that the pictures have in `epoch`."""
        for share, px in self.size_steps:
            if epoch < share * self.epochs:
                return px
        return full_px

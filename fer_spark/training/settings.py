"""What a user can choose about training."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, option

OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("one_cycle", "cosine", "constant")
PRECISIONS = ("auto", "bf16", "fp32")
SELECT_ON = ("accuracy", "balanced_accuracy", "macro_f1", "loss")


@dataclass(frozen=True)
class TrainSettings:
    """Flags of `fer-spark train`; the bundle's card stores them as they were used."""

    epochs: int = option(30, "passes over the train split", least=1)
    optimizer: str = option("sgd", "sgd: with Nesterov momentum 0.9", choices=OPTIMIZERS)
    learning_rate: float = option(
        0.0,
        "the highest; 0: 0.1 for sgd and 0.001 for adamw, a fifth of it for layers of --weights, per 128 pictures of a "
        "batch",
        least=0,
    )
    weight_decay: float = option(5e-4, "on weights; never on biases and normalisation", least=0)
    schedule: str = option(
        "one_cycle",
        "one_cycle: up and down again (Smith 2018); cosine: short warm-up, then down; both end at zero",
        choices=SCHEDULES,
    )
    warmup_frac: float = option(0.2, "share of the steps in which one_cycle rises", least=0, most=1)
    label_smoothing: float = option(0.1, "share of a label spread over all classes", least=0, most=1)
    soft_label_share: float = option(
        0.0, "share of the target taken from the shards' soft labels (annotators' votes)", least=0, most=1
    )
    mixup_alpha: float = option(0.0, "mixup's Beta(α, α) (Zhang et al. 2018); 0: off", least=0)
    ema_decay: float = option(0.999, "moving average of the weights, which is what is kept; 0: off", least=0, most=1)
    clip_norm: float = option(5.0, "largest norm of the gradient; 0: no limit", least=0)
    crop_px: int = option(0, "train on random crops of this side and test on the middle one; 0: no crop", least=0)
    sizes: str = option(
        "",
        "train small first: 0.5:32 shows 32 px for the first half of the epochs, then the full side",
        metavar="FRAC:PX,…",
    )
    select_on: str = option(
        "accuracy",
        "figure of the val split that decides which epoch is kept",
        choices=SELECT_ON,
        fixed="it is what the search compares trials by",
    )
    patience: int = option(0, "stop after so many epochs without a better epoch; 0: never", least=0)
    va_weight: float = option(1.0, "weight of the valence/arousal loss (1 - CCC)", least=0)
    init: str = option(
        "",
        "start from this bundle's weights; its card decides the network; classes are matched by name",
        metavar="BUNDLE",
        path=True,
    )
    distill: tuple[str, ...] = option(
        (), "learn from this bundle's probabilities too; repeat for several", metavar="BUNDLE", path=True
    )
    distill_weight: float = option(0.7, "share of the loss that comes from the teachers", least=0, most=1)
    distill_temperature: float = option(3.0, "softening of teachers' and pupil's probabilities", above=0)
    distill_once: bool = option(
        False,
        "teachers predict once per row, on the picture as it is and its mirror image, instead of on each augmented "
        "picture: after the first epoch an epoch takes as long as without teachers",
        later=True,
    )
    distill_versions: int = option(
        0,
        "each picture comes in so many augmented versions, which return every so many epochs; teachers answer each "
        "once, and after that an epoch takes as long as without teachers; 0: a new version in each epoch",
        least=0,
        later=True,
    )
    precision: str = option(
        "auto",
        "auto: bf16 where the hardware computes in it, else fp32, and where a CPU trains depthwise convolutions "
        "(efficientnet)",
        choices=PRECISIONS,
    )
    compile: bool = option(False, "torch.compile the network")
    cuda_graphs: bool = option(
        True, "on one GPU, record the operations of a step and replay them", changes_result=False, later=True
    )
    device: str = option(
        "auto", "auto: a GPU where there is one; or cpu, cuda, cuda:1", fixed="it states where to train, not how"
    )
    threads: int = option(
        0, "CPU threads; 0: as torch decides", least=0, changes_result=False, fixed="it states where to train, not how"
    )
    checkpoint_minutes: float = option(
        5.0,
        "minutes between checkpoints, besides the one after each epoch; on a GPU that is one in ten seconds at most",
        least=0,
        changes_result=False,
    )
    max_minutes: float = option(
        0.0,
        "stop with a checkpoint after so many minutes; the same command resumes; 0: no limit",
        least=0,
        changes_result=False,
        fixed="it limits the whole search",
    )

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        _ = self.size_steps
        if self.distill_once and self.mixup_alpha:
            raise ValueError("--distill-once: teachers do not predict mixed pictures; leave out it or --mixup-alpha")
        if self.distill_versions and (self.distill_once or self.mixup_alpha or not self.distill):
            raise ValueError("--distill-versions: goes with --distill, and without --distill-once and --mixup-alpha")

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
                raise ValueError(f"--sizes: {word!r}, expected SHARE:PX, as in 0.5:32,0.8:40") from None
        if steps != sorted(steps) or any(not 0 < share <= 1 or px < 8 for share, px in steps):
            raise ValueError(f"--sizes: {self.sizes!r}, expected rising shares up to 1 and sides of 8 px or more")
        return steps

    def size_at(self, epoch: int, full_px: int) -> int:
        """The side that the pictures have in `epoch`."""
        for share, px in self.size_steps:
            if epoch < share * self.epochs:
                return px
        return full_px

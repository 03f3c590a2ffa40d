"""Everything a training can be told: the settings of the stages that it joins, and where it reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, field

from fer_spark.networks.settings import NetworkSettings
from fer_spark.settings import flag
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.settings import TrainSettings


@dataclass(frozen=True)
class RunSettings:
    """Where a run reads and writes, and who hears of it."""

    shards: str = field(default="", metadata={"help": "directory of shards, local or any URL", "metavar": "URI"})
    output: str = field(default="", metadata={"help": "local directory for the bundle", "metavar": "DIR"})
    train_split: str = field(default="train", metadata={"help": "split that is learnt"})
    val_split: str = field(default="val", metadata={"help": "split that chooses the epoch; empty: keep the last one"})
    overwrite: bool = field(default=False, metadata={"help": "start anew where --output holds a run already"})
    half_weights: bool = field(default=False, metadata={"help": "store the weights in float16: half the size"})
    tensorboard: str = field(default="", metadata={"help": "write TensorBoard scalars", "metavar": "DIR"})
    mlflow: str = field(
        default="",
        metadata={"help": "log the run to this MLflow store: a local directory or a URL", "metavar": "STORE"},
    )
    processes: int = field(
        default=0, metadata={"help": "train in so many processes on Spark's executors (TorchDistributor); 0: here"}
    )

    def check(self) -> None:
        """Raise ValueError naming what is missing."""
        for name in ("shards", "output"):
            if not getattr(self, name):
                raise ValueError(f"--{name} is missing")
        if self.train_split in (self.val_split, ""):
            raise ValueError(f"--train-split {self.train_split!r} and --val-split {self.val_split!r}: they must differ")
        if self.processes < 0:
            raise ValueError(f"--processes: {self.processes} is negative; 0 trains in this process")


@dataclass(frozen=True)
class AllSettings:
    """Everything `fer-spark train` can be told."""

    run: RunSettings
    read: ReadSettings
    network: NetworkSettings
    train: TrainSettings
    augment: AugmentSettings
    imbalance: ImbalanceSettings

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        self.run.check()
        self.read.check()
        self.network.check()
        self.train.check()
        self.imbalance.check()
        _check_ranges(self.train, _NOT_NEGATIVE, float("inf"))
        _check_ranges(self.augment, tuple(vars(self.augment)), float("inf"))
        _check_ranges(self.augment, _SHARES, 1.0)
        if self.network.freeze and not (self.train.init or self.network.weights):
            raise ValueError("--freeze trains the head alone: give what lies under it, --init BUNDLE or --weights FILE")


_NOT_NEGATIVE = (
    *("learning_rate", "weight_decay", "mixup_alpha", "clip_norm", "crop_px", "patience", "va_weight", "threads"),
    *("checkpoint_minutes", "max_minutes"),
)
_SHARES = ("flip_prob", "affine_prob", "light_prob", "erase_prob", "erase_frac", "shift_frac")


def _check_ranges(settings: TrainSettings | AugmentSettings, names: tuple[str, ...], largest: float) -> None:
    """Raise ValueError naming the first number outside 0 to `largest`."""
    for name in names:
        value = getattr(settings, name)
        if not 0 <= value <= largest:
            raise ValueError(f"{flag(name)}: {value}, expected {'0 or more' if largest > 1 else '0 to 1'}")

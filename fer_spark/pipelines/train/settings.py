"""All settings of a training: those of the stages that it joins, and where it reads and writes."""

from __future__ import annotations

from dataclasses import dataclass, replace

from fer_spark.networks.settings import NetworkSettings
from fer_spark.settings import check, option, require, require_local
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.settings import TrainSettings


@dataclass(frozen=True)
class RunSettings:
    """Where a run reads and writes, and where its figures go."""

    shards: str = option("", "directory of shards, local or any URL", metavar="URI", path=True)
    output: str = option("", "local directory for the bundle", metavar="DIR", path=True, changes_result=False)
    train_split: str = option("train", "split to train on")
    val_split: str = option("val", "split that chooses the epoch; empty: keep the last epoch")
    overwrite: bool = option(False, "delete the run that --output holds, and start again", changes_result=False)
    half_weights: bool = option(False, "store the weights in float16: half the size")
    tensorboard: str = option("", "write TensorBoard scalars", metavar="DIR", path=True, changes_result=False)
    mlflow: str = option(
        "",
        "log the run to this MLflow store: a local directory or a URL",
        metavar="STORE",
        path=True,
        changes_result=False,
    )
    processes: int = option(0, "training processes on Spark's executors (TorchDistributor); 0: this process", least=0)

    def check(self) -> None:
        """Raise ValueError naming what is missing."""
        check(self)
        require(self, "shards", "output")
        require_local(self, "output")
        if self.train_split in (self.val_split, ""):
            raise ValueError(f"--train-split {self.train_split!r} and --val-split {self.val_split!r}: they must differ")


@dataclass(frozen=True)
class AllSettings:
    """Every setting of `fer-spark train`."""

    run: RunSettings
    read: ReadSettings
    network: NetworkSettings
    train: TrainSettings
    augment: AugmentSettings
    imbalance: ImbalanceSettings

    @property
    def used_in_training(self) -> TrainSettings:
        """`train`; where no rate is given, ImageNet's layers are trained at a fifth of what new ones are."""
        train, network = self.train, self.network
        if train.learning_rate or network.freeze or not network.weights:
            return train
        return replace(train, learning_rate=train.peak_rate_per_128 / 5)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        self.run.check()
        self.read.check()
        self.network.check()
        self.train.check()
        check(self.augment)
        self.imbalance.check()
        if self.imbalance.sampler == "augment" and not self.augment.augment:
            raise ValueError(
                "--sampler augment varies the rows that it repeats, and --no-augment varies none: "
                "--sampler oversample repeats them as they are"
            )
        if self.network.freeze and not (self.train.init or self.network.weights):
            raise ValueError("--freeze trains the head alone: give pretrained layers, --init BUNDLE or --weights FILE")

"""What a search may vary, and settings with some of them replaced."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, get_type_hints

from fer_spark.networks.settings import NetworkSettings
from fer_spark.settings import changing
from fer_spark.shards.read.settings import ReadSettings
from fer_spark.training.augment_settings import AugmentSettings
from fer_spark.training.imbalance.settings import ImbalanceSettings
from fer_spark.training.settings import TrainSettings

if TYPE_CHECKING:
    from fer_spark.pipelines.train.run import AllSettings

GROUPS: dict[str, type] = {
    "read": ReadSettings,
    "network": NetworkSettings,
    "train": TrainSettings,
    "augment": AugmentSettings,
    "imbalance": ImbalanceSettings,
}
"""Where the settings that can be varied live in AllSettings."""


@dataclasses.dataclass(frozen=True)
class Choices:
    """One of these values; those of a tuple[str, ...] field are tuples."""

    values: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Span:
    """From `low` to `high`, both included, evenly or evenly in the logarithm, or in steps."""

    low: float
    high: float
    log: bool = False
    step: float | None = None


Space = dict[str, Choices | Span]


def default_space(settings: AllSettings) -> Space:
    """What is worth varying first; settings that differ from their default are taken as decided."""
    low, high = (0.01, 0.5) if settings.train.optimizer == "sgd" else (1e-4, 5e-3)
    space: Space = {
        "learning_rate": Span(low, high, log=True),
        "weight_decay": Span(1e-5, 1e-2, log=True),
        "label_smoothing": Span(0.0, 0.2, step=0.05),
        "mixup_alpha": Choices((0.0, 0.2, 0.4)),
        "sampler": Choices(("natural", "sqrt", "balanced")),
        "dropout": Span(0.0, 0.5, step=0.1),
        "erase_prob": Span(0.0, 0.75, step=0.25),
    }
    decided = changed(settings)
    return {name: dimension for name, dimension in space.items() if name not in decided}


def changed(settings: AllSettings) -> set[str]:
    """Settings that are not at their default."""
    return {
        field.name
        for group in GROUPS
        for field in dataclasses.fields(getattr(settings, group))
        if getattr(getattr(settings, group), field.name) != field.default
    }


def apply(settings: AllSettings, parameters: dict[str, Any]) -> AllSettings:
    """The same settings with some of them replaced."""
    groups = {
        group: dataclasses.replace(
            getattr(settings, group),
            **{name: value for name, value in parameters.items() if name in get_type_hints(settings_class)},
        )
        for group, settings_class in GROUPS.items()
    }
    return dataclasses.replace(settings, **groups)


def run_of_trials(settings: AllSettings) -> dict[str, Any]:
    """What of the run's own settings changes a trial; where its shards lie does not, and it has one process."""
    return {key: value for key, value in changing(settings.run).items() if key not in ("shards", "processes")}


def plain_space(space: Space) -> dict[str, Any]:
    """The space as JSON and TOML hold it; what `read_space` takes."""
    content: dict[str, Any] = {}
    for name, dimension in space.items():
        if isinstance(dimension, Choices):
            content[name] = [list(value) if isinstance(value, tuple) else value for value in dimension.values]
        else:
            content[name] = {"low": dimension.low, "high": dimension.high}
            content[name] |= {"log": True} if dimension.log else {}
            content[name] |= {} if dimension.step is None else {"step": dimension.step}
    return content

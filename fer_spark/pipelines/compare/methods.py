"""The remedies for imbalance that `fer-spark compare` sets side by side: each a name and what it changes."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from fer_spark.settings import check, option
from fer_spark.training.imbalance.settings import CLASS_WEIGHTS, LOSSES, SAMPLERS, ImbalanceSettings

_PLAIN = {"loss": "cross_entropy", "class_weights": "none", "sampler": "natural"}
_ALIKE = "augment"
"""Draws what oversample draws: where rows are augmented, so are those that oversample repeats."""
METHODS: dict[str, dict[str, str]] = {
    "none": {},
    **{name: {"sampler": name} for name in SAMPLERS if name not in (_PLAIN["sampler"], _ALIKE)},
    **{
        f"{name.removesuffix('_inverse')}_weights": {"class_weights": name}
        for name in CLASS_WEIGHTS
        if name != _PLAIN["class_weights"]
    },
    **{name: {"loss": name} for name in LOSSES if name != _PLAIN["loss"]},
}
"""Every sampler that draws otherwise, every kind of class weights, every loss of training/imbalance/settings.py: one at
a time."""
KNN = "knn"
BUDGETS = ("steps", "epochs")
_ALL = (*METHODS, KNN)


@dataclass(frozen=True)
class CompareSettings:
    """Flags of `fer-spark compare` beside those of `fer-spark train`."""

    method: tuple[str, ...] = option(
        ("none", "undersample", "balanced", "sqrt", "sqrt_weights", "inverse_weights", "focal", KNN),
        "a remedy to compare; repeat for several, or all",
        changes_result=False,
        choices=(*_ALL, "all"),
    )
    seeds: str = option("0,1,2", "train each remedy with these seeds", metavar="N,N,…", changes_result=False)
    budget: str = option(
        "steps",
        "what is equal for all. steps: a remedy that draws fewer rows gets more epochs; epochs: as many "
        "epochs for each, as most papers have it",
        choices=BUDGETS,
    )
    measure_split: str = option(
        "",
        "split that the figures are taken on; empty: the one that chose the epoch, --val-split",
        changes_result=False,
    )

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        _ = self.seed_list

    @property
    def names(self) -> list[str]:
        """The methods in the order requested, each once."""
        requested = _ALL if "all" in self.method else self.method
        return list(dict.fromkeys(requested))

    @property
    def seed_list(self) -> list[int]:
        """The seeds; ValueError that shows the form."""
        try:
            seeds = [int(word) for word in self.seeds.split(",")]
        except ValueError:
            raise ValueError(f"--seeds: {self.seeds!r}, expected numbers joined by commas, as in 0,1,2") from None
        if min(seeds) < 0 or len(set(seeds)) < len(seeds):
            raise ValueError(f"--seeds: {self.seeds!r}, expected different numbers of 0 or more")
        return seeds


def remedy(name: str, base: ImbalanceSettings) -> ImbalanceSettings:
    """The settings of one method: its own choice, with the numbers (γ, β, τ, rows per class) of `base`."""
    return dataclasses.replace(base, **(_PLAIN | METHODS[name]))  # type: ignore[arg-type]


def epochs_for(epochs: int, natural_rows: int, drawn_rows: int, budget: str) -> int:
    """How many epochs a method trains: with `steps`, about as many rows in all as `epochs` over all rows."""
    if budget == "epochs" or drawn_rows < 1:
        return epochs
    return max(1, round(epochs * natural_rows / drawn_rows))

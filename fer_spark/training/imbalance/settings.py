"""What a user can choose about class imbalance: the loss, the weights of the classes, and which rows are drawn."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import check, flag, option

LOSSES = ("cross_entropy", "focal", "logit_adjusted", "soft_f1")
CLASS_WEIGHTS = ("none", "inverse", "sqrt_inverse", "effective")
SAMPLERS = ("natural", "balanced", "sqrt", "undersample", "oversample", "augment")
_GOES_WITH = (
    ("undersample_to", "sampler", "undersample"),
    ("undersample_fresh", "sampler", "undersample"),
    ("oversample_to", "sampler", "oversample"),
    ("augment_to", "sampler", "augment"),
    ("focal_gamma", "loss", "focal"),
    ("focal_alpha", "loss", "focal"),
    ("logit_tau", "loss", "logit_adjusted"),
    ("effective_beta", "class_weights", "effective"),
)


@dataclass(frozen=True)
class ImbalanceSettings:
    """Flags of every command that trains. Weights and priors are those of the rows as the sampler draws them, so that a
    sampler and a weight never correct for the same imbalance twice."""

    loss: str = option(
        "cross_entropy",
        "what training minimises. focal: rows the network is already sure of count less; logit_adjusted: rare "
        "classes must win by a margin of their log prior; soft_f1: 1 - macro-F1, made differentiable",
        choices=LOSSES,
    )
    class_weights: str = option(
        "none",
        "how much a row of a class counts in the loss. inverse: 1/rows of the class, so that all classes weigh the "
        "same; sqrt_inverse: half way (in log) between that and none; effective: by the effective number of rows",
        choices=CLASS_WEIGHTS,
    )
    sampler: str = option(
        "natural",
        "which rows an epoch draws. natural: each once; balanced: as many rows of every class, as many in all as "
        "there are; sqrt: in proportion to the square root of the class's rows; undersample: at most "
        "--undersample-to of a class; oversample: at least --oversample-to, by repeating rows, each under another "
        "random augmentation unless --no-augment; augment: the same by --augment-to, and not without augmentation",
        choices=SAMPLERS,
    )
    undersample_to: int = option(0, "rows of a class kept; 0: as many as the smallest class has", least=0)
    undersample_fresh: bool = option(
        False,
        "undersample another subset each epoch; without it the same rows are left out for good, "
        "which is what the literature means by undersampling",
    )
    oversample_to: int = option(0, "rows of a class drawn; 0: as many as the largest class has", least=0)
    augment_to: int = option(0, "rows of a class drawn; 0: as many as the largest class has", least=0)
    focal_gamma: float = option(2.0, "focusing of the focal loss; 0 is cross entropy, the paper's best is 2", least=0)
    focal_alpha: float = option(
        1.0, "factor of the focal loss (0.25 in the paper's two-class case); --class-weights vary it by class", above=0
    )
    effective_beta: float = option(
        0.999,
        "β of the effective number: 0 weighs classes equally, towards 1 as inverse does",
        least=0,
        below=1,
    )
    logit_tau: float = option(
        1.0, "τ of the logit adjustment: 1 aims at balanced accuracy, 0 is cross entropy", least=0
    )

    def check_used(self) -> None:
        """Raise ValueError naming the first setting that was given and that nothing chosen here would look at."""
        for name, chooser, choice in _GOES_WITH:
            chosen, default = getattr(self, chooser), type(self).__dataclass_fields__[name].default
            if getattr(self, name) != default and chosen != choice:
                raise ValueError(f"{flag(name)} goes with {flag(chooser)} {choice}, not {chosen}")

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        if self.loss == "soft_f1" and self.class_weights != "none":
            raise ValueError("--loss soft_f1 counts every class the same already: leave --class-weights none")

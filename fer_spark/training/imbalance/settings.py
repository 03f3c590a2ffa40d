"""What a user can choose about class imbalance: the loss, the weights of the classes, and which rows are drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from fer_spark.settings import flag

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


def _help(text: str, **extra: object) -> dict[str, object]:
    return {"help": text, **extra}


@dataclass(frozen=True)
class ImbalanceSettings:
    """Flags of every command that trains. Weights and priors are those of the rows as the sampler draws them, so that a
    sampler and a weight never correct for the same imbalance twice."""

    loss: str = field(
        default="cross_entropy",
        metadata=_help(
            "what training minimises. focal: rows the network is already sure of count less; logit_adjusted: rare "
            "classes must win by a margin of their log prior; soft_f1: 1 - macro-F1, made differentiable",
            choices=LOSSES,
        ),
    )
    class_weights: str = field(
        default="none",
        metadata=_help(
            "how much a row of a class counts in the loss. inverse: 1/rows of the class, so that all classes weigh the "
            "same; sqrt_inverse: half way (in log) between that and none; effective: by the effective number of rows",
            choices=CLASS_WEIGHTS,
        ),
    )
    sampler: str = field(
        default="natural",
        metadata=_help(
            "which rows an epoch draws. natural: each once; balanced: as many rows of every class, as many in all as "
            "there are; sqrt: in proportion to the square root of the class's rows; undersample: at most "
            "--undersample-to of a class; oversample: at least --oversample-to, by repeating rows; augment: at least "
            "--augment-to, each repeat under another random augmentation",
            choices=SAMPLERS,
        ),
    )
    undersample_to: int = field(default=0, metadata=_help("rows of a class kept; 0: as many as the smallest class has"))
    undersample_fresh: bool = field(
        default=False,
        metadata=_help(
            "undersample another subset each epoch; without it the same rows are left out for good, "
            "which is what the literature means by undersampling"
        ),
    )
    oversample_to: int = field(default=0, metadata=_help("rows of a class drawn; 0: as many as the largest class has"))
    augment_to: int = field(default=0, metadata=_help("rows of a class drawn; 0: as many as the largest class has"))
    focal_gamma: float = field(
        default=2.0, metadata=_help("focusing of the focal loss; 0 is cross entropy, the paper's best is 2")
    )
    focal_alpha: float = field(
        default=1.0,
        metadata=_help(
            "factor of the focal loss (0.25 in the paper's two-class case); --class-weights vary it by class"
        ),
    )
    effective_beta: float = field(
        default=0.999,
        metadata=_help("β of the effective number, in [0, 1): 0 weighs classes equally, towards 1 as inverse does"),
    )
    logit_tau: float = field(
        default=1.0, metadata=_help("τ of the logit adjustment: 1 aims at balanced accuracy, 0 is cross entropy")
    )

    def check_used(self) -> None:
        """Raise ValueError naming the first setting that was given and that nothing chosen here would look at."""
        for name, chooser, choice in _GOES_WITH:
            chosen, default = getattr(self, chooser), type(self).__dataclass_fields__[name].default
            if getattr(self, name) != default and chosen != choice:
                raise ValueError(f"{flag(name)} goes with {flag(chooser)} {choice}, not {chosen}")

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        for name, allowed in (("loss", LOSSES), ("class_weights", CLASS_WEIGHTS), ("sampler", SAMPLERS)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{flag(name)}: {getattr(self, name)!r} is none of {', '.join(allowed)}")
        for name in ("undersample_to", "oversample_to", "augment_to"):
            if getattr(self, name) < 0:
                raise ValueError(f"{flag(name)}: {getattr(self, name)} is negative; 0 takes the number from the data")
        for name in ("focal_gamma", "focal_alpha", "logit_tau", "effective_beta"):
            if not math.isfinite(getattr(self, name)) or getattr(self, name) < 0:
                raise ValueError(f"{flag(name)}: {getattr(self, name)} is not a number of 0 or more")
        if self.focal_alpha == 0:
            raise ValueError("--focal-alpha: 0 makes every loss 0; 1 leaves it as it is")
        if self.effective_beta >= 1:
            raise ValueError(f"--effective-beta: {self.effective_beta} is not below 1; for its limit use inverse")
        if self.loss == "soft_f1" and self.class_weights != "none":
            raise ValueError("--loss soft_f1 counts every class the same already: leave --class-weights none")

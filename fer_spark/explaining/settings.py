"""What a user can choose about explanations. Equal settings, picture and model give an equal explanation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fer_spark.explaining.masks import can_balance
from fer_spark.explaining.superpixels import KINDS, comparable
from fer_spark.explaining.targets import TARGETS
from fer_spark.settings import check, flag, option

HIDES = ("gray", "mean", "blur", "black")
MASKS = ("random", "antithetic", "balanced")
_AS_LIME = {
    "hide": "mean",
    "target": "probability",
    "masks": "random",
    "keep": 0.5,
    "assisted": False,
    "adaptive": False,
    "kernel_width": 0.25,
    "features": 0,
}
"""What the lime package's `LimeImageExplainer` does where nothing else is asked of it, but for its segments."""

_KEEP = {"random": 0.9, "balanced": 0.8, "antithetic": 0.5}
"""Where the user gives none, by the kind of masks."""

_KINDS = "; ".join(f"{name}: {kind.about}" for name, kind in KINDS.items())
_COMPARABLE = " and ".join(filter(comparable, KINDS))


def _in_words(settings: Mapping[str, object]) -> str:
    return ", ".join(f"{flag(name)} {value}" for name, value in settings.items() if value)


@dataclass(frozen=True)
class LimeSettings:
    """Flags of every command that explains faces. Defaults suit a face that fills 48 px."""

    segments: str = option(
        "grid",
        f"how a face is cut. {_KINDS}. Weights of {_COMPARABLE} compare across faces",
        choices=tuple(KINDS),
    )
    segment_count: int = option(
        36, "about how many segments: grid takes the nearest square number; slic aims at it", least=1
    )
    hide: str = option(
        "mean",
        "what a hidden segment shows; gray: the data set's mean; mean: its own mean, as the lime package "
        "does; blur: the blurred face; black",
        choices=HIDES,
    )
    target: str = option(
        "logodds",
        "what is explained: the label's log-odds, which a local model fits best; its probability, as the lime package "
        "does; or its margin, the log of its ratio to the runner-up's probability: why happy and not neutral",
        choices=TARGETS,
        earlier="probability",
    )
    samples: int = option(1000, "masks per face; with --adaptive the most", least=2)
    masks: str = option(
        "random",
        "random: each segment by a coin, as the lime package does; antithetic: each mask and its opposite; "
        "balanced: every two segments hidden together as often as by two coins, exactly",
        choices=MASKS,
    )
    keep: float = option(
        0.0,
        "chance that a mask shows a segment; antithetic ones need 0.5, balanced ones 0.5, 0.667 or 0.8. 0: 0.9 for "
        "random masks, 0.8 for balanced, 0.5 for antithetic ones",
        least=0,
        below=1,
    )
    assisted: bool = option(
        False,
        "fit the weights with the help of a second model, of segments and of those that touch, made from "
        "the same masks: as stable with two fifths of the masks where half is shown",
    )
    adaptive: bool = option(False, "stop adding masks once the top segments are stable")
    round_samples: int = option(128, "with --adaptive: masks of each round", least=8)
    top: int = option(3, "how many segments of most weight are compared for stability", least=1)
    stable_overlap: float = option(
        0.5,
        "with --adaptive: least overlap (Jaccard) of the top segments of two halves of the masks",
        least=0,
        most=1,
    )
    stable_rank: float = option(
        0.8, "with --adaptive: least rank correlation of the weights of those halves", least=0, most=1
    )
    kernel_width: float = option(
        0.25, "of the kernel that weighs masks by how much they show, over cosine distance", above=0
    )
    features: int = option(
        0, "segments that get a weight, those of largest weight; 0: all, as the lime package", least=0
    )
    explained_r2: float = option(0.6, "least R² on held-out masks for a face to count as explained", least=0, most=1)
    label: str = option("", "which label to explain; empty: the predicted one of each face")
    views: str = option(
        "",
        "how the model looks at each masked face; empty: as its card says. single is fastest",
        choices=("", "single", "flip", "ten"),
    )
    fidelity: bool = option(False, "also hide and show segments one by one, in the order of their weight and in others")
    seed: int = option(0, "of the masks, together with each face's id", least=0)
    as_lime: bool = option(
        False,
        "explain by the lime package's own definition: " + _in_words(_AS_LIME) + "; on the same masks, equal weights",
        later=True,
    )

    def __post_init__(self) -> None:
        if self.as_lime:
            self._explain_as_lime()
        if self.keep == 0:
            object.__setattr__(self, "keep", _KEEP.get(self.masks, 0.5))

    def _explain_as_lime(self) -> None:
        for name, value in _AS_LIME.items():
            given, usual = getattr(self, name), type(self).__dataclass_fields__[name].default
            if given not in (usual, value):
                raise ValueError(f"{flag(name)} {given} does not go with --as-lime, which takes {value}")
            object.__setattr__(self, name, value)

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        check(self)
        if self.keep != 0.5 and self.masks == "antithetic":
            raise ValueError(f"--keep: {self.keep}, expected 0.5 with --masks antithetic: opposite masks show half")
        if self.masks == "balanced" and not can_balance(self.keep):
            raise ValueError(f"--keep: {self.keep}, expected 0.5, 0.667 or 0.8 with --masks balanced")

"""What a user can choose about explanations. Equal settings, picture and model give an equal explanation."""

from __future__ import annotations

from dataclasses import dataclass, field

METHODS = ("grid", "slic", "landmarks", "quickshift")
HIDES = ("gray", "mean", "blur", "black")
MASKS = ("random", "antithetic", "balanced")
COMPARABLE = frozenset({"grid", "landmarks"})
"""Methods whose segments mean the same on every face, so that their weights can be averaged over faces."""


@dataclass(frozen=True)
class LimeSettings:
    """Flags of every command that explains faces. Defaults suit a face that fills 48 px."""

    segments: str = field(
        default="grid",
        metadata={
            "help": "how a face is cut; grid: equal squares; slic, quickshift: along edges (scikit-image); landmarks: "
            "brows, eyes, nose, cheeks, mouth, chin, forehead, background. Grid and landmarks compare across faces",
            "choices": METHODS,
        },
    )
    segment_count: int = field(
        default=36, metadata={"help": "about how many segments: grid takes the nearest square number; slic aims at it"}
    )
    hide: str = field(
        default="gray",
        metadata={
            "help": "what a hidden segment shows; gray: the data set's mean; mean: its own mean, as the lime package "
            "does; blur: the blurred face; black",
            "choices": HIDES,
        },
    )
    samples: int = field(default=1000, metadata={"help": "masks per face; with --adaptive the most"})
    masks: str = field(
        default="random",
        metadata={
            "help": "random: each segment by a coin, as the lime package does; antithetic: each mask and its opposite; "
            "balanced: those, with every two segments hidden together as often as apart",
            "choices": MASKS,
        },
    )
    keep: float = field(default=0.5, metadata={"help": "chance that a random mask shows a segment; others need 0.5"})
    assisted: bool = field(
        default=False,
        metadata={
            "help": "fit the weights with the help of a second model, of segments and of those that touch, made from "
            "the same masks: as stable with two fifths of the masks"
        },
    )
    adaptive: bool = field(default=False, metadata={"help": "stop adding masks once the top segments are stable"})
    round_samples: int = field(default=128, metadata={"help": "with --adaptive: masks of each round"})
    top: int = field(default=3, metadata={"help": "how many segments of most weight are compared for stability"})
    stable_overlap: float = field(
        default=0.5,
        metadata={
            "help": "with --adaptive: least overlap (Jaccard, 0-1) of the top segments of two halves of the masks"
        },
    )
    stable_rank: float = field(
        default=0.8, metadata={"help": "with --adaptive: least rank correlation of the weights of those halves"}
    )
    kernel_width: float = field(
        default=0.25, metadata={"help": "of the kernel that weighs masks by how much they show, over cosine distance"}
    )
    features: int = field(
        default=0, metadata={"help": "segments that get a weight, those of largest weight; 0: all, as the lime package"}
    )
    explained_r2: float = field(
        default=0.6, metadata={"help": "least R² on held-out masks for a face to count as explained"}
    )
    label: str = field(default="", metadata={"help": "which label to explain; empty: the predicted one of each face"})
    views: str = field(
        default="",
        metadata={
            "help": "how the model looks at each masked face; empty: as its card says. single is fastest",
            "choices": ("", "single", "flip", "ten"),
        },
    )
    fidelity: bool = field(
        default=False,
        metadata={"help": "also hide and show segments one by one, in the order of their weight and in others"},
    )
    seed: int = field(default=0, metadata={"help": "of the masks, together with each face's id"})

    def check(self) -> None:
        """Raise ValueError naming the first setting that cannot be."""
        for name, least in (("segment_count", 1), ("samples", 2), ("round_samples", 8), ("top", 1), ("features", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{_flag(name)}: {getattr(self, name)}, expected {least} or more")
        for name in ("stable_overlap", "stable_rank", "explained_r2"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{_flag(name)}: {getattr(self, name)} is not in 0-1")
        if not 0 < self.keep < 1:
            raise ValueError(f"--keep: {self.keep}, expected more than 0 and less than 1")
        if self.keep != 0.5 and self.masks != "random":
            raise ValueError(f"--keep: {self.keep} goes with --masks random; opposite masks show half on average")
        if not self.kernel_width > 0:  # NaN too
            raise ValueError(f"--kernel-width: {self.kernel_width}, expected more than 0")
        if self.seed < 0:
            raise ValueError(f"--seed: {self.seed} is negative")


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")

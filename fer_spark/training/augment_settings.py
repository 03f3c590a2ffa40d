"""What a user can choose about augmentation."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class AugmentSettings:
    """What is varied in training. Nothing that would change the expression: no vertical flip, no extreme darkening."""

    augment: bool = field(default=True, metadata={"help": "vary the training pictures"})
    flip_prob: float = field(default=0.5, metadata={"help": "probability of a left-right mirror image"})
    affine_prob: float = field(
        default=0.8, metadata={"help": "probability of rotating, scaling and shifting a picture"}
    )
    rotate_deg: float = field(default=12.0, metadata={"help": "largest rotation either way"})
    scale_frac: float = field(default=0.15, metadata={"help": "largest zoom in or out, as a fraction"})
    shift_frac: float = field(default=0.08, metadata={"help": "largest shift, as a fraction of the side"})
    shear_deg: float = field(default=5.0, metadata={"help": "largest shear either way"})
    light_prob: float = field(default=0.5, metadata={"help": "probability of changing brightness and contrast"})
    brightness: float = field(default=0.2, metadata={"help": "largest change of brightness, of the full range"})
    contrast: float = field(default=0.3, metadata={"help": "largest change of contrast, as a fraction"})
    erase_prob: float = field(default=0.5, metadata={"help": "probability of erasing a rectangle (Zhong et al. 2020)"})
    erase_frac: float = field(default=0.2, metadata={"help": "largest erased share of the area"})

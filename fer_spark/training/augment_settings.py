"""What a user can choose about augmentation."""

from __future__ import annotations

from dataclasses import dataclass

from fer_spark.settings import option


@dataclass(frozen=True)
class AugmentSettings:
    """What is varied in training. Nothing that would change the expression: no vertical flip, no extreme darkening."""

    augment: bool = option(True, "vary the training pictures")
    flip_prob: float = option(0.5, "probability of a left-right mirror image", least=0, most=1)
    affine_prob: float = option(0.8, "probability of rotating, scaling and shifting a picture", least=0, most=1)
    rotate_deg: float = option(12.0, "largest rotation either way", least=0)
    scale_frac: float = option(0.15, "largest zoom in or out, as a fraction", least=0)
    shift_frac: float = option(0.08, "largest shift, as a fraction of the side", least=0, most=1)
    shear_deg: float = option(5.0, "largest shear either way", least=0)
    light_prob: float = option(0.5, "probability of changing brightness and contrast", least=0, most=1)
    brightness: float = option(0.2, "largest change of brightness, of the full range", least=0)
    contrast: float = option(0.3, "largest change of contrast, as a fraction", least=0)
    erase_prob: float = option(0.5, "probability of erasing a rectangle (Zhong et al. 2020)", least=0, most=1)
    erase_frac: float = option(0.2, "largest erased share of the area", least=0, most=1)

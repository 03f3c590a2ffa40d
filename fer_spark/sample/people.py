"""Who is drawn: seeded people, their expressions as facial action units, and where valence and arousal lie."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
"""Label names; the position is the FER-2013 code, 0 to 6."""

Colour = tuple[float, float, float]
"""Red, green, blue, each 0 to 255."""

_SKIN_TONES = np.array(
    [
        (246, 222, 208), (242, 214, 194), (238, 208, 180), (229, 197, 160), (210, 170, 130),
        (178, 132, 96), (146, 104, 76), (118, 82, 60), (92, 64, 49), (70, 51, 42),
    ],
    dtype=np.float64,
)  # fmt: skip
_HAIR_COLOURS = (
    (24, 20, 20), (45, 32, 24), (84, 56, 36), (128, 86, 48), (196, 158, 98), (150, 70, 36), (168, 166, 164),
)  # fmt: skip
HAIR_STYLES = ("short", "fringe", "long", "curly", "receding", "bald", "bun", "scarf")


@dataclass(frozen=True)
class Person:
    """What stays the same between pictures of one person. Lengths are fractions of the canvas side."""

    skin: Colour
    hair: Colour
    lips: Colour
    iris: Colour
    hair_style: str
    hairline: float
    face_width: float
    chin: float
    jaw_power: float
    eye_distance: float
    eye_scale: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    nose_scale: float
    mouth_width: float
    lip_thickness: float
    mouth_bias: float
    age: float
    beard: float
    moustache: float
    glasses: float


@dataclass(frozen=True)
class Actions:
    """Strengths of facial action units (Ekman & Friesen's FACS), 0 relaxed to 1 strong."""

    inner_brow: float = 0.0  # AU1
    outer_brow: float = 0.0  # AU2
    brow_lower: float = 0.0  # AU4
    upper_lid: float = 0.0  # AU5; negative droops
    cheek: float = 0.0  # AU6
    lid_tight: float = 0.0  # AU7
    nose_wrinkle: float = 0.0  # AU9
    upper_lip: float = 0.0  # AU10
    smile: float = 0.0  # AU12
    corner_down: float = 0.0  # AU15
    chin_raise: float = 0.0  # AU17
    lip_stretch: float = 0.0  # AU20
    lip_tight: float = 0.0  # AU23, AU24
    lips_part: float = 0.0  # AU25
    jaw_drop: float = 0.0  # AU26


ACTION_NAMES = tuple(field.name for field in fields(Actions))

# The combinations are EMFACS prototypes; one expression has several looks.
_LOOKS: dict[str, tuple[dict[str, float], ...]] = {
    "angry": (
        {"brow_lower": 1.0, "upper_lid": 0.35, "lid_tight": 0.6, "lip_tight": 0.9, "chin_raise": 0.3},
        {"brow_lower": 1.0, "upper_lid": 0.5, "lid_tight": 0.4, "lips_part": 0.8, "lip_stretch": 0.3, "jaw_drop": 0.25},
    ),
    "disgust": (
        {"nose_wrinkle": 1.0, "upper_lip": 0.8, "brow_lower": 0.4, "lid_tight": 0.7, "corner_down": 0.3},
        {"nose_wrinkle": 0.9, "upper_lip": 1.0, "lips_part": 0.5, "lid_tight": 0.6, "corner_down": 0.5},
    ),
    "fear": (
        {"inner_brow": 1.0, "outer_brow": 0.4, "brow_lower": 0.5, "upper_lid": 0.9, "lip_stretch": 1, "lips_part": 0.6},
        {"inner_brow": 0.9, "outer_brow": 0.5, "brow_lower": 0.4, "upper_lid": 1.0, "lip_stretch": 1, "jaw_drop": 0.35},
    ),
    "happy": (
        {"cheek": 0.9, "smile": 1.0, "lips_part": 0.8},
        {"cheek": 0.6, "smile": 0.9},
        {"cheek": 1.0, "smile": 1.0, "lips_part": 0.9, "jaw_drop": 0.35},
    ),
    "sad": (
        {"inner_brow": 1.0, "brow_lower": 0.3, "corner_down": 1.0, "chin_raise": 0.6, "upper_lid": -0.5},
        {"inner_brow": 0.9, "corner_down": 0.8, "upper_lid": -0.7, "lips_part": 0.15},
    ),
    "surprise": (
        {"inner_brow": 1.0, "outer_brow": 1.0, "upper_lid": 0.8, "jaw_drop": 1.0},
        {"inner_brow": 0.9, "outer_brow": 1.0, "upper_lid": 0.9, "jaw_drop": 0.6, "lips_part": 0.2},
    ),
    "neutral": ({},),
}  # fmt: skip

_AFFECT = {
    "angry": (-0.6, 0.65), "disgust": (-0.65, 0.35), "fear": (-0.6, 0.75), "happy": (0.8, 0.45),
    "sad": (-0.7, -0.4), "surprise": (0.15, 0.75), "neutral": (0.0, -0.05),
}  # fmt: skip
"""Valence and arousal of the full expression on Russell's circumplex."""


def draw_person(rng: np.random.Generator) -> Person:
    """A person at random: every human skin tone, hair, age, beard, glasses and proportions."""
    tone = rng.uniform(0, len(_SKIN_TONES) - 1.001)
    skin = _between(_SKIN_TONES, tone) * rng.uniform(0.98, 1.02, 3)
    dark_hair_only = tone > 5 and rng.random() < 0.9
    hair = np.array(_HAIR_COLOURS[rng.integers(2 if dark_hair_only else len(_HAIR_COLOURS))]) * rng.uniform(0.8, 1.2)
    hair_style = HAIR_STYLES[rng.choice(8, p=(0.24, 0.14, 0.2, 0.12, 0.1, 0.06, 0.07, 0.07))]
    bearded = rng.random() < (0.06 if hair_style in ("long", "scarf", "bun") else 0.3)
    lips = skin * (0.80, 0.56, 0.58) + rng.uniform(0, 1) * np.array((22.0, -4.0, 4.0)) * (0.4 + tone / 12)
    iris = np.array(((62, 40, 26), (92, 62, 34), (70, 92, 62), (82, 112, 140))[rng.integers(1 if tone > 5 else 4)])
    return Person(
        skin=_colour(skin), hair=_colour(hair), lips=_colour(lips), iris=_colour(iris),
        hair_style=hair_style, hairline=float(rng.uniform(0.19, 0.26)), face_width=float(rng.uniform(0.197, 0.232)),
        chin=float(rng.uniform(0.785, 0.83)), jaw_power=float(rng.uniform(0.55, 0.95)),
        eye_distance=float(rng.uniform(0.092, 0.105)), eye_scale=float(rng.uniform(0.9, 1.15)),
        brow_height=float(rng.uniform(0.058, 0.072)), brow_thickness=float(rng.uniform(0.007, 0.014)),
        brow_arch=float(rng.uniform(-0.002, 0.010)), nose_scale=float(rng.uniform(0.85, 1.2)),
        mouth_width=float(rng.uniform(0.070, 0.088)), lip_thickness=float(rng.uniform(0.75, 1.4)),
        mouth_bias=float(rng.normal(0, 0.003)), age=float(rng.beta(1.4, 2.2)),
        beard=float(rng.uniform(0.35, 0.9)) if bearded else 0.0,
        moustache=float(rng.uniform(0.4, 0.9)) if bearded or rng.random() < 0.06 else 0.0,
        glasses=float(rng.random()) if rng.random() < 0.16 else -1.0,
    )  # fmt: skip


def draw_actions(label: str, intensity: float, rng: np.random.Generator) -> Actions:
    """Action units of one expression at an intensity in [0, 1], with units missing or added as in life."""
    looks = _LOOKS[label]
    look = looks[rng.integers(len(looks))]
    strengths = np.array([look.get(name, 0.0) for name in ACTION_NAMES])
    strengths *= intensity * rng.uniform(0.85, 1.35, len(strengths))
    strengths *= rng.random(len(strengths)) > 0.05
    strengths += np.abs(rng.normal(0, 0.06, len(strengths)))
    strengths += (rng.random(len(strengths)) < 0.03) * rng.uniform(0.1, 0.5)
    strengths[ACTION_NAMES.index("upper_lid")] += rng.normal(-0.05, 0.12)
    return Actions(*np.clip(strengths, -0.9, 1.3).tolist())


def draw_affect(label: str, intensity: float, rng: np.random.Generator) -> tuple[float, float]:
    """(valence, arousal), each in [-1, 1], around the expression's place and growing with its intensity."""
    noisy = np.array(_AFFECT[label]) * intensity + rng.normal(0, 0.08, 2)
    valence, arousal = np.clip(noisy, -1, 1).round(3).tolist()
    return valence, arousal


def _between(table: NDArray[np.float64], position: float) -> NDArray[np.float64]:
    low = int(position)
    part = position - low
    return np.asarray(table[low] * (1 - part) + table[low + 1] * part)


def _colour(values: NDArray[np.float64]) -> Colour:
    red, green, blue = np.clip(values, 0, 255).tolist()
    return red, green, blue

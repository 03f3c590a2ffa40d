"""The features that carry an expression, shaped by action units: outline, eyes, brows, nose and mouth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fer_spark.sample.canvas import CIRCLE, Canvas, Points, mix, shade
from fer_spark.sample.people import Actions, Person

EYE_Y = 0.455
NOSE_Y = 0.597
MOUTH_Y = 0.668
_T = np.linspace(-1.0, 1.0, 15)
_BULGE = 1 - _T**2


@dataclass(frozen=True)
class Pose:
    """How the features sit on the head: `yaw` and `pitch` shift them (canvas fractions), `gaze` turns the eyes."""

    yaw: float = 0.0
    pitch: float = 0.0
    gaze: tuple[float, float] = (0.0, 0.0)


def chin_y(person: Person, actions: Actions) -> float:
    return person.chin + 0.045 * actions.jaw_drop - 0.006 * actions.chin_raise


def face_outline(person: Person, actions: Actions, grow: float = 1.0) -> Points:
    """The head without hair: half an ellipse above the eyes, a jaw of the person's shape below."""
    angle = np.linspace(0, np.pi, 19)
    across, along = np.cos(angle), np.sin(angle)
    width = person.face_width * grow
    top = np.stack([0.5 - width * across, 0.45 - 0.335 * grow * along], axis=1)
    jaw_x = np.sign(across) * np.abs(across) ** person.jaw_power
    bottom = np.stack([0.5 + width * jaw_x, 0.45 + (chin_y(person, actions) - 0.45) * grow * along], axis=1)
    return np.concatenate([top, bottom])


def draw_eyes(canvas: Canvas, person: Person, actions: Actions, pose: Pose) -> None:
    """Eyes with white, iris, pupil, glint, lids and crease; wider with AU5, narrower with AU6 and AU7."""
    size = person.eye_scale
    upper = 0.0205 * size * max(0.18, 1 + 0.62 * actions.upper_lid - 0.30 * actions.lid_tight - 0.20 * actions.cheek)
    lower = 0.0135 * size * max(0.15, 1 + 0.25 * actions.upper_lid - 0.50 * actions.lid_tight - 0.50 * actions.cheek)
    upper *= 1 - 0.15 * max(0.0, actions.brow_lower - actions.upper_lid)
    skin = person.skin
    for side in (-1, 1):
        centre = np.array((0.5 + side * person.eye_distance + pose.yaw, EYE_Y + pose.pitch))
        half = 0.048 * size
        slant = 0.004 * side * _T
        x = centre[0] + half * _T
        top_y = centre[1] - upper * _BULGE**0.75 - slant
        low_y = centre[1] + lower * _BULGE**0.9 - slant
        top, low = np.stack([x, top_y], axis=1), np.stack([x, low_y], axis=1)
        crease = np.stack([x, top_y - 0.010 - 0.004 * _BULGE], axis=1)
        canvas.line(crease, shade(skin, 0.62), 0.004)
        canvas.polygon(np.concatenate([top, low[::-1]]), mix((232, 226, 220), skin, 0.42 - 0.28 * sum(skin) / 765))
        iris_at = centre + np.array((pose.gaze[0], pose.gaze[1] - 0.0025))
        for radius, colour in ((0.0205, shade(person.iris, 0.8)), (0.0105, (12.0, 10.0, 10.0))):
            disc = CIRCLE * radius * size + iris_at
            disc[:, 1] = np.clip(disc[:, 1], np.interp(disc[:, 0], x, top_y), np.interp(disc[:, 0], x, low_y))
            canvas.polygon(disc, colour)
        canvas.line(low, shade(skin, 0.62), 0.003)
        canvas.line(top, mix(shade(skin, 0.22), (15, 12, 12), 0.5), 0.008)
        if upper > 0.012:
            canvas.ellipse((iris_at[0] + 0.006, iris_at[1] - 0.006), (0.0035, 0.0035), (245.0, 245.0, 245.0))


def brow_y(person: Person, actions: Actions) -> tuple[float, float, float]:
    """Heights of the brow's inner end, middle and outer end; smaller is higher on the face."""
    base = EYE_Y - person.brow_height
    down = 0.024 * actions.brow_lower + 0.014 * actions.nose_wrinkle
    inner = base + 0.006 - 0.034 * actions.inner_brow + down
    middle = base - person.brow_arch - 0.016 * actions.inner_brow - 0.020 * actions.outer_brow + 0.6 * down
    outer = base + 0.006 - 0.034 * actions.outer_brow + 0.25 * down + 0.004 * actions.inner_brow
    return inner, middle, outer


def draw_brows(canvas: Canvas, person: Person, actions: Actions, pose: Pose) -> None:
    """Brows as tapering strips; AU1 and AU2 raise the ends, AU4 lowers them and draws them together."""
    inner, middle, outer = brow_y(person, actions)
    along = np.linspace(0, 1, 9)
    height = inner * (1 - along) * (1 - 2 * along) + 4 * middle * along * (1 - along) + outer * along * (2 * along - 1)
    start = 0.036 - 0.012 * min(1.0, actions.brow_lower)
    reach = person.eye_distance + 0.062 - start
    thick = person.brow_thickness * (1.15 - 0.75 * along**1.5)
    colour = mix(shade(person.hair, 0.75), person.skin, 0.12)
    if max(person.hair) > 150 or person.hair_style == "scarf":
        colour = mix(shade(person.skin, 0.35), (40, 28, 20), 0.4)
    for side in (-1, 1):
        x = 0.5 + side * (start + reach * along) + pose.yaw
        upper, lower = np.stack([x, height - thick], axis=1), np.stack([x, height + thick], axis=1)
        canvas.polygon(np.concatenate([upper, lower[::-1]]) + np.array((0, pose.pitch)), colour)


def draw_nose(canvas: Canvas, person: Person, actions: Actions, pose: Pose) -> None:
    """Nostrils and wings; the rest of the nose is shading."""
    size = person.nose_scale
    y = NOSE_Y - 0.008 * actions.nose_wrinkle + pose.pitch
    spread = 1 + 0.12 * actions.nose_wrinkle + 0.1 * actions.smile
    for side in (-1, 1):
        x = 0.5 + side * 0.017 * size * spread + 1.35 * pose.yaw
        canvas.ellipse((x, y), (0.0105 * size, 0.0055), shade(person.skin, 0.34))
        wing_t = np.linspace(-1, 1, 7)
        wing_x = 0.5 + side * (0.036 * size * spread + 0.004 * (1 - wing_t**2)) + 1.25 * pose.yaw
        canvas.line(np.stack([wing_x, y - 0.012 + 0.015 * wing_t], axis=1), shade(person.skin, 0.66), 0.004)


def draw_mouth(canvas: Canvas, person: Person, actions: Actions, pose: Pose) -> None:
    """Lips, teeth and the open mouth; the corners rise with AU12 and fall with AU15."""
    width = person.mouth_width * (
        1 + 0.30 * actions.smile + 0.26 * actions.lip_stretch - 0.32 * actions.jaw_drop * (1 - min(1.0, actions.smile))
        - 0.10 * actions.lip_tight
    )  # fmt: skip
    corner = person.mouth_bias - 0.034 * actions.smile + 0.026 * actions.corner_down + 0.008 * actions.lip_stretch
    middle = MOUTH_Y + 0.010 * actions.smile - 0.010 * actions.chin_raise - 0.006 * actions.upper_lip + pose.pitch
    thin = max(0.25, 1 - 0.6 * actions.lip_tight - 0.25 * actions.smile) * person.lip_thickness
    gap = 0.018 * actions.lips_part + 0.060 * actions.jaw_drop + 0.004 * actions.lip_stretch
    raised = 0.016 * actions.upper_lip + 0.006 * actions.nose_wrinkle + 0.25 * gap
    x = 0.5 + pose.yaw * 1.15 + width * _T
    base = middle + corner * np.abs(_T) ** 1.7
    square = 1 - _T ** (2 if actions.lip_stretch < 0.4 else 4)
    inner_top = base - raised * np.where(_BULGE > 0, _BULGE, 0) ** (0.5 if actions.upper_lip > 0.4 else 1.0)
    inner_low = base + 0.75 * gap * square + 0.2 * raised * _BULGE
    bow = (1 - 0.35 * np.exp(-((_T / 0.16) ** 2))) * _BULGE**0.7
    outer_top = inner_top - 0.0125 * thin * bow
    outer_low = inner_low + 0.0185 * thin * _BULGE**0.7
    top_edge, low_edge = np.stack([x, inner_top], axis=1), np.stack([x, inner_low], axis=1)
    opening = np.concatenate([top_edge, low_edge[::-1]])
    if gap + raised > 0.010:
        canvas.polygon(opening, (52.0, 22.0, 22.0))
        _draw_teeth(canvas, np.stack([x, inner_top], axis=1), inner_low, actions)
    canvas.polygon(np.concatenate([np.stack([x, outer_top], axis=1), top_edge[::-1]]), shade(person.lips, 0.88))
    canvas.polygon(np.concatenate([np.stack([x, outer_low], axis=1), low_edge[::-1]]), person.lips)
    seam = shade(person.lips, 0.42)
    canvas.line(top_edge, seam, 0.006)
    if gap + raised > 0.010:
        canvas.line(low_edge, seam, 0.003)


def _draw_teeth(canvas: Canvas, top_edge: Points, inner_low: NDArray[np.float64], actions: Actions) -> None:
    height = np.minimum(0.017 * _BULGE**0.5, inner_low - top_edge[:, 1])
    bared = actions.smile + actions.upper_lip + 0.5 * actions.lip_stretch - 0.4 * actions.jaw_drop
    shown = min(1.0, max(0.25, 0.4 + bared))
    lower = top_edge + np.stack([np.zeros_like(height), height * shown], axis=1)
    canvas.polygon(np.concatenate([top_edge, lower[::-1]])[1:-1], (226.0, 220.0, 206.0))

"""What frames a face: hair, scarf, neck, ears, beard and glasses."""

from __future__ import annotations

import numpy as np

from fer_spark.sample.canvas import CIRCLE, Canvas, mix, shade
from fer_spark.sample.features import EYE_Y, MOUTH_Y, Pose, face_outline
from fer_spark.sample.people import Actions, Person

_T = np.linspace(-1.0, 1.0, 15)
_BULGE = 1 - _T**2


def draw_back(canvas: Canvas, person: Person, actions: Actions) -> None:
    """What lies behind the face: long hair, bun or scarf, neck and ears."""
    width = person.face_width
    if person.hair_style in ("long", "scarf"):
        angle = np.linspace(0, np.pi, 15)
        top = np.stack([0.5 - (width + 0.05) * np.cos(angle), 0.42 - 0.37 * np.sin(angle)], axis=1)
        low = 0.97 if person.hair_style == "long" else 1.02
        sides = [[0.5 + width + 0.065, low], [0.5 - width - 0.065, low]]
        canvas.polygon(np.concatenate([top, sides]), shade(person.hair, 0.8))
    if person.hair_style == "bun":
        canvas.ellipse((0.5, 0.075), (0.085, 0.07), shade(person.hair, 0.9))
    neck = np.array([[0.5 - 0.13, 0.68], [0.5 + 0.13, 0.68], [0.5 + 0.145, 0.96], [0.5, 1.08], [0.5 - 0.145, 0.96]])
    canvas.polygon(neck, shade(person.skin, 0.82))
    if person.hair_style not in ("long", "scarf"):
        for side in (-1, 1):
            canvas.ellipse((0.5 + side * (width + 0.008), 0.50), (0.028, 0.06), shade(person.skin, 0.9))
            canvas.ellipse((0.5 + side * (width + 0.010), 0.50), (0.014, 0.036), shade(person.skin, 0.72))


def draw_hair(canvas: Canvas, person: Person, actions: Actions, rng: np.random.Generator) -> None:
    """Hair (or a scarf) in front of the head, from temple to temple."""
    style = person.hair_style
    if style == "bald":
        return
    width = person.face_width
    hairline = person.hairline + {"fringe": 0.09, "receding": -0.045, "scarf": 0.03}.get(style, 0.0)
    temple = {"receding": 0.36, "scarf": 0.5}.get(style, 0.43)
    angle = np.linspace(0, np.pi, 25)
    bump = 0.008 * rng.standard_normal(25) if style == "curly" else 0.0
    outer_x = 0.5 - (width + 0.018 + bump) * np.cos(angle)
    outer_y = temple - (temple - 0.075 + (0.03 if style == "curly" else 0.0) + bump) * np.sin(angle) ** 0.8
    inner_t = np.linspace(1, -1, 17)
    part = 0.02 * float(rng.uniform(-1, 1))
    rough = 0.006 * rng.standard_normal(17) if style in ("fringe", "curly") else 0.0
    power = {"fringe": 6, "scarf": 2.2}.get(style, 3)
    inner_y = hairline + (temple - hairline) * np.abs(inner_t) ** power + part * inner_t + rough
    inner = np.stack([0.5 + (width - 0.008) * inner_t, inner_y], axis=1)
    canvas.polygon(np.concatenate([np.stack([outer_x, outer_y], axis=1), inner]), person.hair)
    if style == "scarf":
        lower = face_outline(person, actions)[19:]
        outside = (lower - (0.5, 0.45)) * (1.22, 1.14) + (0.5, 0.45)
        canvas.polygon(np.concatenate([lower, outside[::-1]]), shade(person.hair, 0.95))
        return
    for offset in rng.uniform(-0.8, 0.8, 5):
        x = 0.5 + width * offset
        strand = np.array([[0.5 + width * offset * 0.6, 0.10], [x, 0.15], [x + 0.012 * offset, hairline - 0.012]])
        canvas.line(strand, shade(person.hair, 1.0 + 0.35 * float(rng.uniform(-1, 1))), 0.006)


def draw_beard(canvas: Canvas, person: Person, actions: Actions) -> None:
    """Beard along the jaw and moustache, mixed with the skin by their density."""
    if person.beard > 0:
        lower = face_outline(person, actions, 0.995)[20:37]
        share = np.linspace(-1, 1, len(lower))[:, None]
        inner = 0.5 + (lower - 0.5) * (0.93, 0.93) * (1 - (1 - share**2) * (0.10, 0.20))
        canvas.polygon(np.concatenate([lower, inner[::-1]]), mix(person.skin, person.hair, 0.8 * person.beard))
    if person.moustache > 0:
        top = MOUTH_Y - 0.042 - 0.012 * actions.upper_lip
        x = person.mouth_width * 0.95 * _T
        upper = np.stack([0.5 + x, top + 0.024 * _T**2], axis=1)
        lower_y = top + 0.024 + 0.006 * _BULGE
        canvas.polygon(
            np.concatenate([upper, np.stack([0.5 + x, lower_y], axis=1)[::-1]]),
            mix(person.skin, person.hair, 0.85 * person.moustache),
        )


def draw_glasses(canvas: Canvas, person: Person, pose: Pose) -> None:
    """Thin frames around both eyes, rounder for larger values of `person.glasses`."""
    if person.glasses < 0:
        return
    colour = (30.0, 28.0, 30.0) if person.glasses < 0.6 else (140.0, 116.0, 70.0)
    power = 0.5 + 0.5 * person.glasses
    ring = np.sign(CIRCLE) * np.abs(CIRCLE) ** power * (0.068, 0.044)
    ring = np.concatenate([ring, ring[:1]])
    y = EYE_Y + 0.008 + pose.pitch
    for side in (-1, 1):
        x = 0.5 + side * person.eye_distance + pose.yaw
        canvas.line(ring + np.array((x, y)), colour, 0.005)
        arm = np.array([[x + side * 0.068, y - 0.01], [0.5 + side * person.face_width, y - 0.018]])
        canvas.line(arm, colour, 0.005)
    middle, reach = 0.5 + pose.yaw, person.eye_distance - 0.066
    canvas.line(np.array([[middle - reach, y], [middle, y - 0.008], [middle + reach, y]]), colour, 0.005)

"""The features of a procedural face, each painted on the head as soft-edged shapes in canonical coordinates."""

import numpy as np

from femb_cli.data.synthetic.canvas import Canvas, Colour, Floats, column, cover, lay, mix
from femb_cli.data.synthetic.nuisance import Nuisance
from femb_cli.data.synthetic.person import Identity

EYE_Y = -0.07
BLACK: Colour = (0.0, 0.0, 0.0)
DARK_SKIN: Colour = (0.2, 0.08, 0.06)


def paint_skin(head: Canvas, identity: Identity) -> None:
    """Paint the skin with the cheeks, the eye sockets and the chin, the beard and the mole."""
    head.albedo[:] = column(identity.skin)
    for side in (-1, 1):
        head.patch(side * 0.36, 0.22, 0.5).raise_bump(0.16, 0.13, identity.cheek_relief)
        head.patch(side * identity.eye_spacing, EYE_Y, 0.45).raise_bump(0.15, 0.10, -0.035)
    head.patch(0.0, 0.86, 0.35).raise_bump(0.13, 0.08, 0.025)
    if identity.beard:
        beard = head.patch(0.0, 0.6, 0.8)
        square = beard.x * beard.x
        edge = -0.14 + square * (0.6 - 3.2 * square) - beard.y
        beard.paint(edge, mix(identity.hair, identity.skin, 0.1), identity.beard, softness=10.0)
    x, y = identity.mole
    mole = head.patch(x, y, 0.1)
    mole.paint(np.hypot(mole.x, mole.y) - 0.018, mix(identity.skin, DARK_SKIN, 0.6), identity.mole_opacity)


def paint_eye(head: Canvas, identity: Identity, nuisance: Nuisance, side: int) -> None:
    """Paint the left (-1) or the right (1) eye: the two lids are parabolas over the width of the eye."""
    eye = head.patch(side * identity.eye_spacing, EYE_Y, 0.25)
    x, y = eye.x * side, eye.y + identity.eye_slant * eye.x * side
    arch = 1.0 - (x / identity.eye_width) ** 2
    opening = identity.eye_height * (1.0 - 0.7 * nuisance.squint)
    upper, lower = y + opening * arch, y - 0.7 * opening * arch
    outside = np.maximum(-upper, lower)
    eye.paint(np.hypot(x, y * 1.5) - 0.17, mix(identity.skin, (0.35, 0.15, 0.14), 0.35), 0.6, softness=8.0)
    eye.paint(outside, (0.90, 0.88, 0.86))
    radius = np.hypot(eye.x, y + 0.005)
    eye.paint(np.maximum(outside, radius - 0.064), mix(identity.iris, BLACK, 0.5))
    eye.paint(np.maximum(outside, radius - 0.052), identity.iris)
    eye.paint(np.maximum(outside, radius - 0.026), (0.03, 0.03, 0.03))
    eye.paint(np.maximum(outside, np.hypot(eye.x + 0.02, y + 0.025) - 0.014), (1.0, 1.0, 1.0), 0.9)
    lashes = np.maximum(np.abs(upper) - 0.012, -0.15 - arch)
    eye.paint(lashes, (0.12, 0.08, 0.07), 0.9)
    eye.paint(np.maximum(np.abs(upper + 0.045) - 0.006, -arch), mix(identity.skin, DARK_SKIN, 0.6), 0.6)
    eye.paint(np.maximum(np.abs(lower) - 0.004, -arch), (0.35, 0.18, 0.15), 0.5)


def paint_brow(head: Canvas, identity: Identity, nuisance: Nuisance, side: int) -> None:
    """Paint the left (-1) or the right (1) eyebrow: a band along a parabola."""
    rise = identity.brow_gap + 0.04 * nuisance.brow_raise
    brow = head.patch(side * (identity.eye_spacing + 0.01), EYE_Y - rise, 0.35)
    x = brow.x * side
    along = x / identity.brow_length
    middle = (identity.brow_slope + 0.08 * nuisance.brow_raise) * x + identity.brow_arch * x * x
    thickness = identity.brow_thickness * (1.0 - 0.25 * along - 0.35 * along * along)
    distance = np.maximum(np.abs(brow.y - middle) - thickness, (np.abs(along) - 1.0) * identity.brow_length)
    brow.paint(distance, mix(identity.hair, (0.1, 0.07, 0.06), 0.4), 0.85, softness=3.0)
    brow.raise_bump(0.18, 0.07, 0.015)


def paint_glasses(head: Canvas, nuisance: Nuisance, side: int) -> None:
    """Paint the left (-1) or the right (1) half of the glasses: a rim, half of the bridge and a temple."""
    glasses = head.patch(side * 0.34, EYE_Y + 0.03, 0.6)
    x, y = glasses.x * side, glasses.y
    across, along = np.square(x / 0.25), np.square(y / 0.19)
    rim = np.abs(np.sqrt(np.sqrt(across * across + along * along)) - 1) * 0.2
    bars = np.maximum(np.abs(y + 0.05), 0.25 - np.abs(x))
    glasses.paint(np.minimum(rim, bars) - 0.016, (0.08, 0.07, 0.09), nuisance.glasses)


def paint_nose(head: Canvas, identity: Identity) -> None:
    """Paint the nose: its ridge and tip as bumps, its shadow, and on each side a wing and a nostril."""
    width, tip = identity.nose_width, identity.nose_length
    shadow = mix(identity.skin, DARK_SKIN, 0.55)
    head.patch(0.0, 0.08, 0.5).raise_bump(0.42 * width, 0.17, 0.45 * identity.nose_relief)
    head.patch(0.0, tip, 0.35).raise_bump(0.6 * width, 0.075, 0.7 * identity.nose_relief)
    base = head.patch(0.0, tip + 0.10, 0.3)
    base.paint(np.hypot(base.x / width, base.y / 0.045) * 0.06 - 0.05, shadow, 0.5, softness=3.5)
    for side in (-1, 1):
        wing = head.patch(side * 0.75 * width, tip + 0.045, 0.25)
        wing.raise_bump(0.28 * width, 0.05, 0.25 * identity.nose_relief)
        crease = np.abs(np.hypot(wing.x, wing.y * 0.9) - 0.055) - 0.006
        wing.paint(np.maximum(crease, -wing.x * side), shadow, 0.5, softness=2.5)
        nostril = head.patch(side * 0.45 * width, tip + 0.09, 0.12)
        nostril.paint(np.hypot(nostril.x, nostril.y * 1.8) - 0.034, mix(shadow, BLACK, 0.5), 0.8)


def paint_mouth(head: Canvas, identity: Identity, nuisance: Nuisance) -> None:
    """Paint the lips: parabolas over the width of the mouth, the upper one with a cupid's bow."""
    mouth = head.patch(0.0, identity.mouth_height, 0.5)
    x = mouth.x / (identity.mouth_width * (1.0 + 0.12 * nuisance.smile))
    arch = 1.0 - x * x
    y = mouth.y + (identity.mouth_curve + 0.05 * nuisance.smile) * (x * x - 0.4)
    gap = 0.10 * nuisance.mouth_open * arch
    bow = identity.upper_lip * arch * (1.0 - 0.3 * np.exp(-((x / 0.16) ** 2)))
    upper, lower = -y - bow - 0.4 * gap, y - identity.lower_lip * arch - gap
    under = head.patch(0.0, identity.mouth_height + 0.14, 0.25)
    under.raise_bump(0.13, 0.04, -0.012)
    mouth.paint(np.maximum(upper, lower), identity.lip, 0.85, softness=2.0)
    inside = np.maximum(np.maximum(-y - 0.4 * gap, y - gap), 0.02 - gap)
    mouth.paint(inside, (0.20, 0.05, 0.06))
    mouth.paint(np.maximum(inside, y - 0.25 * gap) + 0.01, (0.93, 0.91, 0.88), 0.9)
    line = np.maximum(np.abs(y + 0.4 * gap) - 0.007, np.abs(x) - 1.05)
    mouth.paint(line, mix(identity.lip, (0.1, 0.02, 0.02), 0.7), 0.9)


def paint_hair(head: Canvas, identity: Identity) -> None:
    """Paint the hair on the skull, above the hairline in front and behind the temples, and the ears over it."""
    x, y = head.x, head.y
    front = y - identity.hairline - identity.parting * x - identity.hairline_curve * x * x
    sides = np.maximum(head.z - 0.1, y - 0.1 - 0.4 * identity.hair_length)
    lay(head.albedo, identity.hair, cover(np.minimum(front, sides), 6 / head.size))
    if identity.hair_length == 0:
        ear = np.hypot(head.z + 0.04, 0.6 * y - 0.04) - 0.11
        lay(head.albedo, mix(identity.skin, identity.lip, 0.15), cover(ear, 4 / head.size))


def paint_behind(head: Canvas, identity: Identity, scene_3HW: Floats) -> None:
    """Paint what is partly hidden behind the head: the hair around it, the neck and the ears."""
    pixel, temple_y = 2 / head.size, -0.25
    width, height = identity.head_width + identity.hair_volume, identity.head_height + identity.hair_volume
    back_of_head = head.u + 0.25 * head.turn[0][2]
    skull = (np.hypot(back_of_head / width, (head.v - temple_y) / (height + temple_y)) - 1) * 0.8
    narrowing = max(0.0, 0.9 - identity.hair_length)
    nape = np.abs(back_of_head) - width + narrowing * (head.v - temple_y)
    hair = np.where(head.v < temple_y, skull, nape)
    lay(scene_3HW, mix(identity.hair, BLACK, 0.15), cover(hair, 3 * pixel))
    neck = np.maximum(np.abs(head.u) - 0.62 * identity.head_width, 0.5 - head.v)
    lay(scene_3HW, mix(identity.skin, DARK_SKIN, 0.45), cover(neck, 4 * pixel))
    if identity.hair_length == 0:
        ears = np.hypot(np.abs(head.u) - identity.head_width * head.turn[0][0], 0.6 * head.v - 0.04) - 0.11
        lay(scene_3HW, mix(identity.skin, identity.lip, 0.4), cover(ears, 2 * pixel))

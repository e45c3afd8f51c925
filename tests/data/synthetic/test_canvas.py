"""The head that synthetic faces are painted on: an ellipsoid, a pose and a light."""

import numpy as np
import pytest

from femb_cli.data.synthetic.canvas import Canvas, cover, lay, mix

AXES = (0.7, 1.0, 0.85)


def see(**changes) -> Canvas:
    view = {"tapers": (0.0, 0.0), "anchor": (0.0, 0.3), "pose": (0.0, 0.0, 0.0), "lamp": (0.0, 30.0)}
    return Canvas(112, **({"axes": AXES, "zoom": 1.0, "shift": 0j} | view | changes))


@pytest.mark.parametrize("pose", [(0, 0, 0), (30, 0, 0), (0, -20, 0), (-50, 15, 10)])
def test_every_covered_pixel_sees_a_point_of_the_ellipsoid(pose):
    head = see(pose=pose, tapers=(0.2, 0.1))
    radius = sum((part / axis) ** 2 for part, axis in zip((head.x, head.y, head.z), AXES, strict=True))
    np.testing.assert_allclose(radius[head.coverage == 1], 1, atol=1e-4)


def test_frontal_head_has_the_coordinates_of_the_image():
    head = see()
    ticks = (np.arange(112) + 0.5) / 56 - 1
    np.testing.assert_allclose(head.x, np.broadcast_to(ticks, (112, 112)), atol=1e-6)
    np.testing.assert_allclose(head.y, np.broadcast_to(ticks[:, None], (112, 112)), atol=1e-6)
    assert head.z[head.coverage > 0].min() >= 0


def test_frontal_head_covers_the_area_of_its_ellipse():
    assert see().coverage.sum() / 56**2 == pytest.approx(np.pi * 0.7 * 1.0, rel=0.03)


@pytest.mark.parametrize("pose", [(40, 0, 0), (-40, 0, 0), (0, 25, 0), (30, -15, 20)])
def test_anchor_keeps_its_place_in_every_pose(pose):
    head = see(pose=pose)
    row, column = round((0.3 + 1) * 56 - 0.5), round(56 - 0.5)
    assert abs(head.x[row, column]) < 0.04
    assert abs(head.y[row, column] - 0.3) < 0.04


@pytest.mark.parametrize(("yaw", "side"), [(30, 1), (-30, -1)])
def test_turning_to_a_side_shows_less_of_that_side(yaw, side):
    head = see(pose=(yaw, 0, 0))
    right_share = (head.coverage * (head.x > 0)).sum() / head.coverage.sum()
    assert (right_share - 0.5) * side < -0.1


def test_shift_and_zoom_move_and_enlarge_the_head():
    moved = see(shift=complex(10 / 56, -5 / 56))
    np.testing.assert_allclose(moved.x[:-5, 10:], see().x[5:, :-10], atol=1e-5)
    assert see(axes=(0.4, 0.5, 0.5), zoom=1.2).coverage.sum() == pytest.approx(
        1.44 * see(axes=(0.4, 0.5, 0.5)).coverage.sum(), rel=0.02
    )


@pytest.mark.parametrize("pose", [(0, 0, 0), (35, 0, 0), (-20, 15, 30)])
def test_patch_shows_the_point_that_it_was_asked_for(pose):
    patch = see(pose=pose, tapers=(0.2, 0.1), zoom=1.1, shift=0.05 + 0.02j).patch(0.3, -0.07, 0.2)
    height, width = patch.x.shape
    assert np.hypot(patch.x, patch.y)[height // 2, width // 2] < 0.05


def test_patch_beside_the_image_is_empty_and_harmless():
    patch = see(shift=3 + 0j).patch(0.3, 0.0, 0.2)
    patch.paint(patch.x, (1.0, 0.0, 0.0))
    patch.raise_bump(0.1, 0.1, 0.1)
    assert patch.x.size == 0


def test_side_towards_the_lamp_is_brighter():
    shade = see(lamp=(60.0, 0.0)).shade(hardness=0.8)
    assert shade[56, 85] > shade[56, 56] > shade[56, 27]


def test_light_from_all_sides_leaves_no_shadow():
    assert np.ptp(see(lamp=(60.0, 0.0)).shade(hardness=0.0)) == pytest.approx(0, abs=1e-6)


def test_bump_is_brighter_on_its_slope_towards_the_lamp():
    head = see(lamp=(80.0, 0.0))
    head.patch(0.0, 0.0, 0.4).raise_bump(0.1, 0.1, 0.1)
    assert head.relief[56, 62] > 0 > head.relief[56, 47]


def test_paint_covers_the_inside_and_fades_over_its_softness():
    np.testing.assert_allclose(cover(np.array([-1.0, -0.05, 0.0, 0.05, 1.0]), 0.2), [1, 0.75, 0.5, 0.25, 0])
    colours = np.zeros((3, 1, 3), np.float32)
    lay(colours, (1.0, 0.5, 0.0), np.array([[0.0, 0.5, 1.0]], np.float32))
    np.testing.assert_allclose(colours[:, 0].T, [(0, 0, 0), (0.5, 0.25, 0), (1, 0.5, 0)])


def test_mix_goes_from_the_first_colour_to_the_second():
    assert mix((0.0, 0.2, 1.0), (1.0, 0.4, 0.0), 0.5) == pytest.approx((0.5, 0.3, 0.5))

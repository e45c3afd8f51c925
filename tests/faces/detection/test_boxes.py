"""One box for each face."""

import numpy as np

from femb_cli.faces.detection.boxes import suppress

BOXES = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [30, 30, 40, 40], [2, 2, 6, 6]], dtype=float)


def test_the_highest_score_stays_and_what_overlaps_it_goes():
    assert suppress(BOXES, np.array([0.8, 0.9, 0.7, 0.6]), 0.5).tolist() == [1, 2, 3]


def test_a_box_that_goes_suppresses_no_other():
    row = np.array([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], dtype=float)
    assert suppress(row, np.array([0.9, 0.8, 0.7]), 0.4).tolist() == [0, 2]


def test_a_box_inside_another_goes_relative_to_the_smaller():
    assert suppress(BOXES, np.array([0.8, 0.9, 0.7, 0.6]), 0.7, "smaller").tolist() == [1, 2]


def test_no_boxes_give_none():
    assert suppress(np.empty((0, 4)), np.empty(0), 0.5).tolist() == []

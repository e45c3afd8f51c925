"""The lists of a template benchmark."""

import numpy as np
import pytest

from femb_cli.errors import FembError
from femb_cli.evaluation.templates.lists import read_templates, rows_of_images


def write_lists(folder, faces="1.jpg 1 10\n2.jpg 2 20\n", pairs="1 2 0\n", scores=None):
    points = "0 " * 10
    (folder / "ijbb_face_tid_mid.txt").write_text(faces)
    (folder / "ijbb_template_pair_label.txt").write_text(pairs)
    (folder / "ijbb_name_5pts_score.txt").write_text(scores or f"1.jpg {points}0.5\n2.jpg {points}0.9\n")
    return folder


def test_the_lists_of_an_ijb_like_set_are_read(ijb_like, expected):
    templates = read_templates(ijb_like)
    assert len(templates.names) == expected["images"]
    assert len(np.unique(templates.template_N)) == expected["templates"]
    assert int(templates.genuine_P.sum()) == expected["genuine_pairs"]
    assert templates.names[0] == "1.jpg"
    assert (templates.template_N[0], templates.media_N[0], templates.faceness_N[0]) == (428, 3441, np.float32(0.711))
    assert (templates.left_P[0], templates.right_P[0], templates.genuine_P[0]) == (983, 1636, False)


@pytest.mark.parametrize(
    ("lists", "word"),
    [
        ({"faces": "1.jpg 1\n2.jpg 2 20\n"}, "line 1: 2 columns"),
        ({"faces": "1.jpg 1 x\n2.jpg 2 20\n"}, "cannot read"),
        ({"faces": "2.jpg 1 10\n1.jpg 2 20\n"}, "other images"),
        ({"faces": ""}, "is empty"),
        ({"pairs": "1 2 2\n"}, "the label is 2"),
        ({"pairs": "1 2 1\n1 2\n"}, "columns"),
        ({"pairs": "1 2\n"}, "2 columns, not 3"),
        ({"pairs": ""}, "is empty"),
    ],
)
def test_damaged_lists_are_refused(tmp_path, lists, word):
    with pytest.raises(FembError, match=word):
        read_templates(write_lists(tmp_path, **lists))


def test_a_folder_without_lists_is_refused(tmp_path):
    with pytest.raises(FembError, match="holds 0 lists"):
        read_templates(tmp_path)


def test_images_are_found_by_their_file_names():
    rows = rows_of_images(["1.jpg", "10.jpg"], ["loose_crop/10.png", "loose_crop/1.png"])
    np.testing.assert_array_equal(rows, [1, 0])
    with pytest.raises(FembError, match=r"'2.jpg' \(1 of 2"):
        rows_of_images(["1.jpg", "2.jpg"], ["1.jpg"])
    with pytest.raises(FembError, match="apart"):
        rows_of_images(["1.jpg"], ["a/1.jpg", "b/1.jpg"])

"""The list of what a conversion left out."""

from femb_cli.data.conversion.skipped import skipped_text


def test_each_line_is_a_name_and_a_reason():
    assert skipped_text([("a/1.jpg", "is damaged"), ("pair 3", "image 6 is not an image")]) == (
        "a/1.jpg\tis damaged\npair 3\timage 6 is not an image\n"
    )
    assert skipped_text([]) == ""

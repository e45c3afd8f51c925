"""Names that every system takes, all different."""

import pytest

from femb_cli.data.conversion.safe_names import DifferentNames, safe_name


@pytest.mark.parametrize("name", ["Ann_Veneman_0001.jpg", "zoë", "m.0abc", "0-FaceId-0", "a b", "名前.png", "John.jpg"])
def test_a_name_of_a_file_stays(name):
    assert safe_name(name) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("../../etc/passwd", "_.._.._etc_passwd"),
        ("..", "_"),
        ("", "_"),
        ("/", "_"),
        ("a/b\\c", "a_b_c"),
        (".hidden", "_.hidden"),
        ("a\nb\0", "a_b_"),
        ("C:x", "C_x"),
        ("con.jpg", "_con.jpg"),
        ("Thumbs.db", "_Thumbs.db"),
        ("Jr.", "Jr"),
        ("\ud800", "_"),
    ],
)
def test_other_texts_become_names(text, name):
    assert safe_name(text) == name


@pytest.mark.parametrize("text", ["é" * 300 + ".jpg", "x" * 5000, "." + "y" * 999])
def test_long_names_are_cut_and_keep_their_ending(text):
    name = safe_name(text)
    assert len(name.encode()) <= 200
    assert name.endswith(".jpg") == text.endswith(".jpg")


def test_names_differ_also_where_case_and_unicode_forms_do_not_count():
    names = DifferentNames()
    texts = ["Ann", "ann", "zo\u00eb", "zoe\u0308", "1.jpg", "1.jpg", "1_2.jpg", "x" * 250, "x" * 260]
    taken = [names.take(text) for text in texts]
    assert taken[:7] == ["Ann", "ann_2", "zo\u00eb", "zoe\u0308_2", "1.jpg", "1_2.jpg", "1_2_2.jpg"]
    assert len(set(taken)) == len(taken)
    assert names.take("Ann", "another folder") == "Ann"


def test_many_equal_names_take_no_quadratic_time():
    names = DifferentNames()
    assert len({names.take("face.jpg") for _ in range(20_000)}) == 20_000

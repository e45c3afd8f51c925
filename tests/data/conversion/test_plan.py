"""The selection of a conversion, made without reading an image."""

import pytest
from pictures import people

from femb_cli.data.conversion.plan import plan_conversion, read_identity_list
from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError


@pytest.fixture
def faces(tmp_path) -> FolderSource:
    """One image of a, two of b, three of c."""
    return FolderSource(people(tmp_path / "faces", {"a": 1, "b": 2, "c": 3}))


def test_a_plan_counts_without_reading(faces):
    faces.read = None
    plan = plan_conversion(faces, min_images=2, limit=4)
    assert (plan.num_images, plan.num_identities) == (4, 2)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a\nb\n", ["a", "b"]),
        ("2\na\t1\nb b\t20\n", ["a", "b b"]),
        ("\ufeffa 3\r\n\r\n b c 4\r\n", ["a", " b c"]),
        ("7\n9\n10\n", ["7", "9", "10"]),
        ("2\n7\n9\n", ["7", "9"]),
        ("a\na\n", ["a"]),
    ],
)
def test_lists_of_identities_are_read(tmp_path, text, names):
    (tmp_path / "list.txt").write_bytes(text.encode())
    assert read_identity_list(tmp_path / "list.txt") == names


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\x00"])
def test_a_list_without_names_is_refused(tmp_path, content):
    (tmp_path / "list.txt").write_bytes(content)
    with pytest.raises(FembError, match=r"list\.txt"):
        read_identity_list(tmp_path / "list.txt")


def test_only_line_feeds_end_a_name(tmp_path):
    file = tmp_path / "people.txt"
    file.write_bytes("\ufeffAnn\u2028Lee\r\nBob\x85\x0bRay 3\n".encode())
    assert read_identity_list(file) == ["Ann\u2028Lee", "Bob\x85\x0bRay"]


def test_a_number_of_thousands_of_digits_is_a_name(tmp_path):
    (tmp_path / "people.txt").write_text("1" * 5000 + "\nAnn\n")
    assert read_identity_list(tmp_path / "people.txt") == ["1" * 5000, "Ann"]


@pytest.mark.parametrize(("stored", "wanted"), [("Jos\u00e9", "Jose\u0301"), ("Jose\u0301", "Jos\u00e9")])
def test_an_identity_is_wanted_in_any_unicode_form(tmp_path, stored, wanted):
    source = FolderSource(people(tmp_path / "faces", {"Ann": 1, stored: 2}))
    assert plan_conversion(source, identities=[wanted]).identity_names == [stored]


def test_two_identities_that_differ_in_their_unicode_form_only_are_two(tmp_path):
    source = FolderSource(people(tmp_path / "faces", {"Jos\u00e9": 1, "Jose\u0301": 2}))
    assert plan_conversion(source, identities=["Jos\u00e9"]).num_images == 1
    assert plan_conversion(source, identities=["Jose\u0301"]).num_images == 2

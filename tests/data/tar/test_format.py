"""The headers of tar archives: every form that programs write, and damaged and hostile ones."""

import io
import tarfile
from pathlib import Path

import pytest
from tars import write_tar

from femb_cli.data.tar.format import BLOCK, is_tar_header, read_members
from femb_cli.errors import FembError

LONG = f"{'folder/' * 30}{'n' * 120}.jpg"
FORMS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def listed(path: Path) -> list[tuple[str, bytes]]:
    data = path.read_bytes()
    return [(member.name, data[member.offset : member.offset + member.size]) for member in read_members(path)]


@pytest.mark.parametrize("form", FORMS)
def test_members_of_every_form_are_those_that_pythons_reader_finds(tmp_path, form):
    members = {"a/1.jpg": b"A" * 700, "zoë/2.jpg": b"", "b/3.jpg": bytes(512)}
    members |= {} if form == "ustar" else {LONG: b"long"}
    path = write_tar(tmp_path / "x.tar", members, format=FORMS[form])
    with tarfile.open(path) as archive:
        expected = [(member.name, archive.extractfile(member).read()) for member in archive]
    assert listed(path) == expected == list(members.items())


def test_a_name_of_ustar_may_be_in_two_fields(tmp_path):
    name = f"{'f' * 120}/{'n' * 90}.jpg"
    assert listed(write_tar(tmp_path / "x.tar", {name: b"A"}, format=tarfile.USTAR_FORMAT)) == [(name, b"A")]


def test_folders_and_remarks_for_all_members_are_left_out(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", pax_headers={"comment": "made by git"}) as archive:
        folder = tarfile.TarInfo("a")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        archive.addfile(tarfile.TarInfo("a/1.jpg"))
    assert listed(path) == [("a/1.jpg", b"")]


def test_the_start_of_a_member_is_at_hand(tmp_path):
    path = write_tar(tmp_path / "x.tar", {"a": b"A" * 3, "b": b"B" * 2000})
    assert [member.start for member in read_members(path)] == [b"AAA", b"B" * 512]


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (tarfile.SYMTYPE, "is a link"),
        (tarfile.LNKTYPE, "is a link"),
        (tarfile.CHRTYPE, "is a device"),
        (tarfile.FIFOTYPE, "is a device"),
        (tarfile.GNUTYPE_SPARSE, "is a sparse file"),
        (b"Z", "is of the kind b'Z'"),
    ],
)
def test_what_is_no_plain_file_is_refused_by_name(tmp_path, kind, what):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as archive:
        member = tarfile.TarInfo("a/1.jpg")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(FembError, match=f"'a/1.jpg' in .*{what}") as caught:
        listed(path)
    assert "unpack it" in caught.value.hint


def damaged_header(path: Path, field: slice, value: bytes) -> Path:
    """Change a field of the first header, and correct its checksum."""
    data = bytearray(path.read_bytes())
    data[field] = value
    data[148:156] = b" " * 8
    data[148:156] = b"%06o\0 " % sum(data[:BLOCK])
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "size", [b"77777777777\0", b"\x80" + b"\xff" * 11, b"\x80\0\0\0\0\xff\xff\xff\xff\xff\xff\xff"]
)
def test_a_size_beyond_the_end_is_an_archive_cut_short(tmp_path, size):
    path = damaged_header(write_tar(tmp_path / "x.tar", {"a.jpg": b"A"}), slice(124, 136), size)
    with pytest.raises(FembError, match=r"x\.tar is cut short: 'a\.jpg' in it states"):
        listed(path)


@pytest.mark.parametrize("size", [b"not a number", b"\xff" * 12])
def test_a_size_that_is_none_is_damage(tmp_path, size):
    path = damaged_header(write_tar(tmp_path / "x.tar", {"a.jpg": b"A"}), slice(124, 136), size)
    with pytest.raises(FembError, match="tar archive"):
        listed(path)


@pytest.mark.parametrize("kept", [600, 1024, 1500, 2048, 2060])
def test_an_archive_cut_anywhere_is_noticed(tmp_path, kept):
    path = write_tar(tmp_path / "x.tar", {"a.jpg": b"A" * 500, "b.jpg": b"B" * 500})
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FembError, match=r"x\.tar") as caught:
        listed(path)
    assert "download it again" in caught.value.hint


def test_a_damaged_header_is_not_the_end(tmp_path):
    path = write_tar(tmp_path / "x.tar", {"a.jpg": b"A", "b.jpg": b"B"})
    data = bytearray(path.read_bytes())
    data[2 * BLOCK] ^= 1
    path.write_bytes(data)
    with pytest.raises(FembError, match=r"is damaged: no member starts at byte 1,024"):
        listed(path)


def test_joined_archives_are_not_read_in_part(tmp_path):
    one = write_tar(tmp_path / "x.tar", {"a.jpg": b"A"}).read_bytes()
    (tmp_path / "x.tar").write_bytes(one + one)
    with pytest.raises(FembError, match="holds more after its end mark"):
        listed(tmp_path / "x.tar")


def test_extra_headers_are_bounded_and_checked(tmp_path):
    huge = tarfile.TarInfo("././@LongLink")
    huge.type, huge.size = tarfile.GNUTYPE_LONGNAME, 2**21
    (tmp_path / "x.tar").write_bytes(huge.tobuf(tarfile.GNU_FORMAT) + bytes(2**21 + 2 * BLOCK))
    with pytest.raises(FembError, match="too many for the name"):
        listed(tmp_path / "x.tar")
    for records in (b"99 path=a\n", b"x", b"12 path", b"-3 path=a\n", b"20 size=12345678901\n"):
        pax = tarfile.TarInfo("x")
        pax.type, pax.size = tarfile.XHDTYPE, len(records)
        plain = tarfile.TarInfo("a.jpg").tobuf()
        content = pax.tobuf() + records + bytes(BLOCK - len(records)) + plain + bytes(2 * BLOCK)
        (tmp_path / "x.tar").write_bytes(content)
        with pytest.raises(FembError, match=r"x\.tar (has a damaged pax header|is cut short)"):
            listed(tmp_path / "x.tar")


def test_a_sparse_file_of_pax_is_refused(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as archive:
        member = tarfile.TarInfo("a.jpg")
        member.pax_headers = {"GNU.sparse.realsize": "5"}
        archive.addfile(member, io.BytesIO())
    with pytest.raises(FembError, match="sparse"):
        listed(path)
    record = b"18 GNU.sparse.\xff=1\n"
    member.type, member.size, member.pax_headers = tarfile.XHDTYPE, len(record), {}
    path.write_bytes(member.tobuf() + record.ljust(3 * BLOCK, b"\0"))
    with pytest.raises(FembError, match="sparse"):
        listed(path)


def test_what_is_no_archive_says_how_it_starts(tmp_path):
    (tmp_path / "x.tar").write_bytes(b"<html>" + bytes(600))
    with pytest.raises(FembError, match=r"x\.tar is not a tar archive: it starts with b'<html>") as caught:
        listed(tmp_path / "x.tar")
    assert "download" in caught.value.hint
    assert not is_tar_header(bytes(BLOCK))
    assert not is_tar_header(b"short")

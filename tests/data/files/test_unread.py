"""What is said about files that are not read."""

from pictures import people

from femb_cli.data.files.folder import FolderSource
from femb_cli.data.files.unread import describe_unread, unread_of, unread_sentence
from femb_cli.data.recordio.record_source import RecordSource


def test_the_sentence_counts_kinds_from_the_most_frequent_on():
    assert unread_sentence({".mp4": 1, ".HEIC": 2}) == (
        "3 files not read: 2 .HEIC (pip install pillow-heif reads them), 1 .mp4"
    )
    assert unread_sentence({"": 1}) == "1 file not read: 1 without an ending"
    assert unread_sentence({".heif": 1}) == "1 file not read: 1 .heif (pip install pillow-heif reads it)"
    assert unread_sentence({}) == ""


def test_many_kinds_are_summed_up():
    counts = {f".{letter}": 1000 + number for number, letter in enumerate("abcdefgh")}
    assert unread_sentence(counts) == (
        "8,028 files not read: 1,007 .h, 1,006 .g, 1,005 .f, 1,004 .e, 1,003 .d, 1,002 .c, 2,001 of 2 other kinds"
    )


def test_a_source_is_described_if_it_consists_of_files(tmp_path, shared):
    folder = people(tmp_path / "faces", {"a": 1})
    assert describe_unread(FolderSource(folder)) == ""
    (folder / "a" / "film.mp4").write_bytes(b"")
    assert describe_unread(FolderSource(folder)) == "1 file not read: 1 .mp4"
    records = RecordSource(next((shared / "data/records/popkorn_adaface").glob("*.rec")))
    assert (unread_of(records), describe_unread(records)) == ({}, "")

"""The parts, the records and the index of a record file."""

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import pieces, quick
from records import MAGIC, record

from femb_cli.data.recordio.format import Damage, DamagedRecord, join_parts, map_records, read_index, record_parts, scan
from femb_cli.errors import FembError


@quick
@given(st.lists(st.lists(pieces, max_size=6).map(b"".join), max_size=8))
def test_any_payloads_are_found_by_scanning(payloads):
    data = b"".join(map(record, payloads))
    offsets = scan(data).tolist()
    assert [join_parts(data, record_parts(data, offset)) for offset in offsets] == payloads


def test_golden_raw_records_join_as_written(shared):
    for name in ("e_split_raw", "f_padding_raw"):
        folder = shared / "golden/formats/recordio" / name
        data = map_records(folder / "records.rec")
        payloads = [join_parts(data, record_parts(data, offset)) for offset in scan(data).tolist()]
        expected = json.loads((folder / "expected.json").read_text())["records"]
        assert [hashlib.sha256(payload).hexdigest() for payload in payloads] == [each["sha256"] for each in expected]


@pytest.mark.parametrize(
    ("change", "damage"),
    [
        (lambda data: data[:-4], Damage.CUT_SHORT),
        (lambda data: b"\0" + data[1:], Damage.NO_MAGIC),
        (lambda data: data[:7] + b"\x40" + data[8:], Damage.NOT_A_START),
        (lambda data: data[:7] + b"\x20" + data[8:] + record(b"next"), Damage.PART_MISSING),
    ],
)
def test_a_damaged_record_says_what_is_wrong(change, damage):
    with pytest.raises(DamagedRecord) as caught:
        record_parts(change(record(b"some payload")), 0)
    assert caught.value.damage == damage


def test_a_payload_with_the_magic_is_three_parts():
    payload = b"1234" + MAGIC + b"5678" + MAGIC + b"9"
    assert [end - start for start, end in record_parts(record(payload), 0)] == [4, 4, 1]


def test_an_index_is_sorted_by_offset(tmp_path):
    path = tmp_path / "train.idx"
    path.write_text("7\t80\n3\t0\n5\t40\n")
    keys_N, offsets_N = read_index(path)
    assert (keys_N.tolist(), offsets_N.tolist()) == ([3, 5, 7], [0, 40, 80])
    path.write_text(f"{2**40} 0\n-1 4\n")
    assert read_index(path)[0].tolist() == [2**40, -1]


@pytest.mark.parametrize("text", ["", "1\t2\n3\n", "1\t2\n1\t3\n", "1\t2\n3\t2\n", "a\tb\n"])
def test_an_index_that_is_not_keys_and_offsets_is_refused(tmp_path, text):
    (tmp_path / "train.idx").write_text(text)
    with pytest.raises(FembError, match=r"train\.idx"):
        read_index(tmp_path / "train.idx")

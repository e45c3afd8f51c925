"""RecordIO is read byte for byte; what is damaged is named."""

import contextlib
import hashlib
import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from properties import pieces, quick, temporary_folder
from records import MAGIC, image, record, write

from femb_cli.data.images.encoded import check_image
from femb_cli.data.recordio.record_source import RecordError, RecordSource
from femb_cli.errors import FembError


def read_all(source: RecordSource) -> list[bytes]:
    return [source.read(index) for index in range(len(source))]


def damage(path: Path, offset: int, replacement: bytes) -> None:
    data = bytearray(path.read_bytes())
    data[offset : offset + len(replacement)] = replacement
    path.write_bytes(data)


def test_images_come_in_file_order_under_their_keys(tmp_path):
    source = RecordSource(write(tmp_path, [image(0, b"a"), image(1, b"bb"), image(0, b"ccc")], keys=[7, 3, 5]))
    assert list(source.names) == ["7", "3", "5"]
    assert read_all(source) == [b"a", b"bb", b"ccc"]


def test_without_an_index_the_ids_are_the_keys(tmp_path):
    source = RecordSource(write(tmp_path, [image(0, b"a", number=40), image(1, b"b", number=2)]))
    assert list(source.names) == ["40", "2"]


def test_ids_that_repeat_give_way_to_positions(tmp_path):
    source = RecordSource(write(tmp_path, [image(0, b"a"), image(1, b"b")]))
    assert list(source.names) == ["0", "1"]


@pytest.mark.parametrize("where", range(3))
def test_a_split_record_gets_its_magic_back(tmp_path, where):
    content = [MAGIC + b"tail", b"1234" + MAGIC + b"56", b"12345678" + MAGIC][where]
    source = RecordSource(write(tmp_path, [image(0, content), image([1, 2], content)], keys=[0, 1]))
    assert read_all(source) == [content, content]


def test_header_and_identity_records_are_no_images(tmp_path):
    payloads = [image([3, 5], b""), image([0, 1], b"a"), image([1, 1], b"b"), image([1, 2], b""), image([2, 3], b"")]
    source = RecordSource(write(tmp_path, payloads, keys=[0, 1, 2, 3, 4]))
    assert list(source.names) == ["1", "2"]


def test_identities_are_numbers_in_ascending_order_and_labels_dense(tmp_path):
    source = RecordSource(write(tmp_path, [image(label, b"x") for label in (100, 9, 100, 23)], keys=[1, 2, 3, 4]))
    assert source.identities.names == ["9", "23", "100"]
    assert source.identities.labels_N.tolist() == [2, 0, 2, 1]


def test_a_label_that_is_no_number_of_an_identity_gives_none(tmp_path):
    labels = [float("nan"), float("inf"), -1.0, 2.5, 4.0]
    source = RecordSource(write(tmp_path, [image(label, b"x") for label in labels], keys=[0, 1, 2, 3, 4]))
    assert source.identities.labels_N.tolist() == [-1, -1, -1, -1, 0]


def test_labels_beyond_exact_float32_raise_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="16777216"):
        RecordSource(write(tmp_path, [image(2.0**24, b"x")], keys=[0]))


def test_a_wrong_magic_is_named_by_key_offset_and_reason_and_spares_the_others(tmp_path):
    path = write(tmp_path, [image(0, b"a"), image(1, b"b"), image(2, b"c")], keys=[10, 11, 12])
    damage(path, 36, b"\0")
    source = RecordSource(path)
    with pytest.raises(RecordError) as caught:
        source.read(1)
    assert (caught.value.key, caught.value.offset) == ("11", 36)
    assert "magic" in caught.value.reason
    assert [source.read(0), source.read(2)] == [b"a", b"c"]
    assert source.identities.labels_N.tolist() == [0, -1, 1]


def test_a_scan_goes_on_after_a_wrong_magic(tmp_path):
    path = write(tmp_path, [image(0, b"a", number=1), image(1, b"b", number=2), image(2, b"c", number=3)])
    damage(path, 36, b"\0")
    assert list(RecordSource(path).names) == ["1", "@36", "3"]


def test_a_truncated_file_loses_its_last_record_only(tmp_path):
    path = write(tmp_path, [image(0, b"a" * 40), image(1, b"b" * 40)], keys=[0, 1])
    path.write_bytes(path.read_bytes()[:-10])
    source = RecordSource(path)
    assert source.read(0) == b"a" * 40
    with pytest.raises(RecordError, match="ends inside"):
        source.read(1)


def test_an_index_outside_the_file_is_named(tmp_path):
    path = write(tmp_path, [image(0, b"a")], keys=[0])
    path.with_suffix(".idx").write_text("0\t0\n1\t4000\n")
    with pytest.raises(RecordError, match=r"record 1 at offset 4000 .* outside the file"):
        RecordSource(path).read(1)


@pytest.mark.parametrize("offset", [-(2**63), -4, 2**63 - 4])
def test_an_offset_that_is_absurd_spares_the_other_records(tmp_path, offset):
    path = write(tmp_path, [image(0, b"a")], keys=[0])
    path.with_suffix(".idx").write_text(f"0\t0\n1\t{offset}\n")
    source = RecordSource(path)
    assert sorted(source.names) == ["0", "1"]
    assert source.read(list(source.names).index("0")) == b"a"


@pytest.mark.parametrize(
    ("index", "message"),
    [("0\t0\noops\n", "line 2"), ("", "empty"), ("0\t0\n0\t36\n", "key 0"), ("0\t36\n1\t36\n", "offset 36")],
)
def test_an_index_that_makes_no_sense_is_refused(tmp_path, index, message):
    path = write(tmp_path, [image(0, b"a"), image(1, b"b")])
    path.with_suffix(".idx").write_text(index)
    with pytest.raises(FembError, match=message):
        RecordSource(path)


def test_a_record_file_without_images_is_refused(tmp_path):
    with pytest.raises(FembError, match="holds no images"):
        RecordSource(write(tmp_path, [image([1, 1], b"")], keys=[0]))


def test_a_file_that_is_not_recordio_is_refused_by_what_it_is(tmp_path):
    (tmp_path / "train.rec").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(FembError, match="it starts with b'version https"):
        RecordSource(tmp_path / "train.rec")


@pytest.mark.parametrize("size", [0, 3, 7])
def test_a_file_shorter_than_any_record_is_refused(tmp_path, size):
    (tmp_path / "train.rec").write_bytes(MAGIC[:size].ljust(size, b"\0"))
    with pytest.raises(FembError, match=f"{size} bytes"):
        RecordSource(tmp_path / "train.rec")


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_random_damage_never_raises_anything_but_an_error_that_says_so(tmp_path):
    generator = np.random.default_rng(0)
    payloads = [image([np.nan, 5], b""), image([0, 1], MAGIC * 2), image(1, b"b" * 30), image([1, 2], b"")]
    path = write(tmp_path, payloads, keys=[0, 1, 2, 3])
    sound = path.read_bytes()
    for _ in range(300):
        damaged = np.frombuffer(sound, dtype=np.uint8).copy()
        damaged[generator.integers(len(sound), size=3)] = generator.integers(256, size=3)
        path.write_bytes(damaged.tobytes()[: generator.integers(len(sound) + 1)])
        with contextlib.suppress(FembError):
            source = RecordSource(path)
            for index in range(len(source)):
                with contextlib.suppress(RecordError):
                    source.read(index)


def test_a_source_survives_pickling(tmp_path):
    source = RecordSource(write(tmp_path, [image(0, b"a"), image(1, b"b")], keys=[0, 1]))
    assert read_all(pickle.loads(pickle.dumps(source))) == [b"a", b"b"]


REAL_SETS = [
    "lfw_tiny12x5_face2rec2/train.rec",
    "faceid_processing/testing/testing.rec",
    "faceid_processing/validation/validation.rec",
    "popkorn_adaface/train.rec",
]


@pytest.mark.parametrize("name", REAL_SETS)
def test_real_sets_read_as_mxnet_reads_them(shared, name):
    expected = json.loads((shared / "golden/formats/real/expected.json").read_text())[name]
    source = RecordSource(shared / "data/records" / name)
    numbers = [int(source.identities.names[label]) for label in source.identities.labels_N]
    found = [
        (source.names[index], numbers[index], hashlib.sha256(source.read(index)).hexdigest())
        for index in range(len(source))
    ]
    wanted = expected["images_key_flag_labels_id_sha256"]
    assert found == [(str(key), labels[0], sha256) for key, _, labels, _, sha256 in wanted]
    assert len(source.identities.names) == expected["num_identities"]


def golden_sets(shared: Path, *, valid: bool) -> list[tuple[Path, dict]]:
    sets = [
        (file.parent, json.loads(file.read_text()))
        for file in sorted(shared.glob("golden/formats/recordio/*/expected.json"))
    ]
    return [(folder, expected) for folder, expected in sets if expected["valid"] == valid]


def open_golden(folder: Path) -> RecordSource:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return RecordSource(next(folder.glob("*.rec")))


def test_golden_valid_sets_read_as_written(shared):
    for folder, expected in golden_sets(shared, valid=True):
        if "images" not in expected:
            continue
        source = open_golden(folder)
        numbers = [int(source.identities.names[label]) for label in source.identities.labels_N]
        found = [
            (source.names[index], numbers[index], hashlib.sha256(source.read(index)).hexdigest())
            for index in range(len(source))
        ]
        assert found == [(str(i["key"]), i["identity"], i["sha256"]) for i in expected["images"]], folder.name


def intact_keys(source: RecordSource) -> set[str]:
    """Keys of the images that can be read, look whole and have an identity."""
    keys = set()
    for index, name in enumerate(source.names):
        try:
            check_image(source.read(index))
        except (FembError, ValueError):
            continue
        if source.identities.labels_N[index] >= 0:
            keys.add(name)
    return keys


def test_golden_damaged_sets_are_refused_or_lose_the_damaged_images_alone(shared):
    refused = set()
    for folder, expected in golden_sets(shared, valid=False):
        try:
            source = open_golden(folder)
        except FembError:
            refused.add(folder.name)
            continue
        images = {str(each["key"]) for each in expected["images"]}
        lost = {str(key) for key in expected["skip"]["by_index"]["lost_keys"]}
        if folder.name == "l_truncated_padding":
            lost = {"13"}
        assert intact_keys(source) == images - lost, folder.name
    assert {name for name in refused if not name.startswith("l_rec_")} == {
        "l_header_only",
        "l_idx_empty",
        "l_idx_garbage_line",
        "l_idx_key_twice",
        "l_idx_two_keys_one_offset",
    }


def test_golden_sets_that_contradict_themselves_raise_a_warning(shared):
    for name in ("l_header_counts_less", "l_header_counts_more", "l_idx_fewer_rows", "l_ranges_contradict_labels"):
        with pytest.warns(UserWarning):
            RecordSource(shared / "golden/formats/recordio" / name / "train.rec")


contents = st.one_of(
    st.lists(pieces, min_size=1, max_size=6).map(b"".join),
    st.binary(min_size=1, max_size=70),
    st.integers(1000, 70_000).map(lambda size: b"\xff\xd8" + bytes(size)),
).filter(bool)
labels = st.integers(0, 2**24 - 1)
stored_labels = st.one_of(labels.map(float), st.lists(labels.map(float), min_size=1, max_size=5))
records = st.tuples(stored_labels, contents, st.integers(0, 2**63 - 1))


@st.composite
def record_sets(draw: st.DrawFn) -> tuple[list[tuple], list[int] | None]:
    """Label, content and id of each record, and the keys of the index in the records' order, if there is one."""
    drawn = draw(st.lists(records, min_size=1, max_size=8))
    keys = draw(st.lists(st.integers(0, 2**62), min_size=len(drawn), max_size=len(drawn), unique=True))
    return drawn, keys if draw(st.booleans()) else None


def payloads_of(drawn: list[tuple]) -> list[bytes]:
    return [image(label, content, number) for label, content, number in drawn]


def first_label(stored: float | list[float]) -> str:
    return str(int(stored[0] if isinstance(stored, list) else stored))


@quick
@given(record_sets())
def test_any_set_is_read_back(drawn_set):
    drawn, keys = drawn_set
    with temporary_folder() as path:
        source = RecordSource(write(path, payloads_of(drawn), keys))
    numbers = [number for *_, number in drawn]
    names = keys or (numbers if len(set(numbers)) == len(numbers) else range(len(numbers)))
    assert list(source.names) == [str(name) for name in names]
    assert [source.read(row) for row in range(len(source))] == [content for _, content, _ in drawn]
    identities = source.identities
    assert [identities.names[label] for label in identities.labels_N] == [first_label(label) for label, *_ in drawn]
    assert identities.names == [str(number) for number in sorted(map(int, identities.names))]


@quick
@given(record_sets(), st.randoms(use_true_random=False))
def test_many_rows_at_once_are_those_read_one_by_one(drawn_set, random):
    drawn, keys = drawn_set
    with temporary_folder() as path:
        source = RecordSource(write(path, payloads_of(drawn), keys))
    rows = np.array([random.randrange(len(drawn)) for _ in range(random.randrange(12))], dtype=np.int64)
    assert [bytes(read) for read in source.read_many(rows)] == [source.read(row) for row in rows.tolist()]


@quick
@given(record_sets(), st.data())
def test_damage_costs_the_records_that_it_strikes_and_no_others(drawn_set, data):
    drawn, keys = drawn_set
    payloads = payloads_of(drawn)
    # Intact neighbours, which must survive.
    payloads = [image(1, b"first", 2**62), *payloads, image(2, b"last", 2**62 + 1)]
    keys = None if keys is None else [2**62 + 1, *keys, 2**62 + 2]
    starts = np.cumsum([0, *(len(record(payload)) for payload in payloads)])
    first = data.draw(st.integers(0, int(starts[-1]) - 1), "where")
    noise = data.draw(st.binary(min_size=1, max_size=40), "what")[: int(starts[-1]) - first]
    first_struck, last_struck = np.searchsorted(starts, [first, first + len(noise) - 1], "right") - 1
    with temporary_folder() as path:
        sound = RecordSource(write(path, payloads, keys))
        expected = {
            sound.names[row]: sound.read(row) for row in range(len(sound)) if not first_struck <= row <= last_struck
        }
        file = path / "train.rec"
        damaged = file.read_bytes()
        file.write_bytes(damaged[:first] + noise + damaged[first + len(noise) :])
        try:
            source = RecordSource(file)
        except FembError:
            assert keys is None
            return
    found = {}
    for row, many in enumerate(source.read_many(np.arange(len(source)))):
        with contextlib.suppress(FembError):
            found[source.names[row]] = source.read(row)
            assert bytes(many) == found[source.names[row]]
    if keys is None:
        assert set(expected.values()) <= set(found.values())
    else:
        assert {name: found.get(name) for name in expected} == expected


@quick
@given(record_sets(), st.data())
def test_a_file_that_is_cut_keeps_the_records_before_the_cut(drawn_set, data):
    drawn, keys = drawn_set
    payloads = payloads_of(drawn)
    ends = np.cumsum([len(record(payload)) for payload in payloads])
    length = data.draw(st.integers(0, int(ends[-1])), "length")
    whole = int((ends <= length).sum())
    with temporary_folder() as path:
        file = write(path, payloads, keys)
        file.write_bytes(file.read_bytes()[:length])
        try:
            source = RecordSource(file)
        except FembError:
            assert whole == 0
            return
    assert [source.read(row) for row in range(whole)] == [content for _, content, _ in drawn[:whole]]


@quick
@given(record_sets(), st.data())
def test_a_damaged_index_is_refused_or_names_damaged_records(drawn_set, data):
    drawn, keys = drawn_set
    with temporary_folder() as path:
        file = write(path, payloads_of(drawn), keys or list(range(len(drawn))))
        index = bytearray(file.with_suffix(".idx").read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            position = data.draw(st.integers(0, len(index) - 1))
            index[position : position + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        file.with_suffix(".idx").write_bytes(index)
        with contextlib.suppress(FembError):
            source = RecordSource(file)
            known = {content for _, content, _ in drawn}
            for row in range(len(source)):
                with contextlib.suppress(FembError):
                    assert source.read(row) in known

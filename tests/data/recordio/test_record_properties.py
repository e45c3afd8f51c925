"""Whatever a writer may write is read back; whatever happens to its bytes is an error that says so, or no harm."""

import contextlib
import pickle
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from records import MAGIC, image, record, write

from femb_cli.data.files.list_file import ListFileSource, is_list_file
from femb_cli.data.recordio.format import join_parts, record_parts, scan
from femb_cli.data.recordio.record_source import RecordSource
from femb_cli.data.verification_bin.verification_set import is_verification_set, read_verification_set
from femb_cli.errors import FembError

quick = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])

pieces = st.one_of(st.binary(max_size=70), st.just(MAGIC), st.just(MAGIC[:3]), st.just(b"\0" * 4))
contents = st.one_of(
    st.lists(pieces, min_size=1, max_size=6).map(b"".join),
    st.binary(min_size=1, max_size=70),
    st.integers(1000, 70_000).map(lambda size: b"\xff\xd8" + bytes(size)),
).filter(bool)
labels = st.integers(0, 2**24 - 1)
stored_labels = st.one_of(labels.map(float), st.lists(labels.map(float), min_size=1, max_size=5))
records = st.tuples(stored_labels, contents, st.integers(0, 2**63 - 1))


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for one example; warnings of contradictions are of no interest here."""
    with tempfile.TemporaryDirectory() as path, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield Path(path)


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
    with folder() as path:
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
    with folder() as path:
        source = RecordSource(write(path, payloads_of(drawn), keys))
    rows = np.array([random.randrange(len(drawn)) for _ in range(random.randrange(12))], dtype=np.int64)
    assert [bytes(read) for read in source.read_many(rows)] == [source.read(row) for row in rows.tolist()]


@quick
@given(st.lists(st.lists(pieces, max_size=6).map(b"".join), max_size=8))
def test_any_payloads_are_found_by_scanning(payloads):
    data = b"".join(map(record, payloads))
    offsets = scan(data).tolist()
    assert [join_parts(data, record_parts(data, offset)) for offset in offsets] == payloads


@quick
@given(record_sets(), st.data())
def test_damage_costs_the_records_that_it_strikes_and_no_others(drawn_set, data):
    drawn, keys = drawn_set
    payloads = payloads_of(drawn)
    # Sound neighbours, so that something can be lost.
    payloads = [image(1, b"first", 2**62), *payloads, image(2, b"last", 2**62 + 1)]
    keys = None if keys is None else [2**62 + 1, *keys, 2**62 + 2]
    starts = np.cumsum([0, *(len(record(payload)) for payload in payloads)])
    first = data.draw(st.integers(0, int(starts[-1]) - 1), "where")
    noise = data.draw(st.binary(min_size=1, max_size=40), "what")[: int(starts[-1]) - first]
    first_struck, last_struck = np.searchsorted(starts, [first, first + len(noise) - 1], "right") - 1
    with folder() as path:
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
    with folder() as path:
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
    with folder() as path:
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


words = st.text(st.characters(exclude_categories=("C", "Z"), exclude_characters=",\"'/."), min_size=1, max_size=8)


@quick
@given(st.dictionaries(words, st.integers(0, 10**18 - 1), min_size=1, max_size=8), st.sampled_from([" ", "\t", ","]))
def test_any_list_is_read_back(lines, separator):
    text = "".join(f"{name}.jpg{separator}{identity}\n" for name, identity in lines.items())
    with folder() as path:
        (path / "faces.txt").write_text(text, encoding="utf-8")
        source = ListFileSource(path / "faces.txt")
    identities = source.identities
    assert list(source.names) == [f"{name}.jpg" for name in lines]
    assert [identities.names[label] for label in identities.labels_N] == list(map(str, lines.values()))
    assert identities.names == [str(number) for number in sorted(set(lines.values()))]


@quick
@given(st.binary(max_size=40), st.integers(0, 60), st.binary(max_size=4))
def test_a_damaged_list_is_refused_or_read(noise, position, more):
    text = b"".join(b"%d/%d.jpg %d\n" % (row % 2, row, row % 2) for row in range(6))
    for content in (noise, text[:position] + more + text[position + len(more) :], text[:position]):
        with folder() as path:
            (path / "faces.txt").write_bytes(content)
            is_list_file(path / "faces.txt")
            with contextlib.suppress(FembError):
                source = ListFileSource(path / "faces.txt")
                assert len(source.names) == len(source.identities.labels_N) > 0


sets = st.lists(st.tuples(st.binary(max_size=70), st.binary(max_size=70), st.booleans()), min_size=1, max_size=8)


@quick
@given(sets, st.integers(0, 5), st.booleans(), st.booleans())
def test_any_verification_set_is_read_back(pairs, protocol, as_arrays, as_tuple):
    images = [image for left, right, _ in pairs for image in (left, right)]
    genuine = [genuine for *_, genuine in pairs]
    stored = [np.frombuffer(image, dtype=np.uint8) for image in images] if as_arrays else images
    content = (stored, genuine) if as_tuple else [stored, genuine]
    with folder() as path:
        (path / "set.bin").write_bytes(pickle.dumps(content, protocol))
        assert is_verification_set(path / "set.bin")
        found = read_verification_set(path / "set.bin")
    assert found.images == images
    assert found.genuine_N.tolist() == genuine


@quick
@given(sets, st.integers(0, 5), st.data())
def test_a_damaged_verification_set_is_refused_or_is_one(pairs, protocol, data):
    images = [image for left, right, _ in pairs for image in (left, right)]
    content = bytearray(pickle.dumps((images, [genuine for *_, genuine in pairs]), protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    with folder() as path:
        (path / "set.bin").write_bytes(content[: data.draw(st.integers(0, len(content)))])
        (path / "whole.bin").write_bytes(content)
        for name in ("set.bin", "whole.bin"):
            with contextlib.suppress(FembError):
                found = read_verification_set(path / name)
                assert len(found.images) == 2 * len(found)

"""RecordIO is read byte for byte; what is damaged is named."""

import contextlib
import hashlib
import json
import pickle
import warnings
from pathlib import Path

import numpy as np
import pytest
from records import MAGIC, image, write

from femb_cli.data.images.encoded import check_image
from femb_cli.data.open import open_source
from femb_cli.data.recordio.format import join_parts, map_records, record_parts, scan
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


def test_labels_beyond_exact_float32_are_warned_of(tmp_path):
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


def test_golden_raw_records_join_as_written(shared):
    for name in ("e_split_raw", "f_padding_raw"):
        folder = shared / "golden/formats/recordio" / name
        data = map_records(folder / "records.rec")
        payloads = [join_parts(data, record_parts(data, offset)) for offset in scan(data).tolist()]
        expected = json.loads((folder / "expected.json").read_text())["records"]
        assert [hashlib.sha256(payload).hexdigest() for payload in payloads] == [each["sha256"] for each in expected]


def sound_keys(source: RecordSource) -> set[str]:
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
        assert sound_keys(source) == images - lost, folder.name
    assert {name for name in refused if not name.startswith("l_rec_")} == {
        "l_header_only",
        "l_idx_empty",
        "l_idx_garbage_line",
        "l_idx_key_twice",
        "l_idx_two_keys_one_offset",
    }


def test_golden_sets_that_contradict_themselves_are_warned_of(shared):
    for name in ("l_header_counts_less", "l_header_counts_more", "l_idx_fewer_rows", "l_ranges_contradict_labels"):
        with pytest.warns(UserWarning):
            RecordSource(shared / "golden/formats/recordio" / name / "train.rec")


def test_a_folder_of_record_folders_says_which_to_name(tmp_path):
    (tmp_path / "testing").mkdir()
    (tmp_path / "testing" / "testing.rec").write_bytes(b"")
    with pytest.raises(FembError, match="holds record files in its folders") as caught:
        open_source(tmp_path)
    assert "testing.rec" in caught.value.hint


def test_a_list_beside_the_records_adds_its_further_columns(tmp_path):
    path = write(tmp_path, [image(label, b"x") for label in (4, 4, 7)], keys=[3, 1, 2])
    (tmp_path / "train.lst").write_text("a.jpg\t4\tAsian\nb.jpg\t7\tIndian\nc.jpg\t4\tAfrican\n")
    extra = RecordSource(path).extra(np.array([2, 0]))
    assert extra.to_pydict() == {"column_3": ["Indian", "African"]}


def test_a_list_of_other_images_is_left_out_with_a_warning(tmp_path):
    path = write(tmp_path, [image(label, b"x") for label in (4, 4, 7)], keys=[1, 2, 3])
    (tmp_path / "train.lst").write_text("a.jpg\t7\tAsian\nb.jpg\t4\tIndian\nc.jpg\t4\tAfrican\n")
    with pytest.warns(UserWarning, match=r"train\.lst does not name the identities"):
        assert RecordSource(path).extra(np.array([0])) is None


def test_a_list_without_further_columns_adds_nothing(tmp_path):
    path = write(tmp_path, [image(4, b"x")], keys=[1])
    (tmp_path / "train.lst").write_text("1\ta.jpg\t4\n")
    assert RecordSource(path).extra(np.array([0])) is None

"""Parquet files of images as `datasets`, the Hub and others write them."""

import contextlib
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from parquets import NUM_IMAGES, faces, image_bytes, images, write

from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.source import check_identities
from femb_cli.errors import FembError


@pytest.fixture
def hub_file(tmp_path) -> Path:
    """One file as `datasets` writes it."""
    from datasets import ClassLabel, Dataset, Features, Image, Value
    from datasets.utils import disable_progress_bars

    disable_progress_bars()
    features = Features({"image": Image(), "label": ClassLabel(names=["zoe", "adam", "eve"]), "age": Value("int32")})
    rows = range(NUM_IMAGES)
    columns = {"image": images(), "label": [row % 3 for row in rows], "age": list(rows)}
    path = tmp_path / "data" / "train-00000-of-00001.parquet"
    path.parent.mkdir()
    Dataset.from_dict(columns, features=features).to_parquet(path, batch_size=10)
    return path


def test_what_datasets_wrote_is_read_back(hub_file):
    source = ParquetSource(hub_file)
    assert (source.kind, source.path, len(source)) == ("parquet", hub_file, NUM_IMAGES)
    assert [source.read(row) for row in range(NUM_IMAGES)] == [image_bytes(row) for row in range(NUM_IMAGES)]
    assert source.identities.names == ["zoe", "adam", "eve"]
    assert source.identities.labels_N.dtype == np.int64
    assert source.identities.labels_N.tolist() == [row % 3 for row in range(NUM_IMAGES)]
    assert list(source.names) == [f"{row}.jpg" for row in range(NUM_IMAGES)]
    check_identities(source)


def test_a_memory_file_system_reads_the_same(hub_file):
    from fsspec.implementations.memory import MemoryFileSystem

    files = MemoryFileSystem()
    files.pipe("/faces/data/train-00000-of-00001.parquet", hub_file.read_bytes())
    try:
        near, far = ParquetSource(hub_file), ParquetSource("memory://faces", filesystem=files)
        assert [far.read(row) for row in range(len(far))] == [near.read(row) for row in range(len(near))]
        assert list(far.names) == list(near.names)
        assert far.identities.labels_N.tolist() == near.identities.labels_N.tolist()
        with pytest.raises(FembError, match="no Parquet files in /nothing"):
            ParquetSource("/nothing", filesystem=files)
    finally:
        files.rm("/faces", recursive=True)


def test_a_shared_archive_of_faces_comes_back_byte_for_byte(shared, tmp_path):
    from femb_cli.data.files.zip import ZipSource

    archive = ZipSource(shared / "data" / "lfw_aligned_112.zip")
    rows = range(200)
    column = [{"bytes": archive.read(row), "path": archive.names[row]} for row in rows]
    labels = archive.identities.labels_N[:200].tolist()
    source = ParquetSource(write(tmp_path / "lfw.parquet", {"image": column, "label": labels}, group=64))
    assert [source.read(row) for row in rows] == [archive.read(row) for row in rows]
    assert list(source.names) == archive.names[:200]


def test_row_groups_of_all_files_follow_each_other(tmp_path):
    faces(tmp_path / "train-00000-of-00002.parquet", range(0, 25))
    faces(tmp_path / "train-00001-of-00002.parquet", range(25, 40))
    source = ParquetSource(tmp_path)
    assert source.groups.starts.tolist() == [0, 10, 20, 25, 35, 40]
    assert source.groups.starts.dtype == np.int64
    assert [source.read(row) for row in (0, 24, 25, 39)] == [image_bytes(row) for row in (0, 24, 25, 39)]
    assert source.names[30] == "30.jpg"


def test_a_file_without_rows_is_skipped(tmp_path):
    whole = faces(tmp_path / "b.parquet")
    pq.write_table(pq.read_table(whole).slice(0, 0), tmp_path / "a.parquet")
    source = ParquetSource(tmp_path)
    assert (len(source), source.groups.starts.tolist()) == (NUM_IMAGES, [0, 10, 20, 25])
    assert source.read(24) == image_bytes(24)


def test_a_row_beyond_the_end_is_an_index_error(tmp_path):
    source = ParquetSource(faces(tmp_path / "a.parquet"))
    assert source.read(-1) == image_bytes(NUM_IMAGES - 1)
    with pytest.raises(IndexError):
        source.read(NUM_IMAGES)


@pytest.mark.parametrize("path_of", [lambda row: "same.jpg", lambda row: None if row == 3 else f"{row}.jpg"])
def test_images_without_a_path_of_their_own_are_named_by_rows(tmp_path, path_of):
    column = [{"bytes": image_bytes(row), "path": path_of(row)} for row in range(5)]
    source = ParquetSource(write(tmp_path / "a.parquet", {"image": column, "label": [0] * 5}))
    assert list(source.names) == ["000000000", "000000001", "000000002", "000000003", "000000004"]


def test_extra_columns_come_in_the_order_of_the_rows(tmp_path):
    faces(tmp_path / "a.parquet", range(0, 25), age=list(range(25)), camera=["x"] * 25)
    faces(tmp_path / "b.parquet", range(25, 40), age=list(range(25, 40)), camera=[None] * 15)
    rows = [39, 3, 24, 25, 3, 0]
    table = ParquetSource(tmp_path).extra(np.array(rows))
    assert table.to_pydict() == {"age": rows, "camera": [None, "x", "x", None, "x", "x"]}


def test_columns_of_views_are_read_as_other_text(tmp_path):
    images = pa.array([image_bytes(row) for row in range(4)], pa.binary_view())
    notes = pa.array(["a", None, "c", "d"], pa.string_view())
    pq.write_table(pa.table({"image": images, "label": [0, 0, 1, 1], "note": notes}), tmp_path / "a.parquet")
    source = ParquetSource(tmp_path)
    assert source.read(2) == image_bytes(2)
    assert source.extra(np.array([3, 1])).to_pydict() == {"note": ["d", None]}


def test_a_column_that_cannot_be_copied_is_named(tmp_path):
    notes = pa.array([["a"], ["b"]], pa.list_(pa.string_view()))
    images = pa.array([image_bytes(row) for row in range(2)])
    pq.write_table(pa.table({"image": images, "label": [0, 1], "notes": notes}), tmp_path / "a.parquet")
    with pytest.raises(FembError, match=r"a column that femb cannot copy; its columns are notes \(list<"):
        ParquetSource(tmp_path).extra(np.array([0]))


def test_paths_that_are_no_text_are_no_names(tmp_path):
    images = pa.array([{"bytes": image_bytes(row), "path": b"%d.jpg" % row} for row in range(2)])
    pq.write_table(pa.table({"image": images, "label": [0, 1]}), tmp_path / "a.parquet")
    assert list(ParquetSource(tmp_path).names) == ["000000000", "000000001"]


def test_without_extra_columns_there_is_nothing_extra(tmp_path):
    assert ParquetSource(faces(tmp_path / "a.parquet")).extra(np.array([0])) is None


def test_files_of_other_columns_are_not_mixed(tmp_path):
    faces(tmp_path / "a.parquet")
    faces(tmp_path / "b.parquet", age=[1] * NUM_IMAGES)
    with pytest.raises(FembError, match=r"b\.parquet has other columns .* than .*a\.parquet"):
        ParquetSource(tmp_path)


@pytest.mark.parametrize("damage", [lambda data: b"", lambda data: data[:-20], lambda data: b"x" * 100])
def test_a_damaged_file_is_named(tmp_path, damage):
    path = faces(tmp_path / "a.parquet")
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FembError, match=r"cannot read .*a\.parquet"):
        ParquetSource(path)


def test_a_damaged_row_group_is_named_and_the_others_are_read(tmp_path):
    columns = {"image": images(), "label": [0] * NUM_IMAGES}
    path = write(tmp_path / "a.parquet", columns, write_page_checksum=True, compression="none")
    data = bytearray(path.read_bytes())
    data[data.index(image_bytes(14))] ^= 1
    path.write_bytes(data)
    source = ParquetSource(path)
    assert source.read(3) == image_bytes(3)
    for _ in range(2):
        with pytest.raises(FembError, match=r"cannot read row group 1 of .*a\.parquet"):
            source.read(12)
    assert source.read(24) == image_bytes(24)


def test_a_file_without_images_is_an_error(tmp_path):
    path = faces(tmp_path / "a.parquet")
    pq.write_table(pq.read_table(path).slice(0, 0), path)
    with pytest.raises(FembError, match="holds no images"):
        ParquetSource(path)


def test_an_image_given_as_a_path_only_is_named(tmp_path):
    column = [*images(range(11)), {"bytes": None, "path": "far.jpg"}, None]
    source = ParquetSource(write(tmp_path / "a.parquet", {"image": column, "label": [0] * 13}))
    with pytest.raises(FembError, match=r"row 1 of row group 1 of .*a\.parquet \(image 11\) has no image bytes"):
        source.read(11)
    with pytest.raises(FembError, match="no image bytes"):
        source.read(12)


def test_a_label_beyond_the_names_is_an_error(hub_file):
    table = pq.read_table(hub_file)
    labels = pa.array([7] * NUM_IMAGES)
    pq.write_table(table.set_column(table.schema.get_field_index("label"), "label", labels), hub_file)
    with pytest.raises(FembError, match="has the label 7, but names for 3 only"):
        ParquetSource(hub_file)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_damaged_byte_of_the_footer_raises_nothing_but_an_error_that_says_so(tmp_path, every):
    path = tmp_path / "a.parquet"
    table = pa.table({"image": [b"ab", b"cd", b"ef"], "label": [0, 1, 1], "age": [1, 2, 3]})
    pq.write_table(table, path, row_group_size=2, compression="none", use_dictionary=False, write_statistics=False)
    content = path.read_bytes()
    footer = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    for place in range(footer, len(content), every):
        path.write_bytes(content[:place] + bytes([content[place] ^ 2]) + content[place + 1 :])
        with contextlib.suppress(FembError):
            source = ParquetSource(path)
            for row in range(len(source)):
                assert isinstance(source.read(row), bytes), place
                assert isinstance(source.names[row], str), place
            source.extra(np.arange(len(source)))


@pytest.mark.parametrize("word", [b"anna", b"first.jpg", b"remark on it"])
def test_invalid_text_is_an_error(tmp_path, word):
    image = [{"bytes": b"a", "path": "first.jpg"}, {"bytes": b"b", "path": "other.jpg"}]
    table = pa.table({"image": image, "label": ["anna", "bert"], "remark": ["remark on it", "another"]})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, compression="none", use_dictionary=False, write_statistics=False)
    assert path.read_bytes().count(word) == 1
    path.write_bytes(path.read_bytes().replace(word, b"\xff" * len(word)))
    with pytest.raises(FembError, match="cannot read .*a.parquet"):
        source = ParquetSource(path)
        list(source.names)
        source.extra(np.arange(2))


def test_a_source_survives_pickling(tmp_path):
    faces(tmp_path / "train.parquet", range(0, 10))
    faces(tmp_path / "test.parquet", range(10, 14))
    packed = pickle.dumps(ParquetSource(tmp_path, split="test"))
    assert len(packed) < 1000
    assert pickle.loads(packed).read(0) == image_bytes(10)


@pytest.fixture
def group_reads(monkeypatch) -> list[int]:
    """The row groups that pyarrow was asked for, in turn."""
    reads, original = [], pq.ParquetFile.read_row_group

    def counting(file, group, *arguments, **options):
        reads.append(group)
        return original(file, group, *arguments, **options)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", counting)
    return reads


def test_opening_reads_no_image(tmp_path, group_reads):
    source = ParquetSource(faces(tmp_path / "a.parquet"))
    assert (len(source), source.names[0], group_reads) == (NUM_IMAGES, "0.jpg", [])


def test_eight_threads_decode_each_row_group_once(tmp_path, group_reads):
    rows = range(2000)
    source = ParquetSource(write(tmp_path / "a.parquet", {"image": images(rows), "label": [0] * 2000}, group=50))
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(2000), 2)).tolist()
    with ThreadPoolExecutor(8) as threads:
        read = list(threads.map(source.read, order))
    assert read == [image_bytes(row) for row in order]
    assert sorted(group_reads) == list(range(40))


def test_a_small_cache_holds_the_last_row_groups_only(tmp_path, group_reads):
    rows = [{"bytes": bytes(100_000), "path": None}] * 40
    path = write(tmp_path / "a.parquet", {"image": rows, "label": [0] * 40}, group=10)
    source = ParquetSource(path, cache_bytes=2_100_000)  # two row groups of a million bytes
    for row in (0, 10, 5, 20, 9, 12):
        source.read(row)
    assert group_reads == [0, 1, 2, 1]


def test_a_row_group_larger_than_the_cache_is_read_once_in_a_row(tmp_path, group_reads):
    source = ParquetSource(faces(tmp_path / "a.parquet"), cache_bytes=1)
    for row in range(NUM_IMAGES):
        source.read(row)
    assert group_reads == [0, 1, 2]

"""A verification set becomes a benchmark directory."""

import csv
import io
import pickle

import pytest
from PIL import Image

from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.verification_bin.verification_set import read_verification_set
from femb_cli.errors import FembError


def encode(shade: int, kind: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (24, 24), (shade, 255 - shade, 0)).save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture
def make_set(tmp_path):
    """Write a set, and read it."""

    def make(images, labels, protocol=4):
        (tmp_path / "set.bin").write_bytes(pickle.dumps((images, labels), protocol))
        return read_verification_set(tmp_path / "set.bin")

    return make


def rows(path):
    with (path / "pairs.csv").open(newline="") as file:
        return list(csv.reader(file))


def test_a_benchmark_has_the_bytes_of_each_image_once(make_set, tmp_path):
    one, two, three = encode(1), encode(2, "PNG"), encode(3, "BMP")
    result = write_benchmark(make_set([one, two, one, three], [1, 0]), tmp_path / "out", source="set.bin")
    assert (result.path, result.num_images, result.num_pairs, result.num_genuine) == (tmp_path / "out", 3, 2, 1)
    files = {path.name: path.read_bytes() for path in (tmp_path / "out" / "images").iterdir()}
    assert files == {"000001.jpg": one, "000002.png": two, "000004.bmp": three}
    assert rows(tmp_path / "out")[1:] == [
        ["000001.jpg", "000002.png", "1", "0"],
        ["000001.jpg", "000004.bmp", "0", "1"],
    ]


def test_folds_are_those_of_ten_parts_without_shuffling(make_set, tmp_path):
    write_benchmark(make_set([encode(1)] * 46, [1, 0] * 11 + [1]), tmp_path / "out", source="set.bin")
    header, *pairs = rows(tmp_path / "out")
    assert header == ["ref", "probe", "mated", "fold"]
    assert [int(row[3]) for row in pairs] == [0] * 3 + [1] * 3 + [2] * 3 + [k for k in range(3, 10) for _ in range(2)]
    assert [int(row[2]) for row in pairs] == [1, 0] * 11 + [1]


def test_the_readme_says_what_it_is_of_and_how_to_score_it(make_set, tmp_path):
    found = make_set([encode(1), encode(2)], [1])
    write_benchmark(found, tmp_path / "out", source="cfp_fp.bin")
    text = (tmp_path / "out" / "README.md").read_text()
    for words in ("cfp_fp.bin", found.sha256, "1 pairs", "2 images", "femb verify --dataset out"):
        assert words in text


def test_a_pair_with_a_bad_image_is_left_out_and_listed(make_set, tmp_path):
    found = make_set([encode(1), b"no", encode(2), encode(3)], [1, 0])
    result = write_benchmark(found, tmp_path / "out", source="set.bin", on_error="skip")
    reason = "image 1 (from 0), of pair 0, is not an image: it starts with b'no'"
    assert (result.num_pairs, result.num_genuine, result.num_skipped) == (1, 0, 1)
    assert result.skipped == [("pair 0", reason)]
    assert (tmp_path / "out" / "skipped.txt").read_text() == f"pair 0\t{reason}\n"
    assert sorted(path.name for path in (tmp_path / "out" / "images").iterdir()) == ["000003.jpg", "000004.jpg"]


def test_nothing_is_left_where_every_pair_is_bad(make_set, tmp_path):
    with pytest.raises(FembError, match="every pair has a damaged image"):
        write_benchmark(make_set([b"no", b"no"], [1]), tmp_path / "out", source="set.bin", on_error="skip")
    assert [path.name for path in tmp_path.iterdir()] == ["set.bin"]


def test_damage_inside_an_image_is_found_by_decoding(make_set, tmp_path):
    cut = bytearray(encode(1, "PNG"))
    cut[45:60] = bytes(15)
    found = make_set([bytes(cut), encode(2)], [1])
    write_benchmark(found, tmp_path / "quick", source="set.bin")
    with pytest.raises(FembError, match=r"image 0 \(from 0\), of pair 0, is damaged"):
        write_benchmark(found, tmp_path / "sure", source="set.bin", verify=True)


def test_a_benchmark_that_is_there_is_replaced_only_on_demand(make_set, tmp_path):
    found = make_set([encode(1), encode(2)], [1])
    write_benchmark(found, tmp_path / "out", source="set.bin")
    with pytest.raises(FembError, match="exists already"):
        write_benchmark(found, tmp_path / "out", source="set.bin")
    assert write_benchmark(found, tmp_path / "out", source="set.bin", overwrite=True).num_pairs == 1


def test_progress_counts_pairs(make_set, tmp_path):
    calls = []
    found = make_set([encode(1)] * 4, [1, 0])
    write_benchmark(found, tmp_path / "out", source="set.bin", progress=lambda *call: calls.append(call))
    assert calls == [(1, 2), (2, 2)]

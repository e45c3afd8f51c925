"""Verification sets: every golden file is read or refused with a reason."""

import contextlib
import hashlib
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from properties import quick, temporary_folder

from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.verification_bin.verification_set import is_verification_set, read_verification_set
from femb_cli.errors import FembError

LOAD_HOSTILE = """
import re, resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
from femb_cli.data.verification_bin.verification_set import read_verification_set
from femb_cli.errors import FembError
for path in sys.argv[1:]:
    try:
        read_verification_set(Path(path))
    except FembError as error:
        print(f"{Path(path).name}\\t{error.message}")
# Not getrusage(), which counts what the parent had before the child began.
print(re.search(r"VmHWM:\\s+([0-9]+)", Path("/proc/self/status").read_text())[1])
"""


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


def golden(shared, outcome, malicious=False):
    folder = shared / "golden" / "formats" / "bin"
    expected = json.loads((folder / "expected.json").read_text())
    cases = [
        {"images": expected["images_used_unless_stated"], **case, "path": folder / case["file"]}
        for case in expected["sets"]
        if case["outcome"] == outcome and case.get("malicious", False) == malicious
    ]
    assert len(cases) >= 17
    return cases


def test_golden_sets_give_their_images_and_labels(shared):
    for case in golden(shared, "loads"):
        found = read_verification_set(case["path"])
        checksums = [hashlib.sha256(image).hexdigest() for image in found.images]
        assert checksums == [image["sha256"] for image in case["images"]], case["file"]
        assert found.genuine_N.tolist() == case["issame"], case["file"]
        assert found.sha256 == case["sha256"]
        assert is_verification_set(case["path"]), case["file"]


REASONS = {
    "images_mxnet_ndarray.bin": "names mxnet.ndarray.ndarray.NDArray",
    "odd_number_of_images.bin": "7 images for 4 pairs",
    "issame_too_short.bin": "8 images for 3 pairs",
    "issame_too_long.bin": "8 images for 5 pairs",
    "issame_not_binary.bin": "is 2, neither 0 nor 1",
    "issame_strings.bin": "label 0 (from 0) in {path} is text",
    "not_a_pair.bin": "a tuple of 3, not a pair",
    "dict.bin": "the opcode EMPTY_DICT",
    "images_are_text.bin": "image 0 (from 0) in {path} is text",
    "image_not_decodable.bin": "image 3 (from 0), of pair 1, is not an image",
    "image_none.bin": "image 3 (from 0) in {path} is None",
    "empty_set.bin": "0 images for 0 pairs",
    "truncated.bin": "cut short",
    "truncated_last_byte.bin": "cut short",
    "empty_file.bin": "0 bytes",
    "html.bin": "byte 0 is b'<'",
    "garbage.bin": "byte 0 is b'\\xee'",
}


def test_golden_damaged_sets_are_refused_with_what_is_wrong(shared, tmp_path):
    for case in golden(shared, "refused"):
        with pytest.raises(FembError) as refused:
            write_benchmark(read_verification_set(case["path"]), tmp_path / "benchmark", source=case["file"])
        assert REASONS[case["file"]].format(path=case["path"]) in refused.value.message
        assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measures memory as Linux tells it")
def test_golden_hostile_sets_are_refused_and_do_nothing(shared, tmp_path):
    cases = golden(shared, "refused", malicious=True)
    child = subprocess.run(
        [sys.executable, "-c", LOAD_HOSTILE, *(str(case["path"]) for case in cases)],
        cwd=tmp_path,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert child.returncode == 0, child.stderr
    *lines, peak_kilobytes = child.stdout.splitlines()
    messages = dict(line.split("\t") for line in lines)
    assert messages.keys() == {case["file"] for case in cases}
    for case in cases:
        if any(fault in case["file"] for fault in ("system", "eval", "exec", "open", "dotted", "getattr", "decode")):
            assert case["globals"][0].split(".")[0] in messages[case["file"]]
    assert not list(tmp_path.iterdir())
    assert int(peak_kilobytes) < 1_000_000


@pytest.mark.parametrize("container", [bytearray, lambda image: np.frombuffer(image, np.uint8)[:, None]])
def test_images_may_be_bytearrays_and_columns(make_set, container):
    images = [encode(1), encode(2)]
    assert make_set([container(image) for image in images], [1]).images == images


def test_an_array_used_again_is_not_copied_again(make_set):
    image = np.frombuffer(encode(1), np.uint8)
    first, second = make_set([image, image], [1]).images
    assert first is second


def test_labels_may_be_an_array(make_set):
    assert make_set([encode(1)] * 4, np.array([True, False])).genuine_N.tolist() == [True, False]


@pytest.mark.parametrize(
    ("images", "labels", "what"),
    [
        ([b"a", 7], [1], r"image 1 \(from 0\) in .* is an integer"),
        ([b"a", [b"b"]], [1], r"image 1 \(from 0\) in .* is a list"),
        ([b"a", np.zeros((3, 4), np.uint8)], [1], r"an array \(3, 4\) of uint8"),
        ([b"a", np.zeros(3, np.int64)], [1], r"an array \(3,\) of int64"),
        (b"ab", [1], "holds bytes, not a list of images"),
        ([b"a", b"b"], 1, "holds an integer, not a list of labels"),
        ([b"a", b"b"], np.array([2]), r"label 0 \(from 0\) in .* is 2"),
        ([b"a", b"b"], [None], "is None, neither 0 nor 1"),
    ],
)
def test_what_is_no_image_or_label_is_named(make_set, images, labels, what):
    with pytest.raises(FembError, match=what):
        make_set(images, labels)


@pytest.mark.parametrize("start", [b"PK\x03\x04", b"\x0a\x23\xd7\xce", b"", b"<html>", b"\xff\xd8\xff"])
def test_other_files_do_not_start_like_a_set(tmp_path, start):
    (tmp_path / "file.bin").write_bytes(start)
    assert not is_verification_set(tmp_path / "file.bin")


sets = st.lists(st.tuples(st.binary(max_size=70), st.binary(max_size=70), st.booleans()), min_size=1, max_size=8)


@quick
@given(sets, st.integers(0, 5), st.booleans(), st.booleans())
def test_any_verification_set_is_read_back(pairs, protocol, as_arrays, as_tuple):
    images = [image for left, right, _ in pairs for image in (left, right)]
    genuine = [genuine for *_, genuine in pairs]
    stored = [np.frombuffer(image, dtype=np.uint8) for image in images] if as_arrays else images
    content = (stored, genuine) if as_tuple else [stored, genuine]
    with temporary_folder() as path:
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
    with temporary_folder() as path:
        (path / "set.bin").write_bytes(content[: data.draw(st.integers(0, len(content)))])
        (path / "whole.bin").write_bytes(content)
        for name in ("set.bin", "whole.bin"):
            with contextlib.suppress(FembError):
                found = read_verification_set(path / name)
                assert len(found.images) == 2 * len(found)

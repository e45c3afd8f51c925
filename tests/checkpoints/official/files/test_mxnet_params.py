"""MXNet's files of weights."""

import struct

import numpy as np
import pytest
import torch
from mxnet_files import write_params

from femb_cli.checkpoints.official.files.reading import read_plain
from femb_cli.errors import FembError

ARRAYS = {
    "arg:conv0_weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "aux:bn0_moving_mean": np.array([1.5, -2.5], dtype=np.float16),
    "count": np.array([2**40], dtype=np.int64),
}


@pytest.mark.parametrize("version", [0, 0xF993FAC8, 0xF993FAC9, 0xF993FACA])
def test_arrays_of_every_version_come_back_by_name(tmp_path, version):
    write_params(tmp_path / "model-0000.params", ARRAYS, version)
    read = read_plain(tmp_path / "model-0000.params")
    assert list(read) == ["conv0_weight", "bn0_moving_mean", "count"]
    for tensor, array in zip(read.values(), ARRAYS.values(), strict=True):
        assert torch.equal(tensor, torch.from_numpy(array))


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path):
    write_params(tmp_path / "whole", ARRAYS)
    content = (tmp_path / "whole").read_bytes()
    for length in range(16, len(content)):
        (tmp_path / "cut.params").write_bytes(content[:length])
        with pytest.raises(FembError, match=r"cut\.params is not a readable MXNet file"):
            read_plain(tmp_path / "cut.params")


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**60),
        struct.pack("<QIiI2q", 1, 0xF993FAC9, 0, 2, 2**40, 2**40) + struct.pack("<iii", 1, 0, 0),
        struct.pack("<QIiIq", 1, 0xF993FAC9, 0, 1, -4) + struct.pack("<iii", 1, 0, 0),
        struct.pack("<QIiIq", 1, 0xF993FAC9, 0, 1, 1) + struct.pack("<iii", 1, 0, 9),
        struct.pack("<QIi", 1, 0xF993FAC9, 1),
    ],
    ids=["endless list", "huge array", "negative size", "unknown type", "sparse"],
)
def test_a_file_that_asks_for_more_than_it_holds_is_refused(tmp_path, content):
    (tmp_path / "bad.params").write_bytes(struct.pack("<QQ", 0x112, 0) + content + bytes(100))
    with pytest.raises(FembError, match=r"bad\.params is not a readable MXNet file"):
        read_plain(tmp_path / "bad.params")

"""The people that a network was trained on, as digests beside its weights."""

import numpy as np
import pytest

from femb_cli.checkpoints.people import read_people, write_people
from femb_cli.errors import FembError


def test_digests_are_read_back(tmp_path):
    write_people(tmp_path, np.array([-5, 7], np.int64))
    assert read_people(tmp_path).tolist() == [-5, 7]


def test_a_checkpoint_without_the_file_and_a_single_file_say_nothing(tmp_path):
    (tmp_path / "model.safetensors").touch()
    assert len(read_people(tmp_path)) == len(read_people(tmp_path / "model.safetensors")) == 0


@pytest.mark.parametrize("people", [np.zeros((2, 2), np.int64), np.zeros(3, np.float32)])
def test_other_contents_are_refused(tmp_path, people):
    write_people(tmp_path, people)
    with pytest.raises(FembError, match="people.safetensors is damaged: it holds no digests of names"):
        read_people(tmp_path)


def test_a_file_that_is_cut_off_is_refused(tmp_path):
    (tmp_path / "people.safetensors").write_bytes(b"\x10\x00")
    with pytest.raises(FembError, match="people.safetensors is damaged"):
        read_people(tmp_path)

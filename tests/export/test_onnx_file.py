"""ONNX files: nothing of this machine inside, and not larger than a protobuf may be."""

import pytest
import torch

from femb_cli.errors import FembError
from femb_cli.export.onnx_file import write_onnx


def test_no_path_of_the_machine_is_in_the_file(onnx_file):
    assert b"iresnet.py" not in onnx_file.read_bytes()


@pytest.mark.parametrize("half, hint", [(False, "--half"), (True, "--format pt2")])
def test_more_weights_than_a_protobuf_holds_are_refused(half, hint, tmp_path):
    pytest.importorskip("onnxscript")
    with torch.device("meta"):
        network = torch.nn.Linear(2**15, 2**15 + 2**14)
    with pytest.raises(FembError, match="an ONNX file holds 2") as caught:
        write_onnx(network, torch.zeros(2, 2**15), {}, tmp_path / "model.onnx", half=half)
    assert hint in caught.value.hint

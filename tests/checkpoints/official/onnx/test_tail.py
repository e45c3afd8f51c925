"""What graphs compute of the embedding, in the forms that exporters and people write."""

import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto, helper
from onnx_graphs import difference, nodes_of, write
from torch import nn

from femb_cli.checkpoints.official.onnx.network import read_onnx_network
from femb_cli.errors import FembError

SCALED = "the scaling of embeddings to length 1"


class With(nn.Module):
    """A network and what is computed of its embeddings."""

    def __init__(self, network, tail):
        super().__init__()
        self.network, self.tail, self.input_size = network, tail, network.input_size

    def forward(self, images):
        return self.tail(self.network(images))


TAILS = {
    "adaface": lambda y: (y / torch.norm(y, 2, 1, True), torch.norm(y, 2, 1, True)),
    "normalize": F.normalize,
    "expanded": lambda y: y / y.norm(2, 1).unsqueeze(1).expand_as(y),
    "by hand": lambda y: y / ((y * y).sum(-1, keepdim=True) + 1e-10).sqrt(),
    "clamped": lambda y: y / y.pow(2).sum(1, keepdim=True).sqrt().clamp(min=1e-8),
}


@pytest.mark.parametrize("name", TAILS)
@pytest.mark.parametrize("options", [{}, {"opset_version": 17, "input_names": ["x"], "dynamic_axes": {"x": {0: "b"}}}])
def test_embeddings_of_length_1_are_read_without_the_scaling(small, tmp_path, name, options):
    file = write(With(small, TAILS[name]).eval(), tmp_path / "n.onnx", **options)
    assert read_onnx_network(file).left_out[-1] == SCALED
    assert difference(small, file) < 2e-6


@pytest.mark.slow
def test_newer_exporter_does_not_matter(small, tmp_path):
    pytest.importorskip("onnxscript")
    shapes = {"dynamic_shapes": ({0: torch.export.Dim("batch")},), "opset_version": 18, "optimize": False}
    file = write(With(small, TAILS["normalize"]).eval(), tmp_path / "n.onnx", dynamo=True, **shapes)
    assert read_onnx_network(file).left_out == (SCALED,)
    assert (tmp_path / "n.onnx.data").is_file()
    assert difference(small, file) < 2e-6


def test_the_length_beside_the_embedding_is_named(small, tmp_path):
    file = write(With(small, lambda y: (y, y.norm(dim=1))).eval(), tmp_path / "n.onnx", output_names=["raw", "length"])
    assert read_onnx_network(file).left_out == ("the output 'length' (the embedding's length)",)


def test_an_output_from_inside_the_network_is_named(small, changed):
    def add_output(graph):
        features = nodes_of(graph, "Gemm")[0].output[0]
        graph.output.append(helper.make_tensor_value_info(features, TensorProto.FLOAT, None))

    (left_out,) = read_onnx_network(changed(add_output)).left_out
    assert left_out.endswith("(not the embedding)")


@pytest.mark.parametrize("tail", [lambda y: y.softmax(1), lambda y: 64 * y])
def test_other_things_after_the_embedding_are_refused(small, tmp_path, tail):
    with pytest.raises(FembError, match="expected the graph's output"):
        read_onnx_network(write(With(small, tail).eval(), tmp_path / "n.onnx"))

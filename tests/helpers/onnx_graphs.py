"""ONNX files of small networks, and changes of their graphs."""

import numpy as np
import torch
from onnx import numpy_helper
from torch import nn

from femb_cli.backbones import build_backbone, build_configured_backbone
from femb_cli.checkpoints.official.onnx.network import read_onnx_network

UNFOLDED = {"do_constant_folding": False, "training": torch.onnx.TrainingMode.PRESERVE}
NETWORKS = {
    "iresnet18": {"embedding_dim": 16, "input_size": 32, "width": 0.125},
    "iresnet50": {"embedding_dim": 16, "input_size": 48, "width": 0.0625, "bn_eps": 2e-5},
    "ir18": {"embedding_dim": 16, "input_size": 32, "width": 0.125},
    "mbf": {"embedding_dim": 32, "input_size": 32},
    "mbf_large": {"embedding_dim": 32, "input_size": 16},
}


def network(name, **changes):
    """A backbone with weights and statistics that are all different."""
    torch.manual_seed(0)
    backbone = build_backbone(name, **(NETWORKS[name] | changes)).eval()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
            nn.init.normal_(module.running_mean, std=0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
        if isinstance(module, nn.PReLU):
            nn.init.uniform_(module.weight, 0.1, 0.4)
    return backbone


def write(backbone, file, **options):
    """Export a backbone as insightface's packs were."""
    inputs = torch.zeros(1, 3, backbone.input_size, backbone.input_size)
    torch.onnx.export(backbone, (inputs,), file, **{"dynamo": False, "opset_version": 11, "verbose": False, **options})
    return file


def difference(backbone, file):
    """Largest difference between a backbone's embeddings and those of the network read from a file, relative."""
    found = read_onnx_network(file)
    again = build_configured_backbone(found.config).eval()
    again.load_state_dict(found.tensors)
    generator = torch.Generator().manual_seed(1)
    images = torch.rand(2, 3, backbone.input_size, backbone.input_size, generator=generator, dtype=torch.float64)
    with torch.inference_mode():
        expected = backbone.double()(images * 2 - 1)
        error = (again.double()(images * 2 - 1) - expected).abs().max() / expected.abs().max()
    backbone.float()
    return error.item()


def nodes_of(graph, op):
    return [node for node in graph.node if node.op_type == op]


def insert(graph, node, *after):
    """Put nodes behind one; what read its output reads the last one's."""
    old, new = node.output[0], after[-1].output[0]
    for other in graph.node:
        other.input[:] = [new if name == old else name for name in other.input]
    after[0].input[0] = old
    position = list(graph.node).index(node) + 1
    for offset, item in enumerate(after):
        graph.node.insert(position + offset, item)


def add_constant(graph, name, values, dtype=np.float32):
    graph.initializer.append(numpy_helper.from_array(np.asarray(values, dtype), name))

"""Contents that no official file has, each of which once ended a conversion with something else than a word."""

import io
import struct
import zipfile

import pytest
import torch

from femb_cli.backbones import build_backbone
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.errors import FembError

WEIGHT = "layer2.0.conv1.weight"


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build_backbone("iresnet18", width=1 / 16, embedding_dim=8, input_size=32).state_dict()


def convert(tmp_path, content, **options):
    torch.save(content, tmp_path / "model.pt", **options)
    return convert_checkpoint(tmp_path / "model.pt", tmp_path / "converted", say=lambda text: None)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "change",
    [
        lambda tensor: tensor.to_sparse(),
        lambda tensor: tensor.to("meta"),
        lambda tensor: tensor.to(torch.cfloat),
        lambda tensor: torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
    ],
    ids=["sparse", "meta", "complex", "quantized"],
)
def test_a_tensor_of_no_plain_numbers_is_refused_by_name(network, change, tmp_path):
    network[WEIGHT] = change(network[WEIGHT])
    with pytest.raises(FembError, match=rf"the tensor {WEIGHT} is not made of plain numbers"):
        convert(tmp_path, network)
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("content", [True, [1], {"state_dict_softmax_fc": True}, {"weight": 1}, {7: torch.ones(2, 8)}])
def test_shards_of_no_class_weights_are_refused_by_file(network, content, tmp_path):
    torch.save(network, tmp_path / "backbone.pth")
    torch.save(content, tmp_path / "rank_0_softmax_weight.pt")
    with pytest.raises(FembError, match="rank_0_softmax_weight.pt"):
        convert_checkpoint(tmp_path, tmp_path.parent / "converted", say=lambda text: None)


@pytest.mark.parametrize("hyper_parameters", [[1], {"head": [1]}, {"head": "adaface", "m": torch.ones(2)}, {"head": 7}])
def test_hyper_parameters_that_say_nothing_are_passed_over(network, hyper_parameters, tmp_path):
    prefixed = {f"backbone.{name}": tensor for name, tensor in network.items()}
    card = convert(tmp_path, {"state_dict": prefixed, "hyper_parameters": hyper_parameters})
    assert card.header in ({}, {"name": "adaface"})


def test_a_pickle_that_ends_within_a_number_is_refused(network, tmp_path):
    torch.save(network, tmp_path / "model.pt")
    buffer = io.BytesIO()
    with zipfile.ZipFile(tmp_path / "model.pt") as archive, zipfile.ZipFile(buffer, "w") as changed:
        for name in archive.namelist():
            content = archive.read(name)
            # BINUNICODE, and half of the length that it needs.
            changed.writestr(name, content[:2] + b"X" + struct.pack("<H", 9) if name.endswith(".pkl") else content)
    (tmp_path / "model.pt").write_bytes(buffer.getvalue())
    with pytest.raises(FembError, match="incomplete, damaged"):
        convert_checkpoint(tmp_path / "model.pt", tmp_path / "converted")

"""Contents that no official file has, each of which once ended a conversion with something else than a word."""

import io
import itertools
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
        lambda tensor: tensor.to(torch.float8_e4m3fn),
        lambda tensor: torch.nested.nested_tensor([tensor, tensor]),
    ],
    ids=["sparse", "meta", "complex", "quantized", "8 bits", "nested"],
)
def test_a_tensor_of_no_plain_numbers_is_refused_by_name(network, change, tmp_path):
    network[WEIGHT] = change(network[WEIGHT])
    with pytest.raises(FembError, match=rf"the tensor {WEIGHT} is not made of plain numbers"):
        convert(tmp_path, network)
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("name", [WEIGHT, "features.running_mean", "beside.all"])
def test_a_tensor_that_repeats_a_few_numbers_is_refused_before_it_takes_memory(network, name, tmp_path):
    network[name] = torch.ones(1).expand(10**11)
    with pytest.raises(FembError, match=rf"the tensor {name} \(100000000000,\) repeats"):
        convert(tmp_path, network)


def test_class_weights_that_repeat_a_row_are_refused(network, tmp_path):
    prefixed = {f"backbone.{name}": tensor for name, tensor in network.items()}
    with pytest.raises(FembError, match=r"header\.weight"):
        convert(tmp_path, {"state_dict": {**prefixed, "header.weight": torch.ones(1, 8).expand(10**9, 8)}})


@pytest.mark.parametrize("name", ["bn2.weight", "features.running_mean", "conv1.weight"])
def test_an_empty_tensor_says_nothing_of_a_size(network, name, tmp_path):
    network[name] = torch.empty(10**9, 0)
    with pytest.raises(FembError, match=rf"{name} has the shape \(1000000000, 0\)"):
        convert(tmp_path, network)


@pytest.mark.parametrize("block", [(8, 8, 3, 3), (30_000, 30_000, 0, 0)])
def test_an_ir_with_other_channels_in_its_first_block_is_refused(block, tmp_path):
    first = {"net.input_layer.0.weight": torch.ones(30_000, 1), "net.body.0.res_layer.1.weight": torch.ones(block)}
    with pytest.raises(FembError, match=r"body\.0\.res_layer\.1\.weight has the shape"):
        convert(tmp_path, {**first, "net.body.0.res_layer.2.running_mean": torch.ones(1)})


def test_an_archive_that_unpacks_to_many_times_its_size_is_refused_unread(network, tmp_path):
    torch.save({**network, "beside": torch.zeros(10_000_000)}, tmp_path / "model.pt")
    with zipfile.ZipFile(tmp_path / "model.pt") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(tmp_path / "model.pt", "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    with pytest.raises(FembError, match="it would unpack to 40"):
        convert_checkpoint(tmp_path / "model.pt", tmp_path / "converted")


def test_weights_that_overflow_are_refused_and_nothing_is_left(network, tmp_path):
    network["conv1.weight"] = torch.full_like(network["conv1.weight"], 1e38)
    with pytest.raises(FembError, match="not finite"):
        convert(tmp_path, network)
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize(
    "value",
    ["!!int ''", "!!bool x", "!!timestamp x", "[" * 9999, "0x" + "f" * 5000, "[[[[RGB]]]]", "!!python/name:os.system"],
)
def test_settings_in_odd_yaml_are_refused_by_file(network, value, tmp_path):
    (tmp_path / "model.yaml").write_text(f"color_space: {value}")
    with pytest.raises(FembError, match="model.yaml"):
        convert(tmp_path, {f"net.{name}": tensor for name, tensor in network.items()})


def test_settings_that_stand_for_gigabytes_are_not_shown(network, tmp_path):
    lists = [f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]" for before, name in itertools.pairwise("abcdefghij")]
    (tmp_path / "model.yaml").write_text("\n".join(["a: &a [1]", *lists, "color_space: *j"]))
    with pytest.raises(FembError, match="color_space of type list"):
        convert(tmp_path, {f"net.{name}": tensor for name, tensor in network.items()})


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

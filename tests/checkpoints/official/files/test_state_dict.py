"""State dicts in wrappers and under prefixes, and tensors that no network has."""

import pytest
import torch
from official_files import convert, iresnet

from femb_cli.checkpoints.official.files.state_dict import find_state_dicts, length, without_prefix
from femb_cli.errors import FembError

WEIGHT = "layer2.0.conv1.weight"
ONE = {"weight": torch.ones(1)}


@pytest.mark.parametrize(
    "content, expected",
    [
        (ONE, {(): ONE}),
        ({"epoch": 1, **ONE}, {(): ONE}),
        ({"epoch": 1, "state_dict": ONE, "optimizer": {"state": {0: ONE}}}, {("state_dict",): ONE}),
        ({"model": ONE, "ema": ONE}, {("model",): ONE, ("ema",): ONE}),
        ({"checkpoint": {"net": ONE}}, {("checkpoint", "net"): ONE}),
        ({"one": {"two": {"three": ONE}}}, {}),
        ({"epoch": 1}, {}),
        ([1, 2], {}),
        ({7: torch.ones(1)}, {}),
    ],
)
def test_state_dicts_are_found_by_the_keys_that_lead_to_them(content, expected):
    assert find_state_dicts(content) == expected


def test_a_prefix_is_cut_once():
    tensors = {"features.features.weight": 1, "features.conv1.weight": 2, "fc.weight": 3}
    assert without_prefix(tensors, "features.") == {"features.weight": 1, "conv1.weight": 2}


def test_a_length_needs_numbers():
    assert length({"weight": torch.ones(3, 2)}, "weight") == 3
    for empty in (torch.tensor(1.0), torch.empty(5, 0)):
        with pytest.raises(ValueError, match="weight has the shape"):
            length({"weight": empty}, "weight")


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
def test_a_tensor_of_no_plain_numbers_is_refused_by_name(change, tmp_path):
    network = iresnet()
    network[WEIGHT] = change(network[WEIGHT])
    with pytest.raises(FembError, match=rf"the tensor {WEIGHT} is not made of plain numbers"):
        convert(tmp_path, network)
    assert not (tmp_path / "converted").exists()


@pytest.mark.parametrize("name", [WEIGHT, "features.running_mean", "beside.all"])
def test_a_tensor_that_repeats_a_few_numbers_is_refused_before_it_takes_memory(name, tmp_path):
    network = {**iresnet(), name: torch.ones(1).expand(10**11)}
    with pytest.raises(FembError, match=rf"the tensor {name} \(100000000000,\) repeats"):
        convert(tmp_path, network)


@pytest.mark.parametrize("name", ["bn2.weight", "features.running_mean", "conv1.weight"])
def test_an_empty_tensor_says_nothing_of_a_size(name, tmp_path):
    with pytest.raises(FembError, match=rf"{name} has the shape \(1000000000, 0\)"):
        convert(tmp_path, {**iresnet(), name: torch.empty(10**9, 0)})

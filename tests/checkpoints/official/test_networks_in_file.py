"""The networks among a file's tensors, and the choice among several."""

from pathlib import Path

import pytest
import torch
from official_files import convert, iresnet
from safetensors.torch import load_file

from femb_cli.checkpoints.official.networks_in_file import MOST_NETWORKS, choose_network, find_networks
from femb_cli.errors import FembError, UsageError

FILE = Path("last.pth")


def named(prefix):
    return {f"{prefix}{name}": tensor for name, tensor in iresnet().items()}


@pytest.mark.parametrize(
    "content, names",
    [
        ({"model": iresnet(), "epoch": 3, "optimizer": {"state": {}, "param_groups": []}}, ["model"]),
        ({"checkpoint": {"net": named("module.")}}, ["checkpoint.net.module"]),
        ({"epoch": 3, **iresnet()}, ["."]),
        ({"model": iresnet(), "ema": named("module.")}, ["model", "ema.module"]),
        (
            {"state_dict": named("student.net.") | named("teacher.net.")},
            ["state_dict.student.net", "state_dict.teacher.net"],
        ),
        (iresnet() | named("momentum."), [".", "momentum"]),
        ({"resnet": {"fc.weight": torch.ones(3, 3)}}, []),
    ],
)
def test_every_network_is_found_by_its_keys_and_its_prefix(content, names):
    networks = find_networks(content)
    assert [network.name for network in networks] == names
    assert all(network.tensors.keys() == iresnet().keys() for network in networks)


def test_several_networks_are_named_without_what_they_share_and_a_name_chooses():
    networks = find_networks({"state_dict": named("student.net.") | named("teacher.net.")})
    with pytest.raises(FembError, match=r"last\.pth holds several networks: student, teacher") as caught:
        choose_network(networks, None, FILE)
    assert caught.value.hint == "choose one: --network student or --network teacher"
    for name in ("teacher", "state_dict.teacher.net"):
        assert choose_network(networks, name, FILE).prefix == "teacher.net."


@pytest.mark.parametrize("name, what", [("ema", "no network"), ("net", "several networks")])
def test_a_name_that_does_not_choose_one_lists_the_networks(name, what):
    networks = find_networks(named("a.net.") | named("b.net."))
    with pytest.raises(UsageError, match=rf"{what} of the name '{name}'"):
        choose_network(networks, name, FILE)


def test_the_only_network_may_be_named_but_not_by_another_name():
    networks = find_networks({"model": iresnet()})
    assert choose_network(networks, "model", FILE) is networks[0]
    with pytest.raises(UsageError, match="no network of the name 'ema'") as caught:
        choose_network(networks, "ema", FILE)
    assert caught.value.hint == "it holds model"
    with pytest.raises(UsageError) as caught:
        choose_network(find_networks(iresnet()), "ema", FILE)
    assert caught.value.hint == "it holds one, without a name: leave out --network"


def test_the_chosen_network_is_converted(tmp_path):
    ema = {name: tensor / 2 if tensor.is_floating_point() else tensor for name, tensor in iresnet().items()}
    convert(tmp_path, {"model": iresnet(), "ema": ema}, network="ema")
    converted = load_file(tmp_path / "converted" / "model.safetensors")
    assert torch.equal(converted["conv1.weight"], ema["conv1.weight"])


@pytest.mark.slow
def test_a_file_that_names_thousands_of_networks_is_looked_at_in_part():
    markers = {f"a{number}.feature.0.weight": torch.ones(1) for number in range(5000)}
    assert len(find_networks(markers)) == MOST_NETWORKS

"""Which files make up an official checkpoint."""

import pytest
import torch
from official_files import iresnet
from safetensors.torch import load_file

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.files.checkpoint_files import find_files
from femb_cli.errors import FembError

CLASS_WEIGHTS = torch.arange(5 * 8, dtype=torch.float32).reshape(5, 8)
"""Five identities; three and two of them on two ranks."""


def converted_weights(source):
    return load_file(source.with_name("converted") / "classifier.safetensors")["weight"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "official").mkdir()
    return tmp_path / "official"


def write_resume(folder, ranks):
    for rank in ranks:
        state = {"epoch": 1, "global_step": 7, "state_dict_backbone": iresnet()}
        head = {"weight": CLASS_WEIGHTS[3 * rank : 3 + 2 * rank]}
        torch.save({**state, "state_dict_softmax_fc": head}, folder / f"checkpoint_gpu_{rank}.pt")


@pytest.mark.parametrize(
    "names, network, class_weights",
    [
        (["backbone.pth", "rank_0_softmax_weight.pt", "rank_0_softmax_weight_mom.pt"], "backbone.pth", {0: 1}),
        (["model.pt", "optimizer.pt", "config.json"], "model.pt", {}),
        (["backbone_ir50_epoch_12.pth", "Head_ArcFace_Epoch_12.pth"], "backbone_ir50_epoch_12.pth", {0: 1}),
        (["model_rank0.pt", "net.ckpt"], "net.ckpt", {}),
    ],
)
def test_the_network_and_its_class_weights_are_known_by_their_names(folder, names, network, class_weights):
    for name in names:
        (folder / name).touch()
    files = find_files(folder)
    assert files.network.name == network
    assert {rank: file.name for rank, file in files.class_weights.items()} == {
        rank: names[index] for rank, index in class_weights.items()
    }
    assert files.settings == (folder / "config.json" if "config.json" in names else None)


@pytest.mark.parametrize("source", [".", "checkpoint_gpu_1.pt"])
def test_files_to_continue_from_give_network_and_class_weights(folder, source):
    write_resume(folder, [0, 1])
    torch.save(iresnet(), folder / "model.pt")
    convert_checkpoint(folder / source, folder.with_name("converted"))
    assert torch.equal(converted_weights(folder), CLASS_WEIGHTS)


@pytest.mark.filterwarnings("ignore")
def test_a_header_beside_the_network_says_elasticface(folder):
    torch.save(iresnet(), folder / "295672backbone.pth")
    torch.save({"kernel": CLASS_WEIGHTS.T.contiguous()}, folder / "295672header.pth")
    card = convert_checkpoint(folder, folder.with_name("converted"))
    assert card.source["family"] == "elasticface"
    assert torch.equal(converted_weights(folder), CLASS_WEIGHTS)


def test_a_header_of_another_step_is_left_alone(folder):
    torch.save(iresnet(), folder / "295672backbone.pth")
    torch.save(iresnet(), folder / "11372backbone.pth")
    torch.save({"kernel": CLASS_WEIGHTS.T.contiguous()}, folder / "11372header.pth")
    convert_checkpoint(folder / "295672backbone.pth", folder.with_name("converted"), "elasticface")
    assert not (folder.with_name("converted") / "classifier.safetensors").exists()


def test_several_networks_in_a_folder_are_listed(folder):
    for name in ("a.pth", "b.ckpt"):
        torch.save(iresnet(), folder / name)
    with pytest.raises(FembError, match=r"several networks: a\.pth, b\.ckpt"):
        find_files(folder)


def test_a_folder_without_weights_is_refused(folder):
    with pytest.raises(FembError, match="no file with weights"):
        find_files(folder)

"""Which files make up an official checkpoint, and the class weights among them."""

import warnings

import pytest
import torch
from safetensors.torch import load_file

from femb_cli.backbones import build_backbone
from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.files import hub
from femb_cli.errors import FembError

CLASS_WEIGHTS = torch.arange(5 * 8, dtype=torch.float32).reshape(5, 8)
"""Five identities; three and two of them on two ranks."""


def network():
    torch.manual_seed(0)
    return build_backbone("iresnet18", width=0.125, embedding_dim=8, input_size=32).state_dict()


def convert(source, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return convert_checkpoint(source, source.with_name("converted"), **options)


def converted_weights(source):
    return load_file(source.with_name("converted") / "classifier.safetensors")["weight"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "official").mkdir()
    return tmp_path / "official"


def write_zoo(folder, parts, name="rank_{}_softmax_weight.pt"):
    torch.save(network(), folder / "backbone.pth")
    for rank, part in parts.items():
        torch.save(part, folder / name.format(rank))
        torch.save(torch.zeros_like(part), folder / f"rank_{rank}_softmax_weight_mom.pt")


def write_resume(folder, ranks, step=7):
    for rank in ranks:
        state = {"epoch": 1, "global_step": step + rank * (step < 0), "state_dict_backbone": network()}
        head = {"weight": CLASS_WEIGHTS[3 * rank : 3 + 2 * rank]}
        torch.save({**state, "state_dict_softmax_fc": head}, folder / f"checkpoint_gpu_{rank}.pt")


@pytest.mark.parametrize("name", ["rank_{}_softmax_weight.pt", "rank:{}_softmax_weight.pt"])
def test_the_zoos_shards_are_joined_by_rank(folder, name):
    write_zoo(folder, {0: CLASS_WEIGHTS[:3], 1: CLASS_WEIGHTS[3:]}, name)
    card = convert(folder)
    assert (card.num_identities, card.source["family"]) == (5, "arcface_torch")
    assert torch.equal(converted_weights(folder), CLASS_WEIGHTS)
    assert f"sha256 of {name.format(1)}" in card.source


def test_ranks_are_ordered_as_numbers(folder):
    many = torch.arange(11 * 8, dtype=torch.float32).reshape(11, 8)
    write_zoo(folder, {rank: many[rank : rank + 1] for rank in range(11)})
    convert(folder)
    assert torch.equal(converted_weights(folder), many)


def test_a_gap_in_the_ranks_names_the_missing(folder):
    write_zoo(folder, {0: CLASS_WEIGHTS[:2], 2: CLASS_WEIGHTS[2:4]})
    with pytest.raises(FembError, match="rank 1 are missing"):
        convert(folder)


@pytest.mark.parametrize(
    "parts, complaint",
    [
        ({0: CLASS_WEIGHTS[:2], 1: CLASS_WEIGHTS[2:]}, "rank 0 has 3"),
        ({0: CLASS_WEIGHTS[:3], 1: CLASS_WEIGHTS[3:, :4]}, "4 numbers for embeddings of 8"),
        ({0: CLASS_WEIGHTS[0]}, "no class weights"),
        ({0: torch.full((5, 8), float("nan"))}, "class weights holds values that are not finite"),
    ],
)
def test_shards_that_do_not_belong_together_are_refused(folder, parts, complaint):
    write_zoo(folder, parts)
    with pytest.raises(FembError, match=complaint):
        convert(folder)
    assert not folder.with_name("converted").exists()


@pytest.mark.parametrize("source", [".", "checkpoint_gpu_1.pt"])
def test_files_to_continue_from_give_network_and_class_weights(folder, source):
    write_resume(folder, [0, 1])
    torch.save(network(), folder / "model.pt")
    convert_checkpoint(folder / source, folder.with_name("converted"))
    assert torch.equal(converted_weights(folder), CLASS_WEIGHTS)


def test_rank_1_alone_says_that_rank_0_is_missing(folder):
    write_resume(folder, [1])
    with pytest.raises(FembError, match="rank 0 are missing"):
        convert(folder)


def test_files_of_different_steps_are_refused(folder):
    write_resume(folder, [0, 1], step=-7)
    with pytest.raises(FembError, match="not of the same global_step"):
        convert(folder)


def test_a_header_beside_the_network_says_elasticface(folder):
    torch.save(network(), folder / "295672backbone.pth")
    torch.save({"kernel": CLASS_WEIGHTS.T.contiguous()}, folder / "295672header.pth")
    card = convert(folder)
    assert card.source["family"] == "elasticface"
    assert torch.equal(converted_weights(folder), CLASS_WEIGHTS)


def test_a_header_of_another_step_is_left_alone(folder):
    torch.save(network(), folder / "295672backbone.pth")
    torch.save(network(), folder / "11372backbone.pth")
    torch.save({"kernel": CLASS_WEIGHTS.T.contiguous()}, folder / "11372header.pth")
    convert_checkpoint(folder / "295672backbone.pth", folder.with_name("converted"), "elasticface")
    assert not (folder.with_name("converted") / "classifier.safetensors").exists()


def test_several_networks_in_a_folder_are_listed(folder):
    for name in ("a.pth", "b.ckpt"):
        torch.save(network(), folder / name)
    with pytest.raises(FembError, match=r"several networks: a\.pth, b\.ckpt"):
        convert(folder)


def test_a_folder_without_weights_is_refused(folder):
    with pytest.raises(FembError, match="no file with weights"):
        convert(folder)


def test_an_id_on_the_hub_is_fetched_as_weights_and_settings_only(folder, monkeypatch):
    asked = []

    def snapshot(name, *, revision, allow_patterns):
        asked.extend([name, revision, *allow_patterns])
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    write_zoo(folder, {})
    (folder / "backbone.pth").rename(folder / "model.pt")
    (folder / "model.safetensors").touch()
    assert hub.download_weights("owner/name@v1", lambda _: None) == folder
    assert asked == ["owner/name", "v1", "*.safetensors", "model.yaml", "config.json"]


def test_an_id_that_cannot_be_fetched_is_explained(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    with pytest.raises(FembError, match="neither a file owner/name here .*no network"):
        convert_checkpoint("owner/name", tmp_path / "converted", say=lambda _: None)

"""Class weights beside the network, inside its file or in files of their own."""

import warnings

import pytest
import torch
from official_files import convert as convert_content
from official_files import ir, iresnet, magface
from safetensors.torch import load_file

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.errors import FembError

CLASS_WEIGHTS = torch.arange(5 * 8, dtype=torch.float32).reshape(5, 8)


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
    torch.save(iresnet(), folder / "backbone.pth")
    for rank, part in parts.items():
        torch.save(part, folder / name.format(rank))
        torch.save(torch.zeros_like(part), folder / f"rank_{rank}_softmax_weight_mom.pt")


def write_resume(folder, ranks, step=7):
    for rank in ranks:
        state = {"epoch": 1, "global_step": step + rank * (step < 0), "state_dict_backbone": iresnet()}
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
        ({0: CLASS_WEIGHTS[:2], 1: CLASS_WEIGHTS[2:]}, "rank 0 of 2 needs 3 of the 5"),
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


def test_files_of_different_steps_are_refused(folder):
    write_resume(folder, [0, 1], step=-7)
    with pytest.raises(FembError, match="different values of global_step"):
        convert(folder)


def test_rank_1_alone_says_that_rank_0_is_missing(folder):
    write_resume(folder, [1])
    with pytest.raises(FembError, match="rank 0 are missing"):
        convert(folder)


def test_magfaces_class_weights_become_one_row_an_identity(tmp_path):
    content = magface("module.features.")
    content["state_dict"]["module.fc.weight"] = torch.arange(40.0).reshape(8, 5)
    card = convert_content(tmp_path, content)
    weight = load_file(tmp_path / "converted/classifier.safetensors")["weight"]
    assert torch.equal(weight, torch.arange(40.0).reshape(8, 5).T)
    assert (card.num_identities, card.magnitude_is_quality) == (5, True)


def test_topofrs_class_weights_are_among_the_networks_tensors(tmp_path):
    plain = convert_content(tmp_path, iresnet())
    card = convert_content(tmp_path, {**iresnet(), "weight": CLASS_WEIGHTS}, overwrite=True)
    assert (card.source["family"], card.num_identities, card.fingerprint) == ("TopoFR", 5, plain.fingerprint)
    assert torch.equal(load_file(tmp_path / "converted/classifier.safetensors")["weight"], CLASS_WEIGHTS)


@pytest.mark.parametrize(
    "beside",
    [
        {"fc7.weight": CLASS_WEIGHTS, "fc7.bias": torch.zeros(5)},
        {"head": {"kernel": CLASS_WEIGHTS.T.contiguous(), "t": torch.zeros(1)}},
    ],
    ids=["in the same mapping", "under a key of its own"],
)
def test_one_matrix_of_the_right_size_is_taken_for_class_weights_with_a_remark(tmp_path, beside):
    remarks = []
    card = convert_content(tmp_path, {**iresnet(), **beside}, family_name="arcface", say=remarks.append)
    assert card.num_identities == 5
    assert torch.equal(load_file(tmp_path / "converted/classifier.safetensors")["weight"], CLASS_WEIGHTS)
    assert remarks[0].endswith(("fc7.bias", "head.t"))
    assert "for the class weights of 5 identities" in remarks[1]


@pytest.mark.parametrize(
    "beside",
    [
        {"head.a": CLASS_WEIGHTS, "head.b": CLASS_WEIGHTS},
        {"head.a": torch.zeros(8, 8)},
        {"head.a": CLASS_WEIGHTS.T[:3]},
    ],
)
def test_matrices_that_may_be_anything_are_left_with_a_remark(tmp_path, beside):
    remarks, prefixed = [], {f"net.{name}": tensor for name, tensor in iresnet().items()}
    card = convert_content(tmp_path, {**prefixed, **beside}, family_name="arcface", say=remarks.append)
    assert card.num_identities is None
    assert "not converted, because they are beside the network" in remarks[0]
    assert not (tmp_path / "converted/classifier.safetensors").exists()


@pytest.mark.parametrize(
    "network, shard, content",
    [
        (
            "model.pt",
            "classifier_rank{}.pt",
            lambda part: {"partial_fc.weight": part, "partial_fc.batch_mean": torch.ones(1)},
        ),
        ("Backbone_Epoch_2_checkpoint.pth", "HEAD_Epoch_2_Split_{}_checkpoint.pth", lambda part: {"task": part.T}),
        (
            "Backbone_Epoch_2_checkpoint.pth",
            "HEAD_Epoch_2_Split_{}_checkpoint.pth",
            lambda part: {"task": {"kernel": part.T}},
        ),
    ],
    ids=["CVLface", "TFace", "TFace, of modules"],
)
def test_the_shards_of_cvlface_and_tface_are_joined_by_rank(folder, network, shard, content):
    torch.save(ir("net." if network == "model.pt" else ""), folder / network)
    for rank, part in enumerate((CLASS_WEIGHTS[:3], CLASS_WEIGHTS[3:])):
        torch.save(content(part), folder / shard.format(rank))
    card = convert(folder, family_name="cvlface" if network == "model.pt" else "tface")
    assert card.num_identities == 5
    assert torch.equal(converted_weights(folder), CLASS_WEIGHTS)


def test_tfaces_class_weights_of_another_epoch_are_left_alone(folder):
    torch.save(ir(), folder / "Backbone_Epoch_2_checkpoint.pth")
    torch.save(ir(), folder / "Backbone_Epoch_3_checkpoint.pth")
    torch.save({"task": CLASS_WEIGHTS.T}, folder / "HEAD_Epoch_3_Split_0_checkpoint.pth")
    source = folder / "Backbone_Epoch_2_checkpoint.pth"
    assert convert(source, family_name="tface").num_identities is None


def test_class_weights_that_repeat_a_row_are_refused(tmp_path):
    prefixed = {f"backbone.{name}": tensor for name, tensor in iresnet().items()}
    with pytest.raises(FembError, match=r"header\.weight"):
        convert_content(tmp_path, {"state_dict": {**prefixed, "header.weight": torch.ones(1, 8).expand(10**9, 8)}})


@pytest.mark.parametrize("content", [True, [1], {"state_dict_softmax_fc": True}, {"weight": 1}, {7: torch.ones(2, 8)}])
def test_shards_of_no_class_weights_are_refused_by_file(content, folder):
    torch.save(iresnet(), folder / "backbone.pth")
    torch.save(content, folder / "rank_0_softmax_weight.pt")
    with pytest.raises(FembError, match="rank_0_softmax_weight.pt"):
        convert(folder)

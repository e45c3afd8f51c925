"""Whose weights a file has, by the names of its tensors."""

import pytest
import torch
from official_files import convert, ir, iresnet, magface
from safetensors.torch import save_file

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.official.networks.ir import WITHOUT_INNER_NORM
from femb_cli.checkpoints.official.recognise import family_named
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.errors import FembError, UsageError


@pytest.mark.parametrize(
    "prefix, classifier", [("features.module.", "parallel_fc.weight"), ("module.features.", "module.fc.weight")]
)
def test_magface_is_recognised_under_both_prefixes(tmp_path, prefix, classifier):
    card = convert(tmp_path, magface(prefix, classifier))
    assert (card.source["family"], card.flip, card.preprocessing.channel_order) == ("magface", "none", "BGR")
    assert card.backbone.bn_eps == 2e-5
    loaded = open_checkpoint(tmp_path / "converted").load_backbone().state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in iresnet().items())


def test_the_layouts_are_recognised_in_safetensors_too(tmp_path):
    save_file(magface("features.module.", "parallel_fc.weight")["state_dict"], tmp_path / "model.safetensors")
    card = convert_checkpoint(tmp_path / "model.safetensors", tmp_path / "converted")
    assert card.source["family"] == "magface"


def test_a_plain_iresnet_is_taken_for_arcface_torchs_with_a_remark(tmp_path):
    warnings = []
    convert(tmp_path, iresnet(), say=warnings.append)
    assert "--from magface" in warnings[0] and "--from seed" in warnings[0]


@pytest.mark.parametrize("name, bn_eps", [("elasticface", 1e-5), ("MagFace", 2e-5), ("seed", 2e-5), ("arcface", 1e-5)])
def test_a_plain_iresnet_is_whose_one_says(tmp_path, name, bn_eps):
    card = convert(tmp_path, iresnet(), family_name=name)
    assert card.source["family"].startswith(name.lower())
    assert card.backbone.bn_eps == bn_eps


def test_a_plain_ir_could_be_of_several_families_and_asks(tmp_path):
    with pytest.raises(FembError, match="adaface or cvlface or tface") as caught:
        convert(tmp_path, ir())
    assert "--from adaface or --from cvlface or --from tface" in caught.value.hint
    assert "adaface BGR" in caught.value.hint


def test_an_ir_without_inner_norms_is_not_taken_for_face_evolves_in_silence(tmp_path):
    """InsightFace_Pytorch's file has the same tensors, but wants BGR."""
    with pytest.raises(FembError, match="face.evoLVe or CurricularFace or InsightFace_Pytorch or FaceX-Zoo"):
        convert(tmp_path, ir(layers=WITHOUT_INNER_NORM))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "encoder.", "backbone.", "module.backbone.", "a.b.c."])
def test_a_network_under_any_prefix_is_that_without_it(tmp_path, prefix):
    remarks, plain_remarks = [], []
    plain = convert(tmp_path, iresnet(), say=plain_remarks.append)
    named = {f"{prefix}{name}": tensor for name, tensor in iresnet().items()}
    card = convert(tmp_path, named, say=remarks.append, overwrite=True)
    assert card.fingerprint == plain.fingerprint
    assert remarks == plain_remarks


def test_the_prefix_of_a_training_wrapper_names_no_family(tmp_path):
    with pytest.raises(FembError, match="adaface or cvlface or tface"):
        convert(tmp_path, ir("module."))


def test_a_prefix_that_a_family_often_has_is_a_guess_that_is_said(tmp_path):
    remarks = []
    card = convert(tmp_path, ir("model."), say=remarks.append)
    assert card.source["family"] == "adaface"
    assert "because of the prefix 'model.'" in remarks[0]
    assert "--from cvlface or --from tface" in remarks[0]
    assert convert(tmp_path, ir("model."), family_name="tface", overwrite=True).source["family"] == "tface"


@pytest.mark.parametrize("class_weights", ["header.weight", "header.kernel"])
def test_a_header_is_proof_of_the_seed(tmp_path, class_weights):
    content = {f"backbone.{name}": tensor for name, tensor in iresnet().items()}
    shape = (5, 8) if class_weights == "header.weight" else (8, 5)
    remarks = []
    card = convert(tmp_path, {"state_dict": {**content, class_weights: torch.ones(shape)}}, say=remarks.append)
    assert (card.source["family"], card.backbone.bn_eps, card.num_identities, remarks) == ("seed", 2e-5, 5, [])


def test_class_weights_of_a_familys_name_elsewhere_are_a_guess_that_is_said(tmp_path):
    remarks = []
    card = convert(tmp_path, {**iresnet(), "header.weight": torch.ones(5, 8)}, say=remarks.append)
    assert card.source["family"] == "seed"
    assert "because of its class weights, header.weight" in remarks[0]
    remarks.clear()
    content = {"backbone": iresnet(), "header": {"weight": torch.ones(5, 8)}}
    assert convert(tmp_path, content, say=remarks.append, overwrite=True).source["family"] == "arcface_torch"
    assert "--from seed" in remarks[0]


def test_an_unknown_family_gets_the_one_most_like_it(tmp_path):
    with pytest.raises(UsageError, match="unknown family 'insightfac_'") as caught:
        convert(tmp_path, iresnet(), family_name="insightfac_")
    assert caught.value.hint == "did you mean 'insightface'?"


def test_a_whole_name_is_no_beginning_of_another():
    assert family_named("insightface").name == "insightface"
    assert family_named("InsightFace_P").name == "InsightFace_Pytorch"


def test_a_family_that_is_asked_for_must_have_such_networks(tmp_path):
    content = {f"backbone.{name}": tensor for name, tensor in iresnet().items()}
    assert convert(tmp_path, content, family_name="magface").preprocessing.channel_order == "BGR"
    with pytest.raises(FembError, match=r"not of the family tface: it holds an IResNet under the prefix 'backbone\.'"):
        convert(tmp_path, content, family_name="tface", overwrite=True)

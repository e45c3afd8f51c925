"""Whose weights a file has, by the names of its tensors."""

import pytest
import torch
from official_files import convert, ir, iresnet, magface
from safetensors.torch import save_file

from femb_cli.checkpoints.official import convert_checkpoint
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


def test_a_plain_ir_could_be_of_two_families_and_asks(tmp_path):
    with pytest.raises(FembError, match="adaface or tface") as caught:
        convert(tmp_path, ir())
    assert "--from adaface or --from tface" in caught.value.hint


def test_a_prefix_of_parallel_training_is_taken_off(tmp_path):
    card = convert(tmp_path, ir("module."))
    assert card.source["family"] == "tface"


def test_an_unknown_family_lists_the_known(tmp_path):
    with pytest.raises(UsageError, match="arcface_torch, magface, elasticface"):
        convert(tmp_path, iresnet(), family_name="facenet")


def test_a_family_that_is_asked_for_is_not_guessed(tmp_path):
    content = {f"backbone.{name}": tensor for name, tensor in iresnet().items()}
    with pytest.raises(FembError, match=r"not of the family magface: .* prefix 'backbone\.'"):
        convert(tmp_path, content, family_name="magface")
    with pytest.raises(FembError, match="not of the family tface"):
        convert(tmp_path, content, family_name="tface")


def test_a_prefix_that_no_family_has_is_named(tmp_path):
    content = {f"encoder.{name}": tensor for name, tensor in iresnet().items()}
    with pytest.raises(FembError, match=r"no family .*no IResNet has the prefix 'encoder\.'"):
        convert(tmp_path, content)

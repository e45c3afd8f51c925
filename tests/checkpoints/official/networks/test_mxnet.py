"""IResNet under the names of insightface's MXNet code."""

import numpy as np
import pytest
import torch
from mxnet_files import iresnet_params, write_params
from official_files import iresnet
from safetensors.torch import load_file

from femb_cli.checkpoints.official import convert_checkpoint
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.errors import FembError


def test_every_tensor_gets_its_place_and_the_last_norm_a_weight_of_one(tmp_path):
    arrays = iresnet_params(iresnet())
    arrays["arg:fc1_gamma"] = np.full(8, 3.0, np.float32)  # MXNet does not use it: fix_gamma
    write_params(tmp_path / "model-0000.params", arrays)
    remarks = []
    card = convert_checkpoint(tmp_path, tmp_path / "converted", say=remarks.append)
    assert "takes RGB and begins with (x - 127.5) * 0.0078125" in remarks[0]
    loaded = open_checkpoint(tmp_path / "converted").load_backbone().state_dict()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in iresnet().items() if "num_batches" not in name)
    assert (card.source["family"], card.backbone.bn_eps) == ("insightface_mxnet", 2e-5)
    mean, std = card.preprocessing.mean[0] * 255, card.preprocessing.std[0] * 255
    assert (mean, std, card.preprocessing.channel_order) == (127.5, 1 / 0.0078125, "RGB")


def test_class_weights_come_along(tmp_path):
    class_weights = np.arange(40, dtype=np.float32).reshape(5, 8)
    write_params(tmp_path / "a.params", iresnet_params(iresnet()) | {"arg:fc7_weight": class_weights})
    card = convert_checkpoint(tmp_path / "a.params", tmp_path / "converted", say=lambda _: None)
    assert card.num_identities == 5
    weight = load_file(tmp_path / "converted/classifier.safetensors")["weight"]
    np.testing.assert_array_equal(weight.numpy(), class_weights)


def test_a_layer_that_no_iresnet_has_is_named(tmp_path):
    gate = {"arg:stage1_unit1_se_conv1_weight": np.zeros((1, 8, 1, 1), np.float32)}
    write_params(tmp_path / "a.params", iresnet_params(iresnet()) | gate)
    with pytest.raises(FembError, match="se_conv1"):
        convert_checkpoint(tmp_path / "a.params", tmp_path / "converted", say=lambda _: None)

"""Files that hold more than weights: what stands beside them is neither imported nor run, and does no harm."""

import argparse
import os
import sys
from collections import OrderedDict
from pathlib import PurePosixPath
from types import ModuleType

import numpy as np
import pytest
import torch

from femb_cli.checkpoints.official.files.reading import read_plain
from femb_cli.errors import FembError


@pytest.fixture
def foreign(monkeypatch):
    """Makes a class of a package that is there while a file is written, and gone when it is read."""
    made = []

    def make(module: str, name: str, base: type = object) -> type:
        parts = module.split(".")
        for depth in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:depth]), ModuleType(".".join(parts[:depth])))
        kind = type(name, (base,), {"__module__": module})
        setattr(sys.modules[module], name, kind)
        made.append(parts)
        return kind

    return make


def test_lightnings_bystanders_become_empty_and_its_hyper_parameters_stay(foreign, monkeypatch, tmp_path):
    parsing = foreign("pytorch_lightning.utilities.parsing", "AttributeDict", dict)
    hyper_parameters = parsing(head="adaface", m=0.4, data=PurePosixPath("/data"))
    callback = foreign("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
    content = {
        "epoch": 25,
        "state_dict": OrderedDict(weight=torch.ones(3)),
        "callbacks": {callback: {"best_model_score": np.float64(0.9), "history": np.arange(3), "self": callback()}},
        "hyper_parameters": hyper_parameters,
        "arguments": argparse.Namespace(lr=0.1),
    }
    torch.save(content, tmp_path / "file.ckpt")
    monkeypatch.undo()
    read = read_plain(tmp_path / "file.ckpt")
    assert "pytorch_lightning" not in sys.modules
    assert read["epoch"] == 25
    assert torch.equal(read["state_dict"]["weight"], torch.ones(3))
    assert dict(read["hyper_parameters"]) == {"head": "adaface", "m": 0.4, "data": {}}
    assert read["arguments"] == {}


class _MakesFolder:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_code_beside_a_bystander_is_refused(tmp_path):
    content = {"score": np.float64(0.9), "weights": torch.ones(1), "attack": _MakesFolder(str(tmp_path / "made"))}
    torch.save(content, tmp_path / "file.ckpt")
    with pytest.raises(FembError, match=r"posix\.mkdir"):
        read_plain(tmp_path / "file.ckpt")
    assert not (tmp_path / "made").exists()


def test_a_network_of_a_bystanders_package_is_no_weights(foreign, tmp_path):
    """Only the class's name is known: its tensors are not looked for inside."""
    network = foreign("lightning.pytorch.core.module", "LightningModule")()
    network.weight = torch.ones(3)
    torch.save(network, tmp_path / "file.ckpt")
    assert read_plain(tmp_path / "file.ckpt") == {}

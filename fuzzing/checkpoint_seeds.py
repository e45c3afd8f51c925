"""The seeds of the format `checkpoint`: small valid checkpoints in the layouts of the official projects.

All hold the same IResNet-18 of a sixteenth of the width, with random weights of a fixed seed.
"""

import io
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save as to_safetensors
from seeds import Seed
from torch import Tensor

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.checksums import CHECKSUMS
from femb_cli.checkpoints.official.networks.ir import OUTSIDE_BLOCKS, SHORTCUT, WITH_INNER_NORM
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.export import ExportPlan, export_checkpoint

CONFIG = IResNetConfig("iresnet18", width=1 / 16, embedding_dim=8, input_size=32)
NUM_IDENTITIES = 5


def checkpoint_seeds() -> Iterator[Seed]:
    """Files and folders of every family that names its tensors like IResNet or IR."""
    network = network_tensors()
    class_weights = torch.linspace(-1, 1, NUM_IDENTITIES * 8).reshape(NUM_IDENTITIES, 8)
    yield _file("model.pt", network)
    yield _file("old.pth", network, old=True)
    yield Seed({"model.safetensors": to_safetensors(_contiguous(network))}, "model.safetensors")
    magface = {"epoch": 25, "arch": "iresnet18", "optimizer": {"state": {0: {"momentum": torch.ones(3)}}}}
    ddp = {f"features.module.{name}": tensor for name, tensor in network.items()}
    yield _file("magface.pth", {**magface, "state_dict": {**ddp, "parallel_fc.weight": class_weights}})
    dp = {f"module.features.{name}": tensor for name, tensor in network.items()}
    yield _file("dp.pth", {**magface, "state_dict": {**dp, "module.fc.weight": class_weights.T}}, old=True)
    lightning = {f"backbone.{name}": tensor.half() for name, tensor in network.items()}
    settings = {"header": "arcface", "n_classes": NUM_IDENTITIES, "best": np.float64(0.5), "path": Path("runs")}
    yield _file(
        "seed.ckpt", {"state_dict": {**lightning, "header.weight": class_weights}, "hyper_parameters": settings}
    )
    ir = {f"model.{name}": tensor for name, tensor in _as_ir(network).items()}
    head = {"head.kernel": class_weights.T, "head.t": torch.tensor(0.01)}
    yield _file("adaface.ckpt", {"state_dict": {**ir, **head}, "hyper_parameters": {"head": "adaface", "m": 0.4}})
    cvlface = {f"net.{name}": tensor for name, tensor in _as_ir(network).items()}
    yield Seed({"model.pt": _saved(cvlface), "model.yaml": b"name: ir18\ncolor_space: BGR\n"}, "model.pt")
    yield Seed({"model.pt": _saved(cvlface), "config.json": b'{"conf": {"color_space": "BGR"}}'}, "model.pt")
    evolve = {
        "backbone_Epoch_1.pth": _saved(_as_evolve(network)),
        "Head_Epoch_1.pth": _saved({"weight": class_weights}),
    }
    yield Seed(evolve, "backbone_Epoch_1.pth")
    parts = {f"rank_{rank}_softmax_weight.pt": _saved(class_weights[rank::2].clone()) for rank in (0, 1)}
    yield Seed({"backbone.pth": _saved(network), **parts}, "backbone.pth")
    states = [{"epoch": 3, "state_dict_backbone": network, "state_dict_softmax_fc": {"weight": class_weights}}] * 2
    yield Seed({f"checkpoint_gpu_{rank}.pt": _saved(state) for rank, state in enumerate(states)})
    yield Seed({"1backbone.pth": _saved(network), "1header.pth": _saved({"kernel": class_weights.T})}, "1backbone.pth")
    yield from _own_seeds()


def _own_seeds() -> Iterator[Seed]:
    """Checkpoints of femb, with and without class weights, and an ONNX file."""
    backbone = build_configured_backbone(CONFIG)
    backbone.load_state_dict(network_tensors())
    with tempfile.TemporaryDirectory() as folder:
        path, exported = Path(folder) / "saved", Path(folder) / "network.onnx"
        classifier = {"weight": torch.linspace(-1, 1, 8000).reshape(1000, 8)}
        save_checkpoint(path, backbone, ModelCard(CONFIG, Preprocessing(input_size=32)), classifier=classifier)
        # Without the checksums, so that damage reaches the readers.
        files = {file.name: file.read_bytes() for file in path.iterdir() if file.name != CHECKSUMS}
        yield Seed({"model.safetensors": files["model.safetensors"]})
        yield Seed(files)
        export_checkpoint(open_checkpoint(path), exported, ExportPlan("onnx"))
        yield Seed({"network.onnx": exported.read_bytes()}, "network.onnx")


def network_tensors() -> dict[str, Tensor]:
    """Return the weights of the network by name."""
    torch.manual_seed(0)
    return dict(build_configured_backbone(CONFIG).state_dict())


def _as_ir(network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under AdaFace's names, without those of the first shortcut, which AdaFace does not have."""
    blocks = [f"layer{stage}.{index}" for stage in (1, 2, 3, 4) for index in (0, 1)]
    names = {own: official for official, own in OUTSIDE_BLOCKS.items()}
    for number, block in enumerate(blocks):
        names |= {f"{block}.{name}": f"body.{number}.res_layer.{place}" for place, name in enumerate(WITH_INNER_NORM)}
        names |= {f"{block}.{own}": f"body.{number}.{official}" for official, own in SHORTCUT.items()}
    parts = {name: name.rpartition(".") for name in network if not name.startswith("layer1.0.downsample")}
    return {f"{names[module]}.{leaf}": network[name] for name, (module, _, leaf) in parts.items()}


def _as_evolve(network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors under face.evoLVe's names; it has no norm between a block's first convolution and PReLU."""
    before, after = re.compile(r"res_layer\.2\."), re.compile(r"res_layer\.([345])\.")
    return {
        after.sub(lambda match: f"res_layer.{int(match[1]) - 1}.", name): tensor
        for name, tensor in _as_ir(network).items()
        if not before.search(name)
    }


def _file(name: str, content: Any, *, old: bool = False) -> Seed:
    return Seed({name: _saved(content, old=old)}, name)


def _saved(content: Any, *, old: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not old)
    return buffer.getvalue()


def _contiguous(network: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.contiguous() for name, tensor in network.items()}

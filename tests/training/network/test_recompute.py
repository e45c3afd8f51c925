"""Activations that are computed again in the backward pass."""

import pytest
import torch

from femb_cli.backbones import build_backbone
from femb_cli.backbones.dropout import seed_draws
from femb_cli.training.network.recompute import recompute_blocks
from femb_cli.training.network.sync_batch_norm import synchronise_batch_norm

NETWORKS = {
    "iresnet18": {"embedding_dim": 8, "input_size": 16, "width": 0.0625, "dropout": 0.4},
    "ir18": {"embedding_dim": 8, "input_size": 16, "width": 0.0625},
    "vit_t": {"embedding_dim": 8, "input_size": 18, "drop_path": 0.5, "mask_ratio": 0.25},
    "mbf": {"embedding_dim": 8, "input_size": 16},
    "mobilefacenet": {"embedding_dim": 8, "input_size": 16},
}
IMAGES = torch.rand(4, 3, 18, 18, generator=torch.Generator().manual_seed(0)).double()


def gradients_and_buffers(name, recomputed, synchronised=False):
    torch.manual_seed(0)
    backbone = build_backbone(name, **NETWORKS[name]).double()
    if synchronised:
        synchronise_batch_norm(backbone, torch.device("cpu"))
    if recomputed:
        recompute_blocks(backbone)
    seed_draws(backbone, 1, torch.arange(4))
    size = backbone.input_size
    (backbone(IMAGES[:, :, :size, :size]) * torch.arange(8)).sum().backward()
    gradients = {key: value.grad for key, value in backbone.named_parameters() if value.grad is not None}
    return gradients | dict(backbone.named_buffers())


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_and_statistics_are_the_same(name):
    expected, actual = (gradients_and_buffers(name, recomputed) for recomputed in (False, True))
    assert actual.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(actual[key], value, rtol=1e-12, atol=1e-12, msg=key)


@pytest.mark.slow
def test_synchronised_norms_keep_their_statistics_too(processes):
    expected = processes(2).run(gradients_and_buffers, "iresnet18", False, True)[0]
    actual = processes(2).run(gradients_and_buffers, "iresnet18", True, True)[0]
    for key, value in expected.items():
        torch.testing.assert_close(actual[key], value, rtol=1e-12, atol=1e-12, msg=key)


def kept_bytes(recomputed):
    """Bytes of the tensors that the graph of an IResNet keeps."""
    torch.manual_seed(0)
    backbone = build_backbone("iresnet18", embedding_dim=8, input_size=32, width=0.25)
    if recomputed:
        recompute_blocks(backbone)
    sizes = {}

    def note(tensor):
        sizes[tensor.data_ptr()] = tensor.nbytes
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = backbone(torch.rand(8, 3, 32, 32))
    assert output.requires_grad
    return sum(sizes.values())


def test_less_is_kept():
    assert kept_bytes(True) < 0.7 * kept_bytes(False)

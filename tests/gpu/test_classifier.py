"""The classifier on a GPU: each header's loss and gradients in each way, and the fused update."""

import copy

import pytest
import torch
from chosen_device import DEVICE
from sgd_steps import three_steps

from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import HeaderConfig, SGDConfig
from femb_cli.config.section import choices
from femb_cli.headers import build_header

pytestmark = pytest.mark.gpu

DIM, IDENTITIES, BATCH = 64, 1000, 32
WAYS = {
    "plain": {},
    "in blocks": {"chunk": 300},
    "sampled": {"chunk": 300, "sample_rate": 0.3},
    "sampled, dense gradient": {"chunk": 300, "sample_rate": 0.3, "sparse_gradient": False},
}
SGD = {
    "plain": SGDConfig(lr=0.3),
    "nesterov": SGDConfig(lr=0.3, nesterov=True, classifier_weight_decay=0.1),
    "no momentum": SGDConfig(lr=0.3, momentum=0.0),
}


def loss_and_gradients(classifier: MarginClassifier, device: str) -> tuple[torch.Tensor, ...]:
    """The loss of one batch and its gradients, on the CPU."""
    classifier = copy.deepcopy(classifier).to(device)
    generator = torch.Generator().manual_seed(1)
    embeddings_BD = (4 * torch.randn(BATCH, DIM, generator=generator)).to(device).requires_grad_()
    labels_B = torch.randint(IDENTITIES, (BATCH,), generator=generator).to(device)
    classifier.seed(3, torch.arange(BATCH))
    loss = classifier(embeddings_BD, labels_B).loss
    loss.backward()
    gradient = classifier.weight.grad
    return loss.detach().cpu(), embeddings_BD.grad.cpu(), gradient.to_dense().cpu()


def assert_close(found: torch.Tensor, expected: torch.Tensor, rounding: float) -> None:
    torch.testing.assert_close(found, expected, rtol=rounding, atol=rounding * expected.abs().max().item())


@pytest.mark.parametrize("settings", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("header", choices(HeaderConfig))
def test_loss_and_gradients_are_those_of_the_cpu(header, settings):
    torch.manual_seed(0)
    classifier = MarginClassifier(build_header(header), DIM, IDENTITIES, **settings)
    expected, found = (loss_and_gradients(classifier, device) for device in ("cpu", DEVICE))
    for value, reference in zip(found, expected, strict=True):
        assert_close(value, reference, 1e-3)


def test_products_in_bfloat16_are_close_to_the_cpus():
    torch.manual_seed(0)
    classifier = MarginClassifier(build_header("arcface"), DIM, IDENTITIES, chunk=300, matmul_precision=torch.bfloat16)
    expected, found = (loss_and_gradients(classifier, device) for device in ("cpu", DEVICE))
    for value, reference in zip(found, expected, strict=True):
        assert_close(value, reference, 3e-2)


@pytest.mark.parametrize("config", SGD.values(), ids=SGD)
def test_the_update_in_the_backward_pass_is_that_of_torchs_sgd(config):
    weight, state, gradients = three_steps(config, fused=False, device=DEVICE)
    fused_weight, fused_state, fused_gradients = three_steps(config, fused=True, device=DEVICE)
    cpu_weight, _, _ = three_steps(config, fused=True)
    assert_close(fused_weight, weight, 1e-5)
    assert_close(fused_weight.cpu(), cpu_weight, 1e-3)
    assert_close(fused_gradients, gradients, 1e-5)
    for number, values in fused_state.items():
        assert_close(values["momentum_buffer"], state[number]["momentum_buffer"], 1e-5)

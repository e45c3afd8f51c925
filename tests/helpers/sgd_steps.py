"""A few steps of SGD on class weights, with and without the update in the backward pass."""

import torch
from torch import Tensor

from femb_cli.classifier import MarginClassifier
from femb_cli.config.schema import SGDConfig
from femb_cli.headers import build_header
from femb_cli.training.optim.fused_sgd import FusedSGD
from femb_cli.training.optim.optimizers import build_optimizer

EMBEDDINGS = torch.randn(3, 8, 16, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(8) % 20


def three_steps(
    config: SGDConfig, fused: bool, header: str = "arcface", device: str = "cpu", **settings: object
) -> tuple[Tensor, dict, Tensor]:
    """Return the class weights, their optimizer's state and the gradients of the embeddings."""
    torch.manual_seed(0)
    backbone, classifier = torch.nn.Linear(16, 16), MarginClassifier(build_header(header), 16, 20, chunk=7, **settings)
    backbone.to(device), classifier.to(device)
    optimizer = build_optimizer(config, backbone, classifier)
    if fused:
        FusedSGD(classifier, optimizer)
    gradients = []
    for step, inputs in enumerate(EMBEDDINGS):
        for group in optimizer.param_groups:
            group["lr"] = config.lr / (step + 1)
        embeddings = inputs.clone().to(device).requires_grad_()
        classifier.seed(step)
        classifier(embeddings, LABELS.to(device)).loss.backward()
        assert (classifier.weight.grad is None) == fused
        optimizer.step()
        optimizer.zero_grad()
        gradients.append(embeddings.grad)
    return classifier.weight.detach(), optimizer.state_dict()["state"], torch.stack(gradients)

"""Build the optimizer of a backbone and its classifier."""

from collections.abc import Iterator
from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer

from femb_cli.config.registry import build
from femb_cli.config.schema import Decayed, OptimizerConfig
from femb_cli.training.optim.sampled_rows import SampledRows

OF_GROUPS = ("lr_batch_size", "decayed", "classifier_lr", "classifier_weight_decay")
"""The settings that choose the groups and their rates; torch's optimizers do not have them."""
CLASSIFIER = "classifier"


def build_optimizer(config: OptimizerConfig, backbone: nn.Module, classifier: nn.Module | None = None) -> Optimizer:
    """Build one optimizer for all parameters of a backbone and its classifier.

    Frozen parameters (without gradient) are left out. Of class weights with a sparse gradient, only the rows in the
    gradient are updated.

    Args:
        config: the optimizer, its rates, and which parameters decay.
        backbone: the network.
        classifier: the class weights; they always decay.

    Raises:
        FembError: the settings do not fit each other.
    """
    decayed, others = split_by_decay(backbone, config.decayed)
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    if classifier is not None:
        own = config.classifier_weight_decay
        weight_decay = config.weight_decay if own is None else own
        groups.append({"params": list(classifier.parameters()), "weight_decay": weight_decay, "part": CLASSIFIER})
    groups = [{**group, "fused": _has_fused_step(group["params"])} for group in groups if group["params"]]
    optimizer: Optimizer = build(config, groups, without=OF_GROUPS)
    SampledRows(optimizer)
    return optimizer


def split_by_decay(network: nn.Module, decayed: Decayed) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split the trained parameters of a network into those that decay and the others."""
    parts: tuple[list[nn.Parameter], list[nn.Parameter]] = ([], [])
    for module, parameter in _trained_parameters(network):
        decays = (
            decayed == "all"
            or (decayed == "no_batch_norms" and not isinstance(module, _BatchNorm))
            or (decayed == "matrices" and parameter.ndim > 1)
        )
        parts[0 if decays else 1].append(parameter)
    return parts


def set_learning_rate(optimizer: Optimizer, config: OptimizerConfig, factor: float) -> None:
    """Set the learning rate of every parameter group: its configured rate times a factor."""
    for group in optimizer.param_groups:
        own = config.classifier_lr if group.get("part") == CLASSIFIER else None
        group["lr"] = factor * (config.lr if own is None else own)


def _has_fused_step(parameters: list[nn.Parameter]) -> bool:
    """Whether torch updates these parameters by one kernel, several times faster than by one for each operation."""
    return parameters[0].device.type in ("cpu", "cuda")


def _trained_parameters(network: nn.Module) -> Iterator[tuple[nn.Module, nn.Parameter]]:
    for module in network.modules():
        for parameter in module.parameters(recurse=False):
            if parameter.requires_grad:
                yield module, parameter

"""The optimizer over a backbone and its classifier."""

from torch import nn
from torch.optim import Optimizer

from femb_cli.config.registry import build
from femb_cli.config.schema import OptimizerConfig
from femb_cli.training.optim.sampled_rows import SampledRows


def build_optimizer(config: OptimizerConfig, *modules: nn.Module) -> Optimizer:
    """One optimizer for all parameters; biases, batch norms and PReLU slopes (one dimension) are not decayed.

    Class weights with a sparse gradient are updated where they have one, and nowhere else.
    """
    parameters = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
    groups = [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1]},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer: Optimizer = build(config, groups)
    SampledRows(optimizer)
    return optimizer


def set_learning_rate(optimizer: Optimizer, lr: float) -> None:
    """Set the rate of every group."""
    for group in optimizer.param_groups:
        group["lr"] = lr

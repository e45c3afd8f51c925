"""Build the optimizer of a backbone and its classifier."""

from torch import nn
from torch.optim import Optimizer

from femb_cli.config.registry import build
from femb_cli.config.schema import OptimizerConfig
from femb_cli.training.optim.sampled_rows import SampledRows


def build_optimizer(config: OptimizerConfig, *modules: nn.Module) -> Optimizer:
    """Build one optimizer for all parameters of some modules.

    Weight decay applies to matrices and kernels, not to biases, batch norms and PReLU slopes (one dimension). Of class
    weights with a sparse gradient, only the rows in the gradient are updated.

    Raises:
        FembError: the settings do not fit each other.
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
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = lr

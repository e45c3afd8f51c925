"""The exponential moving average of a network's weights.

After step n, counted from 0, the average moves towards the weights by 1 - d_n, with d_n = min(d, (1 + n) / (10 + n)).
So the first steps, far from the result, are soon forgotten. Batch norm statistics are those of the network.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from femb_cli.backbones import Backbone


def average_of(backbone: Backbone, decay: float) -> AveragedModel:
    """Return the average of a network that is trained; `update_parameters` moves it after a step."""
    return AveragedModel(backbone, multi_avg_fn=_move(decay))


def _move(decay: float) -> Callable[[Any, Any, Tensor | int], None]:
    @torch.no_grad()
    def move(averages: Any, weights: Any, step: Tensor | int) -> None:
        share = 1 - min(decay, (1 + int(step)) / (10 + int(step)))
        torch._foreach_lerp_(averages, weights, share)

    return move

"""The exponential moving average of a network's weights.

After step n, counted from 0, the average moves towards the weights by 1 - d_n, with d_n = min(d, (1 + n) / (10 + n)).
So the first steps, far from the result, are soon forgotten. Batch norm statistics are those of the network.
"""

from typing import Any

import torch
from torch.optim.swa_utils import AveragedModel

from femb_cli.backbones import Backbone


def average_of(backbone: Backbone, decay: float) -> AveragedModel:
    """Return the average of a network that is trained; `update_parameters` moves it after a step."""

    @torch.no_grad()
    def move(averages: Any, weights: Any, _: Any) -> None:
        # torch passes the number of steps on the network's device, where reading it would wait for a GPU.
        step = int(averaged.n_averaged)
        torch._foreach_lerp_(averages, weights, 1 - min(decay, (1 + step) / (10 + step)))

    averaged = AveragedModel(backbone, multi_avg_fn=move)
    return averaged

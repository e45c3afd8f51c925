"""Updates that touch only the sampled rows of the class weights, with any optimizer.

Under Partial FC a step sees some classes, and the weight's gradient is a sparse tensor of their rows. During the
optimizer's step these rows, with their part of its state (momentum), stand in for the whole weight as a small
parameter; afterwards they are written back. Nothing else is read or written: the other classes feel neither weight
decay nor momentum until they are sampled again.

arcface_torch's PartialFC_V2 gives unsampled classes a gradient of zeros instead, so that they still decay and drift
on with their momentum: `classifier.update: all` does the same.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class SampledRows:
    """Attach it to an optimizer: `SampledRows(optimizer)`. Parameters with dense gradients are stepped as ever."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.stand_ins: list[tuple[dict[str, Any], int, Tensor, Tensor]] = []
        optimizer.register_step_pre_hook(self._take_out)
        optimizer.register_step_post_hook(self._put_back)

    @torch.no_grad()
    def _take_out(self, optimizer: Optimizer, *_: Any) -> None:
        for group in optimizer.param_groups:
            for position, weight in enumerate(group["params"]):
                if weight.grad is not None and weight.grad.is_sparse:
                    gradient = weight.grad.coalesce()
                    rows = gradient.indices()[0]
                    sampled = nn.Parameter(weight[rows])
                    sampled.grad = gradient.values()
                    optimizer.state[sampled] = {
                        name: value[rows] if _is_per_row(value, weight) else value
                        for name, value in optimizer.state.get(weight, {}).items()
                    }
                    group["params"][position] = sampled
                    self.stand_ins.append((group, position, weight, rows))

    @torch.no_grad()
    def _put_back(self, optimizer: Optimizer, *_: Any) -> None:
        for group, position, weight, rows in self.stand_ins:
            sampled = group["params"][position]
            group["params"][position] = weight
            weight.index_copy_(0, rows, sampled)
            state = optimizer.state[weight]
            for name, value in optimizer.state.pop(sampled).items():
                if _is_per_row(value, sampled):
                    state.setdefault(name, torch.zeros_like(weight)).index_copy_(0, rows, value)
                else:
                    state[name] = value
        self.stand_ins.clear()


def _is_per_row(value: Any, weight: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == weight.shape

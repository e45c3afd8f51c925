"""Update only the sampled rows of the class weights, with any optimizer.

Under Partial FC a step samples some classes, and the gradient of the class weights is a sparse tensor of their rows.
For the optimizer's step, femb replaces the whole weight by a small parameter: these rows, with their part of the
optimizer's state (momentum). After the step it writes them back. So an unsampled class gets no weight decay and no
momentum until it is sampled again, and the cost of a step depends only on the number of sampled rows.

arcface_torch's PartialFC_V2 gives unsampled classes a gradient of zeros instead, so that they keep decaying and moving
by their momentum. `classifier.update: all` does the same.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer


class SampledRows:
    """Hooks on an optimizer's step, attached by `SampledRows(optimizer)`; dense gradients are not affected."""

    def __init__(self, optimizer: Optimizer) -> None:
        self.replaced: list[tuple[dict[str, Any], int, Tensor, Tensor]] = []
        optimizer.register_step_pre_hook(self._take_out)
        optimizer.register_step_post_hook(self._put_back)

    @torch.no_grad()
    def _take_out(self, optimizer: Optimizer, *_: Any) -> None:
        """Before a step, replace each weight that has a sparse gradient by its sampled rows."""
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
                    self.replaced.append((group, position, weight, rows))

    @torch.no_grad()
    def _put_back(self, optimizer: Optimizer, *_: Any) -> None:
        """After the step, write the rows and their state back into the weight."""
        for group, position, weight, rows in self.replaced:
            sampled = group["params"][position]
            group["params"][position] = weight
            weight.index_copy_(0, rows, sampled)
            state = optimizer.state[weight]
            for name, value in optimizer.state.pop(sampled).items():
                if _is_per_row(value, sampled):
                    state.setdefault(name, torch.zeros_like(weight)).index_copy_(0, rows, value)
                else:
                    state[name] = value
        self.replaced.clear()


def _is_per_row(value: Any, weight: Tensor) -> bool:
    """Whether a value of the optimizer's state has an entry for each entry of the weight."""
    return isinstance(value, Tensor) and value.shape == weight.shape

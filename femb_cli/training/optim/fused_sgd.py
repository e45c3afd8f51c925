"""Update the class weights within the classifier's backward pass, so that their gradient never exists.

The gradient of the class weights is as large as they are: 2 GB for a million identities. The backward pass computes it
block by block, and a block's gradient is used for nothing but its own update (no norm over all of it is clipped). So
each block takes its step of SGD as soon as its gradient is known, in the same memory for every block.

The numbers are those of `torch.optim.SGD`, whose state, the momentum, they use.

Shapes: C classes of this process, K classes of a block, D embedding dimension.
"""

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.sgd import sgd

from femb_cli.classifier import MarginClassifier


class FusedSGD:
    """The step of SGD for a block of class weights; attaches itself to the classifier.

    Args:
        classifier: its backward pass calls this for each block, and gives its weight no gradient.
        optimizer: a `torch.optim.SGD` with the class weights in a group of their own: the group's rate, momentum and
            weight decay are those of the step, and must be set before the backward pass.
    """

    def __init__(self, classifier: MarginClassifier, optimizer: Optimizer) -> None:
        self.weight, self.optimizer = classifier.weight, optimizer
        classifier.update_block = self

    @torch.no_grad()
    def __call__(self, start: int, stop: int, gradient_KD: Tensor) -> None:
        """Update the class weights from row `start` to `stop`; the gradient is overwritten."""
        # Looked up in each step: an optimizer that loads a checkpoint makes new groups.
        group = next(group for group in self.optimizer.param_groups if group["params"][0] is self.weight)
        settings = ("lr", "momentum", "weight_decay", "nesterov", "fused")
        sgd(
            [self.weight[start:stop]],
            [gradient_KD],
            [self._momentum_buffer()[start:stop] if group["momentum"] else None],
            **{name: group[name] for name in settings},
            foreach=False,
            dampening=0.0,
            maximize=False,
        )

    def _momentum_buffer(self) -> Tensor:
        """Return the optimizer's own buffer, (C, D), which checkpoints hold; zeros before the first step."""
        state = self.optimizer.state[self.weight]
        if state.get("momentum_buffer") is None:
            state["momentum_buffer"] = torch.zeros_like(self.weight)
        buffer: Tensor = state["momentum_buffer"]
        return buffer

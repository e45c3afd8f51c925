"""Batch norm over the batches of all processes, so that a run is the same on any number of them, up to rounding.

torch's SyncBatchNorm does this on GPUs; on a CPU it refuses to work, so there is an own one. Both keep the names of
batch norm's tensors, so checkpoints are the same.

Shapes: B images in this process's part of the batch, C channels, P processes.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from femb_cli.runtime.collectives import all_gather_detached, all_reduce, group_size


def synchronise_batch_norm(network: nn.Module, device: torch.device) -> None:
    """Replace every batch norm of a network, in place, by one over the batches of all processes.

    Args:
        network: has batch norms somewhere below it; their parameters and buffers are kept.
        device: where the network will compute.
    """
    for name, child in network.named_children():
        if not isinstance(child, _BatchNorm):
            synchronise_batch_norm(child, device)
        elif device.type == "cuda":
            network.add_module(name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        else:
            network.add_module(name, SyncBatchNormOnCPU.of(child))


class SyncBatchNormOnCPU(_BatchNorm):
    """Batch norm over the batches of all processes, in any number of dimensions."""

    @classmethod
    def of(cls, norm: _BatchNorm) -> "SyncBatchNormOnCPU":
        """Return a synchronised norm with the parameters and buffers of another one."""
        synchronised = cls(norm.num_features, norm.eps, norm.momentum)
        for name, parameter in norm.named_parameters(recurse=False):
            setattr(synchronised, name, parameter)
        for name, buffer in norm.named_buffers(recurse=False):
            setattr(synchronised, name, buffer)
        return synchronised.train(norm.training)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise a tensor (B, C, ...)."""
        if not self.training or group_size() == 1:
            return super().forward(input)
        output, mean_C, variance_C, count = _NormaliseTogether.apply(input, self.weight, self.bias, self.eps)
        self._update_statistics(mean_C, variance_C * (count / (count - 1)))
        return output

    @torch.no_grad()
    def _update_statistics(self, mean_C: Tensor, variance_C: Tensor) -> None:
        """Move the running statistics towards those of the batch, as torch does."""
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        assert self.momentum is not None, "femb's backbones have a momentum"
        self.running_mean.lerp_(mean_C.to(self.running_mean), self.momentum)
        self.running_var.lerp_(variance_C.to(self.running_var), self.momentum)
        self.num_batches_tracked += 1

    def _check_input_dim(self, input: Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"batch norm needs (B, C, ...), not {tuple(input.shape)}")


class _NormaliseTogether(torch.autograd.Function):
    """(x - mean) / sqrt(variance + eps) * weight + bias, with mean and variance over all processes.

    The gradient of x contains means over all processes, which are summed; those of weight and bias stay this process's
    part, which DDP sums. Statistics of half-precision inputs are computed in float32.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight_C: Tensor, bias_C: Tensor, eps: float
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        wide = x.to(weight_C.dtype)
        mean_C, variance_C, count = _statistics(wide)
        inverse_C = torch.rsqrt(variance_C + eps)
        normalised = (wide - _as(mean_C, x)) * _as(inverse_C, x)
        ctx.save_for_backward(x, weight_C, mean_C, inverse_C, count)
        ctx.mark_non_differentiable(mean_C, variance_C, count)
        output = normalised * _as(weight_C, x) + _as(bias_C, x)
        return output.to(x.dtype), mean_C, variance_C, count

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor, None]:
        x, weight_C, mean_C, inverse_C, count = ctx.saved_tensors
        wide = gradient.to(weight_C.dtype)
        normalised = (x.to(weight_C.dtype) - _as(mean_C, x)) * _as(inverse_C, x)
        bias_gradient_C = wide.sum(_all_but_channels(x))
        weight_gradient_C = (wide * normalised).sum(_all_but_channels(x))
        means_2C = all_reduce(torch.stack([bias_gradient_C, weight_gradient_C])) / count
        centred = wide - _as(means_2C[0], x) - normalised * _as(means_2C[1], x)
        return (centred * _as(weight_C * inverse_C, x)).to(x.dtype), weight_gradient_C, bias_gradient_C, None


def _statistics(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return mean (C,), variance (C,) and number of values per channel, over all processes.

    Each process sums the squared deviations from its own mean, and these are put together without cancellation.

    Chan, Golub, LeVeque: Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979, equation 2.1.
    """
    dims = _all_but_channels(x)
    own_mean_C = x.mean(dims)
    own_square_C = (x - _as(own_mean_C, x)).square().sum(dims)
    own_count = x.new_full((1,), x.numel() / x.shape[1])
    own = torch.cat([own_mean_C, own_square_C, own_count])
    parts = all_gather_detached(own[None], [1] * group_size())
    means_PC, squares_PC, counts_P1 = parts.split([x.shape[1], x.shape[1], 1], 1)
    count = counts_P1.sum()
    mean_C = (means_PC * counts_P1).sum(0) / count
    squares_C = (squares_PC + (means_PC - mean_C).square() * counts_P1).sum(0)
    return mean_C, squares_C / count, count


def _all_but_channels(x: Tensor) -> list[int]:
    return [dim for dim in range(x.dim()) if dim != 1]


def _as(values_C: Tensor, x: Tensor) -> Tensor:
    """Shape one value per channel so that it broadcasts over (B, C, ...)."""
    return values_C.view(1, -1, *[1] * (x.dim() - 2))

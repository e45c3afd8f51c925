"""Collectives with gradients, for the processes that share a classifier.

Every process computes the same loss from the same batch, so most tensors and their gradients are *replicated*: equal on
every rank. Where a rank continues with its own class weights alone, the gradient that comes back is only its part of
the sum: `all_reduce_gradient` adds the parts up. With one process every function returns its input.
"""

from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor


def world_size() -> int:
    """How many processes there are."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def rank() -> int:
    """The number of this one."""
    return distributed.get_rank() if world_size() > 1 else 0


def all_gather_counts(tensor: Tensor) -> list[int]:
    """How many rows each process has; they may differ."""
    if world_size() == 1:
        return [len(tensor)]
    counts = torch.zeros(world_size(), dtype=torch.long, device=tensor.device)
    counts[rank()] = len(tensor)
    distributed.all_reduce(counts)
    return counts.tolist()


def all_gather_detached(tensor: Tensor, counts: list[int]) -> Tensor:
    """Concatenate the rows of all processes, without a gradient."""
    if len(counts) == 1:
        return tensor
    padded = tensor.new_zeros(max(counts), *tensor.shape[1:])
    padded[: len(tensor)] = tensor.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    distributed.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def all_gather(tensor: Tensor, counts: list[int]) -> Tensor:
    """Concatenate the rows of all processes; each gets back the gradient of its own."""
    return tensor if len(counts) == 1 else _AllGather.apply(tensor, counts)


def all_reduce_gradient(tensor: Tensor) -> Tensor:
    """The same tensor, whose gradient is added up over the processes on its way back."""
    return tensor if world_size() == 1 else _AllReduceGradient.apply(tensor)


def all_reduce(tensor: Tensor) -> Tensor:
    """The sum over the processes, without a gradient."""
    total = tensor.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(total)
    return total


def gather_to_main(tensor: Tensor) -> Tensor:
    """Concatenate the rows of all processes in the first one's main memory, a process at a time; others get theirs."""
    counts = all_gather_counts(tensor)
    if rank() > 0:
        distributed.send(tensor.detach().contiguous(), dst=0)
        return tensor
    whole = torch.empty(sum(counts), *tensor.shape[1:], dtype=tensor.dtype)
    whole[: counts[0]] = tensor.detach()
    for source in range(1, len(counts)):
        start = sum(counts[:source])
        part = tensor.new_empty(counts[source], *tensor.shape[1:])
        distributed.recv(part, src=source)
        whole[start : start + counts[source]] = part
    return whole


def scale_gradient(tensor: Tensor, factor: float) -> Tensor:
    """The same tensor, whose gradient is multiplied on its way back."""
    return _ScaleGradient.apply(tensor, factor)


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, counts: list[int]) -> Tensor:
        start = sum(counts[: rank()])
        ctx.own = slice(start, start + counts[rank()])
        return all_gather_detached(tensor, counts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient[ctx.own], None


class _AllReduceGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return all_reduce(gradient)


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None

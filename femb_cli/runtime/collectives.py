"""Collectives with gradients, for the processes that share a classifier.

All processes compute the same loss from the same batch, so most tensors and their gradients are *replicated*: equal on
every rank. When each rank multiplies the embeddings by its own class weights only, its gradient is one part of the sum
over all class weights; `all_reduce_gradient` adds the parts up. Without a process group, or in a group of one process,
every function returns its input.
"""

from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor

from femb_cli.runtime.ranks import has_joined_group, rank, world_size


def group_size() -> int:
    """The number of processes that the collectives reach; 1 in a process that has joined no group."""
    return world_size() if has_joined_group() else 1


def group_rank() -> int:
    """The rank of this process in the group, from 0."""
    return rank() if has_joined_group() else 0


def all_gather_counts(tensor: Tensor) -> list[int]:
    """The number of rows that each process has; they may differ."""
    if group_size() == 1:
        return [len(tensor)]
    counts = torch.zeros(group_size(), dtype=torch.long, device=tensor.device)
    counts[group_rank()] = len(tensor)
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
    """Concatenate the rows of all processes; each process receives the gradient of its own rows."""
    return tensor if len(counts) == 1 else _AllGather.apply(tensor, counts)


def all_reduce_gradient(tensor: Tensor) -> Tensor:
    """Return the tensor itself; in the backward pass its gradient is summed over the processes."""
    return tensor if group_size() == 1 else _AllReduceGradient.apply(tensor)


def all_reduce(tensor: Tensor) -> Tensor:
    """Sum the tensor over the processes, without a gradient."""
    total = tensor.detach().clone()
    if group_size() > 1:
        distributed.all_reduce(total)
    return total


def gather_to_main(tensor: Tensor) -> Tensor:
    """Concatenate the rows of all processes on rank 0, in CPU memory; other ranks get their own tensor back.

    The processes send one after the other, so that a GPU never holds more than two parts.
    """
    counts = all_gather_counts(tensor)
    if group_rank() > 0:
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
    """Return the tensor itself; in the backward pass its gradient is multiplied by the factor."""
    return _ScaleGradient.apply(tensor, factor)


class _AllGather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, counts: list[int]) -> Tensor:
        start = sum(counts[: group_rank()])
        ctx.own = slice(start, start + counts[group_rank()])
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

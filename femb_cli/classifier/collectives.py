"""Exchange between the processes that share a classifier, with gradients.

Every process computes the same loss from the same batch, so most tensors and their gradients are *replicated*: the
same everywhere. Where a process goes on with its own class weights alone, the gradient that comes back is its part
of the whole: `share` stands there and adds the parts up. With one process, all of this passes its input through.
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


def count_rows(tensor: Tensor) -> list[int]:
    """How many rows each process has; they may differ."""
    if world_size() == 1:
        return [len(tensor)]
    counts = torch.zeros(world_size(), dtype=torch.long, device=tensor.device)
    counts[rank()] = len(tensor)
    distributed.all_reduce(counts)
    return counts.tolist()


def gather_rows(tensor: Tensor, counts: list[int]) -> Tensor:
    """Concatenate the rows of all processes, without a gradient."""
    if len(counts) == 1:
        return tensor
    padded = tensor.new_zeros(max(counts), *tensor.shape[1:])
    padded[: len(tensor)] = tensor.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    distributed.all_gather(parts, padded)
    return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])


def gather(tensor: Tensor, counts: list[int]) -> Tensor:
    """Concatenate the rows of all processes; each gets back the gradient of its own."""
    return tensor if len(counts) == 1 else _Gather.apply(tensor, counts)


def share(tensor: Tensor) -> Tensor:
    """The same tensor, whose gradient is added up over the processes on its way back."""
    return tensor if world_size() == 1 else _Share.apply(tensor)


def add_up(tensor: Tensor) -> Tensor:
    """The sum over the processes, without a gradient."""
    total = tensor.detach().clone()
    if world_size() > 1:
        distributed.all_reduce(total)
    return total


def assemble_rows(tensor: Tensor) -> Tensor:
    """Concatenate the rows of all processes in the first one's main memory, a process at a time; others get theirs."""
    counts = count_rows(tensor)
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


def multiply_gradient(tensor: Tensor, factor: float) -> Tensor:
    """The same tensor, whose gradient is multiplied on its way back."""
    return _MultiplyGradient.apply(tensor, factor)


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, counts: list[int]) -> Tensor:
        start = sum(counts[: rank()])
        ctx.own = slice(start, start + counts[rank()])
        return gather_rows(tensor, counts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient[ctx.own], None


class _Share(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return add_up(gradient)


class _MultiplyGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, tensor: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return gradient * ctx.factor, None

"""The softmax over many identities without its logits: one pass over blocks of classes, another for the gradient.

The cross-entropy of a sample needs two numbers: its target's logit t, and the log-sum-exp n of all other logits,

    loss = log(exp(t) + exp(n)) - t = softplus(n - t).

The second is gathered block by block (Milakov, Gimelshein: Online normalizer calculation for softmax, 2018,
https://arxiv.org/abs/1805.02867, algorithm 3); backward computes each block again instead of keeping it. So of the
B x C logits only B x chunk ever exist, and beside the class weights' gradient the memory does not grow with C.

Shapes: B samples, D embedding dimension, C local classes that take part, K classes of one block.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from femb_cli.headers import Header

EPSILON = 1e-12
"""Smallest norm that a class weight is divided by, as in `torch.nn.functional.normalize`."""


@dataclass(frozen=True)
class Classes:
    """Which of the local class weights take part, and where the samples' own are.

    Attributes:
        rows: their row numbers in the weight, ascending; None for all.
        position_B: index of each sample's own class among them, -1 where it is not here.
        chunk: K, how many are looked at together.
        dense_gradient: give the rows that do not take part a gradient of zeros; else they have none, and the
            weight's gradient is a sparse tensor.
    """

    rows: Tensor | None
    position_B: Tensor
    chunk: int
    dense_gradient: bool = True


def streamed_cosines(
    embeddings_BD: Tensor,
    weight_CD: Tensor,
    own_B: Tensor,
    scale_B: Tensor,
    header: Header,
    classes: Classes,
    matmul_precision: torch.dtype | None = None,
) -> tuple[Tensor, Tensor]:
    """The two numbers of each sample that the loss is made of.

    Args:
        embeddings_BD: normalised, where the header wants that.
        weight_CD: raw class weights of this process.
        own_B: each sample's cosine with its own class, which may lie on another process; without gradient.
        scale_B: factor from cosines to logits.
        header: what it does to the negatives.
        classes: which classes take part.
        matmul_precision: dtype of the factors in matrix products, if not the embeddings'; sums over blocks
            always have the embeddings' dtype.

    Returns:
        `own_B` with a gradient, and the log-sum-exp of the other local classes' logits, (B,): -inf without any.
    """
    stream = _Stream(header, classes, matmul_precision or embeddings_BD.dtype, embeddings_BD.dtype)
    return cast(tuple[Tensor, Tensor], _StreamedCosines.apply(embeddings_BD, weight_CD, own_B, scale_B, stream))


@dataclass(frozen=True)
class _Block:
    """K classes: their slice of what takes part, their normalised weights, and those as a factor of products."""

    start: int
    stop: int
    unit_KD: Tensor
    factor_KD: Tensor
    norm_K1: Tensor | None


@dataclass(frozen=True)
class _Stream:
    header: Header
    classes: Classes
    matmul_precision: torch.dtype
    dtype: torch.dtype

    def factor(self, tensor: Tensor) -> Tensor:
        return tensor.to(self.matmul_precision)

    def multiply(self, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
        if self.matmul_precision == self.dtype:
            return torch.mm(left, right, out=out)
        product = torch.mm(left, right)
        return product.to(self.dtype) if out is None else out.copy_(product)

    def multiply_and_add(self, total: Tensor, left: Tensor, right: Tensor) -> None:
        if self.matmul_precision == self.dtype:
            total.addmm_(left, right)
        else:
            total.add_(torch.mm(left, right))

    def count(self, weight_CD: Tensor) -> int:
        rows = self.classes.rows
        return len(weight_CD if rows is None else rows)

    def blocks(self, weight_CD: Tensor) -> Iterator[_Block]:
        rows, chunk, count = self.classes.rows, self.classes.chunk, self.count(weight_CD)
        for start in range(0, count, chunk):
            stop = min(start + chunk, count)
            weight_KD = (weight_CD[start:stop] if rows is None else weight_CD[rows[start:stop]]).to(self.dtype)
            norm_K1 = weight_KD.norm(dim=1, keepdim=True).clamp_min(EPSILON) if self.header.normalized else None
            unit_KD = weight_KD if norm_K1 is None else weight_KD / norm_K1
            yield _Block(start, stop, unit_KD, self.factor(unit_KD), norm_K1)

    def put_own(self, matrix_BK: Tensor, block: _Block, value_B1: Tensor | float) -> None:
        """Replace the samples' own classes' entries, without asking the device where they are."""
        column_B1 = (self.classes.position_B - block.start).clamp(0, block.stop - block.start - 1)[:, None]
        is_here_B1 = column_B1 + block.start == self.classes.position_B[:, None]
        kept_B1 = matrix_BK.gather(1, column_B1)
        value_B1 = torch.as_tensor(value_B1, dtype=matrix_BK.dtype, device=matrix_BK.device)
        matrix_BK.scatter_(1, column_B1, torch.where(is_here_B1, value_B1, kept_B1))

    def as_gradient(self, rows_CD: Tensor, weight_CD: Tensor) -> Tensor:
        """The gradient of the whole weight from that of the rows that take part."""
        rows, rows_CD = self.classes.rows, rows_CD.to(weight_CD.dtype)
        if rows is None:
            return rows_CD
        if self.classes.dense_gradient:
            return rows_CD.new_zeros(weight_CD.shape).index_copy_(0, rows, rows_CD)
        return torch.sparse_coo_tensor(rows[None], rows_CD, weight_CD.shape, is_coalesced=True, check_invariants=False)


class _StreamedCosines(torch.autograd.Function):
    # Powers of two instead of e: exp2 is several times faster than exp on a CPU, and no slower elsewhere.

    @staticmethod
    def forward(
        ctx: Any, embeddings_BD: Tensor, weight_CD: Tensor, own_B: Tensor, scale_B: Tensor, stream: _Stream
    ) -> tuple[Tensor, Tensor]:
        largest_B1 = torch.full_like(own_B, -math.inf)[:, None]
        sum_B1 = torch.zeros_like(largest_B1)
        factor_BD = stream.factor(embeddings_BD)
        for block in stream.blocks(weight_CD):
            cosine_BK = stream.multiply(factor_BD, block.factor_KD.T)
            exponent_BK = stream.header.negatives(cosine_BK, own_B).mul_(_in_powers_of_two(scale_B))
            stream.put_own(exponent_BK, block, -math.inf)
            larger_B1 = torch.maximum(largest_B1, exponent_BK.amax(1, keepdim=True))
            reference_B1 = _zero_if_infinite(larger_B1)
            sum_B1.mul_((largest_B1 - reference_B1).exp2_())
            sum_B1.add_(exponent_BK.sub_(reference_B1).exp2_().sum(1, keepdim=True))
            largest_B1 = larger_B1
        reference_B1 = _zero_if_infinite(largest_B1)
        ctx.stream = stream
        # Apart, as their sum would be rounded to the logits' precision.
        ctx.save_for_backward(embeddings_BD, weight_CD, own_B, scale_B, reference_B1, sum_B1)
        return own_B.clone(), ((reference_B1 + sum_B1.log2()) * math.log(2)).squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_own_B: Tensor, d_log_sum_B: Tensor) -> tuple[Tensor | None, ...]:
        embeddings_BD, weight_CD, own_B, scale_B, reference_B1, sum_B1 = ctx.saved_tensors
        stream: _Stream = ctx.stream
        factor_B1 = torch.where(sum_B1 > 0, d_log_sum_B[:, None] / sum_B1, 0)
        d_embeddings_BD, d_scale_B = torch.zeros_like(embeddings_BD), torch.zeros_like(scale_B)
        d_weight_CD = embeddings_BD.new_empty(stream.count(weight_CD), weight_CD.shape[1])
        factor_BD = stream.factor(embeddings_BD)
        for block in stream.blocks(weight_CD):
            cosine_BK = stream.multiply(factor_BD, block.factor_KD.T)
            negative_BK, chain = _with_derivative(stream.header, cosine_BK, own_B)
            kept_BK = negative_BK.clone() if ctx.needs_input_grad[3] else None
            exponent_BK = negative_BK.mul_(_in_powers_of_two(scale_B))
            stream.put_own(exponent_BK, block, -math.inf)
            d_logit_BK = exponent_BK.sub_(reference_B1).exp2_().mul_(factor_B1)
            if kept_BK is not None:
                d_scale_B += (d_logit_BK * kept_BK).sum(1)
            d_cosine_BK = chain(d_logit_BK.mul_(scale_B[:, None]))
            stream.put_own(d_cosine_BK, block, d_own_B[:, None])
            d_cosine_BK = stream.factor(d_cosine_BK)
            stream.multiply_and_add(d_embeddings_BD, d_cosine_BK, block.factor_KD)
            d_weight_KD = d_weight_CD[block.start : block.stop]
            stream.multiply(d_cosine_BK.T, factor_BD, out=d_weight_KD)
            _through_norm_(d_weight_KD, block)
        return d_embeddings_BD, stream.as_gradient(d_weight_CD, weight_CD), None, d_scale_B, None


def _in_powers_of_two(scale_B: Tensor) -> Tensor:
    return (scale_B / math.log(2))[:, None]


def _zero_if_infinite(log_B1: Tensor) -> Tensor:
    """A reference to subtract: without any class so far it is -inf, from which nothing may be subtracted."""
    return torch.where(log_B1.isinf(), 0, log_B1)


def _with_derivative(header: Header, cosine_BK: Tensor, own_B: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """What the header makes of the negatives, and the function that takes a gradient back through it."""
    if not header.changes_negatives:
        return cosine_BK, lambda gradient_BK: gradient_BK
    with torch.enable_grad():
        cosine_BK = cosine_BK.detach().requires_grad_()
        negative_BK = header.negatives(cosine_BK, own_B)
    return negative_BK.detach(), lambda gradient_BK: torch.autograd.grad(negative_BK, cosine_BK, gradient_BK)[0]


def _through_norm_(gradient_KD: Tensor, block: _Block) -> None:
    """Turn the gradient of normalised weights into that of the raw ones, in place."""
    if block.norm_K1 is not None:
        along_K1 = (gradient_KD * block.unit_KD).sum(1, keepdim=True)
        gradient_KD.addcmul_(block.unit_KD, along_K1, value=-1).div_(block.norm_K1)

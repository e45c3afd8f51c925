"""The log-sum-exp over many classes without the matrix of all logits: one block of classes at a time.

The cross-entropy of a sample needs two numbers, its target's logit t and the log-sum-exp n of all other logits:

    loss = log(exp(t) + exp(n)) - t = softplus(n - t)

The forward pass computes n block by block (Milakov, Gimelshein: Online normalizer calculation for softmax, 2018,
https://arxiv.org/abs/1805.02867, algorithm 3): it keeps the largest logit so far, and the sum of exponentials relative
to it. The backward pass computes the logits of each block again, and from them exp(logit - n), the derivative of n. So
only B x K of the B x C logits exist at a time, and apart from the gradient of the class weights the memory does not
grow with C. With a function that updates a block of class weights, that gradient does not exist either.

Shapes: B samples of the batch, D embedding dimension, C classes of this process in the softmax, K classes of a block.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from femb_cli.headers import Header

BlockUpdate = Callable[[int, int, Tensor], None]
"""Updates the class weights of the rows from a first to before a last, given their gradient (K, D)."""

EPSILON = 1e-12
"""Smallest norm that a class weight is divided by, as in `torch.nn.functional.normalize`."""


@dataclass(frozen=True)
class Classes:
    """The classes of this process that are in the softmax, and which of them are the targets.

    Attributes:
        rows: their rows in the class weights, ascending; None for all.
        target_B: index of each sample's target class among them, or -1 if another process has it.
        chunk: K, the number of classes in a block.
        dense_gradient: whether the gradient of the class weights is dense, with zeros for classes that are not in the
            softmax; else it is a sparse tensor without these rows.
    """

    rows: Tensor | None
    target_B: Tensor
    chunk: int
    dense_gradient: bool = True


def streamed_cosines(
    embeddings_BD: Tensor,
    weight_CD: Tensor,
    target_cosine_B: Tensor,
    scale_B: Tensor,
    header: Header,
    classes: Classes,
    matmul_precision: torch.dtype | None = None,
    update_block: BlockUpdate | None = None,
) -> tuple[Tensor, Tensor]:
    """Compute the two numbers of each sample that its loss needs, with gradients.

    Args:
        embeddings_BD: embeddings, normalised if the header normalises.
        weight_CD: raw class weights of this process.
        target_cosine_B: cosine of each sample with its target class, without gradient; the class may be on another
            process.
        scale_B: factor from cosines to logits.
        header: changes the negatives.
        classes: the classes in the softmax.
        matmul_precision: dtype of the operands of matrix products, by default that of the embeddings. Sums over blocks
            always have the embeddings' dtype.
        update_block: the backward pass calls it with each block's gradient, and gives `weight_CD` none. All classes
            must be in the softmax.

    Returns:
        `target_cosine_B` with a gradient, and the log-sum-exp of the logits of this process's negatives, (B,), which is
        -inf if there are none.
    """
    stream = _Stream(header, classes, matmul_precision or embeddings_BD.dtype, embeddings_BD.dtype, update_block)
    return cast(
        tuple[Tensor, Tensor],
        _StreamedCosines.apply(embeddings_BD, weight_CD, target_cosine_B, scale_B, stream),
    )


@dataclass(frozen=True)
class _Block:
    """K classes.

    Attributes:
        start: index of the first class among the classes in the softmax.
        stop: index after the last class.
        unit_KD: class weights, normalised if the header normalises.
        operand_KD: the same, in the dtype of matrix products.
        norm_K1: norms of the class weights; None if they are not normalised.
    """

    start: int
    stop: int
    unit_KD: Tensor
    operand_KD: Tensor
    norm_K1: Tensor | None


@dataclass(frozen=True)
class _Stream:
    """The settings and helper methods that the forward and the backward pass share.

    Attributes:
        header: changes the negatives.
        classes: the classes in the softmax.
        matmul_precision: dtype of the operands of matrix products.
        dtype: dtype of everything else.
        update_block: updates the class weights of a block in the backward pass; None: they get a gradient.
    """

    header: Header
    classes: Classes
    matmul_precision: torch.dtype
    dtype: torch.dtype
    update_block: BlockUpdate | None = None

    def operand(self, tensor: Tensor) -> Tensor:
        """Convert to the dtype of matrix products."""
        return tensor.to(self.matmul_precision)

    def multiply(self, left: Tensor, right: Tensor, out: Tensor | None = None) -> Tensor:
        """Multiply two operands; the product has the dtype of everything else."""
        if self.matmul_precision == self.dtype:
            return torch.mm(left, right, out=out)
        product = torch.mm(left, right)
        return product.to(self.dtype) if out is None else out.copy_(product)

    def multiply_and_add(self, total: Tensor, left: Tensor, right: Tensor) -> None:
        """Add the product of two operands to `total`, in place."""
        if self.matmul_precision == self.dtype:
            total.addmm_(left, right)
        else:
            total.add_(torch.mm(left, right))

    def num_classes(self, weight_CD: Tensor) -> int:
        """The number of classes in the softmax."""
        rows = self.classes.rows
        return len(weight_CD if rows is None else rows)

    def blocks(self, weight_CD: Tensor) -> Iterator[_Block]:
        """Go through the classes in the softmax, block by block."""
        rows, chunk, num_classes = self.classes.rows, self.classes.chunk, self.num_classes(weight_CD)
        for start in range(0, num_classes, chunk):
            stop = min(start + chunk, num_classes)
            weight_KD = (weight_CD[start:stop] if rows is None else weight_CD[rows[start:stop]]).to(self.dtype)
            norm_K1 = weight_KD.norm(dim=1, keepdim=True).clamp_min(EPSILON) if self.header.normalized else None
            unit_KD = weight_KD if norm_K1 is None else weight_KD / norm_K1
            yield _Block(start, stop, unit_KD, self.operand(unit_KD), norm_K1)

    def set_targets(self, matrix_BK: Tensor, block: _Block, value_B1: Tensor | float) -> None:
        """Set the targets' entries of a block, in place.

        A row whose target is not in the block writes an entry back unchanged, because selecting the other rows would
        make the CPU wait for the GPU.
        """
        column_B1 = (self.classes.target_B - block.start).clamp(0, block.stop - block.start - 1)[:, None]
        is_here_B1 = column_B1 + block.start == self.classes.target_B[:, None]
        kept_B1 = matrix_BK.gather(1, column_B1)
        value_B1 = torch.as_tensor(value_B1, dtype=matrix_BK.dtype, device=matrix_BK.device)
        matrix_BK.scatter_(1, column_B1, torch.where(is_here_B1, value_B1, kept_B1))

    def as_gradient(self, rows_CD: Tensor, weight_CD: Tensor) -> Tensor:
        """Turn the gradient of the classes in the softmax into that of all class weights."""
        rows, rows_CD = self.classes.rows, rows_CD.to(weight_CD.dtype)
        if rows is None:
            return rows_CD
        if self.classes.dense_gradient:
            return rows_CD.new_zeros(weight_CD.shape).index_copy_(0, rows, rows_CD)
        return torch.sparse_coo_tensor(rows[None], rows_CD, weight_CD.shape, is_coalesced=True, check_invariants=False)


class _StreamedCosines(torch.autograd.Function):
    """`streamed_cosines` with its gradient.

    Exponents are to the base 2, not e: exp2 is several times faster than exp on a CPU, and no slower elsewhere.
    """

    @staticmethod
    def forward(
        ctx: Any, embeddings_BD: Tensor, weight_CD: Tensor, target_cosine_B: Tensor, scale_B: Tensor, stream: _Stream
    ) -> tuple[Tensor, Tensor]:
        largest_B1 = torch.full_like(target_cosine_B, -math.inf)[:, None]
        sum_B1 = torch.zeros_like(largest_B1)
        operand_BD = stream.operand(embeddings_BD)
        for block in stream.blocks(weight_CD):
            cosine_BK = stream.multiply(operand_BD, block.operand_KD.T)
            exponent_BK = stream.header.negatives(cosine_BK, target_cosine_B).mul_(_to_base_2(scale_B))
            stream.set_targets(exponent_BK, block, -math.inf)
            larger_B1 = torch.maximum(largest_B1, exponent_BK.amax(1, keepdim=True))
            reference_B1 = _finite_reference(larger_B1)
            sum_B1.mul_((largest_B1 - reference_B1).exp2_())
            sum_B1.add_(exponent_BK.sub_(reference_B1).exp2_().sum(1, keepdim=True))
            largest_B1 = larger_B1
        reference_B1 = _finite_reference(largest_B1)
        ctx.stream = stream
        # Save both: reference + log2(sum) would be rounded to the precision of the logits.
        ctx.save_for_backward(embeddings_BD, weight_CD, target_cosine_B, scale_B, reference_B1, sum_B1)
        return target_cosine_B.clone(), ((reference_B1 + sum_B1.log2()) * math.log(2)).squeeze(1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, d_target_cosine_B: Tensor, d_log_sum_B: Tensor) -> tuple[Tensor | None, ...]:
        embeddings_BD, weight_CD, target_cosine_B, scale_B, reference_B1, sum_B1 = ctx.saved_tensors
        stream: _Stream = ctx.stream
        d_sum_B1 = torch.where(sum_B1 > 0, d_log_sum_B[:, None] / sum_B1, 0)
        d_embeddings_BD, d_scale_B = torch.zeros_like(embeddings_BD), torch.zeros_like(scale_B)
        fused = stream.update_block is not None
        d_weight_CD = embeddings_BD.new_empty(0 if fused else stream.num_classes(weight_CD), weight_CD.shape[1])
        operand_BD = stream.operand(embeddings_BD)
        for block in stream.blocks(weight_CD):
            cosine_BK = stream.multiply(operand_BD, block.operand_KD.T)
            negative_BK, chain = _with_derivative(stream.header, cosine_BK, target_cosine_B)
            kept_BK = negative_BK.clone() if ctx.needs_input_grad[3] else None
            exponent_BK = negative_BK.mul_(_to_base_2(scale_B))
            stream.set_targets(exponent_BK, block, -math.inf)
            d_logit_BK = exponent_BK.sub_(reference_B1).exp2_().mul_(d_sum_B1)
            if kept_BK is not None:
                d_scale_B += (d_logit_BK * kept_BK).sum(1)
            d_cosine_BK = chain(d_logit_BK.mul_(scale_B[:, None]))
            stream.set_targets(d_cosine_BK, block, d_target_cosine_B[:, None])
            d_cosine_BK = stream.operand(d_cosine_BK)
            stream.multiply_and_add(d_embeddings_BD, d_cosine_BK, block.operand_KD)
            d_weight_KD = torch.empty_like(block.unit_KD) if fused else d_weight_CD[block.start : block.stop]
            stream.multiply(d_cosine_BK.T, operand_BD, out=d_weight_KD)
            _to_raw_weight_gradient_(d_weight_KD, block)
            if stream.update_block is not None:
                stream.update_block(block.start, block.stop, d_weight_KD)
        d_weight = None if fused else stream.as_gradient(d_weight_CD, weight_CD)
        return d_embeddings_BD, d_weight, None, d_scale_B, None


def _to_base_2(scale_B: Tensor) -> Tensor:
    """The factor from cosines to logits as exponents to the base 2, (B, 1)."""
    return (scale_B / math.log(2))[:, None]


def _finite_reference(largest_B1: Tensor) -> Tensor:
    """The largest exponent so far, or 0 if there is no class, because -inf - (-inf) is not a number."""
    return torch.where(largest_B1.isinf(), 0, largest_B1)


def _with_derivative(
    header: Header, cosine_BK: Tensor, target_cosine_B: Tensor
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Apply the header to the negatives; return them, and the function that takes a gradient back to the cosines."""
    if not header.changes_negatives:
        return cosine_BK, lambda gradient_BK: gradient_BK
    with torch.enable_grad():
        cosine_BK = cosine_BK.detach().requires_grad_()
        negative_BK = header.negatives(cosine_BK, target_cosine_B)
    return negative_BK.detach(), lambda gradient_BK: torch.autograd.grad(negative_BK, cosine_BK, gradient_BK)[0]


def _to_raw_weight_gradient_(gradient_KD: Tensor, block: _Block) -> None:
    """Turn the gradient of normalised class weights into that of raw ones, in place."""
    if block.norm_K1 is not None:
        along_K1 = (gradient_KD * block.unit_KD).sum(1, keepdim=True)
        gradient_KD.addcmul_(block.unit_KD, along_K1, value=-1).div_(block.norm_K1)

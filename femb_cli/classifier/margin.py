"""The margin softmax over all identities.

Shapes: B samples of the batch, D embedding dimension, C identities, of which this process holds a shard.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from femb_cli.classifier.sampling import sample_rows
from femb_cli.classifier.streaming import EPSILON, Classes, streamed_cosines
from femb_cli.config.schema import DEFAULT_CHUNK
from femb_cli.errors import UsageError
from femb_cli.headers import Header
from femb_cli.runtime.collectives import (
    all_gather,
    all_gather_counts,
    all_gather_detached,
    all_reduce,
    all_reduce_gradient,
    group_rank,
    group_size,
    scale_gradient,
)


@dataclass(frozen=True)
class ClassifierOutput:
    """What one batch, that of all processes, costs; all scalars.

    Attributes:
        loss: what is minimised, cross_entropy + regularizer.
        cross_entropy: mean over the batch.
        regularizer: the header's term on the magnitudes, weight included.
        magnitude: mean magnitude of the batch's embeddings, detached.
    """

    loss: Tensor
    cross_entropy: Tensor
    regularizer: Tensor
    magnitude: Tensor


@dataclass(frozen=True)
class Shard:
    """The classes [start, stop) that one of several processes holds; sizes differ by at most one."""

    start: int
    stop: int

    @classmethod
    def of(cls, num_identities: int, rank: int, world_size: int) -> "Shard":
        """The shard of a process."""
        size, remainder = divmod(num_identities, world_size)
        start = rank * size + min(rank, remainder)
        return cls(start, start + size + (rank < remainder))

    @property
    def size(self) -> int:
        """How many classes it has."""
        return self.stop - self.start


class MarginClassifier(nn.Module):
    """Class weights, and the softmax that a header turns their cosines into.

    Computes in float32 (float64 for float64 embeddings) under any autocast. Where torch.distributed runs several
    processes, each holds a shard of the class weights and all work on the batch of all: the loss is the same on each,
    a class weight's gradient is its own, and an embedding's gradient comes multiplied by the number of processes,
    which undoes the average that DistributedDataParallel takes over the backbone's. Do not wrap the classifier itself.
    Batches may differ in size. Seed torch alike on every process, and the weights do not depend on their number.

    Args:
        header: the margin's formula.
        embedding_dim: D.
        num_identities: C.
        chunk: classes to look at together, so that the B x C matrix never exists; None: the plain matrix where one
            process has all classes, else `DEFAULT_CHUNK`.
        sample_rate: share of the classes that take part in a training batch (Partial FC).
        sparse_gradient: whether classes that were not sampled have no gradient, which leaves them as they are
            (see `training.optimizers`), or a gradient of zeros, so that weight decay and momentum still move them, as
            in arcface_torch.
        matmul_precision: dtype of the factors in matrix products: `torch.bfloat16`, or None for that of the
            embeddings.

    Raises:
        UsageError: chunk or sample_rate does not fit.

    Attributes:
        weight: (C, D), or this process's part of it.
        shard: which part that is.
    """

    def __init__(
        self,
        header: Header,
        embedding_dim: int,
        num_identities: int,
        chunk: int | None = None,
        sample_rate: float = 1.0,
        sparse_gradient: bool = True,
        matmul_precision: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if chunk is not None and chunk < 1:
            raise UsageError(f"chunk = {chunk}: at least one class at a time", hint="None stands for the plain matrix")
        if not 0 < sample_rate <= 1:
            raise UsageError(f"sample_rate = {sample_rate}: a share of the classes, above 0 and at most 1")
        self.header = header
        self.num_identities = num_identities
        self.shard = Shard.of(num_identities, group_rank(), group_size())
        self.is_plain = chunk is None and sample_rate == 1 and group_size() == 1
        self.chunk = chunk or DEFAULT_CHUNK
        self.sample_rate = sample_rate
        self.sparse_gradient = sparse_gradient
        self.matmul_precision = matmul_precision
        self.weight = nn.Parameter(torch.empty(self.shard.size, embedding_dim))
        self.generator = torch.Generator()
        self.reset_weight()
        self.seed(int(torch.randint(2**31, ())))

    @torch.no_grad()
    def reset_weight(self) -> None:
        """Draw the class weights from N(0, 0.01^2), the same ones however many processes share them."""
        for start in range(0, self.num_identities, DEFAULT_CHUNK):
            stop = min(start + DEFAULT_CHUNK, self.num_identities)
            rows = torch.empty(stop - start, self.weight.shape[1]).normal_(std=0.01)
            first, last = max(start, self.shard.start), min(stop, self.shard.stop)
            if first < last:
                self.weight[first - self.shard.start : last - self.shard.start] = rows[first - start : last - start]

    def seed(self, seed: int) -> None:
        """Fix what the next batch draws at random: sampled classes, and a header's margins."""
        self.generator.manual_seed(seed + group_rank())
        self.header.seed(seed)

    def forward(self, embeddings_BD: Tensor, labels_B: Tensor) -> ClassifierOutput:
        """Compute the loss of this process's raw (not normalised) embeddings and their identities' numbers in [0, C).

        Every process must call it, even for a batch of no images.
        """
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            embeddings_BD, magnitude_B, labels_B = self._gather(embeddings_BD, labels_B)
            own_B = self._own_cosine(embeddings_BD.detach(), labels_B)
            if self.training:
                self.header.observe(own_B, magnitude_B.detach())
            if self.is_plain:
                cross_entropy = F.cross_entropy(self._logits(embeddings_BD, magnitude_B, labels_B), labels_B)
            else:
                cross_entropy = self._streamed_cross_entropy(embeddings_BD, magnitude_B, labels_B, own_B)
            regularizer = self.header.regularizer(magnitude_B)
            return ClassifierOutput(
                cross_entropy + regularizer, cross_entropy, regularizer, magnitude_B.detach().mean()
            )

    def logits(self, embeddings_BD: Tensor, labels_B: Tensor) -> Tensor:
        """Compute the full (B, C) matrix that goes into the softmax, margin and scale applied; on one process."""
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            embeddings_BD, magnitude_B = self._normalize(embeddings_BD)
            return self._logits(embeddings_BD, magnitude_B, labels_B)

    def _normalize(self, embeddings_BD: Tensor) -> tuple[Tensor, Tensor]:
        embeddings_BD = embeddings_BD if embeddings_BD.dtype == torch.float64 else embeddings_BD.float()
        magnitude_B = embeddings_BD.norm(dim=1)
        if self.header.normalized:
            # A zero vector has no direction: divided by infinity it stays zero, and so does its gradient, which a
            # tiny divisor would take beyond float16.
            embeddings_BD = embeddings_BD / magnitude_B.where(magnitude_B > EPSILON, math.inf)[:, None]
        return embeddings_BD, magnitude_B

    def _gather(self, embeddings_BD: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The batch of all processes."""
        if group_size() > 1:
            embeddings_BD = scale_gradient(embeddings_BD, group_size())
        embeddings_BD, magnitude_B = self._normalize(embeddings_BD)
        counts = all_gather_counts(labels_B)
        return all_gather(embeddings_BD, counts), all_gather(magnitude_B, counts), all_gather_detached(labels_B, counts)

    def _local(self, labels_B: Tensor) -> tuple[Tensor, Tensor]:
        """Row numbers in this shard, and which of them are in it."""
        local_B = labels_B - self.shard.start
        return local_B, (local_B >= 0) & (local_B < self.shard.size)

    @torch.no_grad()
    def _own_cosine(self, embeddings_BD: Tensor, labels_B: Tensor) -> Tensor:
        """Each sample's cosine with its own class, wherever that lies."""
        local_B, is_here_B = self._local(labels_B)
        own_B = embeddings_BD.new_zeros(len(labels_B))
        weight_D = self.weight[local_B[is_here_B]].to(embeddings_BD.dtype)
        if self.header.normalized:
            weight_D = F.normalize(weight_D, eps=EPSILON)
        own_B[is_here_B] = (embeddings_BD[is_here_B] * weight_D).sum(1)
        return all_reduce(own_B)

    def _streamed_cross_entropy(
        self, embeddings_BD: Tensor, magnitude_B: Tensor, labels_B: Tensor, own_B: Tensor
    ) -> Tensor:
        scale = self.header.logit_scale(magnitude_B)
        scale_B = scale if isinstance(scale, Tensor) else torch.full_like(magnitude_B, scale)
        own_B, log_sum_B = streamed_cosines(
            all_reduce_gradient(embeddings_BD),
            self.weight,
            own_B,
            all_reduce_gradient(scale_B),
            self.header,
            self._classes(labels_B),
            self.matmul_precision,
        )
        negatives_B = all_gather(log_sum_B[None], [1] * group_size()).logsumexp(0)
        target_B = self.header.target(own_B, magnitude_B) * scale_B
        # Beyond 40, log(1 + exp(x)) is x in float64, too.
        return F.softplus(negatives_B - target_B, threshold=40).mean()

    def _classes(self, labels_B: Tensor) -> Classes:
        local_B, is_here_B = self._local(labels_B)
        if self.sample_rate == 1 or not self.training:
            return Classes(None, torch.where(is_here_B, local_B, -1), self.chunk)
        draw_C = torch.rand(self.shard.size, generator=self.generator).to(labels_B.device)
        rows = sample_rows(local_B[is_here_B].unique(), draw_C, int(self.sample_rate * self.shard.size))
        position_B = torch.where(is_here_B, torch.searchsorted(rows, local_B.clamp(0)), -1)
        return Classes(rows, position_B, self.chunk, dense_gradient=not self.sparse_gradient)

    def _logits(self, embeddings_BD: Tensor, magnitude_B: Tensor, labels_B: Tensor) -> Tensor:
        weight_CD = self.weight.to(embeddings_BD.dtype)
        if self.header.normalized:
            weight_CD = F.normalize(weight_CD)
        cosine_BC = embeddings_BD @ weight_CD.T
        own_B1 = cosine_BC.gather(1, labels_B[:, None])
        target_B = self.header.target(own_B1.squeeze(1), magnitude_B)
        negatives_BC = self.header.negatives(cosine_BC, own_B1.squeeze(1).detach())
        logits_BC = negatives_BC.scatter(1, labels_B[:, None], target_B[:, None])
        scale = self.header.logit_scale(magnitude_B)
        return logits_BC * (scale[:, None] if isinstance(scale, Tensor) else scale)

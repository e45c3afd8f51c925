"""The margin softmax over all identities, written once for every header.

A batch passes through these steps:

1. Gather the batch of all processes and normalise its embeddings.
2. Multiply them with the normalised class weights, which gives the cosines.
3. The header applies its margin to the targets' cosines, changes the negatives' cosines, and scales both to logits.
4. The loss is the mean cross-entropy plus the header's regulariser.

By default one process computes the full (B, C) matrix of logits. With a chunk size, sampled classes or several
processes, `streaming` computes the same loss in blocks of classes.

Shapes: B samples of the batch of all processes, D embedding dimension, C identities (in `weight`, those of this
process), H samples whose target class this process holds.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from femb_cli.classifier.sampling import sample_rows
from femb_cli.classifier.shard import Shard
from femb_cli.classifier.streaming import EPSILON, BlockUpdate, Classes, streamed_cosines
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
    """The loss of the batch of all processes, and its parts; all scalars.

    Attributes:
        loss: cross_entropy + regularizer, to be minimised.
        cross_entropy: mean over the batch.
        regularizer: the header's term on the magnitudes, weight included.
        magnitude: mean magnitude of the embeddings, detached.
    """

    loss: Tensor
    cross_entropy: Tensor
    regularizer: Tensor
    magnitude: Tensor

    @property
    def metrics(self) -> Tensor:
        """All of them, detached, (4,)."""
        return torch.stack([self.loss, self.cross_entropy, self.regularizer, self.magnitude]).detach()


class MarginClassifier(nn.Module):
    """Class weights, and the softmax over the cosines with them.

    It computes in float32 (float64 for float64 embeddings), also under autocast.

    If torch.distributed runs several processes, each holds a shard of the class weights. All compute the same loss,
    that of their combined batches; the batches may differ in size. The gradient of the class weights is complete. The
    gradient of the embeddings is multiplied by the number of processes, because DistributedDataParallel averages the
    gradients of the backbone over the processes. Do not wrap the classifier in DistributedDataParallel. With the same
    torch seed on every process, the initial class weights do not depend on the number of processes.

    Args:
        header: the formula of the margin.
        embedding_dim: D.
        num_identities: C.
        chunk: number of classes in a block, so that the (B, C) matrix never exists. None computes the full matrix if
            one process holds all classes and none are sampled, and else takes blocks of `DEFAULT_CHUNK` classes.
        sample_rate: share of the classes in the softmax of a training batch (Partial FC), in (0, 1].
        sparse_gradient: give classes that were not sampled no gradient, so that an optimizer can leave them unchanged
            (see `training.optim.sampled_rows`). Otherwise their gradient is zero, and weight decay and momentum change
            them, as in arcface_torch.
        matmul_precision: dtype of the operands of matrix products, such as `torch.bfloat16`; None takes that of the
            embeddings. The full matrix ignores it.
        initial_weights: distribution of the initial class weights, see `reset_weight`.

    Raises:
        UsageError: chunk or sample_rate is out of range.

    Attributes:
        weight: class weights (C, D), or the shard of this process.
        shard: the classes of that shard.
        update_block: updates a block of class weights within the backward pass, if set; the weight then gets no
            gradient. Only where the softmax is computed in blocks, over all classes.
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
        initial_weights: str = "normal",
    ) -> None:
        super().__init__()
        if chunk is not None and chunk < 1:
            raise UsageError(f"chunk = {chunk}: a block has at least one class", hint="None computes the full matrix")
        if not 0 < sample_rate <= 1:
            raise UsageError(f"sample_rate = {sample_rate}: a share of the classes, above 0 and at most 1")
        self.header = header
        self.num_identities = num_identities
        self.shard = Shard.of(num_identities, group_rank(), group_size())
        self.computes_full_matrix = chunk is None and sample_rate == 1 and group_size() == 1
        self.chunk = chunk or DEFAULT_CHUNK
        self.sample_rate = sample_rate
        self.sparse_gradient = sparse_gradient
        self.matmul_precision = matmul_precision
        self.update_block: BlockUpdate | None = None
        self.weight = nn.Parameter(torch.empty(self.shard.size, embedding_dim))
        self.generator = torch.Generator()
        self.reset_weight(initial_weights)
        self.generator.manual_seed(int(torch.randint(2**31, ())))

    @torch.no_grad()
    def reset_weight(self, distribution: str = "normal") -> None:
        """Draw the class weights, the same ones for any number of processes.

        Args:
            distribution: `normal`: N(0, 0.01^2); `unit`: uniform in [-1, 1], then scaled to length 1; `xavier`: uniform
                within +-sqrt(6 / (C + D)) (Glorot, Bengio: Understanding the Difficulty of Training Deep Feedforward
                Neural Networks, AISTATS 2010, equation 16).
        """
        for start in range(0, self.num_identities, DEFAULT_CHUNK):
            stop = min(start + DEFAULT_CHUNK, self.num_identities)
            rows = torch.empty(stop - start, self.weight.shape[1])
            if distribution == "normal":
                rows.normal_(std=0.01)
            elif distribution == "unit":
                rows = F.normalize(rows.uniform_(-1, 1))
            else:
                bound = math.sqrt(6 / (self.num_identities + self.weight.shape[1]))
                rows.uniform_(-bound, bound)
            first, last = max(start, self.shard.start), min(stop, self.shard.stop)
            if first < last:
                self.weight[first - self.shard.start : last - self.shard.start] = rows[first - start : last - start]

    def seed(self, seed: int, places_B: Tensor | None = None) -> None:
        """Seed the random draws of the next batch: the sampled classes, and the header's margins.

        Args:
            seed: of the step, the same on every process.
            places_B: the places of the samples of all processes in the batch of the step, ascending, int64, (B,); None
                if they are not known: the margins then depend on the order of the calls.
        """
        self.generator.manual_seed(seed + group_rank())
        self.header.seed(seed, places_B)

    def forward(self, embeddings_BD: Tensor, labels_B: Tensor) -> ClassifierOutput:
        """Compute the loss of a batch. Every process must call this, also with an empty batch.

        Args:
            embeddings_BD: raw (not normalised) embeddings of this process.
            labels_B: their identities, int64 in [0, C).
        """
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            embeddings_BD, magnitude_B, labels_B = self._gather(embeddings_BD, labels_B)
            target_cosine_B = self._target_cosine(embeddings_BD.detach(), labels_B)
            if self.training:
                self.header.observe(target_cosine_B, magnitude_B.detach())
            if self.computes_full_matrix:
                cross_entropy = F.cross_entropy(self._logits(embeddings_BD, magnitude_B, labels_B), labels_B)
            else:
                cross_entropy = self._streamed_cross_entropy(embeddings_BD, magnitude_B, labels_B, target_cosine_B)
            regularizer = self.header.regularizer(magnitude_B)
            return ClassifierOutput(
                cross_entropy + regularizer, cross_entropy, regularizer, magnitude_B.detach().mean()
            )

    def logits(self, embeddings_BD: Tensor, labels_B: Tensor) -> Tensor:
        """Compute the (B, C) logits with margin and scale. This needs all classes on one process.

        Args:
            embeddings_BD: raw (not normalised) embeddings.
            labels_B: their identities, int64 in [0, C).
        """
        with torch.autocast(embeddings_BD.device.type, enabled=False):
            embeddings_BD, magnitude_B = self._normalize(embeddings_BD)
            return self._logits(embeddings_BD, magnitude_B, labels_B)

    def _normalize(self, embeddings_BD: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embeddings, normalised if the header normalises, and their magnitudes."""
        embeddings_BD = embeddings_BD if embeddings_BD.dtype == torch.float64 else embeddings_BD.float()
        magnitude_B = embeddings_BD.norm(dim=1)
        if self.header.normalized:
            # A zero embedding is divided by infinity: it and its gradient are zero. Divided by a tiny number instead,
            # its gradient would overflow float16.
            embeddings_BD = embeddings_BD / magnitude_B.where(magnitude_B > EPSILON, math.inf)[:, None]
        return embeddings_BD, magnitude_B

    def _gather(self, embeddings_BD: Tensor, labels_B: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the embeddings, magnitudes and labels of all processes."""
        if group_size() > 1:
            embeddings_BD = scale_gradient(embeddings_BD, group_size())
        embeddings_BD, magnitude_B = self._normalize(embeddings_BD)
        counts = all_gather_counts(labels_B)
        return (
            _in_turn(all_gather(embeddings_BD, counts), counts),
            _in_turn(all_gather(magnitude_B, counts), counts),
            _in_turn(all_gather_detached(labels_B, counts), counts),
        )

    def _local(self, labels_B: Tensor) -> tuple[Tensor, Tensor]:
        """Return the row of each target class in this shard, and whether it is in this shard."""
        local_B = labels_B - self.shard.start
        return local_B, (local_B >= 0) & (local_B < self.shard.size)

    @torch.no_grad()
    def _target_cosine(self, embeddings_BD: Tensor, labels_B: Tensor) -> Tensor:
        """Return the cosine of each sample with its target class, which may be in any shard."""
        local_B, is_here_B = self._local(labels_B)
        target_cosine_B = embeddings_BD.new_zeros(len(labels_B))
        weight_HD = self.weight[local_B[is_here_B]].to(embeddings_BD.dtype)
        if self.header.normalized:
            weight_HD = F.normalize(weight_HD, eps=EPSILON)
        target_cosine_B[is_here_B] = (embeddings_BD[is_here_B] * weight_HD).sum(1)
        return all_reduce(target_cosine_B)

    def _streamed_cross_entropy(
        self, embeddings_BD: Tensor, magnitude_B: Tensor, labels_B: Tensor, target_cosine_B: Tensor
    ) -> Tensor:
        """Return the mean cross-entropy, computed in blocks of this process's classes."""
        scale = self.header.logit_scale(magnitude_B)
        scale_B = scale if isinstance(scale, Tensor) else torch.full_like(magnitude_B, scale)
        target_cosine_B, log_sum_B = streamed_cosines(
            all_reduce_gradient(embeddings_BD),
            self.weight,
            target_cosine_B,
            all_reduce_gradient(scale_B),
            self.header,
            self._classes(labels_B),
            self.matmul_precision,
            self.update_block,
        )
        negatives_B = all_gather(log_sum_B[None], [1] * group_size()).logsumexp(0)
        target_logit_B = self.header.target(target_cosine_B, magnitude_B) * scale_B
        # Above 40, log(1 + exp(x)) equals x also in float64.
        return F.softplus(negatives_B - target_logit_B, threshold=40).mean()

    def _classes(self, labels_B: Tensor) -> Classes:
        """Return this process's classes in the softmax: while training a sample, else all."""
        local_B, is_here_B = self._local(labels_B)
        if self.sample_rate == 1 or not self.training:
            return Classes(None, torch.where(is_here_B, local_B, -1), self.chunk)
        draw_C = torch.rand(self.shard.size, generator=self.generator).to(labels_B.device)
        rows = sample_rows(local_B[is_here_B].unique(), draw_C, int(self.sample_rate * self.shard.size))
        target_B = torch.where(is_here_B, torch.searchsorted(rows, local_B.clamp(0)), -1)
        return Classes(rows, target_B, self.chunk, dense_gradient=not self.sparse_gradient)

    def _logits(self, embeddings_BD: Tensor, magnitude_B: Tensor, labels_B: Tensor) -> Tensor:
        """Return the full matrix of logits, (B, C)."""
        weight_CD = self.weight.to(embeddings_BD.dtype)
        if self.header.normalized:
            weight_CD = F.normalize(weight_CD)
        cosine_BC = embeddings_BD @ weight_CD.T
        target_cosine_B = cosine_BC.gather(1, labels_B[:, None]).squeeze(1)
        target_B = self.header.target(target_cosine_B, magnitude_B)
        negatives_BC = self.header.negatives(cosine_BC, target_cosine_B.detach())
        logits_BC = negatives_BC.scatter(1, labels_B[:, None], target_B[:, None])
        scale = self.header.logit_scale(magnitude_B)
        return logits_BC * (scale[:, None] if isinstance(scale, Tensor) else scale)


def _in_turn(gathered: Tensor, counts: list[int]) -> Tensor:
    """Reorder what the processes have gathered: the first sample of each process, the second of each, and so on.

    This is the order of the batch before it was dealt out, so that a batch is the same on any number of processes.
    Parts of different sizes stay as they are.
    """
    if len(set(counts)) > 1 or len(counts) == 1:
        return gathered
    return gathered.unflatten(0, (len(counts), counts[0])).transpose(0, 1).flatten(0, 1)

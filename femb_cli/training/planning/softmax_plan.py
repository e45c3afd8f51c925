"""Choose how the classifier computes its softmax: plain or in chunks, all classes or a sample, one process or many.

The choice follows from the sizes alone (no torch), so that a dry run can show it.
"""

from dataclasses import dataclass

from femb_cli.config.schema import DEFAULT_CHUNK, SGDConfig, TrainConfig
from femb_cli.errors import UsageError

PLAIN_LOGITS = 2**20
"""Up to this many logits, the whole matrix is as fast as chunks and takes little memory."""
SAMPLE_ABOVE = 1_000_000
"""With more identities than this, a step uses a sample of them."""
SAMPLE_RATE = 0.2
"""The published rate for two million identities (arcface_torch's WebFace42M recipes)."""


@dataclass(frozen=True)
class SoftmaxPlan:
    """How the softmax is computed, and why.

    Attributes:
        chunk: classes computed at a time; None: all at once.
        sample_rate: share of the classes in one step.
        fused_update: whether the class weights are updated within the backward pass.
        reason: the choice in words, with the sizes that it follows from.
    """

    chunk: int | None
    sample_rate: float
    fused_update: bool
    reason: str


def plan_softmax(run: TrainConfig, *, num_identities: int, processes: int) -> SoftmaxPlan:
    """Choose how the softmax is computed; explicit settings override the automatic choice.

    Raises:
        UsageError: the configuration wants an update within the backward pass where there is none.
    """
    config, batch_size = run.classifier, run.batch_size
    logits = batch_size * num_identities
    matrix = f"{batch_size} x {_spaced(num_identities)} logits ({_size(4 * logits)})"
    rate = config.sample_rate or (SAMPLE_RATE if num_identities > SAMPLE_ABOVE else 1.0)
    chunk = DEFAULT_CHUNK if config.chunk is None else config.chunk or None
    if config.chunk is None and processes == 1 and rate == 1 and logits <= PLAIN_LOGITS:
        chunk = None
    own_identities = -(-num_identities // processes)
    in_chunks = chunk is not None and chunk < own_identities
    words = [f"plain, as {matrix} fit"] if chunk is None else []
    if in_chunks:
        words.append(f"{_spaced(chunk or 0)} classes at a time, instead of {matrix}")
    elif chunk is not None and processes == 1:
        words.append(f"all {_spaced(num_identities)} classes at a time")
    if rate < 1:
        why = "as configured" if config.sample_rate else f"as there are more than {_spaced(SAMPLE_ABOVE)}"
        words.append(f"a sample of {rate:.0%} of the identities, {why}")
    if processes > 1:
        words.append(f"sharded over {processes} processes, {_spaced(own_identities)} identities each")
    obstacle = _obstacle_to_fusing(run, chunk, rate)
    if config.fused_update and obstacle:
        raise UsageError(
            f"classifier.fused_update: class weights cannot be updated within the backward pass {obstacle}",
            hint="leave it out",
        )
    fused = config.fused_update is not False and obstacle is None
    if fused and in_chunks:
        words.append("class weights updated in the backward pass")
    return SoftmaxPlan(chunk, rate, fused, "; ".join(words))


def _obstacle_to_fusing(run: TrainConfig, chunk: int | None, rate: float) -> str | None:
    """Return why the class weights cannot be updated within the backward pass; None if they can."""
    if not isinstance(run.optimizer, SGDConfig):
        return f"by {run.optimizer.name}, only by sgd"
    if chunk is None:
        return "of a plain softmax, only in chunks (classifier.chunk)"
    if rate < 1:
        return f"with a sample of {rate:.0%} of the identities"
    if run.micro_batches > 1:
        return f"with {run.micro_batches} micro-batches, whose gradients are added up first"
    if run.precision == "fp16":
        return "in fp16, where a step may be left out"
    return None


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _size(num_bytes: int) -> str:
    if num_bytes < 1e5:
        return f"{num_bytes / 1e3:.1f} kB" if num_bytes >= 1e3 else f"{num_bytes} bytes"
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"

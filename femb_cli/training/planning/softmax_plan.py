"""Choose how the classifier computes its softmax: plain or in chunks, all classes or a sample, one process or many.

The choice follows from the sizes alone (no torch), so that a dry run can show it.
"""

from dataclasses import dataclass

from femb_cli.config.schema import DEFAULT_CHUNK, ClassifierConfig

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
        reason: the choice in words, with the sizes that it follows from.
    """

    chunk: int | None
    sample_rate: float
    reason: str


def plan_softmax(config: ClassifierConfig, *, num_identities: int, batch_size: int, processes: int) -> SoftmaxPlan:
    """Choose how the softmax is computed; explicit settings override the automatic choice."""
    logits = batch_size * num_identities
    matrix = f"{batch_size} x {_spaced(num_identities)} logits ({_size(4 * logits)})"
    rate = config.sample_rate or (SAMPLE_RATE if num_identities > SAMPLE_ABOVE else 1.0)
    chunk = DEFAULT_CHUNK if config.chunk is None else config.chunk or None
    if config.chunk is None and processes == 1 and rate == 1 and logits <= PLAIN_LOGITS:
        chunk = None
    words = [f"plain, as {matrix} fit" if chunk is None else f"{_spaced(chunk)} classes at a time, instead of {matrix}"]
    if rate < 1:
        why = "as configured" if config.sample_rate else f"as there are more than {_spaced(SAMPLE_ABOVE)}"
        words.append(f"a sample of {rate:.0%} of the identities, {why}")
    if processes > 1:
        words.append(f"sharded over {processes} processes, {_spaced(-(-num_identities // processes))} identities each")
    return SoftmaxPlan(chunk, rate, "; ".join(words))


def _spaced(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _size(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"

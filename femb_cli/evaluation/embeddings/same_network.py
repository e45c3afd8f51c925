"""Whether embeddings from several files come from one network, so that they can be compared."""

from dataclasses import dataclass

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.description import Description
from femb_cli.evaluation.embeddings.fingerprint import TOLERANCE, deviation, fingerprint_from_text
from femb_cli.evaluation.embeddings.read import StoredEmbeddings


@dataclass(frozen=True)
class Origins:
    """What is known about the networks of two files.

    Attributes:
        unknown: a sentence that names the files that say nothing about their network; empty if there are none.
        warning: a sentence about what makes the comparison doubtful; empty if nothing does.
    """

    unknown: str
    warning: str


def compare_origins(one: StoredEmbeddings, other: StoredEmbeddings) -> Origins:
    """Check that the embeddings of two files can be compared.

    Raises:
        FembError: they come from two networks.
    """
    first, second = one.description, other.description
    if first is None or second is None:
        unknown = dict.fromkeys(str(stored.path) for stored in (one, other) if stored.description is None)
        return Origins(f"nothing is known about the model of {' and '.join(unknown)}", "")
    if not _is_same(first, second):
        raise FembError(
            f"{one.path} and {other.path} come from two networks: {first.model} and {second.model}",
            hint="embed both with one model: embeddings of two networks cannot be compared",
        )
    if first.flip == second.flip:
        return Origins("", "")
    flips = f"{one.path} was embedded with flip {first.flip}, {other.path} with flip {second.flip}"
    return Origins("", f"{flips}: embed both with the same --flip")


def _is_same(one: Description, other: Description) -> bool:
    """Compare the weights; if they differ, compare the fingerprints, which tell rounding from change."""
    if one.weights == other.weights:
        return True
    try:
        one_D, other_D = fingerprint_from_text(one.fingerprint), fingerprint_from_text(other.fingerprint)
    except ValueError:
        return False
    return one_D.shape == other_D.shape and deviation(other_D, one_D) <= TOLERANCE

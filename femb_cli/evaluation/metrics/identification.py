"""Identification: search probes in a gallery. A probe is mated if the gallery holds its person.

Closed set: rank-k rate, the share of mated probes whose mate is among the k best entries of the gallery. Open set: TPIR
at FPIR, ISO/IEC 19795-1: a mated probe is identified if its mate is the best entry and scores at least the threshold;
a probe without a mate is a false positive if any entry scores at least the threshold. TinyFace (Z. Cheng, X. Zhu and
S. Gong, "Low-Resolution Face Recognition", ACCV 2018) is a closed set with distractors in the gallery.

Ties count against the network: an entry of another person ranks before the mate if it scores as high, or lower by no
more than the rounding of a matrix product (1e-12).

Shape suffixes: P probes, G gallery entries, D embedding dimension, B probes of a block, M mated probes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.checks import check_embeddings
from femb_cli.evaluation.metrics.roc import allowed_false_accepts

_BLOCK_SCORES = 1 << 22
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False)
class SearchResults:
    """The result of searching every probe in the gallery.

    Attributes:
        rank_P: place of the best mate among the entries, counted from 1; 0 for a probe without a mate.
        mate_score_P: cosine of the best mate; -infinity without a mate.
        best_score_P: cosine of the best entry of any person; -infinity if there is none but the probe itself.
        best_row_P: row of that entry, the first of several; -1 if there is none.
    """

    rank_P: NDArray[np.int64]
    mate_score_P: NDArray[np.float64]
    best_score_P: NDArray[np.float64]
    best_row_P: NDArray[np.int64]

    @property
    def mated_P(self) -> NDArray[np.bool_]:
        """Whether the gallery holds each probe's person."""
        return self.rank_P > 0


@dataclass(frozen=True)
class OpenSetPoint:
    """The rates of a search at one threshold.

    Attributes:
        threshold: entries that score at least this are candidates.
        tpir: share of the mated probes whose mate is the best candidate, in [0, 1].
        fpir: share of the probes without a mate that have a candidate, in [0, 1].
        false_positives: number of probes without a mate that have a candidate.
        allowed_false_positives: number that the requested FPIR allows; 0 means too few probes for that rate.
    """

    threshold: float
    tpir: float
    fpir: float
    false_positives: int
    allowed_false_positives: int


def search(
    probes_PD: ArrayLike,
    gallery_GD: ArrayLike,
    probe_identities: Sequence[str],
    gallery_identities: Sequence[str],
    *,
    itself_P: NDArray[np.int64] | None = None,
) -> SearchResults:
    """Search every probe in the gallery by cosine, in blocks of limited memory.

    A person may have several entries in the gallery; the best one counts. Entries of people without a probe are
    distractors.

    Args:
        probes_PD: embeddings, normalised or not.
        gallery_GD: embeddings, normalised or not.
        probe_identities: the person of each probe.
        gallery_identities: the person of each entry.
        itself_P: the row of the gallery that is each probe itself, -1 for none. It is no entry for this probe: an image
            that finds itself says nothing about a network.

    Raises:
        FembError: if one side is empty, does not have one identity for each row or holds an embedding that is zero or
            not finite, or if the sides differ in dimension.
    """
    probes = _unit(probes_PD, probe_identities, "probe")
    gallery = _unit(gallery_GD, gallery_identities, "gallery")
    if probes.shape[1] != gallery.shape[1]:
        raise FembError(
            f"probes of {probes.shape[1]} numbers, but gallery entries of {gallery.shape[1]}",
            hint="embed both with one model",
        )
    _, numbers = np.unique([*probe_identities, *gallery_identities], return_inverse=True)
    probe_numbers_P, gallery_numbers_G = np.split(numbers, [len(probes)])
    rank_P = np.zeros(len(probes), dtype=np.int64)
    mate_score_P, best_score_P = np.empty(len(probes)), np.empty(len(probes))
    best_row_P = np.empty(len(probes), dtype=np.int64)
    block_rows = max(1, _BLOCK_SCORES // len(gallery))
    for start in range(0, len(probes), block_rows):
        block = slice(start, start + block_rows)
        scores_BG = probes[block] @ gallery.T
        mates_BG = probe_numbers_P[block, None] == gallery_numbers_G
        if itself_P is not None:
            inside_B = np.flatnonzero(itself_P[block] >= 0)
            scores_BG[inside_B, itself_P[block][inside_B]] = -np.inf
            mates_BG[inside_B, itself_P[block][inside_B]] = False
        best_row_P[block] = scores_BG.argmax(axis=1)
        best_score_P[block] = scores_BG.max(axis=1)
        mate_score_P[block] = scores_BG.max(axis=1, where=mates_BG, initial=-np.inf)
        # The same embedding in two rows of the gallery may score differently in the last bit.
        before_BG = (scores_BG >= mate_score_P[block, None] - _ROUNDING) & ~mates_BG
        rank_P[block] = np.where(mates_BG.any(axis=1), 1 + before_BG.sum(axis=1), 0)
    best_row_P[best_score_P == -np.inf] = -1
    return SearchResults(rank_P, mate_score_P, best_score_P, best_row_P)


def rank_rate(results: SearchResults, rank: int) -> float:
    """Return the share of mated probes whose mate is among the `rank` best entries.

    Raises:
        FembError: if no probe has a mate, or `rank` is below 1.
    """
    if rank < 1:
        raise FembError(f"ranks count from 1, so {rank} is not a rank")
    ranks_M = _ranks_of_mated(results)
    return float(np.mean(ranks_M <= rank))


def tpir_at_fpir(results: SearchResults, fpir: float) -> OpenSetPoint:
    """Return the point of largest TPIR with at most floor(fpir x probes without a mate) false positives.

    Its threshold is the smallest number above the highest score that must be rejected.

    Raises:
        FembError: if all probes or none have a mate, or `fpir` is not in [0, 1].
    """
    ranks_M = _ranks_of_mated(results)
    unmated = np.sort(results.best_score_P[~results.mated_P])
    if not len(unmated):
        raise FembError(
            "every probe has a mate in the gallery: FPIR needs probes without one",
            hint="add probes of people who are not in the gallery",
        )
    allowed = allowed_false_accepts(fpir, len(unmated))
    threshold = -1.0 if allowed == len(unmated) else float(np.nextafter(unmated[-allowed - 1], np.inf))
    false_positives = int(np.count_nonzero(unmated >= threshold))
    identified_M = (ranks_M == 1) & (results.mate_score_P[results.mated_P] >= threshold)
    return OpenSetPoint(
        threshold=threshold,
        tpir=float(identified_M.mean()),
        fpir=false_positives / len(unmated),
        false_positives=false_positives,
        allowed_false_positives=allowed,
    )


def _ranks_of_mated(results: SearchResults) -> NDArray[np.int64]:
    """The ranks of the probes that have a mate; refuses results without one."""
    ranks_M = results.rank_P[results.mated_P]
    if not len(ranks_M):
        raise FembError(
            "no probe has a mate in the gallery", hint="check that both sides use the same name for the same person"
        )
    return ranks_M


def _unit(embeddings: ArrayLike, identities: Sequence[str], side: str) -> NDArray[np.float64]:
    """Embeddings of unit length, in float64."""
    rows = np.asarray(embeddings, dtype=np.float64)
    if not len(rows):
        raise FembError(f"the {side} file holds no embeddings")
    if rows.ndim != 2 or len(rows) != len(identities):
        raise FembError(f"{side}: {len(identities)} identities do not fit embeddings of shape {rows.shape}")
    lengths = np.linalg.norm(rows, axis=1)
    check_embeddings(
        lengths, lambda row: f"{side}: the embedding in row {row} (counted from 0), of {identities[row]!r},"
    )
    return rows / lengths[:, None]

"""What a report can say of a list of scored pairs beyond its figures: quality, groups, the hardest pairs.

Shape suffixes: N pairs, H and W pixels.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.groups import compare_groups, quantile_bins
from femb_cli.evaluation.metrics.intervals import Interval
from femb_cli.evaluation.metrics.quality import discard_curve
from femb_cli.evaluation.report.contents import ReportContents
from femb_cli.evaluation.report.hardest import PicturedPair, hardest_pairs
from femb_cli.evaluation.verification.pairs import PairList

Picture = Callable[[str], NDArray[np.uint8]]


def gather_extras(
    scores_N: NDArray[np.float64],
    pairs: PairList,
    *,
    quality_N: NDArray[np.float64] | None = None,
    quality: str = "",
    picture: Picture | None = None,
    intervals: Mapping[str, Interval] | None = None,
    interval_kind: str = "",
    card: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
    fmr: float = 1e-3,
) -> ReportContents:
    """Compute what follows from what is known.

    Args:
        scores_N: score of each pair.
        pairs: the pairs; its groups are compared.
        quality_N: quality of each pair, for a discard curve and for groups by its quartiles.
        quality: what that is.
        picture: from an image's name in the list to its uint8 RGB pixels (H, W, 3), to show the hardest pairs.
        intervals: as `ReportContents`.
        interval_kind: as `ReportContents`.
        card: as `ReportContents`.
        warnings: as `ReportContents`.
        fmr: false match rate whose threshold judges groups and discard curves.

    Raises:
        FembError: as `compare_groups` and `discard_curve`, or what `picture` raises.
    """
    groups = dict(pairs.groups)
    if quality_N is not None:
        groups[quality] = quantile_bins(quality_N)
    return ReportContents(
        intervals=intervals or {},
        interval_kind=interval_kind,
        quality=quality,
        discard=None if quality_N is None else discard_curve(scores_N, pairs.genuine_N, quality_N, fmr=fmr),
        groups=[
            compare_groups(scores_N, pairs.genuine_N, labels, grouping=name, far=fmr) for name, labels in groups.items()
        ],
        hardest=[] if picture is None else _hardest(scores_N, pairs, picture),
        card=card or {},
        warnings=warnings,
    )


def _hardest(scores_N: NDArray[np.float64], pairs: PairList, picture: Picture) -> list[PicturedPair]:
    """The hardest genuine pairs, then the hardest impostor pairs, with their images."""
    return [
        PicturedPair(
            left=pairs.left[place],
            right=pairs.right[place],
            genuine=bool(pairs.genuine_N[place]),
            score=float(scores_N[place]),
            left_HW3=picture(pairs.left[place]),
            right_HW3=picture(pairs.right[place]),
        )
        for place in np.concatenate(hardest_pairs(scores_N, pairs.genuine_N)).tolist()
    ]

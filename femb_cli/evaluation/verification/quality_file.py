"""Files of quality scores.

Shape suffix: N pairs.
"""

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.metrics.quality import QualityScores, read_quality_scores
from femb_cli.evaluation.verification.pairs import PairList


def quality_of_pairs(scores: QualityScores, pairs: PairList) -> NDArray[np.float64]:
    """Return the quality of each pair, float64 (N,)."""
    return scores.of_pairs(pairs)


__all__ = ["QualityScores", "quality_of_pairs", "read_quality_scores"]

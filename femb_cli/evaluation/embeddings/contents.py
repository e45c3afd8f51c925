"""What a file of embeddings holds, in whatever format.

Shape suffixes: N embeddings, D embedding dimension.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.description import Description

Columns = Mapping[str, NDArray[np.generic]]
"""What is known about each embedding beside its name, such as its magnitude: columns of N values."""


@dataclass(frozen=True, eq=False)
class Contents:
    """Embeddings, their names, and what is known about their network.

    Attributes:
        rows_ND: the embeddings, numbers.
        names: the name of each row; None if the file has none.
        description: what the file says about its network; None if it says nothing.
    """

    rows_ND: NDArray[Any]
    names: list[str] | None = None
    description: Description | None = None

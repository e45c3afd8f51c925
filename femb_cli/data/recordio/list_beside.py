"""What a list beside a record file says of its images, as BUPT-BalancedFace's does of their ethnicity.

Shapes: N images.
"""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from femb_cli.data.files.list_file import ListFileSource, has_extra_columns
from femb_cli.data.identities import Identities

if TYPE_CHECKING:
    import pyarrow as pa


def columns_beside(records: Path, keys_N: np.ndarray, identities: Identities | None) -> "pa.Table | None":
    """Return the further columns of the list in a record file's folder, a row for each image.

    The list's lines are the images in the order of their keys, which is so if they name the same identities.

    Args:
        records: The record file.
        keys_N: Of its images.
        identities: Of its images.

    Returns:
        None if there is no list with further columns, or it is of other images.

    Warns:
        UserWarning: The list is of other images.
    """
    lists = [path for path in sorted(records.parent.glob("*.lst")) if has_extra_columns(path)]
    if not lists or identities is None:
        return None
    listed = ListFileSource(lists[0])
    order_N = np.argsort(keys_N, kind="stable")
    is_same = listed.identities.names == identities.names and np.array_equal(
        listed.identities.labels_N, identities.labels_N[order_N]
    )
    if not is_same:
        warnings.warn(
            f"{lists[0]} does not name the identities of {records.name} in their order: it is left out", stacklevel=2
        )
        return None
    return listed.extra(np.argsort(order_N))

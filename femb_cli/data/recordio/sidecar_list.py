"""The list file beside a record file: it has extra columns, such as the ethnicity in BUPT-BalancedFace.

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


def sidecar_columns(records: Path, keys_N: np.ndarray, identities: Identities | None) -> "pa.Table | None":
    """Return the extra columns of the list in a record file's folder, with a row for each image.

    The lines of the list are the images in the order of their keys. femb accepts the list if it names the same
    identities in that order.

    Args:
        records: The record file.
        keys_N: Key of each image, integers.
        identities: Identities of the images.

    Returns:
        None if there is no list with extra columns, or the list does not match.

    Warns:
        UserWarning: The list does not match.
    """
    lists = [path for path in sorted(records.parent.glob("*.lst")) if has_extra_columns(path)]
    if not lists or identities is None:
        return None
    listed = ListFileSource(lists[0])
    order_N = np.argsort(keys_N, kind="stable")
    is_same = (
        listed.identities is not None
        and listed.identities.names == identities.names
        and np.array_equal(listed.identities.labels_N, identities.labels_N[order_N])
    )
    if not is_same:
        warnings.warn(
            f"{lists[0]} does not name the identities of {records.name} in their order; its columns are ignored",
            stacklevel=2,
        )
        return None
    return listed.extra(np.argsort(order_N))

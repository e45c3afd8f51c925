"""`.parquet`: the columns `name`, `embedding` (a list of float32) and further ones; the schema holds the description.

Shape suffixes: N embeddings, D embedding dimension.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from femb_cli.evaluation.embeddings.contents import Columns, Contents
from femb_cli.evaluation.embeddings.description import Description, description_in

_ROWS_AT_ONCE = 1 << 16
_KEY = b"femb"
"""Where the schema's metadata holds the description."""


def read(path: Path) -> Contents:
    """Read embeddings; raise OSError, ValueError, ... if the file is missing or damaged."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as file:
            table = pq.read_table(file, page_checksum_verification=True)
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
    if "embedding" not in table.column_names:
        raise ValueError(f"it has no column 'embedding' but {', '.join(table.column_names)}")
    names = table["name"].to_pylist() if "name" in table.column_names else None
    if names is not None and not all(isinstance(name, str) for name in names):
        raise ValueError("its column 'name' holds other things than text")
    description = description_in((table.schema.metadata or {}).get(_KEY, b""))
    return Contents(_matrix(table["embedding"]), names, description)


def has_embeddings(path: Path) -> bool:
    """Whether a file has a column of embeddings; a damaged file counts, so that `read` says what is wrong with it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return "embedding" in pq.read_schema(path).names
    except pa.ArrowException:
        return True


def write(
    path: Path, rows_ND: NDArray[np.float32], names: Sequence[str], description: Description, further: Columns
) -> None:
    """Write embeddings with their names, a row group at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    dimension = rows_ND.shape[1]
    others = [(name, pa.from_numpy_dtype(column.dtype)) for name, column in further.items()]
    schema = pa.schema(
        [("name", pa.string()), ("embedding", pa.list_(pa.float32(), dimension)), *others],
        metadata={_KEY: description.to_text()},
    )
    with pq.ParquetWriter(path, schema, write_page_checksum=True) as writer:
        for start in range(0, len(rows_ND), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            numbers = pa.array(np.ravel(rows_ND[rows]))
            embeddings = pa.FixedSizeListArray.from_arrays(numbers, dimension)
            columns = [pa.array(column[rows]) for column in further.values()]
            writer.write_table(pa.table([pa.array(names[rows], pa.string()), embeddings, *columns], schema=schema))


def _matrix(column: Any) -> NDArray[Any]:
    """Return a column of lists that are equally long as an array (N, D)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kinds = (pa.types.is_fixed_size_list, pa.types.is_list, pa.types.is_large_list)
    if not any(is_kind(column.type) for is_kind in kinds):
        raise ValueError(f"its column 'embedding' holds {column.type}, not lists of numbers")
    lengths = pc.unique(pc.list_value_length(column)).to_pylist()
    numbers = pc.list_flatten(column)
    if len(lengths) > 1 or lengths == [None] or numbers.null_count:
        raise ValueError("its column 'embedding' holds lists of several lengths, or empty places")
    return numbers.to_numpy().reshape(len(column), lengths[0] if lengths else 0)

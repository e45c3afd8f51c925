"""The columns of a long table, read by Arrow."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from femb_cli.evaluation.verification.pair_formats.layout import TableLayout

MISSING = ("", "nan", "NaN", "NAN", "NA", "N/A", "null", "None")
"""The cells that are no number in a column of numbers."""
TEXT = pa.dictionary(pa.int32(), pa.string())
"""The type of a column of texts that repeat."""
_BATCH_BYTES = 1 << 18
"""Arrow reads thirty batches ahead."""
_BATCHES = 64
"""Batches that are joined, because they repeat texts."""


def read_columns(
    content: Any, layout: TableLayout, types: Mapping[int, pa.DataType], **parse_options: Any
) -> Iterator[dict[int, pa.Array]]:
    """Yield some columns of a table by their places, some megabytes at a time.

    Args:
        content: the file, opened for bytes.
        layout: its columns.
        types: the places of the columns to read, and their types.
        parse_options: how Arrow takes the lines apart, besides the delimiter.

    Raises:
        ArrowException: a line is damaged.
    """
    reader = pa_csv.open_csv(
        content,
        pa_csv.ReadOptions(
            column_names=[f"{place}" for place in range(len(layout.columns))],
            skip_rows=layout.header_lines,
            block_size=_BATCH_BYTES,
        ),
        pa_csv.ParseOptions(**{"delimiter": layout.delimiter, **parse_options}),
        pa_csv.ConvertOptions(
            include_columns=[f"{place}" for place in types],
            column_types={f"{place}": kind for place, kind in types.items()},
            null_values=list(MISSING),
            strings_can_be_null=False,
        ),
    )
    while batches := [*islice(reader, _BATCHES)]:
        for joined in pa.Table.from_batches(batches).combine_chunks().to_batches():
            yield dict(zip(types, joined.columns, strict=True))

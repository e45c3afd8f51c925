"""The columns of a long table, read by Arrow."""

from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.csv as pa_csv

from femb_cli.evaluation.verification.pair_formats.layout import TableLayout

MISSING = ("", "nan", "NaN", "NAN", "NA", "N/A", "null", "None")
"""The cells that are no number in a column of numbers."""
TEXT = pa.dictionary(pa.int32(), pa.string())
"""The type of a column of texts that repeat."""


def read_columns(
    blocks: Iterable[bytes], layout: TableLayout, types: Mapping[int, pa.DataType], **parse_options: Any
) -> Iterator[dict[int, pa.Array]]:
    """Yield some columns of each block of a table, by their places.

    Arrow's own stream of blocks would read thirty of them ahead, and its allocator keeps what it once took.

    Args:
        blocks: the table, whole lines at a time.
        layout: its columns.
        types: the places of the columns to read, and their types.
        parse_options: how Arrow takes the lines apart, besides the delimiter.

    Raises:
        ArrowException: a line is damaged.
    """
    convert_options = pa_csv.ConvertOptions(
        include_columns=[f"{place}" for place in types],
        column_types={f"{place}": kind for place, kind in types.items()},
        null_values=list(MISSING),
        strings_can_be_null=False,
    )
    for number, block in enumerate(blocks):
        if number and block.startswith(BOM_UTF8):
            block = BOM_UTF8 + block  # Arrow leaves out the first one of each block
        table = pa_csv.read_csv(
            pa.BufferReader(block),
            pa_csv.ReadOptions(
                column_names=[f"{place}" for place in range(len(layout.columns))],
                skip_rows=0 if number else layout.header_lines,
                block_size=len(block) + 1,
                use_threads=False,
            ),
            pa_csv.ParseOptions(**{"delimiter": layout.delimiter, **parse_options}),
            convert_options,
            memory_pool=pa.system_memory_pool(),
        )
        for batch in table.to_batches():
            yield dict(zip(types, batch.columns, strict=True))

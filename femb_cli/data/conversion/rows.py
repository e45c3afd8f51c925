"""The rows of a training set as Arrow stores them: the columns image, label and the extra columns of the source.

Shapes: N rows, C identities.
"""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from femb_cli.data.images.encoded import EncodedImages

if TYPE_CHECKING:
    import pyarrow as pa

OWN_COLUMNS = ("image", "label")


def features_of(identity_names: list[str], extra: "pa.Schema | None") -> dict[str, Any]:
    """Describe the columns as the library `datasets` does in its JSON files."""
    features: dict[str, Any] = {"image": {"_type": "Image"}, "label": {"names": identity_names, "_type": "ClassLabel"}}
    if extra is None:
        return features
    from datasets import Features

    return features | Features.from_arrow_schema(extra).to_dict()


def schema_of(extra: "pa.Schema | None", features: dict[str, Any]) -> "pa.Schema":
    """Return the schema of the rows, with the metadata that tell `datasets` the type of each column."""
    import pyarrow as pa

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    columns = [("image", image), ("label", pa.int64()), *([] if extra is None else extra)]
    return pa.schema(columns, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def extra_schema_of(schema: "pa.Schema") -> "pa.Schema | None":
    """Return the schema of the extra columns of some rows; None if there are none."""
    import pyarrow as pa

    fields = [field for field in schema if field.name not in OWN_COLUMNS]
    return pa.schema(fields, metadata=schema.metadata) if fields else None


def rows_of(
    images: EncodedImages,
    labels_N: np.ndarray,
    names: Sequence[str | None],
    extra: "pa.Table | None",
    schema: "pa.Schema",
) -> "pa.RecordBatch":
    """Build the rows of some images, without copying the images' bytes.

    Args:
        images: The encoded images.
        labels_N: Label of each, integers.
        names: Path of each; None if it has none.
        extra: The extra columns.
        schema: The schema of the rows.
    """
    import pyarrow as pa

    encoded = _array(pa.binary(), images)
    paths = _array(pa.string(), EncodedImages.join([(name or "").encode() for name in names]))
    if None in names:
        paths = pa.array(names, pa.string())
    image = pa.StructArray.from_arrays([encoded, paths], fields=list(schema.field("image").type))
    labels = pa.Array.from_buffers(pa.int64(), len(images), [None, pa.py_buffer(labels_N.astype(np.int64))])
    columns = [image, labels]
    if extra is not None:
        columns += [column.combine_chunks() for column in extra.columns]
    return pa.record_batch(columns, schema=schema)


def relabelled(rows: "pa.RecordBatch", new_label_C: np.ndarray, schema: "pa.Schema") -> "pa.RecordBatch":
    """Return rows with the label `new_label_C[label]` in place of each label."""
    import pyarrow as pa

    labels = pa.array(new_label_C[rows.column("label").to_numpy()], pa.int64())
    position = rows.schema.get_field_index("label")
    columns = [*rows.columns[:position], labels, *rows.columns[position + 1 :]]
    return pa.record_batch(columns, schema=schema)


def _array(kind: "pa.DataType", values: EncodedImages) -> "pa.Array":
    """Wrap binary values as an Arrow array; pa.array() would first import pandas, which takes 0.2 s."""
    import pyarrow as pa

    ends = np.concatenate([[0], values.ends_N]).astype(np.int32)
    return pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(ends), pa.py_buffer(values.data)])

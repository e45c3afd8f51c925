"""Rows as Arrow stores them: the same as pyarrow builds, without copying the images."""

import numpy as np
import pyarrow as pa
import pytest

from femb_cli.data.conversion.rows import extra_schema_of, features_of, relabelled, rows_of, schema_of
from femb_cli.data.images.encoded import EncodedImages

IMAGES = [b"one", b"", b"three"]
EXTRA = pa.table({"age": pa.array([20, 30, None], pa.int32())})


def rows(names: list[str | None], extra: pa.Table | None = None) -> pa.RecordBatch:
    schema = None if extra is None else extra.schema
    return rows_of(
        EncodedImages.join(IMAGES),
        np.array([1, 0, 1]),
        names,
        extra,
        schema_of(schema, features_of(["a", "b"], schema)),
    )


@pytest.mark.parametrize("names", [["a/1.jpg", "é", ""], ["a/1.jpg", None, None]])
def test_rows_are_those_that_pyarrow_builds(names):
    built = rows(names)
    built.validate(full=True)
    images = [{"bytes": image, "path": name} for image, name in zip(IMAGES, names, strict=True)]
    assert built.to_pydict() == {"image": images, "label": [1, 0, 1]}


def test_extra_columns_come_last_and_their_schema_is_found_again():
    built = rows(["x", "y", "z"], EXTRA)
    assert built.schema.names == ["image", "label", "age"]
    assert built.column("age").to_pylist() == [20, 30, None]
    assert extra_schema_of(built.schema).names == ["age"]
    assert extra_schema_of(rows(["x", "y", "z"]).schema) is None


def test_hugging_face_reads_the_features_from_the_schema():
    from datasets import ClassLabel, Features, Image, Value

    found = Features.from_arrow_schema(rows(["x", "y", "z"], EXTRA).schema)
    assert found == {"image": Image(), "label": ClassLabel(names=["a", "b"]), "age": Value("int32")}


def test_relabelling_changes_the_labels_alone():
    old = rows(["x", "y", "z"], EXTRA)
    new = relabelled(old, np.array([7, 5]), old.schema)
    assert new.to_pydict() == {**old.to_pydict(), "label": [5, 7, 5]}

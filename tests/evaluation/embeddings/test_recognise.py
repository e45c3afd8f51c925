"""Which paths are read as embeddings."""

from pathlib import Path

import numpy as np
import pytest
from stored_embeddings import NAMES, ROWS, describe

from femb_cli.evaluation.embeddings.formats import FORMATS
from femb_cli.evaluation.embeddings.recognise import holds_embeddings


@pytest.mark.parametrize("ending", [ending for ending in FORMATS if ending != ".npy"])
def test_what_femb_wrote_is_recognised(tmp_path, ending):
    rows = np.asarray(ROWS, dtype=np.float32)
    FORMATS[ending].write(tmp_path / f"faces{ending}", rows, NAMES, describe(rows, NAMES), {})
    assert holds_embeddings(tmp_path / f"faces{ending}")


def test_an_array_counts_under_any_name(tmp_path):
    with (tmp_path / "faces").open("wb") as file:
        np.save(file, np.eye(2))
    assert holds_embeddings(tmp_path / "faces")


def test_a_missing_file_counts_by_its_ending_so_that_the_error_names_it():
    assert holds_embeddings(Path("missing.npy"))
    assert not holds_embeddings(Path("missing"))
    assert not holds_embeddings(Path("missing.parquet"))


def test_a_dataset_a_list_and_a_folder_are_images(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"image": [b"jpeg"], "label": [0]}), tmp_path / "images.parquet")
    (tmp_path / "list.csv").write_text("path,identity\nanna/1.jpg,anna\n")
    (tmp_path / "folder.npy").mkdir()
    for name in ("images.parquet", "list.csv", "folder.npy"):
        assert not holds_embeddings(tmp_path / name), name


def test_a_damaged_parquet_file_counts_so_that_its_reader_says_what_is_wrong(tmp_path):
    (tmp_path / "faces.parquet").write_bytes(b"PAR1")
    assert holds_embeddings(tmp_path / "faces.parquet")

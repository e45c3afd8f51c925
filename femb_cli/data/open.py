"""Open any source of images: detect the format of a path and return the source that reads it."""

import zipfile
from collections.abc import Sequence
from pathlib import Path

from femb_cli.data.dataset_info import is_dataset
from femb_cli.data.files.folder import FileListSource, FolderSource
from femb_cli.data.files.list_file import ListFileSource, is_list_file
from femb_cli.data.files.naming import is_image_name
from femb_cli.data.files.zip import ZipSource
from femb_cli.data.huggingface.arrow import DatasetSource
from femb_cli.data.huggingface.hub import is_hub_id, stream_dataset
from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.huggingface.parquet_files import is_parquet
from femb_cli.data.recordio.record_source import RecordSource
from femb_cli.data.source import ImageSource
from femb_cli.data.verification_bin.verification_set import is_verification_set
from femb_cli.errors import FembError
from femb_cli.files import exists


def open_source(path: str | Path, *, split: str | None = None, images: Path | None = None) -> ImageSource:
    """Open RecordIO, a zip, a folder, a list, a Hugging Face dataset or Parquet files, on this machine or on the Hub.

    Args:
        path: A file, a folder, or the id of a dataset on the Hub, which is streamed.
        split: The split to read, if the dataset has several.
        images: The folder that the paths in a list start from, if it is not beside the list.

    Raises:
        FembError: `path` does not exist, has a format that femb does not read, or holds no image.
    """
    if not exists(Path(path)):
        if is_hub_id(str(path)):
            return stream_dataset(str(path), split=split)
        raise FembError(f"{path} does not exist")
    path = Path(path)
    return _open_folder(path, split) if path.is_dir() else _open_file(path, split, images)


def open_images(paths: Sequence[Path]) -> ImageSource:
    """Open a single folder, archive, list or dataset as a source; anything else is a list of image files.

    Raises:
        FembError: as `open_source`; or an image file is named twice.
    """
    if len(paths) == 1 and not (paths[0].is_file() and is_image_name(paths[0].name)):
        return open_source(paths[0])
    return FileListSource(paths)


def _open_folder(path: Path, split: str | None) -> ImageSource:
    if split is not None and (path / split).is_dir():
        path = path / split
    if is_dataset(path):
        return DatasetSource(path)
    if is_parquet(path):
        return ParquetSource(path, split=split)
    records = sorted(path.glob("*.rec"))
    if len(records) > 1:
        raise FembError(
            f"{path} holds {len(records)} record files: {', '.join(file.name for file in records)}",
            hint=f"name one of them, as in {records[0]}",
        )
    if not records and (nested := sorted(path.glob("*/*.rec"))):
        raise FembError(f"{path} holds record files in its folders", hint=f"name one of them, as in {nested[0]}")
    return RecordSource(records[0]) if records else FolderSource(path)


def _open_file(path: Path, split: str | None, images: Path | None) -> ImageSource:
    if path.suffix == ".rec":
        return RecordSource(path)
    if is_parquet(path):
        return ParquetSource(path, split=split)
    with path.open("rb") as file:
        starts_as_zip = file.read(4) == b"PK\x03\x04"
    if starts_as_zip or path.suffix == ".zip" or zipfile.is_zipfile(path):
        return ZipSource(path)
    if path.suffix == ".bin" or is_verification_set(path):
        raise FembError(
            f"{path} looks like a verification set (pairs of images), which has no identities",
            hint="femb convert makes a benchmark of it; a training set is a .rec file, a zip, a list or a folder",
        )
    if is_list_file(path):
        return ListFileSource(path, images)
    raise FembError(
        f"{path} is not a source of images that femb reads",
        hint="give a .rec file, a zip, a list, a dataset directory or a folder of images",
    )

"""Open any source of images: detect the format of a path and return the source that reads it."""

import logging
import os
import zipfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from femb_cli.data.channels import stated_channels, with_channels
from femb_cli.data.dataset_info import is_dataset
from femb_cli.data.files.folder import FileListSource, FolderSource, common_top, names_below
from femb_cli.data.files.images_among_files import count_unread, is_image_file, start_of_file
from femb_cli.data.files.list_file import ListFileSource, is_list_file
from femb_cli.data.files.naming import has_image_ending
from femb_cli.data.files.other_formats import refuse_other_ending, refuse_other_format
from femb_cli.data.files.several import SeveralSources, ZipParts
from femb_cli.data.files.unread import unread_sentence
from femb_cli.data.files.zip import ZipSource
from femb_cli.data.huggingface.arrow import DatasetSource
from femb_cli.data.huggingface.columns import NoImageColumnError
from femb_cli.data.huggingface.hub import download_stated, is_hub_id, stream_dataset
from femb_cli.data.huggingface.parquet import ParquetSource
from femb_cli.data.huggingface.parquet_files import is_parquet
from femb_cli.data.images.heic import INSTALL, can_read_heic
from femb_cli.data.images.signature import image_format
from femb_cli.data.lmdb.source import LmdbSource, lmdb_files
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.data.recordio.record_source import RecordSource
from femb_cli.data.source import HasColumns, ImageSource
from femb_cli.data.tar.archives import archives_in, archives_of_pattern, archives_of_split, is_pattern, is_tar
from femb_cli.data.tar.source import TarSource
from femb_cli.data.verification_bin.verification_set import is_verification_set
from femb_cli.errors import FembError
from femb_cli.files import exists, missing
from femb_cli.text import other_encoding

_LIST_ENDINGS = (".csv", ".jsonl", ".tsv", ".txt", ".lst", ".list")
_MOST_START = 2**16
_NAME_ONE = "name one of them, or move those of one kind away"

logger = logging.getLogger("femb")


WEIGHT_ENDINGS = (".pt", ".pth", ".ckpt", ".safetensors", ".onnx", ".params")
"""Endings of files with weights, which people give where images are wanted."""


class NotASourceError(FembError):
    """A file is not a source of images."""


def open_source(
    path: str | Path,
    *,
    split: str | None = None,
    images: Path | None = None,
    read_as: ReadAs = AS_FOUND,
    channels: str | None = None,
) -> ImageSource:
    """Open RecordIO, archives, a folder, a list, a Hugging Face dataset or Parquet files, here or on the Hub.

    Args:
        path: A file, a folder, a pattern of tar archives, or the id of a dataset on the Hub, which is streamed.
        split: The split to read, if the dataset has several.
        images: The folder that the paths in a list start from, if it is not beside the list.
        read_as: Where the source says who is on its images, if femb is not to find that itself.
        channels: "bgr" if red and blue are swapped in the stored images, which puts them right; "rgb" if they are not;
            None for what the dataset states.

    Raises:
        FembError: `path` does not exist, has a format that femb does not read, or holds no image; or
            `read_as`, `split` or `images` does not fit it.
    """
    if not exists(Path(path)):
        if is_hub_id(str(path)):
            streamed = stream_dataset(str(path), split=split, read_as=read_as)
            if channels is None and (stated := download_stated(str(path))) is not None:
                channels = stated_channels(stated)
            return with_channels(_fitting(streamed, read_as), channels)
        if is_pattern(str(path)):
            shards = TarSource(Path(path), archives_of_pattern(str(path)), read_as)
            return with_channels(_fitting(shards, read_as), channels)
        raise missing(path)
    path = Path(path)
    source = _open_folder(path, split, read_as) if path.is_dir() else _open_file(path, split, images, read_as)
    _refuse_unused(source, path, split, images)
    return with_channels(_fitting(source, read_as), channels)


def open_archives(paths: Sequence[Path], read_as: ReadAs = AS_FOUND, *, channels: str | None = None) -> ImageSource:
    """Open several archives that are the parts of one dataset, all tar archives or all zips.

    `read_as` and `channels` are those of `open_source`.

    Raises:
        FembError: A path does not exist or is no such archive, or an archive cannot be read.
    """
    for path in paths:
        if not exists(path) or not path.is_file():
            raise FembError(f"{path} is not a file", hint="several sources of one dataset are tar archives or zips")
    if all(map(is_tar, paths)):
        return with_channels(_fitting(TarSource(paths[0].parent, paths, read_as), read_as), channels)
    if all(map(zipfile.is_zipfile, paths)):
        return with_channels(_fitting(ZipParts(paths[0].parent, paths, read_as.person_folder), read_as), channels)
    other = next(path for path in paths if not is_tar(path))
    raise FembError(
        f"several sources of one dataset are tar archives or zips: {other} is of another kind", hint="name one source"
    )


def open_sources(paths: Sequence[Path]) -> ImageSource:
    """Open what the arguments of a command name: image files, and all that `open_source` opens, in any order.

    A single path is opened as `open_source` opens it. Of several paths, image files become a list of files, everything
    else a source, and all of them one source. A file that is neither is counted as not read.

    Raises:
        FembError: A path does not exist, cannot be opened, or there is no image.
    """
    if len(paths) == 1 and not _is_image_file(paths[0]):
        return open_source(paths[0])
    if len(paths) == 1 and not exists(paths[0]):
        raise missing(paths[0])
    top = common_top(paths)
    parts: list[tuple[str, ImageSource]] = []
    others: list[Path] = []
    for is_image, group in groupby(paths, key=_is_image_file):
        if is_image:
            parts.append(("", FileListSource(group, top)))
            continue
        for path in group:
            try:
                parts.append((names_below(top, [path])[0], _open_one_of_several(path)))
            except NotASourceError:
                others.append(path)
    unread = count_unread(others)
    if not parts:
        raise FembError("none of the given files is an image", hint=unread_sentence(unread))
    if len(parts) == 1 and not parts[0][0] and not unread:
        return parts[0][1]
    return SeveralSources(top, parts, unread)


def _is_image_file(path: Path) -> bool:
    """Whether a path is an image file; one that is missing is, if its name ends as an image's does."""
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() takes twice the time, and there may be many files
        return False
    return is_image_file(path) or (has_image_ending(path.name) and not exists(path))


def _open_one_of_several(path: Path) -> ImageSource:
    """Open a path on this machine: a missing one among several is a mistake rather than a dataset on the Hub."""
    if not exists(path):
        raise missing(path)
    return open_source(path)


def _open_folder(path: Path, split: str | None, read_as: ReadAs) -> ImageSource:
    if split is not None and (path / split).is_dir():
        path = path / split
    if is_dataset(path):
        return DatasetSource(path, read_as)
    if is_parquet(path):
        try:
            return ParquetSource(path, split=split, read_as=read_as)
        except NoImageColumnError:
            # Such as a table of embeddings that femb wrote beside the photos.
            if read_as.names_columns or not _has_images(path):
                raise
    if databases := lmdb_files(path):
        return _open_lmdb(path, databases, read_as)
    records = sorted(path.glob("*.rec"))
    if len(records) > 1:
        raise FembError(
            f"{path} holds {len(records)} record files: {', '.join(file.name for file in records)}",
            hint=f"name one of them, as in {records[0]}",
        )
    if not records and (nested := sorted(path.glob("*/*.rec"))):
        raise FembError(f"{path} holds record files in its folders", hint=f"name one of them, as in {nested[0]}")
    return RecordSource(records[0]) if records else _open_loose_files(path, split, read_as)


def _open_lmdb(path: Path, databases: list[Path], read_as: ReadAs) -> LmdbSource:
    if len(databases) > 1:
        raise FembError(
            f"{path} holds {len(databases)} LMDB databases: {', '.join(file.name for file in databases)}",
            hint=f"name one of them, as in {databases[0]}",
        )
    return LmdbSource(path, databases[0], read_as)


def _open_loose_files(path: Path, split: str | None, read_as: ReadAs) -> ImageSource:
    """Open a folder of images, or of archives."""
    tars, zips = archives_in(path), archives_in(path, (".zip",))
    try:
        loose = _open_images(path, read_as)
    except FembError:
        if not tars and not zips:
            raise
        loose = None
    if loose is not None and (loose.identities is not None or len(loose) > len(tars) + len(zips)):
        return loose
    if tars and zips:
        raise FembError(
            f"{path} holds archives of two kinds, such as {tars[0].name} and {zips[0].name}", hint=_NAME_ONE
        )
    if loose is not None:
        logger.info(f"{path} is read as {len(tars or zips)} archives; {len(loose)} images beside them are not read")
    archives = archives_of_split(path, tars or zips, split)
    return TarSource(path, archives, read_as) if tars else ZipParts(path, archives, read_as.person_folder)


def _has_images(path: Path) -> bool:
    """Whether an image is below a folder."""
    try:
        FolderSource(path)
    except FembError:
        return False
    return True


def _open_images(path: Path, read_as: ReadAs) -> FolderSource:
    """Open a folder of images; if it does not say who is on them, name the list beside them that may do so."""
    source = FolderSource(path, read_as.person_folder)
    if source.identities is None:
        texts = (file for ending in _LIST_ENDINGS for file in sorted(path.glob(f"*{ending}")))
        if found := next((file for file in texts if is_list_file(file)), None):
            source.found = replace(source.found, hint=f"{found} may say who is on them: name it instead of the folder")
    return source


def _fitting(source: ImageSource, read_as: ReadAs) -> ImageSource:
    """Refuse a source that has no columns or no folders where the user names one."""
    has_fields = isinstance(source, TarSource) and read_as.image_column is None
    if read_as.names_columns and not isinstance(source, HasColumns) and not has_fields:
        raise FembError(
            f"{source.path} has no columns to choose from: it is a source of the kind {source.kind!r}",
            hint="leave out the name of the column",
        )
    if read_as.person_folder is not None and not isinstance(
        source, FolderSource | ZipSource | ZipParts | TarSource | LmdbSource
    ):
        raise FembError(
            f"{source.path} has no folders of people: it is a source of the kind {source.kind!r}",
            hint="leave out the level of the folders",
        )
    return source


def _refuse_unused(source: ImageSource, path: Path, split: str | None, images: Path | None) -> None:
    """Refuse a split of a source that has none, and a folder of images for a source that is no list."""
    if images is not None and not isinstance(source, ListFileSource):
        raise FembError(f"{path} is not a list: its images are not elsewhere", hint="leave out --images")
    has_none = isinstance(source, FolderSource | ZipSource | RecordSource | LmdbSource | ListFileSource)
    if split is not None and has_none and not (path / split).is_dir():
        raise FembError(f"{path} has no splits, and so no {split!r}", hint="leave out --split")


def _open_file(path: Path, split: str | None, images: Path | None, read_as: ReadAs) -> ImageSource:
    if path.suffix == ".rec":
        return RecordSource(path)
    if is_parquet(path):
        return ParquetSource(path, split=split, read_as=read_as)
    if path.suffix.lower() == ".npz":  # a zip of arrays
        refuse_other_ending(path)
    with path.open("rb") as file:
        starts_as_zip = file.read(4) == b"PK\x03\x04"
    if starts_as_zip or path.suffix == ".zip" or zipfile.is_zipfile(path):
        return ZipSource(path, read_as.person_folder)
    if is_tar(path):
        return TarSource(path, [path], read_as)
    if databases := lmdb_files(path):
        return _open_lmdb(path, databases, read_as)
    refuse_other_format(path)
    if path.suffix == ".bin" or is_verification_set(path):
        raise FembError(
            f"{path} looks like a verification set (pairs of images), which has no identities",
            hint="femb convert makes a benchmark of it; a training set is a .rec file, a zip, a list or a folder",
        )
    if is_list_file(path, images, read_as):
        return ListFileSource(path, images, read_as)
    if image_format(start_of_file(path) or b"") == "HEIC" and not can_read_heic():
        raise NotASourceError(f"{path} is a HEIC image, which femb does not read yet", hint=INSTALL)
    if path.name.lower().endswith((*WEIGHT_ENDINGS, ".pth.tar")):
        hint = f"femb convert-checkpoint {path} {path.with_suffix('')} converts them"
        raise NotASourceError(f"{path} holds weights, not images", hint=hint)
    refuse_other_ending(path)
    if is_image_file(path):
        raise NotASourceError(f"{path} is a single image", hint="give the folder that holds it")
    with path.open("rb") as file:
        encoding = other_encoding(file.read(_MOST_START)) if path.suffix.lower() in _LIST_ENDINGS else None
    if encoding is not None:
        raise FembError(f"{path} is {encoding[0]}, which femb does not read", hint=encoding[1])
    raise NotASourceError(
        f"{path} is not a source of images that femb reads",
        hint="give a folder of images, a zip, a tar, a list, a .rec file or a dataset",
    )

"""Datasets on the Hugging Face Hub: downloaded into the Hub's cache, or streamed."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from femb_cli.data.dataset_info import FEMB_INFO_FILE
from femb_cli.data.files.split_names import SPLIT_WORDS
from femb_cli.data.huggingface.parquet_files import ENDING
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.data.tar.archives import ENDINGS as TAR_ENDINGS
from femb_cli.data.tar.archives import archives_in, archives_of_split
from femb_cli.data.tar.labels import NAMES_FILE
from femb_cli.errors import FembError
from femb_cli.files import exists
from femb_cli.hub import HubId, MissingRevisionError, hub_errors
from femb_cli.progress import Say
from femb_cli.runtime.hub_progress import hub_progress

if TYPE_CHECKING:
    from femb_cli.data.huggingface.parquet import ParquetSource
    from femb_cli.data.tar.source import TarSource

logger = logging.getLogger("femb")

CONVERTED = "refs/convert/parquet"
"""The branch with the Parquet files that the Hub itself makes of a dataset."""
_PARTIAL = "*/partial-*"
"""What it calls the folders of those that hold the first part of a large dataset."""

_STATED = (NAMES_FILE, FEMB_INFO_FILE, "README.md")
"""What a dataset states of itself."""


def is_hub_id(text: str) -> bool:
    """Whether `text` is "owner/name" or "hf://datasets/owner/name[@revision]", and there is no such local path."""
    return _parse(text) is not None and not exists(Path(text))


def download_dataset(text: str, *, split: str | None = None, say: Say) -> Path:
    """Download the files of a dataset and its README into the Hub's cache, unless they are there already.

    The files are its Parquet files; without any, those that the Hub has converted; where it has converted only the
    first part of a dataset, its tar archives.

    Args:
        text: an id that `is_hub_id` accepts.
        split: the only split to download; None downloads all.
        say: called with each message about the download.

    Returns:
        The directory in the cache, for `open_source` with the same split.

    Raises:
        FembError: There is no such dataset or no access to it, it has no such files, or there is no network.
    """
    hub_id = _require_id(text)
    words = SPLIT_WORDS.get(split, (split,)) if split else ("",)
    for revision, endings, is_whole in _places(hub_id):
        say(f"fetching {hub_id.name} ({revision}) from the Hugging Face Hub")
        patterns = [f"*{word}*{ending}" for word in words for ending in endings]
        folder = _download(hub_id, revision, patterns, _PARTIAL if is_whole else None)
        if folder is not None and any(file.name.endswith(endings) for file in folder.rglob("*")):
            if any("partial-" in file.parent.name for file in folder.rglob(f"*{ENDING}")):
                say(f"the Hub has converted only the first part of {hub_id.name}")
            return folder
    raise _no_files(hub_id, split)


@dataclass(frozen=True)
class Download:
    """What `download_dataset` would download.

    Attributes:
        revision: the branch, tag or commit.
        num_files: number of files that are not here yet.
        bytes: their size; None if the Hub does not say it.
    """

    revision: str
    num_files: int
    bytes: int | None


def find_download(text: str, *, split: str | None = None) -> Download | None:
    """Find out what `download_dataset` would download, without downloading it; arguments as there.

    Returns:
        None if all files are here, or if the Hub does not answer and some are.

    Raises:
        FembError: As `download_dataset`.
    """
    hub_id = _require_id(text)
    words = SPLIT_WORDS.get(split, (split,)) if split else ("",)
    for revision, endings, is_whole in _places(hub_id):
        patterns = [f"*{word}*{ending}" for word in words for ending in endings]
        try:
            sizes = _absent_files(hub_id, revision, patterns, _PARTIAL if is_whole else None)
        except FembError:
            if _is_cached(hub_id, revision):
                return None
            raise
        if sizes is not None:
            total = None if None in sizes else sum(size or 0 for size in sizes)
            return Download(revision, len(sizes), total) if sizes else None
    raise _no_files(hub_id, split)


def _is_cached(hub_id: HubId, revision: str) -> bool:
    """Whether files of a revision are in the Hub's cache."""
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(hub_id.name, repo_type="dataset", revision=revision, local_files_only=True)
    except OSError:
        return False
    return True


def _absent_files(hub_id: HubId, revision: str, patterns: list[str], ignored: str | None) -> list[int | None] | None:
    """Return the sizes of the files to download; None if the revision has no files of these patterns.

    Raises:
        FembError: the Hub does not answer, or has no such revision.
    """
    from huggingface_hub import HfApi, try_to_load_from_cache

    try:
        with _dataset_errors(hub_id, revision):
            listed = HfApi().dataset_info(hub_id.name, revision=revision, files_metadata=True)
    except _NotConvertedError:
        return None
    files = {each.rfilename: each.size for each in listed.siblings or ()}
    wanted = {
        name
        for name in files
        if not (ignored is not None and fnmatch(name, ignored)) and any(fnmatch(name, pattern) for pattern in patterns)
    }
    if not wanted:
        return None
    stated = {name for name in files if any(fnmatch(name, pattern) for pattern in _STATED)}
    cached = {"repo_type": "dataset", "revision": listed.sha}
    return [
        files[name]
        for name in sorted(wanted | stated)
        if not isinstance(try_to_load_from_cache(hub_id.name, name, **cached), str)
    ]


def stream_dataset(text: str, *, split: str | None = None, read_as: ReadAs = AS_FOUND) -> "ParquetSource | TarSource":
    """Open a dataset on the Hub: Parquet files are read where they are needed, tar archives are downloaded.

    Which files are taken is as in `download_dataset`.

    Raises:
        FembError: As `download_dataset`, `ParquetSource` and `TarSource`.
    """
    from huggingface_hub import HfFileSystem

    from femb_cli.data.huggingface.parquet import ParquetSource
    from femb_cli.data.tar.source import TarSource

    hub_id = _require_id(text)
    filesystem = HfFileSystem()
    for revision, endings, is_whole in _places(hub_id):
        # HfFileSystem recognises special refs by their slashes, but a slash in a branch's name must be quoted.
        quoted = revision if revision.startswith("refs/") else quote(revision, safe="")
        root = f"datasets/{hub_id.name}@{quoted}"
        files: list[str] = []
        with suppress(_NotConvertedError), _dataset_errors(hub_id, revision):
            files = [file for file in filesystem.find(root) if file.endswith(endings)]
        if not any(file for file in files if not (is_whole and fnmatch(file, _PARTIAL))):
            continue
        if endings == (ENDING,):
            return ParquetSource(root, split=split, filesystem=filesystem, read_as=read_as)
        logger.info(f"fetching the archives of {hub_id.name} from the Hugging Face Hub into its cache")
        folder = _download(hub_id, revision, [f"*{ending}" for ending in endings])
        assert folder is not None, "the revision is there"
        return TarSource(folder, archives_of_split(folder, archives_in(folder), split), read_as)
    raise _no_files(hub_id, split)


def download_stated(text: str) -> Path | None:
    """Download what a dataset states of itself, femb's JSON file among it, and return the directory in the cache.

    Returns:
        None if its revision does not exist.

    Raises:
        FembError: As `download_dataset`.
    """
    hub_id = _require_id(text)
    return _download(hub_id, hub_id.revision or "main", [])


def _places(hub_id: HubId) -> list[tuple[str, tuple[str, ...], bool]]:
    """Return where to look for a dataset: a revision, the endings of its files, and whether they must be all of it."""
    if hub_id.revision is not None:
        return [(hub_id.revision, (ENDING,), False), (hub_id.revision, TAR_ENDINGS, False)]
    converted = (CONVERTED, (ENDING,))
    return [("main", (ENDING,), False), (*converted, True), ("main", TAR_ENDINGS, False), (*converted, False)]


def _download(hub_id: HubId, revision: str, patterns: list[str], ignored: str | None = None) -> Path | None:
    """Download the files of some patterns, and return their directory; None if the Hub has not converted a dataset."""
    from huggingface_hub import snapshot_download

    patterns = [*patterns, *_STATED]
    with (
        suppress(_NotConvertedError),
        _dataset_errors(hub_id, revision),
        hub_progress(f"downloading {hub_id.name} (kB)") as bar,
    ):
        return Path(
            snapshot_download(
                hub_id.name,
                repo_type="dataset",
                revision=revision,
                allow_patterns=patterns,
                ignore_patterns=ignored,
                tqdm_class=bar,
            )
        )
    return None


class _NotConvertedError(FembError):
    """The Hub has not converted a dataset to Parquet."""


def _parse(text: str) -> HubId | None:
    """Read a dataset's id; only an hf:// address may name a revision."""
    hub_id = HubId.parse(text)
    return hub_id if hub_id and (hub_id.is_dataset_address or hub_id.revision is None) else None


def _require_id(text: str) -> HubId:
    hub_id = _parse(text)
    if hub_id is None:
        raise FembError(
            f"{text!r} is not the id of a dataset on the Hugging Face Hub",
            hint="write owner/name or hf://datasets/owner/name@revision",
        )
    return hub_id


@contextmanager
def _dataset_errors(hub_id: HubId, revision: str) -> Iterator[None]:
    """Translate the Hub's errors; a missing converted branch means that the Hub has not converted the dataset."""
    try:
        with hub_errors(hub_id.name, revision, "dataset"):
            yield
    except MissingRevisionError as error:
        if revision == CONVERTED:
            raise _NotConvertedError(error.message) from error
        raise


def _no_files(hub_id: HubId, split: str | None) -> FembError:
    of_split = f" of a split {split!r}" if split else ""
    return FembError(
        f"{hub_id.name} has neither Parquet files{of_split} nor tar archives on the Hugging Face Hub",
        hint=f"fetch it and convert it: hf download --repo-type dataset {hub_id.name}, then femb convert",
    )

"""Datasets on the Hugging Face Hub: downloaded into the Hub's cache, or streamed."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from femb_cli.data.dataset_info import FEMB_INFO_FILE
from femb_cli.data.files.split_names import SPLIT_WORDS
from femb_cli.data.huggingface.parquet_files import ENDING
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.errors import FembError
from femb_cli.files import exists
from femb_cli.hub import HubId, MissingRevisionError, hub_errors
from femb_cli.progress import Say

if TYPE_CHECKING:
    from femb_cli.data.huggingface.parquet import ParquetSource

CONVERTED = "refs/convert/parquet"
"""The branch with the Parquet files that the Hub itself makes of a dataset."""


def is_hub_id(text: str) -> bool:
    """Whether `text` is "owner/name" or "hf://datasets/owner/name[@revision]", and there is no such local path."""
    return _parse(text) is not None and not exists(Path(text))


def download_dataset(text: str, *, split: str | None = None, say: Say) -> Path:
    """Download the Parquet files, the README and femb's info of a dataset into the Hub's cache, unless they are there.

    If a dataset has no Parquet files, download those that the Hub has converted.

    Args:
        text: an id that `is_hub_id` accepts.
        split: the only split to download; None downloads all.
        say: called with each message about the download.

    Returns:
        The directory in the cache, for `ParquetSource` with the same split.

    Raises:
        FembError: There is no such dataset or no access to it, it has no Parquet files, or there is no network.
    """
    from huggingface_hub import snapshot_download

    hub_id = _require_id(text)
    words = SPLIT_WORDS.get(split, (split,)) if split else ("",)
    patterns = [*(f"*{word}*{ENDING}" for word in words), "README.md", FEMB_INFO_FILE]
    for revision in _revisions(hub_id):
        say(f"fetching {hub_id.name} ({revision}) from the Hugging Face Hub")
        with _dataset_errors(hub_id, revision):
            folder = Path(
                snapshot_download(hub_id.name, repo_type="dataset", revision=revision, allow_patterns=patterns)
            )
            files = list(folder.rglob(f"*{ENDING}"))
            if any("partial-" in file.parent.name for file in files):
                say(f"the Hub has converted only the first part of {hub_id.name}")
            if files:
                return folder
    raise _no_parquet(hub_id, split)


def stream_dataset(text: str, *, split: str | None = None, read_as: ReadAs = AS_FOUND) -> "ParquetSource":
    """Open a dataset on the Hub without downloading it; row groups are read when they are needed.

    Raises:
        FembError: As `download_dataset` and `ParquetSource`.
    """
    from huggingface_hub import HfFileSystem

    from femb_cli.data.huggingface.parquet import ParquetSource

    hub_id = _require_id(text)
    filesystem = HfFileSystem()
    for revision in _revisions(hub_id):
        # HfFileSystem recognises special refs by their slashes, but a slash in a branch's name must be quoted.
        quoted = revision if revision.startswith("refs/") else quote(revision, safe="")
        root = f"datasets/{hub_id.name}@{quoted}"
        with _dataset_errors(hub_id, revision):
            files = filesystem.find(root)
        if any(file.endswith(ENDING) for file in files):
            return ParquetSource(root, split=split, filesystem=filesystem, read_as=read_as)
    raise _no_parquet(hub_id, split)


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


def _revisions(hub_id: HubId) -> list[str]:
    """The revisions to search for Parquet files: the requested one, or else the main one and then the converted one."""
    return ["main", CONVERTED] if hub_id.revision is None else [hub_id.revision]


@contextmanager
def _dataset_errors(hub_id: HubId, revision: str) -> Iterator[None]:
    """Translate the Hub's errors; a missing converted branch means that there are no Parquet files at all."""
    try:
        with hub_errors(hub_id.name, revision, "dataset"):
            yield
    except MissingRevisionError as error:
        if revision == CONVERTED:
            raise _no_parquet(hub_id, None) from error
        raise


def _no_parquet(hub_id: HubId, split: str | None) -> FembError:
    of_split = f" of a split {split!r}" if split else ""
    return FembError(
        f"{hub_id.name} has no Parquet files{of_split} on the Hugging Face Hub",
        hint=f"fetch it and convert it: hf download --repo-type dataset {hub_id.name}, then femb convert",
    )

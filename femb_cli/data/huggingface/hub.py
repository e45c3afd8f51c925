"""Datasets on the Hugging Face Hub, by their id: fetched into the Hub's cache, or read from afar."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from femb_cli.data.huggingface.parquet_files import ENDING, SPLIT_WORDS
from femb_cli.errors import FembError
from femb_cli.progress import Say

if TYPE_CHECKING:
    from femb_cli.data.huggingface.parquet import ParquetSource

CONVERTED = "refs/convert/parquet"
_NAME = r"[A-Za-z0-9_][\w.-]{0,95}"
_PLAIN_ID = re.compile(rf"(?P<name>{_NAME}/{_NAME})", re.ASCII)
_ADDRESS = re.compile(rf"hf:/{{1,2}}datasets/(?P<name>{_NAME}/{_NAME})(?:@(?P<revision>.+))?", re.ASCII)


@dataclass(frozen=True)
class _HubId:
    """A dataset on the Hub: its "owner/name", and the revision that was asked for, if one was."""

    name: str
    revision: str | None

    @property
    def revisions(self) -> list[str]:
        """Where to look for Parquet files, in turn: what was asked for, else the files' own, then the Hub's."""
        return ["main", CONVERTED] if self.revision is None else [self.revision]


def is_hub_id(text: str) -> bool:
    """Whether `text` is "owner/name" or "hf://datasets/owner/name[@revision]", and there is no such local path."""
    return bool(_ADDRESS.fullmatch(text) or _PLAIN_ID.fullmatch(text)) and not Path(text).exists()


def download_dataset(hub_id: str, *, split: str | None = None, say: Say) -> Path:
    """Fetch the Parquet files and the README of a dataset into the Hub's cache; what is there already stays.

    A dataset without Parquet files is taken as the Hub itself converted it.

    Args:
        hub_id: as `is_hub_id` takes it.
        split: the only one to fetch; None fetches all.
        say: called with what is about to happen.

    Returns:
        The folder in the cache, for `ParquetSource` with the same split.

    Raises:
        FembError: There is no such dataset or no access to it, it has no Parquet files, or there is no network.
    """
    from huggingface_hub import snapshot_download

    identifier = _parse(hub_id)
    words = SPLIT_WORDS.get(split, (split,)) if split else ("",)
    patterns = [*(f"*{word}*{ENDING}" for word in words), "README.md"]
    for revision in identifier.revisions:
        say(f"fetching {identifier.name} ({revision}) from the Hugging Face Hub")
        with _explaining(identifier, revision):
            folder = Path(
                snapshot_download(identifier.name, repo_type="dataset", revision=revision, allow_patterns=patterns)
            )
            files = list(folder.rglob(f"*{ENDING}"))
            if any("partial-" in file.parent.name for file in files):
                say(f"the Hub has converted only the first part of {identifier.name}")
            if files:
                return folder
    raise _no_parquet(identifier, split)


def stream_dataset(hub_id: str, *, split: str | None = None) -> "ParquetSource":
    """Open a dataset on the Hub without fetching it; row groups are read when they are needed.

    Raises:
        FembError: As `download_dataset` and `ParquetSource`.
    """
    from huggingface_hub import HfFileSystem

    from femb_cli.data.huggingface.parquet import ParquetSource

    identifier = _parse(hub_id)
    filesystem = HfFileSystem()
    for revision in identifier.revisions:
        # The special refs are known by their slashes; those of a branch's name would end it.
        place = revision if revision.startswith("refs/") else quote(revision, safe="")
        root = f"datasets/{identifier.name}@{place}"
        with _explaining(identifier, revision):
            files = filesystem.find(root)
        if any(file.endswith(ENDING) for file in files):
            return ParquetSource(root, split=split, filesystem=filesystem)
    raise _no_parquet(identifier, split)


def _parse(hub_id: str) -> _HubId:
    match = _ADDRESS.fullmatch(hub_id) or _PLAIN_ID.fullmatch(hub_id)
    if match is None:
        raise FembError(
            f"{hub_id!r} is no dataset of the Hugging Face Hub",
            hint="write owner/name or hf://datasets/owner/name@revision",
        )
    return _HubId(match["name"], match.groupdict().get("revision"))


@contextmanager
def _explaining(identifier: _HubId, revision: str) -> Iterator[None]:
    """Say what the Hub's refusal, or its silence, means."""
    from huggingface_hub.errors import HFValidationError, HTTPError

    try:
        yield
    except (HTTPError, HFValidationError, OSError) as error:
        raise _refusal(error, identifier, revision) from error


def _refusal(error: Exception, identifier: _HubId, revision: str) -> FembError:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    # The Hub's file system says of all of them that a file is not found, and why in the cause.
    reason = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
    if isinstance(reason, GatedRepoError):
        return FembError(
            f"{identifier.name} is given only to those who have asked for it",
            hint=f"accept its terms at https://huggingface.co/datasets/{identifier.name}, then log in: hf auth login",
        )
    if isinstance(reason, RepositoryNotFoundError):
        return FembError(
            f"there is neither a dataset {identifier.name} on the Hugging Face Hub nor such a path here",
            hint="check how it is spelt; if it is a private one, log in: hf auth login",
        )
    if isinstance(reason, RevisionNotFoundError) and revision == CONVERTED:
        return _no_parquet(identifier, None)
    if isinstance(reason, RevisionNotFoundError):
        return FembError(f"{identifier.name} has no revision {revision!r}", hint="leave it out to read the newest")
    return FembError(
        f"cannot get {identifier.name} from the Hugging Face Hub: {reason}",
        hint="check the network and the room on the disk; what was fetched whole before is used without a network",
    )


def _no_parquet(identifier: _HubId, split: str | None) -> FembError:
    of_split = f" of a split {split!r}" if split else ""
    return FembError(
        f"{identifier.name} has no Parquet files{of_split} on the Hugging Face Hub",
        hint=f"fetch it and convert it: hf download --repo-type dataset {identifier.name}, then femb convert",
    )

"""Repositories on the Hugging Face Hub: how their ids are written, and what the Hub's errors mean."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from femb_cli.errors import FembError

Kind = Literal["dataset", "model"]
"""What a repository holds."""

_NAME = r"[A-Za-z0-9_][\w.-]{0,95}"
# pathlib turns "hf://" into "hf:/", so one slash is enough.
_ID = re.compile(rf"(?P<address>hf:/{{1,2}}datasets/)?(?P<name>{_NAME}/{_NAME})(?:@(?P<revision>.+))?", re.ASCII)


@dataclass(frozen=True)
class HubId:
    """A repository on the Hub.

    Attributes:
        name: "owner/name".
        revision: the requested branch, tag or commit; None if not given.
        is_dataset_address: whether it was written as "hf://datasets/owner/name", which cannot be a local path.
    """

    name: str
    revision: str | None
    is_dataset_address: bool

    @classmethod
    def parse(cls, text: str) -> "HubId | None":
        """Read "owner/name" or "hf://datasets/owner/name", with or without "@revision"; None for any other text."""
        match = _ID.fullmatch(text)
        return match and cls(match["name"], match["revision"], match["address"] is not None)


class MissingRevisionError(FembError):
    """The repository exists, but not the requested revision."""


@contextmanager
def hub_errors(name: str, revision: str | None, kind: Kind) -> Iterator[None]:
    """Translate the errors of huggingface_hub into errors that say what to do.

    Args:
        name: the repository's "owner/name".
        revision: the requested revision; None for `main`.
        kind: what the repository holds.

    Raises:
        MissingRevisionError: the repository has no such revision.
        FembError: there is no such repository, no access to it, or no network.
    """
    from huggingface_hub.errors import HFValidationError, HTTPError

    try:
        yield
    except (HTTPError, HFValidationError, OSError) as error:
        raise _translate(error, name, revision, kind) from error


def _translate(error: Exception, name: str, revision: str | None, kind: Kind) -> FembError:
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    # The Hub's file system raises FileNotFoundError for all of these; the cause says which one it was.
    reason = error.__cause__ if isinstance(error, FileNotFoundError) and error.__cause__ else error
    if isinstance(reason, GatedRepoError):
        page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
        return FembError(
            f"{name} is gated: you must accept its terms first",
            hint=f"accept them at {page}, then log in: hf auth login",
        )
    if isinstance(reason, RepositoryNotFoundError):
        return FembError(
            f"there is neither a {kind} {name} on the Hugging Face Hub nor such a path here",
            hint="check the spelling; if the repository is private, log in: hf auth login",
        )
    if isinstance(reason, RevisionNotFoundError):
        return MissingRevisionError(
            f"{name} has no revision {revision or 'main'!r}", hint="leave the revision out to read the newest"
        )
    return FembError(
        f"cannot get {name} from the Hugging Face Hub: {' '.join(str(reason).split())}",
        hint="check the network and the free disk space; complete downloads in the cache need no network."
        " If you mean a path here, check its spelling",
    )

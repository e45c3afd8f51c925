"""The paths of a command that must exist: whether they do is seen before libraries are loaded, which takes seconds."""

from collections.abc import Iterable
from pathlib import Path

from femb_cli.files import exists, missing
from femb_cli.hub import HubId


def refuse_missing(paths: Iterable[Path]) -> None:
    """Refuse paths that do not exist; what may be a dataset on the Hub or a pattern of archives is left to its reader.

    Raises:
        FembError: a path does not exist.
    """
    for path in paths:
        if not exists(path) and HubId.parse(str(path)) is None and not set("*?[{") & set(str(path)):
            raise missing(path)

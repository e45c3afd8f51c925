"""Names of the models in a report, without home directories, because a report is given to others."""

import re
from collections.abc import Sequence
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath

from femb_cli.evaluation.verification.result import Verification

_HOME = re.compile(r"(?:/home/|/Users/|[A-Za-z]:\\Users\\)[^/\\\s'\"]+|(?<![\w/.])/root(?=/|$)")


def model_names(results: Sequence[Verification]) -> list[str]:
    """Return what the report calls the model of each result.

    A path inside the current directory is relative to it. Of other absolute paths the last two parts are left, or as
    many as tell different models apart.

    Args:
        results: the verifications.
    """
    parts = {result.model: _parts(result.model) for result in results}
    for count in range(2, 2 + max(map(len, parts.values()))):
        names = {model: "/".join(of_model[-count:]) for model, of_model in parts.items()}
        if len(set(names.values())) == len(names):
            break
    return [names[result.model] for result in results]


def without_home(text: str) -> str:
    """Return a text with `~` in place of every home directory."""
    home = str(Path.home())
    shown = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text) if len(home) > 1 else text
    return _HOME.sub("~", shown)


def _parts(model: str) -> list[str]:
    """Return the parts of an absolute path that may be shown; a name or a path inside the current directory is one."""
    if re.match(r"[A-Za-z]:\\", model):
        path: PurePath = PureWindowsPath(model)
    else:
        path = PurePosixPath(model)
        if ".." in path.parts:
            path = Path(model).resolve()
        elif not path.is_absolute():
            return [model]
        if path.is_relative_to(Path.cwd()):
            return [str(path.relative_to(Path.cwd()))]
    parts = without_home(str(path)).replace("\\", "/").split("/")
    return [part for part in parts if part not in ("", "~") and not part.endswith(":")] or [path.name]

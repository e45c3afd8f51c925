"""Which files an embedding may replace."""

import os
from pathlib import Path

from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.formats import is_npy, names_path
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.files import refuse_existing


def check_replaceable(path: Path, *, overwrite: bool) -> None:
    """Refuse to replace embeddings and their names, unless `overwrite` is true and the two belong together.

    Raises:
        FembError: a file exists that may not be replaced.
    """
    for file in dict.fromkeys((path, names_path(path))):
        if file.is_dir():
            raise FembError(f"{file} is a directory", hint="choose another -o")
        refuse_existing(file, overwrite=overwrite)
    if is_npy(path) and names_path(path).exists():
        hint = f"choose another -o, or move {names_path(path)} away"
        if not path.exists():
            raise FembError(f"{names_path(path)} exists, and there is no {path} whose names it could hold", hint=hint)
        try:
            read_embeddings(path, mmap_mode="r")
        except FembError as error:
            raise FembError(
                f"{names_path(path)} exists and does not hold the names of {path}: {error.message}",
                hint=hint,
            ) from error


def refuse_finished(path: Path, *, overwrite: bool) -> None:
    """Refuse as `check_replaceable` does, except where an interrupted call has left something to decide about.

    Raises:
        FembError: a file exists that may not be replaced.
    """
    if not os.path.lexists(part_path(path)) and not os.path.lexists(note_path(path)):
        check_replaceable(path, overwrite=overwrite)


def part_path(path: Path) -> Path:
    """Return the file that holds the embeddings of an interrupted call."""
    return path.with_name(f"{path.name}.part")


def note_path(path: Path) -> Path:
    """Return the file that says what an interrupted call was doing."""
    return path.with_name(f"{path.name}.part.json")

"""Which files an embedding may replace."""

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

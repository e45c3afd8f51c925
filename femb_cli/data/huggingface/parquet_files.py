"""Find the Parquet files of a dataset, and the split of each, by the naming rules of the Hugging Face Hub."""

import re
from collections import defaultdict
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from femb_cli.data.dataset_info import STATE_FILE
from femb_cli.data.files.naming import is_hidden
from femb_cli.data.files.split_names import SPLIT_OF_WORD, choose_split
from femb_cli.errors import FembError

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

ENDING = ".parquet"
NO_SPLIT = "default"
_NUMBERED_SHARD = re.compile(r"(.+)-\d{5}-of-\d{5}(?:-[0-9a-f]+)?")
_CONVERTED_SHARD = re.compile(r"(.+)/(?:partial-)?([^/]+)/\d{4}\.parquet")  # as the Hub's own conversion names them


def is_parquet(path: Path) -> bool:
    """Whether `path` is a Parquet file, or a folder of Parquet files that is not an Arrow dataset.

    The files lie up to two folders deep, as data/train-00000-of-00001.parquet or default/train/0000.parquet.
    """
    if path.is_file():
        return path.suffix == ENDING
    if (path / STATE_FILE).is_file():
        return False
    levels = chain.from_iterable(path.glob(f"{above}*{ENDING}") for above in ("", "*/", "*/*/"))
    return any(not is_hidden(file.relative_to(path).parts[0]) for file in levels)


def find_files(path: str, split: str | None, filesystem: "AbstractFileSystem | None") -> list[str]:
    """Return the full paths of a split's Parquet files, sorted.

    Args:
        path: A file or a folder, with '/'.
        split: For example "train"; None takes the only split.
        filesystem: Where `path` is; None for this machine.

    Raises:
        FembError: There is no Parquet file or no such split, or there are several splits or datasets to choose from.
    """
    files = _list_files(path, filesystem)
    if files == [path]:
        return files
    names = {file.removeprefix(path).lstrip("/"): file for file in files}
    seen = [name for name in names if not any(map(is_hidden, PurePosixPath(name).parts))]
    return [names[name] for name in _choose_files(seen, split, path)]


def splits_of(path: str) -> list[str]:
    """Return the splits of a folder of Parquet files on this machine, sorted; one without a name is `default`."""
    names = [file.removeprefix(path).lstrip("/") for file in _list_files(path, None)]
    return sorted({_parse(name)[1] for name in names if not any(map(is_hidden, PurePosixPath(name).parts))})


def _choose_files(names: list[str], split: str | None, place: str) -> list[str]:
    """Return the names, relative to `place`, that belong to a split, sorted."""
    sets: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name in sorted(names):
        folder, its_split = _parse(name)
        sets[its_split][folder].append(name)
    if not sets:
        raise FembError(f"there are no Parquet files in {place}", hint=f"their names end in {ENDING}")
    chosen = choose_split(sorted(sets), split, place)
    folders = sorted(sets[chosen])
    if len(folders) > 1:
        raise FembError(
            f"{place} holds several datasets: {', '.join(folder or '.' for folder in folders)}",
            hint=f"name the folder of one of them, as in {place}/{folders[-1]}",
        )
    return sets[chosen][folders[0]]


def _parse(name: str) -> tuple[str, str]:
    """Return the folder of a file's dataset, and the split that the names of the file and its folders state.

    A file without a split belongs to the dataset at the top; its folders are partitions.
    """
    if match := _CONVERTED_SHARD.fullmatch(name):
        return match[1], match[2]
    *folders, file = PurePosixPath(name).parts
    stem = file.removesuffix(ENDING)
    if match := _NUMBERED_SHARD.fullmatch(stem):
        return "/".join(folders), SPLIT_OF_WORD.get(match[1], match[1])
    for word in re.split("[^a-z]+", stem.lower()):
        if word in SPLIT_OF_WORD:
            return "/".join(folders), SPLIT_OF_WORD[word]
    for depth, folder in reversed(list(enumerate(folders))):
        if folder in SPLIT_OF_WORD:
            return "/".join(folders[:depth]), SPLIT_OF_WORD[folder]
    return "", NO_SPLIT


def _list_files(path: str, filesystem: "AbstractFileSystem | None") -> list[str]:
    """Return the Parquet files below a folder, or `path` itself if it is a file."""
    if filesystem is not None:
        return [file for file in filesystem.find(path) if file.endswith(ENDING)]
    top = Path(path)
    return [path] if top.is_file() else [file.as_posix() for file in top.rglob(f"*{ENDING}")]

"""Which archives a path names: one, those of a folder, or those of a pattern such as `faces-{0000..0099}.tar`."""

import glob
import re
from collections.abc import Sequence
from itertools import chain, islice, product
from pathlib import Path

from femb_cli.data.files.naming import is_hidden
from femb_cli.data.files.split_names import SPLIT_OF_WORD, choose_split
from femb_cli.data.tar.compressed import is_compressed, is_compressed_tar
from femb_cli.data.tar.format import BLOCK, is_tar_header
from femb_cli.errors import FembError

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2")
_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")
_MOST_FILES = 100_000
_NO_SPLIT = "default"


def is_pattern(text: str) -> bool:
    """Whether a path that does not exist is a pattern with `{0000..0099}`, `{a,b}`, `*`, `?` or `[...]`."""
    return bool(_BRACES.search(text)) or glob.has_magic(text)


def has_tar_ending(name: str) -> bool:
    """Whether a file is called as an archive is."""
    return name.lower().endswith(ENDINGS)


def is_tar(path: Path) -> bool:
    """Whether a file is a tar archive, also compressed by gzip or bzip2, or is called so."""
    if has_tar_ending(path.name):
        return True
    with path.open("rb") as file:
        if is_tar_header(file.read(BLOCK)):
            return True
    return is_compressed(path) and is_compressed_tar(path)


def archives_in(folder: Path, endings: tuple[str, ...] = ENDINGS) -> list[Path]:
    """Return the archives that lie in a folder, in its folders or in theirs, sorted by path."""
    found = chain.from_iterable(folder.glob(pattern) for pattern in ("*", "*/*", "*/*/*"))
    return sorted(
        path
        for path in found
        if path.name.lower().endswith(endings)
        and path.is_file()
        and not any(map(is_hidden, path.relative_to(folder).parts))
    )


def archives_of_pattern(pattern: str) -> list[Path]:
    """Return the files of a pattern: those of braces in their order, those of `*`, `?` and `[...]` sorted.

    Raises:
        FembError: A range is not one of numbers, no file fits, or a file of the braces is missing.
    """
    texts = _expand(pattern)
    found = [sorted(glob.glob(text)) if glob.has_magic(text) else [text] for text in texts]  # noqa: PTH207
    files = [Path(file) for of_text in found for file in of_text]
    missing = [file for file in files if not file.exists()]
    if not files:
        raise FembError(f"no file is called as {pattern}")
    if missing:
        raise FembError(
            f"{len(missing):,} of {len(files):,} files of {pattern} do not exist, the first is {missing[0]}"
        )
    return files


def archives_of_split(folder: Path, archives: Sequence[Path], split: str | None) -> list[Path]:
    """Return the archives of a split, known by the words in their names and in those of their folders.

    Archives of which some name no split are one dataset.

    Raises:
        FembError: There are several splits to choose from, or there is no such split.
    """
    of_split: dict[str, list[Path]] = {}
    for archive in archives:
        of_split.setdefault(_split_of(archive.relative_to(folder)), []).append(archive)
    if split is None and _NO_SPLIT in of_split:
        return list(archives)
    return of_split[choose_split(sorted(of_split), split, folder)]


def _split_of(archive: Path) -> str:
    words = re.split("[^a-z]+", archive.as_posix().lower())
    return next((SPLIT_OF_WORD[word] for word in words if word in SPLIT_OF_WORD), _NO_SPLIT)


def _expand(pattern: str) -> Sequence[str]:
    """Return what a pattern with braces stands for, as a shell does it."""
    parts = _BRACES.split(pattern)
    choices = [[part] if place % 2 == 0 else _choices(part, pattern) for place, part in enumerate(parts)]
    expanded = ["".join(chosen) for chosen in islice(product(*choices), _MOST_FILES + 1)]
    if len(expanded) > _MOST_FILES:
        raise FembError(f"{pattern} stands for more than {_MOST_FILES:,} files")
    return expanded


def _choices(inside: str, pattern: str) -> Sequence[str]:
    match = _RANGE.fullmatch(inside)
    if match is None:
        return inside.split(",")
    first, last = int(match[1]), int(match[2])
    if not 0 <= last - first < _MOST_FILES:
        raise FembError(f"{pattern} has a range that ends before it starts, or of more than {_MOST_FILES:,} files")
    width = len(match[1]) if match[1].startswith("0") or len(match[1]) == len(match[2]) else 0
    return [str(number).zfill(width) for number in range(first, last + 1)]

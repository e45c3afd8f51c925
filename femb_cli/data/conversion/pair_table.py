"""Tables of pairs, as verification benchmarks are published on the Hub: two columns of images, and one of flags.

Shapes: N pairs.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, overload

import numpy as np

from femb_cli.data.dataset_info import STATE_FILE, is_dataset, read_json
from femb_cli.data.files.folder import read_file
from femb_cli.data.files.list_paths import find_images
from femb_cli.data.files.unicode_paths import UnicodePaths
from femb_cli.data.huggingface.arrow import map_table
from femb_cli.data.huggingface.columns import class_names, image_columns, is_text
from femb_cli.data.huggingface.parquet_files import find_files, is_parquet, splits_of
from femb_cli.data.open import open_source
from femb_cli.data.person_columns import plain_name
from femb_cli.data.read_as import AS_FOUND, ReadAs
from femb_cli.data.verification_bin.verification_set import VerificationSet
from femb_cli.errors import FembError
from femb_cli.files import file_sha256

if TYPE_CHECKING:
    import pyarrow as pa

FLAG_COLUMNS = (
    *("issame", "same", "sameperson", "issameperson", "genuine", "isgenuine", "mated", "match", "ismatch"),
    *("target", "targets", "label", "labels", "pairlabel", "y", "class", "gt", "actualissame"),
)
"""Names of columns that say whether a pair is genuine, without case and punctuation, the likeliest first."""

_SIDES = (
    *(("1", "2"), ("0", "1"), ("a", "b"), ("left", "right"), ("ref", "probe"), ("reference", "probe")),
    *(("first", "second"), ("one", "two"), ("anchor", "other"), ("probe", "gallery"), ("x", "y")),
)
_SAME = {"1", "1.0", "true", "yes", "same", "genuine", "mated", "match", "matched", "positive", "sameperson"}
_DIFFERENT = {
    *("0", "0.0", "-1", "-1.0", "false", "no", "different", "diff", "impostor", "imposter", "nonmated", "mismatch"),
    *("notsame", "nonmatch", "unmatched", "negative", "differentperson"),
}


@dataclass(frozen=True)
class PairColumns:
    """The columns of a table of pairs.

    Attributes:
        left: Name of the column of the first images: encoded, or paths.
        right: Name of the column of the second images.
        flag: Name of the column that says whether a pair is genuine.
        has_paths: Whether images are paths of files.
        flag_names: The meaning of each number in `flag`, if Hugging Face's metadata states it.
    """

    left: str
    right: str
    flag: str
    has_paths: bool
    flag_names: tuple[str, ...] | None = None

    @property
    def description(self) -> str:
        """What is read from where, for the user."""
        return f"pairs of {self.left} and {self.right}, genuine as {self.flag} says"


@dataclass(frozen=True)
class PairTable:
    """A table of pairs.

    Attributes:
        path: A Parquet file, a folder of them, or a dataset directory.
        split: The split to read; None for the only one.
        columns: Its columns.
    """

    path: Path
    split: str | None
    columns: PairColumns


def find_pair_tables(path: Path, split: str | None, read_as: ReadAs = AS_FOUND) -> dict[str, PairTable]:
    """Return the tables of pairs in a path, by split; one that is alone has an empty name.

    Returns:
        Nothing if a table is none of pairs.

    Raises:
        FembError: As `find_pair_columns`.
    """
    places: dict[str, tuple[Path, str | None]] = {"": (path, split)}
    if (path / "dataset_dict.json").is_file():
        names = read_json(path / "dataset_dict.json").get("splits")
        known = [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
        places = {name: (path / name, None) for name in known if (path / name).is_dir() and split in (None, name)}
        places = {"": places[split]} if split in places else places
    elif split is None and path.is_dir() and is_parquet(path) and len(splits := splits_of(path.as_posix())) > 1:
        places = {name: (path, name) for name in splits}
    columns = {name: find_pair_columns(*place, read_as) for name, place in places.items()}
    if None in columns.values():
        return {}
    return {name: PairTable(*places[name], found) for name, found in columns.items() if found is not None}


def find_pair_columns(path: Path, split: str | None, read_as: ReadAs = AS_FOUND) -> PairColumns | None:
    """Return the columns of a table of pairs; None if a path is no such table.

    A table of pairs has two columns of images, or of text, whose names differ in the side alone (`image1` and `image2`,
    `left` and `right`), and a column of flags with one of `FLAG_COLUMNS` as its name.

    Args:
        path: A Parquet file, a folder of them, or a dataset directory.
        split: The split to read.
        read_as: The column of flags that the user names; a table with a named column of images is no table of pairs.

    Raises:
        FembError: There is no such split, or several to choose from.
    """
    if read_as.image_column is not None or not ((path / STATE_FILE).is_file() or is_parquet(path)):
        return None
    schema = _read_schema(path, split)
    if schema is None:
        return None
    images = image_columns(schema)
    texts = [field.name for field in schema if is_text(field.type)]
    for columns, has_paths in ((images, False), (texts, True)):
        sides = _sides(columns)
        flags = (
            [read_as.label] if read_as.label else _flag_columns([name for name in schema.names if name not in sides])
        )
        if sides and flags and not (has_paths and images):
            return PairColumns(*sides, flags[0], has_paths, class_names(schema, (flags[0],), path).get(flags[0]))
    return None


def read_pair_table(table: PairTable, images: Path | None = None) -> VerificationSet:
    """Open a table of pairs; its images are read when they are needed.

    Args:
        table: Which one.
        images: The folder that paths of images start from; None for that of the table.

    Raises:
        FembError: The table is damaged, or a flag is none of 1 and 0, 1 and -1, true and false, or such words.
    """
    path, split, columns = table.path, table.split, table.columns
    read = _read_columns(path, split, [columns.flag, *([columns.left, columns.right] if columns.has_paths else [])])
    genuine_N = _genuine(read.column(columns.flag), columns, path)
    sides: list[_Readable] = []
    for name in (columns.left, columns.right):
        if columns.has_paths:
            sides.append(_PathColumn(read.column(name).to_pylist(), path if path.is_dir() else path.parent, images))
        else:
            sides.append(open_source(path, split=split, read_as=ReadAs(image_column=name)))
    return VerificationSet(_PairImages(sides[0], sides[1], len(genuine_N)), genuine_N, _sha256(path, split))


class _Readable(Protocol):
    def read(self, index: int) -> bytes: ...


class _PathColumn:
    """Images in files, whose paths a column holds."""

    def __init__(self, paths: Sequence[str | None], folder: Path, images: Path | None) -> None:
        self._paths = paths
        root, self._form = find_images(folder, images, next((path for path in paths if path), ""))
        self._files = UnicodePaths(root)

    def read(self, index: int) -> bytes:
        path = self._paths[index]
        if not path:
            raise FembError(f"row {index} has no path of an image")
        return read_file(Path(self._files.find(self._form.of(path))))


class _PairImages(Sequence[bytes]):
    """The images of pairs, read on access: the left and the right one of each pair in turn."""

    def __init__(self, left: _Readable, right: _Readable, num_pairs: int) -> None:
        self._sides = left, right
        self._length = 2 * num_pairs

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> bytes: ...

    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...

    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        places = range(self._length)[index]
        if isinstance(places, range):
            return [self[place] for place in places]
        return self._sides[places % 2].read(places // 2)


def _sides(names: Sequence[str]) -> tuple[str, str] | tuple[()]:
    """Return the only two of some columns whose names differ in the side of a pair alone; nothing if there are none."""
    found = [
        pair
        for one, two in combinations(names, 2)
        for pair in ((one, two), (two, one))
        if _are_sides(*map(plain_name, pair))
    ]
    return found[0] if len(found) == 1 else ()


def _are_sides(left: str, right: str) -> bool:
    """Whether two names are `image1` and `image2`, or `left` and `right`, in this order."""
    for one, two in _SIDES:
        before, found, after = left.rpartition(one)
        if found and (before, two, after) == right.rpartition(two):
            return True
    return False


def _flag_columns(names: Sequence[str]) -> list[str]:
    rank = {name: place for place, name in enumerate(FLAG_COLUMNS)}
    return sorted((name for name in names if plain_name(name) in rank), key=lambda name: rank[plain_name(name)])


def _genuine(flags: "pa.ChunkedArray", columns: PairColumns, path: Path) -> np.ndarray:
    """Return which pairs are genuine, bool, (N,)."""
    import pyarrow.compute as pc

    meaning: dict[object, bool] = {}
    for value in pc.unique(flags).to_pylist():
        is_named = columns.flag_names and isinstance(value, int) and 0 <= value < len(columns.flag_names)
        word = _plain_word(columns.flag_names[value] if is_named and columns.flag_names else str(value))
        if word not in _SAME | _DIFFERENT:
            raise FembError(
                f"{path} has {value!r} in its column {columns.flag}, which does not say whether a pair is genuine",
                hint="write 1 and 0, or true and false; --label COLUMN names another column",
            )
        meaning[value] = word in _SAME
    return np.array([meaning[value] for value in flags.to_pylist()], dtype=bool)


def _plain_word(text: str) -> str:
    """Return a word without case and punctuation; numbers keep their sign and their point."""
    text = text.strip().lower()
    return text if text in _SAME | _DIFFERENT else plain_name(text)


def _read_schema(path: Path, split: str | None) -> "pa.Schema | None":
    """Return the schema of a table; None if it cannot be read, which opening it explains."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        if is_dataset(path):
            return map_table(path)[0].schema
        files = find_files(path.as_posix(), split, None)
        return pq.read_schema(files[0])
    except (OSError, pa.ArrowException):
        return None


def _read_columns(path: Path, split: str | None, names: list[str]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    if is_dataset(path):
        return map_table(path)[0].select(names)
    try:
        table = pa.concat_tables(
            [pq.ParquetFile(file).read(names) for file in find_files(path.as_posix(), split, None)],
            promote_options="permissive",
        )
        table.validate(full=True)
    except (OSError, pa.ArrowException) as error:
        raise FembError(f"cannot read {path}: {error}", hint="it is damaged: download it again") from error
    return table


def _sha256(path: Path, split: str | None) -> str:
    """Return the SHA-256 of the table's file; of several files that of their checksums, in their order."""
    files = (
        sorted(path.glob("*.arrow"))
        if is_dataset(path)
        else [Path(file) for file in find_files(path.as_posix(), split, None)]
    )
    sums = [file_sha256(file) for file in files]
    return sums[0] if len(sums) == 1 else hashlib.sha256("".join(sums).encode()).hexdigest()

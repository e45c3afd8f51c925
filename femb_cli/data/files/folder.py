"""Images as files: all those below a folder, or a given list of files."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from femb_cli.data.files.images_among_files import images_among, start_of_file
from femb_cli.data.files.layout import read_layout
from femb_cli.data.files.naming import check_text, is_hidden
from femb_cli.data.files.unread import unread_sentence
from femb_cli.data.images.encoded import MAX_IMAGE_BYTES
from femb_cli.errors import FembError


class FolderSource:
    """The images below a folder, sorted by path in code-point order.

    The identity of an image is the folder that it lies in; see `read_layout`. Images are known by their endings or
    their first bytes, see `images_among`. Hidden files and thumbnails are skipped.

    Args:
        path: The folder.
        person_folder: The level of the folders that are people, see `read_layout`.

    Attributes:
        found: Who is on the images, and what femb guessed of it.
        unread: Number of other files, by ending.

    Raises:
        FembError: The folder cannot be read, holds no image, or the name of an image is not valid text.
    """

    kind = "folder"

    def __init__(self, path: str | Path, person_folder: str | None = None) -> None:
        self.path = self.root = Path(path)
        names = sorted(_file_names(self.path))
        self.names, self.unread = images_among(zip(names, names, strict=True), self._start)
        if not self.names:
            raise FembError(f"no images below {self.path}", hint=unread_sentence(self.unread) or None)
        for name in self.names:
            check_text(name, path)
        self.found = read_layout(self.names, person_folder)
        self.identities = self.found.identities

    def __len__(self) -> int:
        return len(self.names)

    def file(self, index: int) -> str:
        """Return the path of an image's file."""
        return f"{self.path}/{self.names[index]}"

    def _start(self, name: str) -> bytes:
        return start_of_file(f"{self.path}/{name}") or b""

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        return read_file(self.path / self.names[index])


class FileListSource:
    """The images among the given files, in the given order.

    Images are known by their endings or their first bytes, see `images_among`. A file that cannot be opened counts as
    an image, so that reading it says why.

    `names` are the paths as given, if all are relative and none contains '..'. Otherwise they are relative to `path`,
    the deepest folder that contains all files.

    Args:
        files: The paths.
        top: The folder that names are relative to; None as above.

    Attributes:
        unread: Number of other files, by ending.

    Raises:
        FembError: The list is empty, holds no image, names a file twice, or a name in it is not valid text.
    """

    kind = "files"
    identities = None

    def __init__(self, files: Iterable[str | Path], top: Path | None = None) -> None:
        given = [Path(file) for file in files]
        if not given:
            raise FembError("the list of images is empty")
        self._files, self.unread = images_among(((file.name, file) for file in given), start_of_file)
        if not self._files:
            raise FembError("none of the given files is an image", hint=unread_sentence(self.unread))
        self.path = common_top(given) if top is None else top
        self.names = names_below(self.path, self._files)
        refuse_repeated(self.names)
        for name in self.names:
            check_text(name, "the list of images")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        return read_file(self._files[index])


def _file_names(root: Path) -> Iterator[str]:
    """Yield the path of each visible file below a folder and its links, relative to it, with '/'.

    Each folder is visited once, so that circular links end.
    """
    entered = {root.resolve()}
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_refuse_folder):
        below = Path(folder).relative_to(root).as_posix()
        prefix = "" if below == "." else f"{below}/"
        yield from (f"{prefix}{file}" for file in files if not is_hidden(file))
        visible = {name: Path(folder, name).resolve() for name in sorted(subfolders) if not is_hidden(name)}
        subfolders[:] = [name for name, target in visible.items() if target not in entered]
        entered.update(visible.values())


def _refuse_folder(error: OSError) -> None:
    raise FembError(f"cannot read the folder {error.filename}: {error.strerror}") from error


def common_top(paths: Sequence[Path]) -> Path:
    """Return the folder that the names of some files are relative to.

    Returns:
        An empty path, the folder of the command, if all paths are relative and none contains '..'; otherwise the
        deepest folder that contains all of them.
    """
    if not any(path.is_absolute() or ".." in path.parts for path in paths):
        return Path()
    absolute = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - resolve() would follow links
    return Path(common_folder(min(absolute), max(absolute)))


def names_below(top: Path, paths: Sequence[Path]) -> list[str]:
    """Return paths relative to what `common_top` returns, with '/'; a '.' for this folder itself."""
    if top == Path():
        return [path.as_posix() for path in paths]
    length = len(os.path.join(top, ""))  # noqa: PTH118 - with the separator at the end
    # As text: a `Path` for each of many thousands of files would take seconds.
    return [os.path.abspath(path)[length:].replace(os.sep, "/") or "." for path in paths]  # noqa: PTH100


def refuse_repeated(names: Iterable[str]) -> None:
    """Refuse names that are not all different.

    Raises:
        FembError: A name is there twice.
    """
    name, times = max(Counter(names).items(), key=lambda item: item[1], default=("", 0))
    if times > 1:
        raise FembError(f"the list of images names {name} {times} times", hint="name each file and folder once")


def common_folder(first: str, last: str) -> str:
    """Return the deepest folder that contains all of some files, given the first and the last in code-point order.

    These two are enough, because every path between them starts with their common folders.

    Args:
        first: An absolute path without '..'.
        last: Another such path, or the same.
    """
    return os.path.commonpath([os.path.dirname(first), os.path.dirname(last)])  # noqa: PTH120


def read_file(path: Path) -> bytes:
    """Return the bytes of one image file.

    Raises:
        FembError: The file cannot be read, is a device or another special file, or is larger than `MAX_IMAGE_BYTES`.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise FembError(f"{str(path)!r} is not a regular file")
        if status.st_size > MAX_IMAGE_BYTES:
            raise FembError(f"{str(path)!r} has {status.st_size} bytes, too many for one image")
        return path.read_bytes()
    except FileNotFoundError as error:
        raise FembError(f"there is no image {str(path)!r}") from error
    except OSError as error:
        raise FembError(f"cannot read the image {str(path)!r}: {error.strerror}") from error

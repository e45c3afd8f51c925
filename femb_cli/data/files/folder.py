"""Images as files: all those below a folder, or a given list of files."""

import os
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

from femb_cli.data.files.layout import identities_from_layout
from femb_cli.data.files.naming import check_text, is_hidden, is_image_name
from femb_cli.data.images.encoded import MAX_IMAGE_BYTES
from femb_cli.errors import FembError


class FolderSource:
    """The images below a folder, sorted by path in code-point order.

    The identity of an image is the folder that it lies in; see `identities_from_layout`. Hidden files, thumbnails and
    files without an image's ending are skipped.

    Raises:
        FembError: The folder cannot be read, holds no image, or a name in it is not valid text.
    """

    kind = "folder"

    def __init__(self, path: str | Path) -> None:
        self.path = self.root = Path(path)
        self.names = sorted(_image_names(self.path))
        if not self.names:
            raise FembError(f"no images below {self.path}", hint="images end in .jpg, .png, .bmp, .webp, .ppm or .tif")
        self.identities = identities_from_layout(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def file(self, index: int) -> str:
        """Return the path of an image's file."""
        return f"{self.path}/{self.names[index]}"

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        return read_file(self.path / self.names[index])


class FileListSource:
    """The given files, in the given order.

    `names` are the paths as given, if all are relative and none contains '..'. Otherwise they are relative to `path`,
    the deepest folder that contains all files.

    Raises:
        FembError: The list is empty, names a file twice, or a name in it is not valid text.
    """

    kind = "files"
    identities = None

    def __init__(self, files: Iterable[str | Path]) -> None:
        self._files = [Path(file) for file in files]
        if not self._files:
            raise FembError("the list of images is empty")
        self.path, self.names = _names_of_files(self._files)
        name, times = Counter(self.names).most_common(1)[0]
        if times > 1:
            raise FembError(f"the list of images names {name} {times} times")
        for name in self.names:
            check_text(name, "the list of images")

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> bytes:
        """Return one encoded image."""
        return read_file(self._files[index])


def _image_names(root: Path) -> Iterator[str]:
    """Walk the folder and its links; each folder is visited once, so that circular links end."""
    entered = {root.resolve()}
    for folder, subfolders, files in os.walk(root, followlinks=True, onerror=_refuse_folder):
        prefix = Path(folder).relative_to(root)
        for name in ((prefix / file).as_posix() for file in files):
            if is_image_name(name):
                check_text(name, root)
                yield name
        visible = {name: Path(folder, name).resolve() for name in sorted(subfolders) if not is_hidden(name)}
        subfolders[:] = [name for name, target in visible.items() if target not in entered]
        entered.update(visible.values())


def _refuse_folder(error: OSError) -> None:
    raise FembError(f"cannot read the folder {error.filename}: {error.strerror}") from error


def _names_of_files(files: list[Path]) -> tuple[Path, list[str]]:
    """Return the folder that the names are relative to, and the names."""
    if not any(file.is_absolute() or ".." in file.parts for file in files):
        return Path(), [file.as_posix() for file in files]
    absolute = [os.path.abspath(file) for file in files]  # noqa: PTH100 - resolve() would follow links
    top = common_folder(min(absolute), max(absolute))
    return Path(top), [PurePath(file).relative_to(top).as_posix() for file in absolute]


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
    except OSError as error:
        raise FembError(f"cannot read the image {str(path)!r}: {error.strerror}") from error

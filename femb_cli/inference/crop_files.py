"""The files that aligned faces are written to: below one folder, under the names of their photos."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from femb_cli.data.files.naming import check_text, ending_of
from femb_cli.errors import FembError


def file_names(names: Sequence[str], is_crop_N: Sequence[bool]) -> list[str]:
    """Return the file of each face: the image's own path, with the ending .png for a crop.

    Where two faces would get one file, or a file the name of a folder of others, crops keep the endings of their
    images, as in `photo.jpg.png`.

    Args:
        names: unique names of the faces, as `photo.jpg` or `photo.jpg#2`, which becomes `photo_2.png`.
        is_crop_N: whether each is cut out of a photo; an image that was aligned already keeps its name.

    Raises:
        FembError: a name leads out of the folder or is not valid text, or two faces would get one file nevertheless.
    """
    short = [_crop_name(name) if is_crop else name for name, is_crop in zip(names, is_crop_N, strict=True)]
    times, folders = Counter(short), {folder for name in names for folder in _folders(name)}
    files = [
        _crop_name(name, keep_ending=True) if is_crop and (times[file] > 1 or file in folders) else file
        for name, file, is_crop in zip(names, short, is_crop_N, strict=True)
    ]
    _check(names, files, folders)
    return files


def _crop_name(name: str, *, keep_ending: bool = False) -> str:
    image, _, number = name.rpartition("#") if name.rpartition("#")[2].isdecimal() else (name, "", "")
    stem = image if keep_ending else image.removesuffix(ending_of(image))
    return f"{stem}_{number}.png" if number else f"{stem}.png"


def _folders(name: str) -> Iterator[str]:
    """Yield the folders of a name: of `a/b/1.jpg` those are `a` and `a/b`."""
    parts = name.split("/")
    return ("/".join(parts[:depth]) for depth in range(1, len(parts)))


def _check(names: Sequence[str], files: Sequence[str], folders: set[str]) -> None:
    name_of: dict[str, str] = {}
    for name, file in zip(names, files, strict=True):
        check_text(name, "the source")
        path = PurePath(name)
        if not path.name or ".." in path.parts or path.anchor:
            raise FembError(
                f"the image {name!r} has a name that leads out of the folder that femb writes",
                hint="femb convert writes a dataset, in which names are not paths",
            )
        if (other := name_of.setdefault(file, name)) != name or file in folders:
            taken = "the name of a folder of other images" if file in folders else f"the file of {other!r}, too"
            raise FembError(f"the face {name!r} would be written to {file!r}, {taken}", hint="rename the image")

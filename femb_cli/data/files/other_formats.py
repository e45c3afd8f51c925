"""Files that hold images in formats that femb does not read: what they are, and what to do with them."""

from collections.abc import Mapping
from pathlib import Path

from femb_cli.data.files.unread import unread_sentence
from femb_cli.errors import FembError

_ARCHIVES = {
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"Rar!\x1a\x07": "a RAR archive",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"\xfd7zXZ\0": "compressed by xz",
    b"\x89HDF\r\n\x1a\n": "an HDF5 file",
}
_ARRAYS = "give image files; arrays of pixels can be saved as PERSON/NUMBER.png"
_FOLDERS = "write its images to a folder for each person"
_BY_ENDING = {
    **dict.fromkeys((".npy", ".npz"), ("a file of NumPy's arrays", _ARRAYS)),
    ".mat": ("a file of MATLAB's arrays", _ARRAYS),
    **dict.fromkeys((".tfrecord", ".tfrecords"), ("a TFRecord file", _FOLDERS)),
    ".json": ("a JSON document", "write a list with one JSON object a line (.jsonl), or CSV"),
}
_DATASETS = frozenset({".rec", ".tar", ".tgz", ".gz", ".parquet", ".arrow", ".zip", ".mdb", ".lmdb", ".bin", ".7z"})
_UNPACK = "unpack it, and name the folder"


def refuse_other_format(path: Path) -> None:
    """Refuse a file that is known to hold data in a format that femb does not read.

    Raises:
        FembError: It does; the hint says what to do.
    """
    with path.open("rb") as file:
        start = file.read(32)
    what = next((what for magic, what in _ARCHIVES.items() if start.startswith(magic)), None)
    if what is not None:
        hint = _FOLDERS if what == "an HDF5 file" else _UNPACK
        raise FembError(f"{path} is {what}, which femb does not read", hint=hint)


def refuse_other_ending(path: Path) -> None:
    """Refuse a file whose name says that it holds data in a format that femb does not read.

    Raises:
        FembError: It does; the hint says what to do.
    """
    if known := _BY_ENDING.get(path.suffix.lower()):
        raise FembError(f"{path} is {known[0]}, which femb does not read as images", hint=known[1])


def no_images_in_archive(path: Path, unread: Mapping[str, int]) -> FembError:
    """Return the error for an archive without images; if there is a dataset in it, the hint says what to do.

    Args:
        path: The archive.
        unread: Number of its members by ending.
    """
    sentence = unread_sentence(unread)
    if any(ending.lower() in _DATASETS for ending in unread):
        return FembError(f"no images in {path}, but a dataset in another format", hint=f"{_UNPACK}; {sentence}")
    return FembError(f"no images in {path}", hint=sentence or None)

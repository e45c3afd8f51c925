"""The dataset info: what the JSON files of a dataset directory state about it, read without opening the data."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from femb_cli.errors import FembError

FEMB_INFO_FILE = "femb.json"
INFO_FILE = "dataset_info.json"
STATE_FILE = "state.json"


@dataclass(frozen=True)
class DatasetInfo:
    """What is known about a dataset; None for everything that its files do not state.

    Attributes:
        num_images: Number of images.
        num_identities: Number of identities; labels are 0 ... num_identities - 1.
        image_size: Width and height in pixels; None also if the images have several sizes.
        bytes: Bytes of all encoded images.
        source: Name of what the dataset was made from.
        source_kind: Its kind, as in `ImageSource`.
        checksum: XXH3 (128 bits, hexadecimal) of the encoded bytes of all images, in order.
        alignment: How femb cut the faces out of photos; None if the images are those of the source.
        channels: "bgr" if red and blue are swapped in the stored images; None or "rgb" if they are not.
    """

    num_images: int | None = None
    num_identities: int | None = None
    image_size: tuple[int, int] | None = None
    bytes: int | None = None
    source: str | None = None
    source_kind: str | None = None
    checksum: str | None = None
    alignment: str | None = None
    channels: str | None = None


_KINDS = {
    "num_images": int,
    "num_identities": int,
    "image_size": tuple,
    "bytes": int,
    "source": str,
    "source_kind": str,
    "checksum": str,
    "alignment": str,
    "channels": str,
}


def is_dataset(path: Path) -> bool:
    """Whether `path` is a directory that looks like a Hugging Face dataset in Arrow files, or like several."""
    return any((path / name).is_file() for name in (STATE_FILE, INFO_FILE, "dataset_dict.json"))


def has_dataset_info(path: Path) -> bool:
    """Whether `path` is a dataset directory that femb wrote, Arrow or Parquet."""
    return (path / FEMB_INFO_FILE).is_file()


def read_dataset_info(path: str | Path) -> DatasetInfo:
    """Read the dataset info in milliseconds, for a dataset of any size.

    From a dataset that femb did not write only the number of label names is used. Hugging Face's number of examples
    may be wrong: a selection of a dataset keeps the number of the original.

    Raises:
        FembError: `path` is not a dataset, or a JSON file in it is damaged.
    """
    path = Path(path)
    if has_dataset_info(path):
        return _parse_dataset_info(read_json(path / FEMB_INFO_FILE), path / FEMB_INFO_FILE)
    names = label_names(path)
    return DatasetInfo(num_identities=None if names is None else len(names))


def stated_info(path: Path) -> DatasetInfo | None:
    """Return what femb's JSON file in a directory states; it is hidden in a folder of images. None if there is none.

    Raises:
        FembError: The file is damaged.
    """
    files = (path / name for name in (FEMB_INFO_FILE, f".{FEMB_INFO_FILE}"))
    file = next((file for file in files if file.is_file()), None)
    return None if file is None else _parse_dataset_info(read_json(file), file)


def _parse_dataset_info(stated: dict[str, Any], path: Path) -> DatasetInfo:
    """Check the types of the values in femb's JSON file."""
    values = {name: stated.get(name) for name in _KINDS}
    match values["image_size"]:
        case [int() as width, int() as height]:
            values["image_size"] = (width, height)
    for name, kind in _KINDS.items():
        if not isinstance(values[name], kind | None):
            raise FembError(f"{path} states {name} as {values[name]!r}", hint="the dataset is damaged: make it again")
    if values["channels"] not in (None, "rgb", "bgr"):
        raise FembError(f"{path} states channels as {values['channels']!r}", hint="it may be rgb or bgr")
    return DatasetInfo(**values)


def write_dataset_info(path: Path, info: DatasetInfo) -> None:
    """Write the info into a dataset directory."""
    write_json(path / FEMB_INFO_FILE, asdict(info))


def label_names(path: Path) -> list[str] | None:
    """Return the names of the labels; None if the `label` column has no names.

    Raises:
        FembError: `path` is not a dataset.
    """
    check_dataset(path)
    match read_json(path / INFO_FILE):
        case {"features": {"label": {"names": list() as names}}}:
            return names
    return None


def check_dataset(path: Path) -> None:
    """Refuse a directory that is not a single Hugging Face dataset.

    Raises:
        FembError: The directory is not a dataset, or is a dictionary of several.
    """
    if (path / "dataset_dict.json").is_file():
        stated = read_json(path / "dataset_dict.json").get("splits")
        splits = [str(split) for split in stated] if isinstance(stated, list) else []
        raise FembError(
            f"{path} holds several datasets: {', '.join(splits)}",
            hint=f"name one of them: {path}/{(splits or ['train'])[0]}",
        )
    missing = [name for name in (STATE_FILE, INFO_FILE) if not (path / name).is_file()]
    if missing:
        raise FembError(
            f"{path} is not a dataset: it has no {' and no '.join(missing)}", hint="make one with femb convert"
        )


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        FembError: The file cannot be read or is not a JSON object.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FembError(f"cannot read {path}: {error}", hint="the dataset is damaged: make it again") from error
    if not isinstance(content, dict):
        raise FembError(f"{path} is not a JSON object", hint="the dataset is damaged: make it again")
    return content


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write an indented JSON object."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")

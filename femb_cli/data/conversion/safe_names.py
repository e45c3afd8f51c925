"""Names of files and folders that every system takes, made of any text, and all different."""

import re
import unicodedata

import xxhash

from femb_cli.data.files.naming import ending_of, is_hidden

_REFUSED = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"|?*/\\]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MOST_BYTES = 200


def safe_name(text: str) -> str:
    """Return a text as the name of one file or folder; a text that is such a name already stays as it is.

    The result leads to no other folder, is not hidden, is no device of Windows, and has at most 200 bytes.
    """
    name = _REFUSED.sub("_", text).rstrip(". ") or "_"
    if is_hidden(name) or _RESERVED.fullmatch(name):
        name = f"_{name}"
    ending = ending_of(name)
    return name if len(name.encode()) <= _MOST_BYTES else _cut(name.removesuffix(ending), _MOST_BYTES - 20) + ending


class DifferentNames:
    """Gives each text a safe name that no other has, also where capital letters or Unicode forms do not count.

    Memory grows by a number for each name, not by the name.
    """

    def __init__(self) -> None:
        self._taken: set[int] = set()
        self._last_number: dict[int, int] = {}

    def take(self, text: str, folder: str = "") -> str:
        """Return a name for a text in a folder: the safe name, with `_2`, `_3` ... behind it if it is taken."""
        name = safe_name(text)
        wanted = _hash(f"{folder}/{name}")
        ending = ending_of(name)
        stem = _cut(name.removesuffix(ending), _MOST_BYTES - 30)
        while (key := _hash(f"{folder}/{name}")) in self._taken:
            number = self._last_number[wanted] = self._last_number.get(wanted, 1) + 1
            name = f"{stem}_{number}{ending}"
        self._taken.add(key)
        return name


def _cut(text: str, most: int) -> str:
    """Return the beginning of a text that has at most so many bytes."""
    return text.encode()[:most].decode(errors="ignore")


def _hash(path: str) -> int:
    folded = unicodedata.normalize("NFC", path.casefold())
    return xxhash.xxh3_64_intdigest(folded.encode())

"""A cache of the faces that were found in photos, on disk, so that no photo is searched twice by one detector.

Photos are known by a checksum of their bytes. An interrupted search continues where it was, and the next command on the
same photos starts at once. Without a place to write, nothing is cached. What is stored has a checksum, too, because
wrong landmarks would be taken without notice; a damaged entry counts as absent, and a damaged file is replaced.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import xxhash
from numpy.typing import NDArray

from femb_cli.faces.face import FACE_VALUES, Face, PhotoFaces
from femb_cli.files import cache_folder

MOST_PHOTOS = 2_000_000
"""The earliest entries are removed beyond this number, of about 200 bytes each."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS faces"
    " (number INTEGER PRIMARY KEY AUTOINCREMENT, detector TEXT, photo BLOB, found BLOB, UNIQUE (detector, photo))"
)
_AT_ONCE = 500
_CHECKSUM_BYTES = 8
_DAMAGED = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR)


class FaceCache:
    """The faces that one detector has found.

    Args:
        detector: the detector's fingerprint.
    """

    def __init__(self, detector: str) -> None:
        self._detector = detector

    def find(self, photos: Sequence[bytes]) -> dict[bytes, PhotoFaces]:
        """Return the faces of the photos that are in the cache, by the checksums of the photos."""
        found: dict[bytes, PhotoFaces] = {}
        with _without_failing(), self._open() as database:
            for start in range(0, len(photos), _AT_ONCE):
                some = photos[start : start + _AT_ONCE]
                places = ",".join("?" * len(some))
                query = f"SELECT photo, found FROM faces WHERE detector = ? AND photo IN ({places})"
                rows = database.execute(query, (self._detector, *some))
                found.update((photo, _from_bytes(stored)) for photo, stored in rows if self._is_intact(photo, stored))
        return found

    def add(self, found: Mapping[bytes, PhotoFaces]) -> None:
        """Store the faces of photos, by the checksums of the photos."""
        rows = [(self._detector, photo, self._sealed(photo, _to_bytes(faces))) for photo, faces in found.items()]
        with _without_failing(), self._open() as database:
            database.executemany("INSERT OR REPLACE INTO faces (detector, photo, found) VALUES (?, ?, ?)", rows)
            database.execute("DELETE FROM faces WHERE number <= (SELECT MAX(number) FROM faces) - ?", (MOST_PHOTOS,))

    def _sealed(self, photo: bytes, stored: bytes) -> bytes:
        """Return a photo's faces, followed by a checksum of them, the photo and the detector."""
        return stored + xxhash.xxh3_64_digest(self._detector.encode() + photo + stored)

    def _is_intact(self, photo: bytes, stored: object) -> bool:
        return isinstance(stored, bytes) and self._sealed(photo, stored[:-_CHECKSUM_BYTES]) == stored

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Open the database; what was changed is committed at the end, and rolled back after an error."""
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
            database.execute(_TABLE)
            yield database


def _path() -> Path:
    return cache_folder() / "faces.sqlite"


@contextlib.contextmanager
def _without_failing() -> Iterator[None]:
    """Go on without the cache after an error, and remove a file that is damaged or no database."""
    try:
        yield
    except (sqlite3.Error, ValueError, OSError) as error:
        code = getattr(error, "sqlite_errorcode", None)
        if isinstance(error, ValueError) or (code is not None and code & 0xFF in _DAMAGED):
            with contextlib.suppress(OSError):
                _path().unlink()


def _to_bytes(found: PhotoFaces) -> bytes:
    values = [np.array([found.width, found.height], dtype="<f8")]
    values += [face.values for face in found.faces]
    return np.concatenate(values).astype("<f8").tobytes()


def _from_bytes(stored: bytes) -> PhotoFaces:
    values: NDArray[np.float64] = np.frombuffer(stored[:-_CHECKSUM_BYTES], dtype="<f8")
    faces = tuple(map(Face.from_values, values[2:].reshape(-1, FACE_VALUES)))
    return PhotoFaces(int(values[0]), int(values[1]), faces)

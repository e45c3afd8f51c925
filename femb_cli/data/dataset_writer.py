"""Writing a training set in the layout of `datasets.Dataset.save_to_disk`, row by row and in constant memory.

Shapes: C identities.
"""

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np

from femb_cli.data.encoded import quick_size
from femb_cli.data.facts import INFO_FILE, STATE_FILE, DatasetFacts, is_dataset, write_facts, write_json
from femb_cli.errors import FembError
from femb_cli.files import new_folder, refuse_existing

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_BYTES = 500 * 10**6
BATCH_BYTES = 16 * 2**20
BATCH_ROWS = 1000


class DatasetWriter:
    """A context manager that takes images one by one; on leaving it without an error the data set exists.

    Everything is written to a folder beside the target, which takes the target's name at the end. An identity that
    got no image is then left out and the labels are numbered anew: a data set has no gap in its labels.

    Args:
        path: The directory to make.
        identity_names: One for each label.
        source: Name of what the images come from, for the facts.
        source_kind: Its kind, as in `ImageSource`.
        overwrite: Replace an existing data set, once the new one is whole.

    Attributes:
        folder: Where the data set is being written; what is put there becomes part of it.
        num_bytes: Of all images so far.

    Raises:
        FembError: On entering, if `path` exists and is not to be overwritten, or is anything but a data set; while
            writing, if the disk refuses; on leaving, if there was no image.
    """

    folder: Path

    def __init__(
        self,
        path: str | Path,
        identity_names: Sequence[str],
        *,
        source: str | None = None,
        source_kind: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        self._identity_names = list(identity_names)
        self._source, self._source_kind, self._overwrite = source, source_kind, overwrite
        self._images_of_C = np.zeros(len(self._identity_names), dtype=np.int64)
        self.num_bytes = 0
        self._image_sizes: set[tuple[int, int] | None] = set()
        self._sha256 = hashlib.sha256()

    def __enter__(self) -> Self:
        refuse_existing(self.path, overwrite=self._overwrite)
        if self.path.exists() and not is_dataset(self.path):
            raise FembError(f"{self.path} is no data set, so it is not overwritten", hint="choose another name")
        self._exits = ExitStack()
        self.folder = self._exits.enter_context(new_folder(self.path, overwrite=self._overwrite))
        self._shards = self._exits.enter_context(_ArrowShards(self.folder))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            # Called before the folder is renamed, and so that an error in it removes the folder.
            self._exits.callback(self._finish)
        self._exits.__exit__(kind, error, trace)

    @property
    def num_images(self) -> int:
        """Images so far."""
        return int(self._images_of_C.sum())

    @property
    def num_identities(self) -> int:
        """Identities with an image so far."""
        return int((self._images_of_C > 0).sum())

    def write(self, image: bytes, label: int, name: str | None = None) -> None:
        """Add one image.

        Args:
            image: As encoded; stored as it is.
            label: Into `identity_names`.
            name: The path that it is known by.
        """
        self._shards.write(image, label, name)
        self._images_of_C[label] += 1
        self.num_bytes += len(image)
        self._sha256.update(image)
        if len(self._image_sizes) < 2:
            self._image_sizes.add(quick_size(image))

    def _finish(self) -> None:
        """Close the shards, leave out empty identities and write the JSON files."""
        self._shards.close()
        kept_C = self._images_of_C > 0
        if not kept_C.any():
            raise FembError(f"there is no image to write to {self.path}")
        if not kept_C.all():
            self._shards.relabel(np.cumsum(kept_C) - 1)
        names = [name for name, kept in zip(self._identity_names, kept_C, strict=True) if kept]
        facts = DatasetFacts(
            num_images=self.num_images,
            num_identities=self.num_identities,
            image_size=self._image_sizes.pop() if len(self._image_sizes) == 1 else None,
            bytes=self.num_bytes,
            source=self._source,
            source_kind=self._source_kind,
            sha256=self._sha256.hexdigest(),
        )
        write_facts(self.folder, facts)
        self._write_hugging_face_files(names)

    def _write_hugging_face_files(self, names: list[str]) -> None:
        features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
        info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
        write_json(self.folder / INFO_FILE, info)
        content = hashlib.sha256(f"{self._sha256.hexdigest()} {self._shards.sha256_of_labels} {names}".encode())
        state: dict[str, object] = {
            "_data_files": [{"filename": name} for name in self._shards.rename()],
            "_fingerprint": content.hexdigest()[:16],
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        write_json(self.folder / STATE_FILE, state)


class _ArrowShards:
    """Rows in Arrow's stream format, in files of `SHARD_BYTES`, each a sequence of batches that memory holds easily.

    Args:
        folder: Where to write `data-*.arrow`.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow as pa

        image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        self._schema = pa.schema([("image", image), ("label", pa.int64())])
        self._folder = folder
        self._files: list[Path] = []
        self._stream: pa.RecordBatchStreamWriter | None = None
        self._shard_bytes = 0
        self._rows: list[tuple[bytes, int, str | None]] = []
        self._batch_bytes = 0
        self._sha256 = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._stream is not None:
            self._stream.close()

    @property
    def sha256_of_labels(self) -> str:
        """Over the labels as they were written, in hexadecimal."""
        return self._sha256.hexdigest()

    def write(self, image: bytes, label: int, name: str | None) -> None:
        """Add one row."""
        self._rows.append((image, label, name))
        self._batch_bytes += len(image)
        if len(self._rows) >= BATCH_ROWS or self._batch_bytes >= BATCH_BYTES:
            self._write_batch()
        if self._shard_bytes >= SHARD_BYTES:
            self._close_shard()

    def close(self) -> None:
        """Write what is left."""
        if self._rows:
            self._write_batch()
        self._close_shard()

    def rename(self) -> list[str]:
        """Give the files the names that Hugging Face gives them, now that their number is known."""
        names = [f"data-{number:05d}-of-{len(self._files):05d}.arrow" for number in range(len(self._files))]
        for file, name in zip(self._files, names, strict=True):
            file.rename(self._folder / name)
        return names

    def relabel(self, new_label_C: np.ndarray) -> None:
        """Write all closed shards anew with other labels, `new_label_C` (C,) of the old ones."""
        import pyarrow as pa

        for file in self._files:
            aside = file.with_suffix(".tmp")
            with pa.memory_map(str(file)) as old, pa.ipc.new_stream(str(aside), self._schema) as new:
                for batch in pa.ipc.open_stream(old):
                    labels = pa.array(new_label_C[batch["label"].to_numpy()], pa.int64())
                    new.write_batch(pa.record_batch([batch["image"], labels], schema=self._schema))
            aside.replace(file)

    def _write_batch(self) -> None:
        import pyarrow as pa

        images, labels, names = zip(*self._rows, strict=True)
        self._sha256.update(np.array(labels, dtype=np.int64).tobytes())
        struct = pa.StructArray.from_arrays(
            [pa.array(images, pa.binary()), pa.array(names, pa.string())], ["bytes", "path"]
        )
        batch = pa.record_batch([struct, pa.array(labels, pa.int64())], schema=self._schema)
        try:
            self._open_shard().write_batch(batch)
        except OSError as error:
            raise FembError(f"cannot write to {self._folder.parent}: {error}") from error
        self._shard_bytes += self._batch_bytes
        self._rows, self._batch_bytes = [], 0

    def _open_shard(self) -> "pa.RecordBatchStreamWriter":
        import pyarrow as pa

        if self._stream is None:
            self._files.append(self._folder / f"data-{len(self._files):05d}.arrow")
            self._stream = pa.ipc.new_stream(str(self._files[-1]), self._schema)
        return self._stream

    def _close_shard(self) -> None:
        if self._stream is not None:
            self._stream.close()
        self._stream, self._shard_bytes = None, 0

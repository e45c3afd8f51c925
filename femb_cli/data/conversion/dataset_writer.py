"""Write a training set in the directory layout of the library `datasets`.

Memory does not grow with the number of images, and interrupted work can resume.

Shapes: N images, C identities.
"""

from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xxhash

from femb_cli.data.checksums import checksum_of, checksums_of, write_checksums
from femb_cli.data.conversion.batch_reader import BATCH_BYTES, BATCH_ROWS
from femb_cli.data.conversion.choices import Format
from femb_cli.data.conversion.dataset_card import CARD_FILE, dataset_card
from femb_cli.data.conversion.journal import UnfinishedDirectory, remove_published
from femb_cli.data.conversion.rows import OWN_COLUMNS, extra_schema_of, features_of, rows_of, schema_of
from femb_cli.data.conversion.shards import ShardWriter, find_shard, read_shard, relabel, shard_path
from femb_cli.data.dataset_info import (
    INFO_FILE,
    STATE_FILE,
    DatasetInfo,
    has_dataset_info,
    is_dataset,
    write_dataset_info,
    write_json,
)
from femb_cli.data.images.channels import ChannelOrder
from femb_cli.data.images.encoded import EncodedImages, quick_sizes
from femb_cli.errors import FembError
from femb_cli.files import exists, refuse_existing

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_BYTES = 500 * 10**6


class DatasetWriter:
    """A context manager that takes images and, when it is left without an error, publishes the dataset.

    Everything is written to a directory beside the target, which is renamed at the end. Identities without an image
    are then left out and the labels are renumbered, so that a dataset has no gap in its labels.

    Args:
        path: The directory to create.
        identity_names: Name of each label, (C,).
        source: Name of what the images come from, for the dataset info.
        source_kind: Its kind, as in `ImageSource`.
        alignment: How the faces were cut out of photos, as in `DatasetInfo`.
        channels: The order of the channels in the stored images.
        format: Arrow or Parquet.
        shard_bytes: Bytes of images after which a new file starts.
        overwrite: Replace an existing dataset, once the new one is complete.
        job: A description of the work, as JSON values. Files of interrupted work with the same description are kept,
            and `notes` states how far it got.

    Attributes:
        directory: Where the dataset is being written.
        num_bytes: Bytes of all images so far.
        notes: The notes passed to `end_shard`, by interrupted work with the same description and by this one.

    Raises:
        FembError: On entering, if `path` exists and must not be overwritten or is not a dataset, or if the files of
            interrupted work are damaged; while writing, if the disk is full; on leaving, if there was no image.
    """

    def __init__(
        self,
        path: str | Path,
        identity_names: Sequence[str],
        *,
        source: str | None = None,
        source_kind: str | None = None,
        alignment: str | None = None,
        channels: ChannelOrder = "rgb",
        format: Format = "arrow",
        shard_bytes: int = SHARD_BYTES,
        overwrite: bool = False,
        job: dict[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self._identity_names = list(identity_names)
        self._source, self._source_kind, self._alignment = source, source_kind, alignment
        self._channels, self._overwrite = channels, overwrite
        self._format, self._shard_bytes = format, shard_bytes
        self._unfinished = UnfinishedDirectory(self.path, job)
        self.directory = self._unfinished.directory
        self._images_of_C = np.zeros(len(self._identity_names), dtype=np.int64)
        self.num_bytes = 0
        self._image_sizes: set[tuple[int, int]] = set()
        self._checksum, self._labels_checksum = xxhash.xxh3_128(), xxhash.xxh3_128()
        self._checksums_N = array("Q")
        self._extra: pa.Schema | None = None
        self._schema: pa.Schema | None = None
        self._rows: list[tuple[bytes, int, str | None]] = []
        self._row_bytes = 0
        self._attachments: dict[str, str] = {}

    def __enter__(self) -> Self:
        remove_published(self.path)
        refuse_existing(self.path, overwrite=self._overwrite)
        refuse_no_dataset(self.path)
        with ExitStack() as exits:
            notes = exits.enter_context(self._unfinished).notes
            self.notes = [note["note"] for note in notes]
            self._resume(notes)
            self._shards = exits.enter_context(ShardWriter(self.directory, self._format, start=len(notes)))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            # Finish before leaving the directory, so that an error here counts as an error while writing.
            self._exits.callback(self._finish)
        self._exits.__exit__(kind, error, trace)

    @property
    def num_images(self) -> int:
        """Number of images so far."""
        return int(self._images_of_C.sum())

    @property
    def num_identities(self) -> int:
        """Number of identities that have an image so far."""
        return int((self._images_of_C > 0).sum())

    @property
    def checksum(self) -> str:
        """XXH3 (128 bits, hexadecimal) of the encoded bytes of all images so far, in order."""
        return self._checksum.hexdigest()

    @property
    def shard_is_full(self) -> bool:
        """Whether the open file has reached its size."""
        return self._shards.open_bytes >= self._shard_bytes

    def end_shard(self, note: dict[str, Any]) -> None:
        """Close the open file durably; interrupted work resumes from here, with `note` as the last of `notes`."""
        self._shards.close(durably=True)
        sizes = sorted(map(list, self._image_sizes))
        self._unfinished.note({"note": note, "bytes": self.num_bytes, "checksum": self.checksum, "sizes": sizes})

    def attach(self, name: str, text: str) -> None:
        """Add a text file to the dataset."""
        self._attachments[name] = text

    def write(self, image: bytes, label: int, name: str | None = None) -> None:
        """Add one image.

        Args:
            image: The encoded image, stored unchanged.
            label: Index into `identity_names`.
            name: Path of the image, stored beside it.
        """
        self._rows.append((image, label, name))
        self._row_bytes += len(image)
        if len(self._rows) == BATCH_ROWS or self._row_bytes >= BATCH_BYTES:
            self._write_rows()

    def write_batch(
        self,
        images: EncodedImages,
        labels_N: np.ndarray,
        names: Sequence[str | None],
        *,
        sizes_N2: np.ndarray,
        extra: "pa.Table | None" = None,
    ) -> None:
        """Add images.

        Args:
            images: The encoded images, stored unchanged.
            labels_N: Index into `identity_names` for each.
            names: Path of each image, stored beside it.
            sizes_N2: Width and height in pixels, zeros if unknown.
            extra: Extra columns, the same ones in every call.

        Raises:
            FembError: An extra column is called image or label.
        """
        if not len(images):
            return
        if self._schema is None:
            self._extra = None if extra is None else self._checked(extra.schema)
            self._schema = self._schema_for(self._identity_names)
        self._shards.write(rows_of(images, labels_N, names, extra, self._schema), len(images.data))
        np.add.at(self._images_of_C, labels_N, 1)
        self.num_bytes += len(images.data)
        self._checksum.update(images.data)
        self._checksums_N.extend(checksums_of(images))
        self._labels_checksum.update(labels_N.astype(np.int64).tobytes())
        if len(self._image_sizes) < 2:
            others = sizes_N2[(sizes_N2 != sizes_N2[0]).any(axis=1)]
            self._image_sizes.update(
                (width, height) for width, height in [*sizes_N2[:1].tolist(), *others[:1].tolist()]
            )

    def _write_rows(self) -> None:
        """Write the images that were added one by one."""
        images, labels, names = zip(*self._rows, strict=True)
        joined = EncodedImages.join(images)
        self.write_batch(joined, np.array(labels), list(names), sizes_N2=quick_sizes(joined))
        self._rows, self._row_bytes = [], 0
        if self.shard_is_full:
            self.end_shard({})

    def _resume(self, notes: list[dict[str, Any]]) -> None:
        """Keep the complete files of interrupted work, and remove the others."""
        shards = [find_shard(self.directory, self._format, number) for number in range(len(notes))]
        self._unfinished.clear(keep=set(shards))
        if not notes:
            return
        try:
            self._count_rows(shards)
            if (self.num_bytes, self.checksum) != (notes[-1]["bytes"], notes[-1].get("checksum")):
                raise ValueError("their images are not those that were written")
            self._extra = extra_schema_of(next(read_shard(shards[0])).schema)
        except (OSError, ValueError) as error:
            raise FembError(
                f"cannot resume from {self.directory}, the files of an interrupted conversion: {error}",
                hint="remove that directory to start again",
            ) from error
        self._image_sizes = {(width, height) for width, height in notes[-1]["sizes"]}
        self._schema = self._schema_for(self._identity_names)

    def _count_rows(self, shards: list[Path]) -> None:
        """Add existing files to the counts and checksums."""
        for batch in (batch for shard in shards for batch in read_shard(shard)):
            labels_N = batch.column("label").to_numpy()
            self._images_of_C += np.bincount(labels_N, minlength=len(self._images_of_C))
            self._labels_checksum.update(labels_N.tobytes())
            for image in batch.column("image").field("bytes"):
                self._checksum.update(image.as_buffer())
                self._checksums_N.append(checksum_of(image.as_buffer()))
                self.num_bytes += image.as_buffer().size

    def _finish(self) -> None:
        """Close the last file, leave out identities without an image, add the other files and publish."""
        if self._rows:
            self._write_rows()
        self._shards.close()
        is_kept_C = self._images_of_C > 0
        if not is_kept_C.any():
            raise FembError(f"there is no image to write to {self.path}")
        names = [name for name, is_kept in zip(self._identity_names, is_kept_C, strict=True) if is_kept]
        directory = self.directory if is_kept_C.all() else self._relabel_shards(np.cumsum(is_kept_C) - 1, names)
        files = self._name_shards(directory)
        info = self._info()
        write_dataset_info(directory, info)
        write_checksums(directory, self._checksums_N)
        extra = [] if self._extra is None else self._extra.names
        self.attach(CARD_FILE, dataset_card(self.path.name, info, self._format, extra))
        for name, text in self._attachments.items():
            (directory / name).write_text(text, encoding="utf-8")
        if self._format == "arrow":
            self._write_arrow_files(directory, files, names)
        self._unfinished.publish(directory)

    def _info(self) -> DatasetInfo:
        size = next(iter(self._image_sizes)) if len(self._image_sizes) == 1 else (0, 0)
        return DatasetInfo(
            num_images=self.num_images,
            num_identities=self.num_identities,
            image_size=None if size == (0, 0) else size,
            bytes=self.num_bytes,
            source=self._source,
            source_kind=self._source_kind,
            checksum=self.checksum,
            alignment=self._alignment,
            channels=self._channels,
        )

    def _relabel_shards(self, new_label_C: np.ndarray, names: list[str]) -> Path:
        """Copy all files with new labels to a subdirectory, so that the originals survive a kill."""
        directory = self.directory / "final"
        directory.mkdir(exist_ok=True)
        schema = self._schema_for(names)
        with ShardWriter(directory, self._format) as shards:
            for number in range(self._shards.count):
                relabel(find_shard(self.directory, self._format, number), shards, new_label_C, schema)
        return directory

    def _name_shards(self, directory: Path) -> list[str]:
        """Give the files the names that Hugging Face uses, now that their number is known."""
        count = self._shards.count
        paths = [shard_path(directory, self._format, number, count) for number in range(count)]
        for number, path in enumerate(paths):
            find_shard(directory, self._format, number).rename(path)
        return [path.name for path in paths]

    def _write_arrow_files(self, directory: Path, shards: list[str], names: list[str]) -> None:
        """Write the JSON files that `datasets.load_from_disk` needs beside the shards."""
        features = features_of(names, self._extra)
        info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
        write_json(directory / INFO_FILE, info)
        content = f"{self.checksum} {self._labels_checksum.hexdigest()} {names}"
        state: dict[str, object] = {
            "_data_files": [{"filename": name} for name in shards],
            "_fingerprint": xxhash.xxh3_64_hexdigest(content.encode()),
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        write_json(directory / STATE_FILE, state)

    def _schema_for(self, names: list[str]) -> "pa.Schema":
        return schema_of(self._extra, features_of(names, self._extra))

    def _checked(self, extra: "pa.Schema") -> "pa.Schema":
        """Refuse extra columns with the name of one of femb's columns."""
        taken = [name for name in extra.names if name in OWN_COLUMNS]
        if taken:
            raise FembError(
                f"an extra column of {self._source or 'the images'} is called {taken[0]!r}, as one of the dataset's"
                " columns",
                hint="rename or remove it in the source",
            )
        return extra


def refuse_no_dataset(path: Path) -> None:
    """Refuse to replace a directory that is no dataset.

    Raises:
        FembError: `path` exists and is something else.
    """
    if exists(path) and not (is_dataset(path) or has_dataset_info(path)):
        raise FembError(f"{path} is not a dataset, so it is not overwritten", hint="choose another name")

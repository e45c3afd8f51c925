"""Writing a training set in the layout of `datasets`, in constant memory and so that a kill costs little.

Shapes: N images, C identities.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import xxhash

from femb_cli.data.conversion.batch import BATCH_BYTES, BATCH_ROWS, EncodedImages
from femb_cli.data.conversion.dataset_card import CARD_FILE, dataset_card
from femb_cli.data.conversion.journal import UnfinishedFolder
from femb_cli.data.conversion.shards import (
    OWN_COLUMNS,
    Format,
    ShardWriter,
    features_of,
    find_shard,
    read_shard,
    relabel,
    rows_of,
    schema_of,
    shard_path,
)
from femb_cli.data.huggingface.dataset_info import (
    INFO_FILE,
    STATE_FILE,
    DatasetInfo,
    has_dataset_info,
    is_dataset,
    write_dataset_info,
    write_json,
)
from femb_cli.data.images.encoded import quick_sizes
from femb_cli.errors import FembError
from femb_cli.files import refuse_existing

if TYPE_CHECKING:
    import pyarrow as pa

SHARD_BYTES = 500 * 10**6


class DatasetWriter:
    """A context manager that takes images; on leaving it without an error the dataset exists.

    Everything is written to a folder beside the target, which takes the target's name at the end. An identity that
    got no image is then left out and the labels are numbered anew: a dataset has no gap in its labels.

    Args:
        path: The directory to make.
        identity_names: One for each label.
        source: Name of what the images come from, for the facts.
        source_kind: Its kind, as in `ImageSource`.
        format: Arrow, or Parquet.
        shard_bytes: Bytes of images after which a new file is begun.
        overwrite: Replace an existing dataset, once the new one is whole.
        job: A description of the work, plain values. What an interrupted work of the same description had written
            is kept, and `notes` says how far that is.

    Attributes:
        folder: Where the dataset is being written.
        num_bytes: Of all images so far.
        notes: What `end_shard` was told by an interrupted work of the same description, and by this one.

    Raises:
        FembError: On entering, if `path` exists and is not to be overwritten, or is anything but a dataset, or if
            what an interrupted work left is damaged; while writing, if the disk refuses; on leaving, if there was no
            image.
    """

    def __init__(
        self,
        path: str | Path,
        identity_names: Sequence[str],
        *,
        source: str | None = None,
        source_kind: str | None = None,
        format: Format = "arrow",
        shard_bytes: int = SHARD_BYTES,
        overwrite: bool = False,
        job: dict[str, Any] | None = None,
    ) -> None:
        self.path = Path(path)
        self._identity_names = list(identity_names)
        self._source, self._source_kind, self._overwrite = source, source_kind, overwrite
        self._format, self._shard_bytes = format, shard_bytes
        self._unfinished = UnfinishedFolder(self.path, job)
        self.folder = self._unfinished.folder
        self._images_of_C = np.zeros(len(self._identity_names), dtype=np.int64)
        self.num_bytes = 0
        self._image_sizes: set[tuple[int, int]] = set()
        self._checksum, self._labels_checksum = xxhash.xxh3_128(), xxhash.xxh3_128()
        self._extra: pa.Schema | None = None
        self._schema: pa.Schema | None = None
        self._rows: list[tuple[bytes, int, str | None]] = []
        self._row_bytes = 0
        self._attachments: dict[str, str] = {}

    def __enter__(self) -> Self:
        refuse_existing(self.path, overwrite=self._overwrite)
        if self.path.exists() and not (is_dataset(self.path) or has_dataset_info(self.path)):
            raise FembError(f"{self.path} is no dataset, so it is not overwritten", hint="choose another name")
        with ExitStack() as exits:
            notes = exits.enter_context(self._unfinished).notes
            self.notes = [note["note"] for note in notes]
            self._take_up(notes)
            self._shards = exits.enter_context(ShardWriter(self.folder, self._format, start=len(notes)))
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            # Called before the folder is left, so that an error in it is treated as one while writing.
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

    @property
    def shard_is_full(self) -> bool:
        """Whether the open file should be ended."""
        return self._shards.open_bytes >= self._shard_bytes

    def end_shard(self, note: dict[str, Any]) -> None:
        """End the open file, so that an interrupted work goes on from here, with `note` among its `notes`."""
        self._shards.close(durably=True)
        sizes = sorted(map(list, self._image_sizes))
        self._unfinished.note({"note": note, "bytes": self.num_bytes, "sizes": sizes})

    def attach(self, name: str, text: str) -> None:
        """Put a text file into the dataset."""
        self._attachments[name] = text

    def write(self, image: bytes, label: int, name: str | None = None) -> None:
        """Add one image.

        Args:
            image: As encoded; stored as it is.
            label: Into `identity_names`.
            name: The path that it is known by.
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
            images: As encoded; stored as they are.
            labels_N: Into `identity_names`.
            names: The path that each is known by.
            sizes_N2: Width and height in pixels, zeros where they are not known.
            extra: Further columns, the same ones in every call.

        Raises:
            FembError: A further column is called image or label, or the disk refuses.
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
        self._labels_checksum.update(labels_N.astype(np.int64).tobytes())
        if len(self._image_sizes) < 2:
            others = sizes_N2[(sizes_N2 != sizes_N2[0]).any(axis=1)]
            self._image_sizes.update(
                (width, height) for width, height in [*sizes_N2[:1].tolist(), *others[:1].tolist()]
            )

    def _write_rows(self) -> None:
        """Write the images that came one by one."""
        images, labels, names = zip(*self._rows, strict=True)
        joined = EncodedImages.join(images)
        sizes_N2 = quick_sizes(joined.data, joined.ends_N)
        self.write_batch(joined, np.array(labels), list(names), sizes_N2=sizes_N2)
        self._rows, self._row_bytes = [], 0
        if self.shard_is_full:
            self.end_shard({})

    def _take_up(self, notes: list[dict[str, Any]]) -> None:
        """Go on from the files that an interrupted work has ended."""
        shards = [find_shard(self.folder, self._format, number) for number in range(len(notes))]
        self._unfinished.clear(keep=set(shards))
        if not notes:
            return
        try:
            self._count_rows(shards, notes[-1]["bytes"])
            self._extra = self._extra_of(shards[0])
        except (OSError, ValueError) as error:
            raise FembError(
                f"cannot go on from {self.folder}, which an interrupted conversion left: {error}",
                hint="remove that folder to start anew",
            ) from error
        self._image_sizes = {(width, height) for width, height in notes[-1]["sizes"]}
        self._schema = self._schema_for(self._identity_names)

    def _count_rows(self, shards: list[Path], num_bytes: int) -> None:
        """Take what was written before into the counts and checksums; it has to be `num_bytes` of images."""
        for batch in (batch for shard in shards for batch in read_shard(shard)):
            labels_N = batch.column("label").to_numpy()
            self._images_of_C += np.bincount(labels_N, minlength=len(self._images_of_C))
            self._labels_checksum.update(labels_N.tobytes())
            for image in batch.column("image").field("bytes"):
                self._checksum.update(image.as_buffer())
                self.num_bytes += image.as_buffer().size
        if self.num_bytes != num_bytes:
            raise ValueError(f"{self.num_bytes} bytes of images instead of {num_bytes}")

    def _finish(self) -> None:
        """Close the last file, leave out empty identities, write the files beside them and publish."""
        if self._rows:
            self._write_rows()
        self._shards.close()
        kept_C = self._images_of_C > 0
        if not kept_C.any():
            raise FembError(f"there is no image to write to {self.path}")
        names = [name for name, kept in zip(self._identity_names, kept_C, strict=True) if kept]
        folder = self.folder if kept_C.all() else self._relabelled(np.cumsum(kept_C) - 1, names)
        files = self._name_shards(folder)
        facts = self._facts()
        write_dataset_info(folder, facts)
        extra = [] if self._extra is None else self._extra.names
        self.attach(CARD_FILE, dataset_card(self.path.name, facts, self._format, extra))
        for name, text in self._attachments.items():
            (folder / name).write_text(text, encoding="utf-8")
        if self._format == "arrow":
            self._write_arrow_files(folder, files, names)
        self._unfinished.publish(folder)

    def _facts(self) -> DatasetInfo:
        size = next(iter(self._image_sizes)) if len(self._image_sizes) == 1 else (0, 0)
        return DatasetInfo(
            num_images=self.num_images,
            num_identities=self.num_identities,
            image_size=None if size == (0, 0) else size,
            bytes=self.num_bytes,
            source=self._source,
            source_kind=self._source_kind,
            checksum=self._checksum.hexdigest(),
        )

    def _relabelled(self, new_label_C: np.ndarray, names: list[str]) -> Path:
        """Write all files anew with other labels, to a folder inside: a kill meanwhile spoils none of them."""
        folder = self.folder / "final"
        folder.mkdir(exist_ok=True)
        schema = self._schema_for(names)
        with ShardWriter(folder, self._format) as shards:
            for number in range(self._shards.count):
                relabel(find_shard(self.folder, self._format, number), shards, new_label_C, schema)
        return folder

    def _name_shards(self, folder: Path) -> list[str]:
        """Give the files the names that Hugging Face gives them, now that their number is known."""
        count = self._shards.count
        paths = [shard_path(folder, self._format, number, count) for number in range(count)]
        for number, path in enumerate(paths):
            find_shard(folder, self._format, number).rename(path)
        return [path.name for path in paths]

    def _write_arrow_files(self, folder: Path, shards: list[str], names: list[str]) -> None:
        """Write what `datasets.load_from_disk` reads beside the shards."""
        features = features_of(names, self._extra)
        info = {"citation": "", "description": "", "features": features, "homepage": "", "license": ""}
        write_json(folder / INFO_FILE, info)
        content = f"{self._checksum.hexdigest()} {self._labels_checksum.hexdigest()} {names}"
        state: dict[str, object] = {
            "_data_files": [{"filename": name} for name in shards],
            "_fingerprint": xxhash.xxh3_64_hexdigest(content.encode()),
            "_format_columns": None,
            "_format_kwargs": {},
            "_format_type": None,
            "_output_all_columns": False,
            "_split": None,
        }
        write_json(folder / STATE_FILE, state)

    def _schema_for(self, names: list[str]) -> "pa.Schema":
        return schema_of(self._extra, features_of(names, self._extra))

    def _checked(self, extra: "pa.Schema") -> "pa.Schema":
        """Refuse further columns that are called like the dataset's own."""
        taken = [name for name in extra.names if name in OWN_COLUMNS]
        if taken:
            raise FembError(
                f"a further column of {self._source or 'the images'} is called {taken[0]!r}, like one of the data"
                " set's own",
                hint="rename or remove it in the source",
            )
        return extra

    @staticmethod
    def _extra_of(shard: Path) -> "pa.Schema | None":
        """Return the schema of the further columns of a shard."""
        import pyarrow as pa

        schema = next(read_shard(shard)).schema
        fields = [field for field in schema if field.name not in OWN_COLUMNS]
        return pa.schema(fields, metadata=schema.metadata) if fields else None

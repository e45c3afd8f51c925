"""The seeds of the fuzzer: small valid datasets in every format that femb reads, and the golden files.

The datasets are built from fixed numbers, so that a case of the fuzzer is the same on every machine.
"""

import io
import json
import pickle
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from femb_cli.data.conversion.dataset_writer import DatasetWriter
from femb_cli.data.conversion.shards import Format
from femb_cli.data.dataset_info import INFO_FILE, STATE_FILE
from femb_cli.data.recordio.format import FIRST, LAST, LENGTH_BITS, MAGIC, MIDDLE, WHOLE

NAMES = ["ann", "bea"]
LABELS = [0, 0, 1, 1]
_MAGIC_BYTES = struct.pack("<I", MAGIC)
_LARGEST_GOLDEN = 40_000


@dataclass(frozen=True)
class Seed:
    """Some files, and the path that femb opens.

    Attributes:
        files: Relative path and content of each file.
        opened: One of the paths, or "" for the folder of the files.
    """

    files: dict[str, bytes]
    opened: str = ""


def image(number: int, form: str = "JPEG", mode: str = "RGB", **options: object) -> bytes:
    """Return an encoded smooth image of 16 x 16 pixels; each `number` gives another one."""
    rows, columns = np.mgrid[0:16, 0:16]
    pixels = np.stack([rows * 9 + number, columns * 9 + number, rows * columns], axis=-1).astype(np.uint8)
    picture = Image.fromarray(pixels)
    if mode == "I;16":
        picture = Image.fromarray(pixels[..., 0].astype(np.uint16) << 8)
    buffer = io.BytesIO()
    picture.convert(mode).save(buffer, form, **options)
    return buffer.getvalue()


def _images() -> dict[str, bytes]:
    """Return four images of two people by path."""
    return {f"{NAMES[label]}/{number}.jpg": image(number) for number, label in enumerate(LABELS)}


def image_seeds() -> Iterator[Seed]:
    """Single images."""
    encoded = {
        "a.jpg": image(0),
        "b.jpg": image(1, progressive=True),
        "c.jpg": image(2, mode="L"),
        "d.jpg": image(3, mode="CMYK"),
        "a.png": image(4, "PNG"),
        "b.png": image(5, "PNG", "P"),
        "c.png": image(6, "PNG", "I;16"),
        "a.webp": image(7, "WEBP"),
        "b.webp": image(8, "WEBP", "RGBA", lossless=True),
        "a.bmp": image(9, "BMP"),
        "b.bmp": image(10, "BMP", "P"),
        "a.ppm": image(11, "PPM"),
        "a.tif": image(12, "TIFF"),
        "b.tif": image(13, "TIFF", compression="tiff_deflate"),
    }
    for name, content in encoded.items():
        yield Seed({name: content}, name)


def folder_seeds() -> Iterator[Seed]:
    """Folders of people."""
    yield Seed(_images())
    yield Seed({f"ann/{seed.opened}": seed.files[seed.opened] for seed in list(image_seeds())[::3]})


def record_seeds() -> Iterator[Seed]:
    """RecordIO with and without index, header, identity records and records in several parts."""
    images = [image_record(label, number, image(number)) for number, label in enumerate(LABELS, start=1)]
    split = [image_record(label, 5 + label, _followed_by_magic(image(label))) for label in (0, 1)]
    header = labels_record(0, (5.0, 7.0))
    people = [labels_record(5, (1.0, 3.0)), labels_record(6, (3.0, 5.0))]
    sets = {"plain": images, "split": [*images, *split], "insightface": [header, *images, *people]}
    for name, payloads in sets.items():
        records = [record(payload) for payload in payloads]
        ids = [struct.unpack_from("<Q", payload, 8)[0] for payload in payloads]
        offsets = np.cumsum([0] + [len(one) for one in records[:-1]]).tolist()
        index = "".join(f"{key}\t{offset}\n" for key, offset in zip(ids, offsets, strict=True)).encode()
        yield Seed({f"{name}.rec": b"".join(records)}, f"{name}.rec")
        yield Seed({f"{name}.rec": b"".join(records), f"{name}.idx": index}, f"{name}.rec")


def image_record(label: int, number: int, encoded: bytes) -> bytes:
    """Return the payload of an image."""
    return struct.pack("<IfQQ", 0, label, number, 0) + encoded


def labels_record(number: int, labels: tuple[float, float]) -> bytes:
    """Return the payload of a header, which is number 0, or of an identity record."""
    return struct.pack("<IfQQ2f", len(labels), 0, number, 0, *labels)


def _followed_by_magic(encoded: bytes) -> bytes:
    """Return an image followed by magic numbers, so that it is stored in several parts."""
    return encoded + bytes(-len(encoded) % 4) + _MAGIC_BYTES * 3 + b"end"


def record(payload: bytes) -> bytes:
    """Return a record, cut wherever the magic number is at a multiple of four."""
    cuts = [place for place in range(0, len(payload) - 3, 4) if payload[place : place + 4] == _MAGIC_BYTES]
    starts, ends = [0, *(cut + 4 for cut in cuts)], [*cuts, len(payload)]
    parts = []
    for number, (start, end) in enumerate(zip(starts, ends, strict=True)):
        kind = FIRST if number == 0 else LAST if number == len(cuts) else MIDDLE
        word = (kind if cuts else WHOLE) << LENGTH_BITS | end - start
        parts.append(struct.pack("<II", MAGIC, word) + payload[start:end] + bytes(-(end - start) % 4))
    return b"".join(parts)


def zip_seeds() -> Iterator[Seed]:
    """Archives of stored and of deflated images, one with a folder above and a comment."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in _images().items():
                archive.writestr(zipfile.ZipInfo(f"faces/{name}" if method else name), content, method)
            archive.comment = b"a comment" if method else b""
        yield Seed({"set.zip": buffer.getvalue()}, "set.zip")


def list_seeds() -> Iterator[Seed]:
    """Lists in every form, beside their images."""
    images = _images()
    rows = [(path, label) for path, label in zip(images, LABELS, strict=True)]
    forms: dict[str, Callable[[str, int], str]] = {
        "magface.list": lambda path, label: f"{path} 0 {label} 0",
        "pairs.txt": lambda path, label: f"{path} {NAMES[label]}",
        "aligned.lst": lambda path, label: f"1\t{path}\t{label}",
        "im2rec.lst": lambda path, label: f"{len(path)}\t{label}\t{path}",
        "table.tsv": lambda path, label: f"{path}\t{label}\t0.5\ttext",
        "header.csv": lambda path, label: f'{NAMES[label]},"{path}",{label},"a, b"',
        "plain.txt": lambda path, label: f"{label} {path}",
        "table.csv": lambda path, label: f"{path};{label};{NAMES[label]}",
        "metadata.jsonl": lambda path, label: json.dumps({"file_name": path, "label": label, "extra": {"a": [0.5]}}),
    }
    for name, line in forms.items():
        header = ["person,path,age,remark"] if name == "header.csv" else []
        text = "\n".join([*header, *(line(path, label) for path, label in rows)]) + "\n"
        yield Seed({name: text.encode(), **images}, name)


def table_seeds() -> Iterator[Seed]:
    """Tables with unusual columns: several of images or people, labels of each type, nested, empty and doubled ones."""
    images, paths = list(_images().values()), list(_images())
    structs = pa.array([{"bytes": content, "path": path} for content, path in zip(images, paths, strict=True)])
    labels = {
        "label": pa.array([0.0, 0.0, 1.0, None]),
        "person": pa.array(["ann", "ann", "bea", "bea"]).dictionary_encode(),
        "subject": pa.array(LABELS, pa.uint64()),
        "identity": pa.array([b"a", b"a", b"b", None], pa.binary()),
        "name": pa.array(["ann", None, "", "bea"], pa.large_string()),
        "pid": pa.array([True, True, False, None]),
        "id": pa.array([0, 0, 1, 1], pa.timestamp("us")),
        "class": pa.array([[0], [0], [1], []], pa.list_(pa.int8())),
        "target": pa.array([{"id": 0}, {"id": 0}, None, {"id": 1}]),
        "nobody": pa.nulls(4),
        "number": pa.array([0, 1, 2, 3], pa.decimal128(5, 0)),
    }
    further = {name: values for name, values in labels.items() if name != "label"}
    yield _stored(pa.table({"image": structs, "label": [0.0, 0.0, 1.0, 1.0]}))
    for first in further:
        yield _stored(pa.table({"image": structs, first: labels[first], **further}))
    views = {"note": pa.array(["a", None, "", "b"], pa.string_view()), "notes": pa.array([["a"]] * 4)}
    yield _stored(pa.table({"image": pa.array(images, pa.binary_view()), "label": LABELS, **views}))
    yield _stored(pa.table({"jpg": images, "png": images, "mask": structs, "cls": LABELS}))
    feature = {"info": {"features": {"label": {"names": NAMES, "_type": "ClassLabel"}}}}
    table = pa.table({"image": structs, "label": LABELS})
    yield _stored(table.replace_schema_metadata({"huggingface": json.dumps(feature)}))


def _stored(table: pa.Table) -> Seed:
    """Return a table as a Parquet file."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, row_group_size=3)
    return Seed({"train.parquet": buffer.getvalue()}, "train.parquet")


def verification_seeds() -> Iterator[Seed]:
    """Pickled pairs in all protocols."""
    images = list(_images().values())
    arrays = [np.frombuffer(content, dtype=np.uint8) for content in images]
    sets: list[tuple[object, object]] = [
        (images, [True, False]),
        (arrays, np.array([1, 0])),
        ([bytearray(content) for content in images], [np.bool_(True), np.bool_(False)]),
        ([array[:, None].copy() for array in arrays], [1, 0]),
    ]
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        for content in sets:
            yield Seed({"set.bin": pickle.dumps(content, protocol)}, "set.bin")


def arrow_seeds() -> Iterator[Seed]:
    """Datasets of femb, and others with labels as text, extra columns and compressed buffers."""
    yield _written("arrow", shard_bytes=10**6)
    yield _written("arrow", shard_bytes=1)
    for compression, names in ((None, NAMES), ("zstd", NAMES), (None, None)):
        buffer, table = io.BytesIO(), _foreign_table(names)
        with pa.ipc.new_stream(buffer, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as stream:
            stream.write_table(table, max_chunksize=3)
        state = {"_data_files": [{"filename": "data.arrow"}]}
        files = {STATE_FILE: json.dumps(state).encode(), INFO_FILE: b'{"features": null}'}
        yield Seed({"data.arrow": buffer.getvalue(), **files})


def parquet_seeds() -> Iterator[Seed]:
    """Parquet files of femb and of others."""
    yield _written("parquet", shard_bytes=10**6)
    yield _written("parquet", shard_bytes=1)
    for compression, names in (("snappy", NAMES), ("none", None), ("zstd", NAMES)):
        buffer, checksum = io.BytesIO(), compression == "zstd"
        table = _foreign_table(names)
        pq.write_table(table, buffer, row_group_size=3, compression=compression, write_page_checksum=checksum)
        yield Seed({"train.parquet": buffer.getvalue()}, "train.parquet")


def _written(format: Format, shard_bytes: int) -> Seed:
    """Write a dataset and return its files."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set"
        with DatasetWriter(path, NAMES, source="seed", format=format, shard_bytes=shard_bytes) as writer:
            for (name, content), label in zip(_images().items(), LABELS, strict=True):
                writer.write(content, label, name)
                if shard_bytes == 1:
                    writer._write_rows()
        return _files_in(path)


def _foreign_table(names: list[str] | None) -> pa.Table:
    """Return a table with extra columns; its labels are names, or numbers if there are none."""
    columns = {
        "image": pa.array(list(_images().values()), pa.large_binary()),
        "label": pa.array(LABELS if names is None else [names[label] for label in LABELS]),
        "age": pa.array([20, None, 30, 40], pa.int32()),
        "remark": pa.array(["a", "bc", None, ""]),
        "points": pa.array([[0.0, 1.0], [2.0], [], None], pa.list_(pa.float32())),
    }
    return pa.table(columns)


def _files_in(folder: Path, opened: str = "") -> Seed:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != "expected.json")
    return Seed({path.relative_to(folder).as_posix(): path.read_bytes() for path in files}, opened)


SEEDS: dict[str, Callable[[], Iterator[Seed]]] = {
    "records": record_seeds,
    "zip": zip_seeds,
    "folder": folder_seeds,
    "list": list_seeds,
    "verification": verification_seeds,
    "arrow": arrow_seeds,
    "parquet": parquet_seeds,
    "table": table_seeds,
    "image": image_seeds,
}
"""The formats."""


def golden_seeds(format: str, shared: Path) -> list[Seed]:
    """Return the small golden files of a format; some are damaged or hostile already."""
    golden = shared / "golden" / "formats"
    seeds: list[Seed] = []
    if format == "records":
        seeds = [_files_in(path.parent, path.name) for path in sorted(golden.glob("recordio/*/*.rec"))]
    elif format == "list":
        images = {f"images/{name}": content for name, content in _files_in(golden / "lists" / "images").files.items()}
        lists = sorted(golden.glob("lists/*.l*st"))
        seeds = [Seed({path.name: path.read_bytes(), **images}, path.name) for path in lists]
    elif format in ("zip", "verification"):
        paths = sorted(golden.glob("*/*.zip" if format == "zip" else "bin/*.bin"))
        seeds = [Seed({path.name: path.read_bytes()}, path.name) for path in paths]
    return [seed for seed in seeds if sum(map(len, seed.files.values())) <= _LARGEST_GOLDEN]

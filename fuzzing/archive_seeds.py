"""The seeds of the formats `tar`, `webdataset` and `lmdb`: archives and databases as other programs write them."""

import bz2
import gzip
import io
import json
import pickle
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import lmdb
from seeds import LABELS, NAMES, Seed, image


def tar_seeds() -> Iterator[Seed]:
    """Folders of people in archives of each tar format, with folders, long names and compression."""
    members = {f"{NAMES[label]}/{number}.jpg": image(number) for number, label in enumerate(LABELS)}
    long = {f"faces/{'x' * 120}/{name}": content for name, content in members.items()}
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        yield _archive("set.tar", packed(members, form))
        yield _archive("set.tar", packed(long, form))
    yield _archive("set.tar", packed({f"./\xe9{name}": content for name, content in members.items()}))
    yield _archive("set.tar.gz", gzip.compress(packed(members), mtime=0))
    yield _archive("set.tar.bz2", bz2.compress(packed(members)))
    yield Seed({f"part-{number}.tar": packed({name: members[name]}) for number, name in enumerate(members)})


def webdataset_seeds() -> Iterator[Seed]:
    """Shards with numbers, names and JSON as labels, and with other members beside the images."""
    labels = {
        "cls": [str(label) for label in LABELS],
        "txt": [NAMES[label] for label in LABELS],
        "id": [f"{label}.0\n" for label in LABELS],
        "json": [json.dumps({"label": label, "person": NAMES[label], "age": 0.5}) for label in LABELS],
    }
    for field, texts in labels.items():
        yield _archive("00000.tar", packed(_samples({field: texts})))
    yield _archive("00000.tar", packed(_samples(labels), tarfile.PAX_FORMAT))
    masks = {f"{number:06d}.mask.png": image(number, "PNG") for number in range(len(LABELS))}
    yield _archive("00000.tar", packed(_samples({"cls": labels["cls"]}) | masks))
    yield _archive("00000.tar.gz", gzip.compress(packed(_samples({"cls": labels["cls"]})), mtime=0))
    yield Seed({f"train-0000{shard}.tar": packed(_samples({"cls": labels["cls"]}, shard)) for shard in (0, 1)})


def lmdb_seeds() -> Iterator[Seed]:
    """Databases of images with labels in MessagePack and pickles, of images alone, and one with many pages."""
    images = [image(number) for number in range(len(LABELS))]
    labelled = list(zip(images, LABELS, strict=True))
    messages = [b"\x92\xc5" + len(content).to_bytes(2, "big") + content + bytes([label]) for content, label in labelled]
    features = [b"\x93" + message[1:-1] + b"\xc4\x03abc" + message[-1:] for message in messages]
    about = {"__len__": bytes([len(LABELS)]), "__keys__": b"\x91\xc4\x010", "__classnum__": b"\x02"}
    for values in (messages, features, [pickle.dumps(pair) for pair in labelled]):
        yield _archive("set.lmdb", _database({str(row): value for row, value in enumerate(values)} | about))
    names = [b"\x92" + message[1:-1] + b"\xa3ann" for message in messages]
    yield _archive("set.lmdb", _database({f"{row:08d}": value for row, value in enumerate(names)}))
    yield _archive(
        "set.lmdb", _database({f"{NAMES[label]}/{row}.jpg": images[row] for row, label in enumerate(LABELS)})
    )
    many = {str(row): messages[row % len(messages)] for row in range(60)}
    yield _archive("set.lmdb", _database(many | {"60": b"\x93\xc5\x23\x28" + bytes(9000) + messages[0][1:]}))


def packed(members: Mapping[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    """Return an archive of some members, with the folder `ann` first."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        folder = tarfile.TarInfo("ann")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def _samples(labels: Mapping[str, list[str]], shard: int = 0) -> dict[str, bytes]:
    members: dict[str, bytes] = {}
    for number in range(len(LABELS)):
        key = f"{shard}{number:05d}"
        members[f"{key}.jpg"] = image(number + shard)
        members |= {f"{key}.{field}": texts[number].encode() for field, texts in labels.items()}
    return members


def _archive(name: str, content: bytes) -> Seed:
    return Seed({name: content}, name)


def _database(values: Mapping[str, bytes]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.lmdb"
        with lmdb.open(str(path), subdir=False, map_size=2**22) as database, database.begin(write=True) as transaction:
            for key, value in values.items():
                transaction.put(key.encode(), value)
        return path.read_bytes()

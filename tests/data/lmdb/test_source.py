"""Images in LMDB databases: who is on them, in which order, and what is refused."""

import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from databases import message, write_lmdb
from pictures import encode

from femb_cli.data.open import open_source
from femb_cli.data.read_as import ReadAs
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError

IMAGES = [encode(shade=20 * number) for number in range(12)]
LABELS = [7, 7, 7, 300, 300, 300, 2, 2, 2, 2, 2, 2]


def hsface(**others: bytes) -> dict[str, bytes]:
    """The entries of an HSFace database: numbers as keys, (image, label), and what its writer adds."""
    values = {
        str(number): message(image, label) for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True))
    }
    keys = b"\x9c" + b"".join(b"\xc4" + bytes([len(key)]) + key.encode() for key in values)
    return values | {"__len__": bytes([12]), "__keys__": keys, "__classnum__": b"\x03"} | others


def people_of(source: ImageSource) -> list[str | None]:
    names, labels_N = source.identities.names, source.identities.labels_N
    return [None if label < 0 else names[label] for label in labels_N.tolist()]


def contents(source: ImageSource) -> list[bytes]:
    return [source.read(row) for row in range(len(source))]


@pytest.mark.parametrize("is_folder", [False, True])
def test_a_database_of_numbered_values_is_read_in_the_order_of_the_numbers(tmp_path, is_folder):
    source = open_source(write_lmdb(tmp_path / "hsface.lmdb", hsface(), is_folder=is_folder))
    assert list(source.names) == [str(number) for number in range(12)]
    assert contents(source) == IMAGES
    assert people_of(source) == list(map(str, LABELS))
    assert source.identities.names == ["2", "7", "300"]


def test_a_folder_with_one_database_is_that_database_and_of_several_one_must_be_named(tmp_path):
    write_lmdb(tmp_path / "hsface10k.lmdb", hsface())
    assert len(open_source(tmp_path)) == 12
    shutil.copy(tmp_path / "hsface10k.lmdb", tmp_path / "hsface20k.lmdb")
    with pytest.raises(FembError, match="holds 2 LMDB databases: hsface10k.lmdb, hsface20k.lmdb") as caught:
        open_source(tmp_path)
    assert "name one of them" in caught.value.hint


def test_a_source_can_be_pickled(tmp_path):
    source = open_source(write_lmdb(tmp_path / "x.lmdb", hsface()))
    assert contents(pickle.loads(pickle.dumps(source))) == IMAGES


@pytest.mark.parametrize(
    "value",
    [
        lambda image, label: message(image, bytes(900), label),
        lambda image, label: message(image.ljust(9000, b"\0"), label),
        lambda image, label: pickle.dumps((image, label)),
        lambda image, label: pickle.dumps([label, image], protocol=4),
        lambda image, label: pickle.dumps((np.frombuffer(image, np.uint8), np.int64(label))),
    ],
    ids=["feature between", "overflow pages", "pickle", "label first", "arrays"],
)
def test_values_hold_the_image_and_the_label_in_any_order(tmp_path, value):
    values = {
        f"{number:08d}": value(image, label) for number, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True))
    }
    source = open_source(write_lmdb(tmp_path / "x.lmdb", values))
    assert [image.rstrip(b"\0") for image in contents(source)] == IMAGES
    assert people_of(source) == list(map(str, LABELS))


def test_names_can_be_labels(tmp_path):
    values = {"a": message(IMAGES[0], "Ann"), "b": message(IMAGES[1], "Bea"), "c": message(IMAGES[2], "Ann")}
    assert people_of(open_source(write_lmdb(tmp_path / "x.lmdb", values))) == ["Ann", "Bea", "Ann"]


def test_plain_images_belong_to_the_folder_in_their_key(tmp_path):
    values = {f"{person}/{number}.jpg": IMAGES[number] for person in ("ann", "bea") for number in range(2)}
    source = open_source(write_lmdb(tmp_path / "x.lmdb", values))
    assert list(source.names) == list(values)
    assert people_of(source) == ["ann", "ann", "bea", "bea"]


def test_the_level_of_the_person_can_be_named(tmp_path):
    values = {f"{person}/{place}/0.jpg": IMAGES[0] for person in ("ann", "bea") for place in "xy"}
    source = open_source(write_lmdb(tmp_path / "x.lmdb", values), read_as=ReadAs(person_folder="1"))
    assert people_of(source) == ["ann", "ann", "bea", "bea"]


def test_plain_images_without_folders_have_no_identities(tmp_path):
    assert open_source(write_lmdb(tmp_path / "x.lmdb", {"1.jpg": IMAGES[0], "2.jpg": IMAGES[1]})).identities is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (message(IMAGES[0], 1)[:-40], "cut short"),
        (message(IMAGES[0], 1) + b"\0", "1 bytes follow its list"),
        (message(IMAGES[0], IMAGES[1], 1), "2 images and 1 labels"),
        (message(IMAGES[0], 1, 2), "1 images and 2 labels"),
        (message(3, 1), "0 images and 2 labels"),
        (b"\x92\x81\x01\x02\x03", "MessagePack code 0x81"),
        (b"text", "starts with b'text'"),
        (b"", "starts with b''"),
        (pickle.dumps(Path), "pickle byte .* names pathlib"),
        (pickle.dumps((IMAGES[0], 1), protocol=2), "does not hold the image as it is"),
        (pickle.dumps(IMAGES[0]), "not a short list"),
    ],
)
def test_a_value_that_is_not_understood_stays_an_image_without_identity(tmp_path, value, reason):
    source = open_source(write_lmdb(tmp_path / "x.lmdb", {**hsface(__len__=b"\x0c"), "5": value}))
    assert people_of(source) == [*map(str, LABELS[:5]), None, *map(str, LABELS[6:])]
    with pytest.raises(FembError, match=f"the value of '5' in .*x.lmdb: .*{reason}"):
        source.read(5)
    assert source.read(6) == IMAGES[6]


def test_a_negative_label_is_unknown(tmp_path):
    source = open_source(write_lmdb(tmp_path / "x.lmdb", {"0": message(IMAGES[0], -1), "1": message(IMAGES[1], 4)}))
    assert people_of(source) == [None, "4"]


def test_a_database_of_other_values_is_refused_with_what_femb_reads(tmp_path):
    with pytest.raises(
        FembError, match="the value of b'a' is of no kind that femb reads: it starts with b'datum'"
    ) as caught:
        open_source(write_lmdb(tmp_path / "x.lmdb", {"a": b"datum", "b": b"datum"}))
    assert "PERSON/NUMBER.jpg" in caught.value.hint


def test_an_empty_database_is_refused(tmp_path):
    with pytest.raises(FembError, match="the database is empty"):
        open_source(write_lmdb(tmp_path / "x.lmdb", {}))


def test_another_number_of_images_than_stated_is_warned_of(tmp_path):
    path = write_lmdb(tmp_path / "x.lmdb", hsface(__len__=b"\x0d"))
    with pytest.warns(UserWarning, match="states 13 images and holds 12"):
        open_source(path)


def test_a_database_that_is_cut_short_is_refused(tmp_path):
    path = write_lmdb(tmp_path / "x.lmdb", hsface())
    path.write_bytes(path.read_bytes()[: 3 * 4096])
    with pytest.raises(FembError, match="is cut short: it states") as caught:
        open_source(path)
    assert "download it again" in caught.value.hint


@pytest.mark.parametrize("place", [10, 12, 16, 17])
def test_a_damaged_page_is_refused(tmp_path, place):
    path = write_lmdb(tmp_path / "x.lmdb", hsface())
    content = bytearray(path.read_bytes())
    for page in range(2, len(content) // 4096):
        content[4096 * page + place] ^= 0xA5
    path.write_bytes(content)
    with pytest.raises(FembError, match="x.lmdb is a damaged LMDB database"):
        open_source(path)


def test_several_values_of_one_key_are_refused(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    with lmdb.open(str(tmp_path / "x.lmdb"), subdir=False, max_dbs=1) as database:
        database.open_db(b"images")
    with pytest.raises(FembError, match="holds databases in it"):
        open_source(tmp_path / "x.lmdb")

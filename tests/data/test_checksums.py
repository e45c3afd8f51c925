"""A changed image byte is an error that names the image, its row and its file."""

from pathlib import Path

import numpy as np
import pytest
import xxhash
from datasets_on_disk import encode, write

from femb_cli.data.checksums import CHECKSUMS_FILE, read_checksums
from femb_cli.data.conversion.convert import convert
from femb_cli.data.dataset_info import FEMB_INFO_FILE
from femb_cli.data.loading.loader import TrainingImages
from femb_cli.data.open import open_source
from femb_cli.errors import FembError

IMAGES = [encode(shade) for shade in range(20, 27)]
CHANGED = 4


@pytest.fixture(params=["arrow", "parquet"])
def dataset(request, tmp_path) -> Path:
    """Seven images in several files."""
    return write(tmp_path / "set", IMAGES, [0, 1] * 3 + [0], ["a", "b"], format=request.param, shard_bytes=1500)


def change_one_byte(dataset: Path) -> Path:
    """Change a byte of one image, so that it decodes to other pixels; return the file."""
    for file in [*dataset.rglob("*.arrow"), *dataset.rglob("*.parquet")]:
        content = bytearray(file.read_bytes())
        if (place := content.find(IMAGES[CHANGED])) >= 0:
            content[place + len(IMAGES[CHANGED]) - 4] ^= 1
            file.write_bytes(content)
            return file
    raise AssertionError


def test_every_image_has_its_checksum(dataset):
    stored = np.fromfile(dataset / CHECKSUMS_FILE, dtype="<u8").tolist()
    assert stored == [xxhash.xxh64_intdigest(image) for image in IMAGES]
    source = open_source(dataset)
    assert [source.read(row) for row in range(len(IMAGES))] == IMAGES


def test_hugging_faces_library_opens_a_dataset_with_checksums(dataset):
    from datasets import load_dataset, load_from_disk

    if (dataset / "data").is_dir():
        opened = load_dataset(str(dataset), split="train", cache_dir=str(dataset.parent / "cache"))
    else:
        opened = load_from_disk(str(dataset))
    assert len(opened) == len(IMAGES)
    assert set(opened.features) == {"image", "label"}


def test_training_names_a_changed_image_its_row_and_its_file(dataset):
    file = change_one_byte(dataset)
    images = TrainingImages(open_source(dataset), 8)
    pixels = np.empty((1, 8, 8, 3), dtype=np.uint8)
    images.decode(np.array([CHANGED - 1]), pixels)
    with pytest.raises(FembError) as caught:
        images.decode(np.array([CHANGED]), pixels)
    if file.suffix == ".arrow":  # Parquet's own checksum of a page may be the first to notice
        for words in (f"a/{CHANGED}.jpg", f"row {CHANGED} of", "has changed since"):
            assert words in caught.value.message
    assert file.name in caught.value.message


def test_without_the_file_of_checksums_nothing_is_checked(tmp_path):
    dataset = write(tmp_path / "set", IMAGES, [0] * 7, ["a"])
    change_one_byte(dataset)
    (dataset / CHECKSUMS_FILE).unlink()
    assert open_source(dataset).read(CHANGED) != IMAGES[CHANGED]


@pytest.mark.parametrize("size", [0, 8, 55, 64])
def test_checksums_of_another_number_of_images_are_refused(dataset, size):
    (dataset / CHECKSUMS_FILE).write_bytes(bytes(size))
    with pytest.raises(FembError, match=CHECKSUMS_FILE):
        read_checksums(dataset, len(IMAGES))
    with pytest.raises(FembError, match=CHECKSUMS_FILE):
        open_source(dataset)


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_a_conversion_of_a_changed_dataset_stops_or_leaves_the_image_out(tmp_path, format):
    dataset = write(tmp_path / "set", IMAGES, [0] * 7, ["a"])
    change_one_byte(dataset)
    with pytest.raises(FembError, match=f"row {CHANGED} of"):
        convert(open_source(dataset), tmp_path / "copy", format=format)
    assert not (tmp_path / "copy").exists()
    done = convert(open_source(dataset), tmp_path / "copy", format=format, on_error="skip")
    assert (done.num_images, [name for name, _ in done.skipped]) == (6, [f"a/{CHANGED}.jpg"])


def test_an_older_dataset_is_compared_as_a_whole_when_it_is_verified(tmp_path):
    dataset = write(tmp_path / "set", IMAGES, [0] * 7, ["a"])
    (dataset / CHECKSUMS_FILE).unlink()
    convert(open_source(dataset), tmp_path / "intact", verify=True)
    change_one_byte(dataset)
    with pytest.raises(FembError, match=FEMB_INFO_FILE):
        convert(open_source(dataset), tmp_path / "copy", verify=True)
    assert not (tmp_path / "copy").exists()
    convert(open_source(dataset), tmp_path / "part", verify=True, limit=3)

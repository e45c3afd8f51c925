"""What is found in the images of a source."""

import numpy as np
import pytest
from pictures import HEIC_STUB, encode
from PIL import Image

from femb_cli.data.conversion.convert import convert
from femb_cli.data.inspection import images as module
from femb_cli.data.inspection.describe import describe_images
from femb_cli.data.inspection.images import inspect_images
from femb_cli.data.open import open_source


def noise(seed: int, size: int = 112) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8))


@pytest.fixture
def mess(tmp_path):
    """Two people with images of many kinds: intact, cut short, empty, equal ones."""
    folder = tmp_path / "mess"
    for person in ("ann", "bob"):
        (folder / person).mkdir(parents=True)
    intact = encode(1, (112, 112))
    (folder / "ann/1.jpg").write_bytes(intact)
    (folder / "ann/2.jpg").write_bytes(intact)
    (folder / "bob/1.jpg").write_bytes(intact)
    (folder / "bob/2.webp").write_bytes(encode(2, (250, 200), "WEBP"))
    (folder / "bob/cut.jpg").write_bytes(encode(3, (112, 112))[:-60])
    (folder / "bob/empty.jpg").write_bytes(b"")
    (folder / "bob/page.jpg").write_bytes(b"<html>")
    (folder / "bob/small.png").write_bytes(encode(4, (40, 30), "PNG"))
    (folder / "film.mp4").write_bytes(b"-")
    return folder


def test_sizes_formats_damage_and_doubles_are_counted(mess):
    calls: list[tuple[int, int]] = []
    source = open_source(mess)
    found = inspect_images(source, progress=lambda done, total: calls.append((done, total)))
    assert found.num_images == 8
    assert found.num_bytes == sum(file.stat().st_size for file in mess.glob("*/*"))
    assert found.sizes == {(112, 112): 3, (250, 200): 1, (40, 30): 1}
    assert found.formats == {"JPEG": 4, "WEBP": 1, "PNG": 1, "unknown": 2}
    assert [name for name, _ in found.damage.named] == ["bob/cut.jpg", "bob/empty.jpg", "bob/page.jpg"]
    assert found.damage.named[1:] == [
        ("bob/empty.jpg", "holds no image: 0 bytes"),
        ("bob/page.jpg", "is a web page"),
    ]
    assert found.doubles.sets == [[0, 1, 2]]
    assert found.unread == {".mp4": 1}
    assert calls == [(8, 8)]
    facts = describe_images(found, source)
    assert facts["folder"] == str(mess)
    assert facts["people"] == "2"
    assert facts["damage"].startswith("3 of 8 images cannot be read (all images decoded)\nbob/cut.jpg: is cut short")
    assert facts["doubles"] == "2 copies of 1 image in several people: wrong labels\nann/1.jpg = ann/2.jpg = bob/1.jpg"
    assert facts["sizes"].startswith("112 x 112: 3, 250 x 200: 1, 40 x 30: 1; 3 aligned; 1 photos; 1 smaller")
    assert facts["not read"] == "1 file not read: 1 .mp4"


def test_json_has_every_number(mess):
    source = open_source(mess)
    facts = inspect_images(source).to_json(source)
    assert (facts["num_images"], facts["num_identities"], facts["num_unlabeled"]) == (8, 2, 0)
    assert facts["images_per_person"]["histogram"] == {"2": 1, "3-4": 0, "5-9": 1}
    assert facts["sizes"][0] == {"width": 112, "height": 112, "num_images": 3}
    assert facts["doubles"]["sets"][0]["images"][2] == {"name": "bob/1.jpg", "person": "bob"}
    assert (facts["doubles"]["sets_in_one_person"], facts["doubles"]["sets_in_several_people"]) == (0, 1)
    assert (facts["num_damaged"], facts["num_decoded"], facts["damaged"][0]["name"]) == (3, 8, "bob/cut.jpg")


def test_only_a_sample_is_decoded_and_that_is_said(tmp_path, monkeypatch):
    """The damage is in the middle of the pixels, where no header shows it."""
    monkeypatch.setattr(module, "DECODED", 2)
    for number in range(5):
        noise(number).save(tmp_path / f"{number}.png")
    content = bytearray((tmp_path / "1.png").read_bytes())
    content[5000:5100] = bytes(100)
    (tmp_path / "1.png").write_bytes(content)
    source = open_source(tmp_path)
    found = inspect_images(source)
    assert found.damage.num_images == 0
    looked = "none found (headers of all images read, 2 of 5 decoded; --verify decodes all)"
    assert describe_images(found, source)["damage"] == looked
    assert [name for name, _ in inspect_images(source, verify=True).damage.named] == ["1.png"]


def test_images_that_cannot_be_read_are_no_doubles(tmp_path, without_heic):
    for number in range(2):
        (tmp_path / f"{number}.jpg").write_bytes(b"")
        (tmp_path / f"heic{number}.jpg").write_bytes(HEIC_STUB)
        noise(number).save(tmp_path / f"{number}.png")
    source = open_source(tmp_path)
    found = inspect_images(source)
    assert found.damage.num_images == 4
    assert "pip install" in found.damage.named[-1][1]
    assert describe_images(found, source)["doubles"] == "no two images are equal"
    assert describe_images(found, source)["people"] == "none: the images have no labels"


def test_the_bytes_of_a_swapped_dataset_are_inspected_as_they_are_stored(tmp_path):
    for number in range(20):
        (tmp_path / f"faces/p{number // 4}").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112), (100, 140, 180 + number)).save(tmp_path / f"faces/p{number // 4}/{number}.png")
    source = open_source(convert(open_source(tmp_path / "faces", channels="bgr"), tmp_path / "swapped").path)
    found = inspect_images(source)
    assert found.formats == {"PNG": 20}
    assert found.num_bytes == sum(file.stat().st_size for file in tmp_path.glob("faces/*/*"))
    assert describe_images(found, source)["colours"] == (
        "mean red minus blue at the face centre is +90 over 20 images; the dataset states bgr, and femb swaps them"
    )
    assert inspect_images(open_source(source.path, channels="rgb")).colours.look_swapped


def test_a_dataset_of_which_a_part_is_swapped_is_said(tmp_path):
    for number in range(24):
        colour = (190, 150, 120 + number) if number % 4 else (120, 150, 190)
        Image.new("RGB", (112, 112), colour).save(tmp_path / f"{number}.png")
    source = open_source(tmp_path)
    words = "over 24 images; 6 are more blue than red: are a part of the images swapped?"
    assert describe_images(inspect_images(source), source)["colours"].endswith(words)

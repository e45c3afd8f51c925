"""A dataset of swapped colours is read with the right ones, and its bytes stay."""

import io
import pickle

import numpy as np
import pytest
from PIL import Image

from femb_cli.data.channels import SwappedChannels, as_stored, channels_of
from femb_cli.data.conversion.benchmark import write_benchmark
from femb_cli.data.conversion.convert import convert
from femb_cli.data.dataset_info import read_dataset_info
from femb_cli.data.images.decode import decode_image
from femb_cli.data.loading.loader import TrainingImages
from femb_cli.data.open import open_source
from femb_cli.data.source import HasLooseFiles, HasUnread
from femb_cli.data.verification_bin.verification_set import VerificationSet
from femb_cli.errors import FembError
from femb_cli.evaluation.verification.open import open_benchmark
from femb_cli.progress import silent
from femb_cli.training.run.data_identity import data_identity

SKIN = (200, 140, 110)


def face(colour: tuple[int, int, int]) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (112, 112), colour).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def swapped(tmp_path):
    """A folder of four faces in which red and blue are swapped."""
    for number in range(4):
        file = tmp_path / f"swapped/person{number // 2}/{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(face((110 + number, 140, 200)))
    return tmp_path / "swapped"


def first_pixel(encoded: bytes) -> list[int]:
    return decode_image(encoded)[0, 0].tolist()


@pytest.mark.parametrize("format", ["arrow", "parquet"])
def test_a_conversion_keeps_the_bytes_and_states_the_order(tmp_path, swapped, format):
    done = convert(open_source(swapped, channels="bgr"), tmp_path / "faces", format=format)
    assert read_dataset_info(done.path).channels == "bgr"
    opened, raw = open_source(done.path), open_source(swapped)
    assert channels_of(opened) == "bgr"
    assert [as_stored(opened).read(row) for row in range(4)] == [raw.read(row) for row in range(4)]
    assert first_pixel(opened.read(1)) == [200, 140, 111]
    pixels = np.empty((2, 112, 112, 3), dtype=np.uint8)
    TrainingImages(opened).decode(np.array([0, 3]), pixels)
    assert pixels[:, 50, 50].tolist() == [[200, 140, 110], [200, 140, 113]]
    assert "red and blue are swapped" in (done.path / "README.md").read_text()


def test_the_order_is_kept_by_a_second_conversion_and_can_be_overruled(tmp_path, swapped):
    convert(open_source(swapped, channels="bgr"), tmp_path / "one")
    convert(open_source(tmp_path / "one"), tmp_path / "two")
    assert channels_of(open_source(tmp_path / "two")) == "bgr"
    assert first_pixel(open_source(tmp_path / "one", channels="rgb").read(0)) == [110, 140, 200]
    convert(open_source(tmp_path / "one", channels="rgb"), tmp_path / "three")
    assert read_dataset_info(tmp_path / "three").channels == "rgb"


def test_it_has_what_its_source_has_and_can_be_pickled(swapped):
    (swapped / "person0/notes.txt").write_text("-")
    source = pickle.loads(pickle.dumps(open_source(swapped, channels="bgr")))
    assert isinstance(source, SwappedChannels)
    assert isinstance(source, HasUnread)
    assert not isinstance(source, HasLooseFiles)  # whose files would be read as they are
    assert list(source.names) == list(as_stored(source).names)
    assert source.identities.names == ["person0", "person1"]


def test_a_benchmark_states_the_order(tmp_path):
    images = [face((110 + number, 140, 200)) for number in range(4)]
    pairs = VerificationSet(images, np.array([True, False]), "0")
    write_benchmark(pairs, tmp_path / "pairs", source="pairs.bin", channels="bgr")
    opened = open_benchmark(str(tmp_path / "pairs"), None, say=silent)
    assert as_stored(opened.images).read(0) == images[0]
    assert first_pixel(opened.images.read(0)) == [200, 140, 110]


def test_a_folder_states_the_order_in_a_hidden_file(swapped):
    (swapped / ".femb.json").write_text('{"channels": "bgr"}')
    assert first_pixel(open_source(swapped).read(0)) == [200, 140, 110]
    assert first_pixel(open_source(swapped, channels="rgb").read(0)) == [110, 140, 200]


def test_another_order_is_another_training_set(swapped):
    stored, put_right = (data_identity(open_source(swapped, channels=channels)) for channels in ("rgb", "bgr"))
    assert {**stored, "channels": "bgr"} == put_right


def test_an_order_that_does_not_exist_is_refused(tmp_path, swapped):
    done = convert(open_source(swapped), tmp_path / "faces")
    text = (done.path / "femb.json").read_text()
    (done.path / "femb.json").write_text(text.replace('"rgb"', '"gbr"'))
    with pytest.raises(FembError, match="states channels as 'gbr'"):
        open_source(done.path)

"""From images of any kind to aligned faces."""

import numpy as np
import pytest
from photos import lfw_crops, lfw_photo
from PIL import Image

from femb_cli.errors import FembError
from femb_cli.faces import align_faces, load_face_finder
from femb_cli.inference.face_reader import FaceReader

WALL = np.full((90, 120, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def reader():
    return FaceReader(32)


@pytest.fixture(scope="module")
def two_faces(shared):
    return lfw_photo(shared, "Gene_Robinson_0003.jpg")


@pytest.mark.parametrize("size", [112, 32])
def test_the_templates_size_and_the_networks_are_aligned_faces(reader, size):
    image = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    face = reader.read(image)
    assert np.array_equal(face.pixels_SS3, image)
    assert (face.face, face.num_faces) == (None, 0)


def test_never_takes_every_image_as_a_face_and_resizes_it(reader):
    assert reader.read(WALL, align="never").pixels_SS3.shape == (112, 112, 3)


@pytest.mark.parametrize("align", ["auto", "always"])
def test_a_photo_without_a_face_is_an_error(reader, align):
    with pytest.raises(FembError, match="no face found in the image") as error:
        reader.read(WALL, align=align)
    assert "--align never" in error.value.hint
    assert reader.read_faces(WALL) == []


def test_always_looks_for_a_face_in_an_aligned_image_too(reader):
    with pytest.raises(FembError, match="no face found"):
        reader.read(np.zeros((112, 112, 3), np.uint8), align="always")


def test_a_photos_face_is_found_and_cut_out_as_the_faces_library_does(reader, shared):
    photo = lfw_photo(shared, "Abel_Pacheco_0002.jpg")
    face = reader.read(photo)
    (found,) = load_face_finder()([photo])
    assert np.array_equal(face.pixels_SS3, align_faces(photo, [found[0].landmarks])[0])
    given = lfw_crops(shared, ["Abel_Pacheco_0002.jpg"])[0].astype(float)
    assert np.abs(face.pixels_SS3 - given).mean() < 12
    assert face.num_faces == len(found) == 1


def test_of_several_faces_the_one_that_is_asked_for_is_taken(reader, two_faces):
    largest, center = (reader.read(two_faces, choice=choice) for choice in ("largest", "center"))
    assert largest.num_faces == center.num_faces == 2
    areas = [face.area for face, _ in reader.read_faces(two_faces)]
    assert areas == sorted(areas, reverse=True)
    assert largest.face.area == areas[0]


def test_a_network_with_a_larger_input_gets_a_larger_crop(shared):
    photo = lfw_photo(shared, "Abel_Pacheco_0002.jpg")
    assert FaceReader(56).read(photo).pixels_SS3.shape == (112, 112, 3)
    assert FaceReader(160).read(photo).pixels_SS3.shape == (224, 224, 3)


def test_a_list_is_read_one_by_one_and_several_faces_are_warned_of(reader, two_faces, caplog):
    faces = reader.read_all([Image.fromarray(two_faces), np.zeros((32, 32, 3), np.uint8)])
    assert [face.num_faces for face in faces] == [2, 0]
    assert [record.message for record in caplog.records] == ["the image shows 2 faces: the main one is taken"]

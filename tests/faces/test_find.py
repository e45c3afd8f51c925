"""Faces of photos: where they are, in which direction they lie, and that they give the same crops in every form."""

import numpy as np
import pytest
from photos import lfw_crops, lfw_photo, lfw_photos
from PIL import Image

from femb_cli.config.detectors import DETECTORS
from femb_cli.errors import FembError
from femb_cli.faces import Face, align_faces, choose_faces, load_face_finder


@pytest.fixture(scope="module")
def find():
    return load_face_finder()


@pytest.fixture(scope="module", params=DETECTORS)
def either(request, shared):
    """A finder with each detector; YuNet from its file."""
    if request.param == "mtcnn":
        return load_face_finder()
    pytest.importorskip("onnxruntime")
    return load_face_finder(shared / "data/weights/yunet_s_dynamic.onnx")


@pytest.fixture(scope="module")
def photos(shared):
    return list(lfw_photos(shared, every=30).values())


def main_face(photo, faces) -> Face:
    return choose_faces(faces, "center", width=photo.shape[1], height=photo.shape[0])[0]


def distance(landmarks, expected):
    """Mean distance of landmarks, relative to the distance of eyes and mouth in a crop of 112 pixels."""
    scale = 40.6 / np.linalg.norm(expected[:2].mean(axis=0) - expected[3:].mean(axis=0))
    return np.linalg.norm(landmarks - expected, axis=1).mean() * scale


def test_every_photo_has_a_face(either, photos):
    for photo, faces in zip(photos, either(photos), strict=True):
        face = main_face(photo, faces)
        assert 0.8 < face.score <= 1
        left, top, right, bottom = face.box
        assert left < face.landmarks[:, 0].min() and face.landmarks[:, 0].max() < right
        assert top < face.landmarks[:, 1].min() and face.landmarks[:, 1].max() < bottom


def test_crops_are_nearly_the_given_ones(either, shared):
    photos = lfw_photos(shared, every=30)
    crops = []
    for photo, faces in zip(photos.values(), either(list(photos.values())), strict=True):
        crops.append(align_faces(photo, main_face(photo, faces).landmarks[None])[0])
    given = lfw_crops(shared, list(photos))
    middle = (slice(None), slice(30, 100), slice(25, 87))
    off = np.abs(np.stack(crops)[middle].astype(float) - given[middle]).mean(axis=(1, 2, 3))
    assert np.median(off) < 8  # a crop that is one pixel off differs by about 6, another face by 50
    assert off.max() < 25


def test_touching_faces_are_told_apart(find, shared):
    photo = lfw_photo(shared, "Gene_Robinson_0003.jpg")
    faces = find([photo])[0]
    assert len(faces) == 2
    assert main_face(photo, faces).landmarks[:, 0].mean() == pytest.approx(127, abs=2)


def test_a_batch_gives_what_single_photos_give(either, photos):
    sizes = [photos[0], photos[1][:200, 20:230], photos[2], np.zeros((30, 40, 3), np.uint8)]
    for together, photo in zip(either(sizes), sizes, strict=True):
        alone = either([photo])[0]
        assert len(alone) == len(together)
        for one, other in zip(alone, together, strict=True):
            np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1e-3)
            np.testing.assert_allclose(one.box, other.box, atol=1e-3)


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_photo_on_its_side_gives_the_same_faces(either, photos, quarters):
    side = photos[0].shape[0]
    turned = [np.ascontiguousarray(np.rot90(photo, quarters)) for photo in photos[:5]]
    for photo, upright, faces in zip(photos, either(photos[:5]), either(turned), strict=False):
        expected = main_face(photo, upright).landmarks
        for _ in range(quarters):
            expected = np.stack([expected[:, 1], side - 1 - expected[:, 0]], axis=1)
        np.testing.assert_allclose(main_face(photo, faces).landmarks, expected, atol=0.01)


def test_a_slanted_face_has_its_landmarks(either, photos):
    photo = photos[0]
    expected = main_face(photo, either([photo])[0]).landmarks
    middle = (photo.shape[0] - 1) / 2
    for degrees in (-30, 30):
        slanted = np.array(Image.fromarray(photo).rotate(degrees, Image.Resampling.BICUBIC))
        angle = np.deg2rad(degrees)
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        faces = either([slanted])[0]
        assert distance(main_face(photo, faces).landmarks, (expected - middle) @ turn.T + middle) < 1.5


@pytest.mark.parametrize("factor", [0.5, 3, 5.5])
def test_every_resolution_gives_the_same_landmarks(find, photos, factor):
    photo = photos[0]
    expected = main_face(photo, find([photo])[0]).landmarks
    side = round(photo.shape[0] * factor)
    resized = np.array(Image.fromarray(photo).resize((side, side), Image.Resampling.BICUBIC))
    landmarks = main_face(resized, find([resized])[0]).landmarks
    assert distance((landmarks + 0.5) / factor - 0.5, expected) < 1


def test_a_small_face_in_a_large_photo_is_found(find, photos):
    photo = np.full((900, 1200, 3), 90, np.uint8)
    photo[600:800, 900:1100] = np.array(Image.fromarray(photos[0]).resize((200, 200), Image.Resampling.LANCZOS))
    expected = main_face(photos[0], find([photos[0]])[0]).landmarks
    (face,) = find([photo])[0]
    assert distance((face.landmarks - (900, 600) + 0.5) / 0.8 - 0.5, expected) < 2


def test_every_face_of_a_group_is_found(find, photos):
    tiles = [np.array(Image.fromarray(photo[40:215, 40:215]).resize((120, 120))) for photo in photos[:9]]
    group = np.concatenate([np.concatenate(tiles[row : row + 3], axis=1) for row in (0, 3, 6)])
    tiles_found = {tuple((face.box[:2] + face.box[2:]).astype(int) // 240) for face in find([group])[0]}
    assert len(tiles_found) == 9


def test_nothing_is_found_in_noise_and_in_photos_of_any_shape(find):
    noise = np.random.default_rng(0).integers(0, 256, (150, 200, 3), dtype=np.uint8)
    shapes = [(1, 1), (12, 12), (11, 300), (3000, 20), (20, 3000)]
    assert find([noise, *(np.zeros((*shape, 3), np.uint8) for shape in shapes)]) == [[]] * 6
    assert find([]) == []


def test_a_photo_may_be_read_only(find, photos):
    photo = photos[0].copy()
    photo.flags.writeable = False
    assert len(find([photo])[0]) == len(find([photos[0]])[0])


def test_a_detector_that_does_not_exist_is_named(tmp_path):
    with pytest.raises(FembError, match="no detector at"):
        load_face_finder(tmp_path / "retina.onnx")
    (tmp_path / "retina.onnx").write_bytes(b"text")
    pytest.importorskip("onnxruntime")
    with pytest.raises(FembError, match="not a readable ONNX file"):
        load_face_finder(tmp_path / "retina.onnx")


def test_yunet_without_a_network_names_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("femb_cli.faces.load._YUNET_URL", "http://127.0.0.1:9/yunet.onnx")
    with pytest.raises(FembError, match="YuNet is not in the cache") as caught:
        load_face_finder("yunet")
    assert caught.value.hint == "use the detector mtcnn, or give the path of a copy of that file"


def test_yunet_comes_from_the_cache(shared, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("FEMB_CACHE_DIR", str(tmp_path))
    (tmp_path / "detectors").mkdir()
    (tmp_path / "detectors/yunet_s_dynamic.onnx").symlink_to(shared / "data/weights/yunet_s_dynamic.onnx")
    monkeypatch.setattr("femb_cli.faces.load._YUNET_URL", "http://127.0.0.1:9/yunet.onnx")
    load_face_finder("yunet")


def test_another_network_is_not_taken_for_yunet(tmp_path):
    pytest.importorskip("onnxruntime")
    onnx = pytest.importorskip("onnx")
    images = onnx.helper.make_tensor_value_info("input", onnx.TensorProto.FLOAT, ["batch", 3, "height", "width"])
    faces = onnx.helper.make_tensor_value_info("faces", onnx.TensorProto.FLOAT, None)
    graph = onnx.helper.make_graph([onnx.helper.make_node("Relu", ["input"], ["faces"])], "other", [images], [faces])
    opset = [onnx.helper.make_opsetid("", 17)]
    onnx.save(onnx.helper.make_model(graph, opset_imports=opset, ir_version=8), tmp_path / "other.onnx")
    with pytest.raises(FembError, match="is not YuNet"):
        load_face_finder(tmp_path / "other.onnx")


def test_yunet_for_one_size_finds_the_same_faces(shared, photos):
    pytest.importorskip("onnxruntime")
    any_size, one_size = (
        load_face_finder(shared / f"data/weights/yunet_s_{size}.onnx") for size in ("dynamic", "640_640")
    )
    for one, other in zip(any_size(photos[:3]), one_size(photos[:3]), strict=True):
        for face, same in zip(one, other, strict=True):
            assert distance(same.landmarks, face.landmarks) < 0.5

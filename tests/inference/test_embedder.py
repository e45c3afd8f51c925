"""Embedders: uint8 images in, raw embeddings out, whatever the model is on disk."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from photos import lfw_photo
from PIL import Image

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.runs import MODEL
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.faces import choose_faces
from femb_cli.inference import Embedder, load_embedder
from femb_cli.inference.embedder import is_onnx

CONFIG = IResNetConfig("iresnet18", embedding_dim=8, input_size=32, width=0.0625)
CARD = ModelCard(CONFIG, Preprocessing(32, "BGR", mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6)), flip="none")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    path = tmp_path_factory.mktemp("run") / "checkpoints/step-000003"
    torch.manual_seed(0)
    save_checkpoint(path, build_configured_backbone(CONFIG), CARD)
    return open_checkpoint(path)


@pytest.fixture(scope="module")
def embedder(checkpoint):
    return load_embedder(checkpoint.path, "cpu")


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)


def test_the_card_is_applied_to_the_pixels(checkpoint, embedder, images):
    values = (images[..., ::-1] / 255 - np.array([0.1, 0.2, 0.3])) / np.array([0.4, 0.5, 0.6])
    with torch.inference_mode():
        expected = checkpoint.load_backbone()(torch.from_numpy(values.transpose(0, 3, 1, 2)).float()).numpy()
    np.testing.assert_allclose(embedder(images), expected, atol=1e-5 * np.abs(expected).max())


def test_an_array_gives_an_array_and_a_tensor_a_tensor(embedder, images):
    from_array, from_tensor = embedder(images), embedder(torch.from_numpy(images))
    assert (from_array.dtype, from_array.shape) == (np.float32, (3, 8))
    assert np.array_equal(from_array, from_tensor.numpy())


@pytest.mark.parametrize("empty", [np.zeros((2, 0, 4, 3), np.uint8), np.array([None, 7]), np.zeros((2, 8, 8, 3))])
def test_a_batch_without_pixels_is_refused(embedder, empty):
    with pytest.raises(FembError, match=r"takes uint8 images of shape \(B, H, W, 3\), not "):
        embedder(empty)


@pytest.mark.filterwarnings("error")
def test_an_array_that_cannot_be_written_to_is_read_without_a_warning(embedder, images):
    expected = embedder(images)
    images.flags.writeable = False
    assert np.array_equal(embedder(images), expected)


def test_an_unknown_way_to_align_is_refused(embedder, images):
    with pytest.raises(FembError, match="'auto' or 'never' or 'always', not 'sometimes'"):
        embedder(images, align="sometimes")


def test_an_embedding_has_as_many_real_numbers_as_the_model_gives(embedder):
    for other in (np.zeros(5), np.array(["a"] * 8)):
        with pytest.raises(FembError, match="has 8 real numbers, not "):
            embedder.similarity(other, np.ones(8))


def test_flip_adds_the_embeddings_of_the_mirror_images(embedder, images):
    both = embedder(images) + embedder(images[:, :, ::-1].copy())
    np.testing.assert_allclose(embedder(images, flip=True), both, rtol=1e-4, atol=1e-5)


def test_images_of_another_size_are_resized(embedder):
    images = np.full((2, 48, 40, 3), 90, dtype=np.uint8)
    np.testing.assert_allclose(embedder(images), embedder(images[:, :32, :32]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 32, 32, 3), np.float32), np.zeros((32, 32, 3), np.float32), np.zeros((1, 3, 32, 32), np.uint8)],
)
def test_other_shapes_and_types_are_refused(embedder, images):
    with pytest.raises(FembError) as error:
        embedder(images)
    assert "uint8 images of shape (B, H, W, 3)" in f"{error.value.message} {error.value.hint}"


def test_one_image_has_one_row_and_several_have_several(embedder, images, tmp_path):
    expected = embedder(images)
    for index, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    paths = sorted(tmp_path.iterdir())
    close = {"rtol": 1e-4, "atol": 1e-5}
    for one in (images[1], torch.from_numpy(images[1]), Image.fromarray(images[1]), paths[1], str(paths[1])):
        found = embedder(one)
        assert isinstance(found, torch.Tensor) is isinstance(one, torch.Tensor)
        np.testing.assert_allclose(found, expected[1], **close)
    np.testing.assert_allclose(embedder(paths[1].read_bytes(), flip=True), embedder(images, flip=True)[1], **close)
    for several in (paths, iter(paths), [paths[0], images[1], paths[2].read_bytes()], tuple(images)):
        np.testing.assert_allclose(embedder(several), expected, **close)
    assert embedder([]).shape == (0, 8)


def test_aligned_faces_of_two_sizes_keep_their_order(embedder, images):
    large = np.random.default_rng(1).integers(0, 256, (112, 112, 3), dtype=np.uint8)
    found = embedder([large, images[0], large])
    expected = np.concatenate([embedder(large[None]), embedder(images[:1]), embedder(large[None])])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_lists_longer_than_a_batch_are_embedded_in_parts(embedder, images, monkeypatch):
    monkeypatch.setattr(embedder, "batch_size", 2)
    np.testing.assert_allclose(embedder(list(images)), embedder(images), rtol=1e-4, atol=1e-5)


def test_a_larger_image_is_a_photo_unless_it_is_in_a_batch(embedder):
    wall = np.full((148, 140, 3), 90, np.uint8)
    with pytest.raises(FembError, match="no face found"):
        embedder(wall)
    assert embedder(wall, align="never").shape == (8,)
    assert embedder(wall[None]).shape == (1, 8)
    with pytest.raises(FembError, match="no face found"):
        embedder(wall[None], align="always")


def test_the_faces_of_a_photo_have_boxes_crops_and_embeddings(embedder, shared):
    photo = lfw_photo(shared, "Gene_Robinson_0003.jpg")
    faces = embedder.faces(photo)
    assert re.fullmatch(r"EmbeddedFace\(box=\(.*\), score=0\.\d{3}, embedding of 8 numbers\)", repr(faces[0]))
    assert len(faces) == 2
    assert faces[0].area >= faces[1].area
    for face in faces:
        assert (face.box.shape, face.landmarks.shape, face.crop.shape) == ((4,), (5, 2), (112, 112, 3))
        assert 0.5 < face.score <= 1
        np.testing.assert_allclose(face.embedding, embedder(face.crop[None])[0], rtol=1e-4, atol=1e-5)
    (main,) = choose_faces(faces, "main", width=photo.shape[1], height=photo.shape[0])
    np.testing.assert_allclose(embedder(photo), main.embedding, rtol=1e-4, atol=1e-5)
    assert embedder.faces(np.full((48, 40, 3), 90, np.uint8)) == []


def test_a_similarity_is_the_cosine_of_images_or_of_embeddings(embedder, images):
    one, other = embedder(images[:2]).astype(np.float64)
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert embedder.similarity(images[0], images[1]) == pytest.approx(expected, abs=1e-5)
    assert embedder.similarity(one, images[1]) == pytest.approx(expected, abs=1e-5)
    assert embedder.similarity(one, torch.from_numpy(other)) == pytest.approx(expected, abs=1e-5)
    mirrored, mirrored_other = embedder(images[:2], flip=True)
    by_mirror = embedder.similarity(images[0], images[1], flip=True)
    assert by_mirror == pytest.approx(embedder.similarity(mirrored, mirrored_other), abs=1e-5)


@pytest.mark.parametrize("bad", [np.zeros(8), np.full(8, np.nan), np.ones(7), np.zeros((2, 32, 32, 3), np.uint8)])
def test_a_similarity_of_anything_else_is_refused(embedder, images, bad):
    with pytest.raises(FembError):
        embedder.similarity(images[0], bad)


def test_the_text_of_an_embedder_says_what_it_is(embedder, checkpoint):
    expected = f"Embedder('{checkpoint.path}', iresnet18: 32 x 32 BGR -> 8, flip none, on cpu)"
    assert repr(embedder) == expected


@pytest.mark.parametrize("part", ["../..", ".", MODEL])
def test_a_run_a_checkpoint_and_a_file_are_the_same_model(checkpoint, embedder, images, part):
    path = checkpoint.path / part
    loaded = load_embedder(str(path), "cpu")
    assert np.array_equal(loaded(images), embedder(images))
    assert (loaded.name, loaded.flip, loaded.embedding_dim) == (str(path), "none", 8)
    assert loaded.card == checkpoint.card


def test_the_convolutions_of_a_loaded_model_are_float32_on_every_device(checkpoint, monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    load_embedder(checkpoint.path, "cpu")
    assert not torch.backends.cudnn.allow_tf32


def test_an_embedder_may_be_made_of_any_function(images):
    def channel_sums(inputs_B3HW):
        return inputs_B3HW.sum((2, 3))

    plain = Preprocessing(32, mean=(0.0,) * 3, std=(1 / 255,) * 3)
    embedder = Embedder(channel_sums, plain, embedding_dim=3, name="sums", flip="none", device=torch.device("cpu"))
    np.testing.assert_allclose(embedder(images), images.astype(np.float64).sum((1, 2)), rtol=1e-5)


@pytest.mark.parametrize("name, expected", [("model.onnx", True), ("model.safetensors", False), ("run", False)])
def test_an_onnx_file_is_told_by_its_ending(name, expected):
    assert is_onnx(Path(name)) is expected


@pytest.mark.parametrize("name", ["model.pt2", "model.ts"])
def test_a_program_is_never_opened(tmp_path, name):
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(FembError, match="could write files or run any code"):
        load_embedder(tmp_path / name)

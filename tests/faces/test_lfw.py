"""The figures that `docs/photos.md` states, on the 357 photos of the LFW sample."""

import io

import numpy as np
import pytest
from photos import lfw_crops, lfw_photos
from PIL import Image

from femb_cli.data.images.decode import decode_photo
from femb_cli.faces import align_faces, choose_faces, load_face_finder
from femb_cli.inference import load_embedder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def photos(shared):
    return lfw_photos(shared, every=1)


@pytest.fixture(scope="module")
def embed(shared, tmp_path_factory):
    """A function: crops (N, 112, 112, 3) to normalised embeddings, by foamliu's MobileFaceNet with mirror images."""
    from femb_cli.cli.app import run

    model = tmp_path_factory.mktemp("model") / "mobilefacenet"
    assert (
        run(["convert-checkpoint", str(shared / "data/weights/mobilefacenet_foamliu.pt"), str(model), "--quiet"]) == 0
    )
    embedder = load_embedder(model, "cpu")

    def embeddings(crops):
        raw = np.concatenate([embedder(crops[start : start + 32], flip=True) for start in range(0, len(crops), 32)])
        return raw / np.linalg.norm(raw, axis=1, keepdims=True)

    return embeddings


def crops_of(find, photos):
    """The aligned face in the middle of each photo, (N, 112, 112, 3)."""
    crops = []
    for start in range(0, len(photos), 16):
        batch = photos[start : start + 16]
        for photo, faces in zip(batch, find(batch), strict=True):
            chosen = choose_faces(faces, "center", width=photo.shape[1], height=photo.shape[0])
            crops.append(align_faces(photo, np.stack([face.landmarks for face in chosen]))[0])
    return np.stack(crops)


def error_rates(embeddings, people):
    """EER, and TAR at FAR 1e-3, of all pairs of photos, in percent."""
    left, right = np.triu_indices(len(people), 1)
    scores, genuine = (embeddings @ embeddings.T)[left, right], people[left] == people[right]
    genuine_scores, impostor_scores = np.sort(scores[genuine]), np.sort(scores[~genuine])
    thresholds = np.sort(scores)
    misses = np.searchsorted(genuine_scores, thresholds) / len(genuine_scores)
    alarms = 1 - np.searchsorted(impostor_scores, thresholds) / len(impostor_scores)
    equal = np.argmin(abs(misses - alarms))
    accepted = genuine_scores > impostor_scores[-len(impostor_scores) // 1000 - 1]
    return 50 * (misses[equal] + alarms[equal]), 100 * accepted.mean()


@pytest.mark.parametrize("detector", ["mtcnn", "yunet"])
def test_crops_serve_as_well_as_the_given_ones(detector, shared, photos, embed):
    if detector == "yunet":
        pytest.importorskip("onnxruntime")
    find = load_face_finder(detector if detector == "mtcnn" else shared / "data/weights/yunet_s_dynamic.onnx")
    ours, given = embed(crops_of(find, list(photos.values()))), embed(lfw_crops(shared, list(photos)))
    cosines = dict(zip(photos, (ours * given).sum(axis=1), strict=True))
    assert cosines["Gene_Robinson_0003.jpg"] > 0.9
    assert np.mean(list(cosines.values())) >= 0.962
    people = np.array([name[:-9] for name in photos])
    (eer, tar), (given_eer, given_tar) = error_rates(ours, people), error_rates(given, people)
    assert eer <= given_eer + 0.35
    assert tar >= given_tar - 0.7


def test_a_photo_stored_on_its_side_has_the_same_embedding(shared, photos, embed):
    tag = Image.Exif()
    tag[0x0112] = 6
    upright, sideways = list(photos.values())[::12], []
    for photo in upright:
        file = io.BytesIO()
        Image.fromarray(photo).transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=95, exif=tag)
        sideways.append(decode_photo(file.getvalue()))
    find = load_face_finder()
    cosines = (embed(crops_of(find, upright)) * embed(crops_of(find, sideways))).sum(axis=1)
    assert cosines.mean() >= 0.99

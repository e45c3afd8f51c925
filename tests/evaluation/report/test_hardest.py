"""The hardest pairs and their images."""

import numpy as np
from PIL import Image
from reports import scored

from femb_cli.data.open import open_source
from femb_cli.evaluation.report.hardest import hardest_pairs, picture_pairs, split_by_kind


def test_the_hardest_pairs_are_those_most_wrongly_scored():
    genuine_places, impostor_places = hardest_pairs([0.5, 0.1, 0.1, 0.9, 0.3], [1, 1, 1, 0, 0], count=2)
    assert (genuine_places.tolist(), impostor_places.tolist()) == ([1, 2], [3, 4])


def test_pictures_are_the_images_that_the_pairs_name(tmp_path):
    result = scored(tmp_path, np.array([0.9, 0.1, 0.8, 0.2]), "model")
    for name, grey in (("a/1", 10), ("a/2", 20), ("b/1", 30)):
        (tmp_path / "images" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (112, 112), (grey, 0, 0)).save(tmp_path / "images" / f"{name}.png")
    impostor, genuine = picture_pairs(result, open_source(tmp_path / "images"), np.array([1, 2]))
    assert (impostor.left, impostor.right, impostor.genuine, impostor.score) == ("a/1.jpg", "b/1.jpg", False, 0.1)
    assert (genuine.left, genuine.right, genuine.genuine, genuine.score) == ("a/1.jpg", "a/2.jpg", True, 0.8)
    reds = [image[0, 0, 0] for pair in (impostor, genuine) for image in (pair.left_HW3, pair.right_HW3)]
    assert reds == [10, 30, 10, 20]
    assert [pairs for _, pairs in split_by_kind([impostor, genuine])] == [[genuine], [impostor]]
    assert [pairs for _, pairs in split_by_kind([genuine])] == [[genuine]]

"""Models that treat mirror images in different ways."""

from types import SimpleNamespace

from femb_cli.evaluation.verification.mirror_images import flip_warnings


def test_figures_with_and_without_mirror_images_get_a_warning():
    results = [
        SimpleNamespace(benchmark="lfw", model=model, flip=flip) for model, flip in (("a", "sum"), ("b", "none"))
    ]
    (warning,) = flip_warnings(results)
    assert warning.startswith("lfw: a adds the embeddings of mirror images and b does not")
    assert flip_warnings(results[:1]) == []

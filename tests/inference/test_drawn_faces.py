"""Networks that were trained on drawn faces are of no use on photographs."""

import shutil
from dataclasses import replace

from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.data.synthetic.sets import synthetic_benchmark
from femb_cli.data.synthetic.training_data import DRAWN_FACES
from femb_cli.inference import load_embedder
from femb_cli.inference.describe import describe
from femb_cli.inference.drawn_faces import are_drawn, drawn_faces_warning
from femb_cli.progress import silent


def test_the_samples_of_a_run_and_the_drawn_sets_are_drawn(trained, tmp_path):
    benchmark = synthetic_benchmark(say=silent)
    assert are_drawn(trained / "samples")
    assert are_drawn(next((trained / "samples").iterdir()))
    assert are_drawn(next(benchmark.rglob("*.jpg")))
    shutil.copytree(trained / "samples", tmp_path / "samples")
    assert not are_drawn(tmp_path / "samples")
    assert not are_drawn(trained / "checkpoints")


def test_only_a_network_of_drawn_faces_is_warned_of_and_only_on_other_images(trained, tmp_path):
    card = open_checkpoint(trained).card
    samples = trained / "samples"
    assert "knows only drawn faces" in drawn_faces_warning(card, [samples, tmp_path / "photo.jpg"])
    assert drawn_faces_warning(card, [samples]) is None
    assert drawn_faces_warning(replace(card, source={"training_data": "MS1MV2"}), [tmp_path]) is None
    assert drawn_faces_warning(None, [tmp_path]) is None


def test_a_network_of_photographs_is_warned_of_drawn_faces(trained, tmp_path):
    card, samples = replace(open_checkpoint(trained).card, source={"training_data": "MS1MV2"}), trained / "samples"
    assert drawn_faces_warning(card, [samples]).startswith("these faces are drawn by femb")
    assert drawn_faces_warning(None, [tmp_path / "photo.jpg", samples]).startswith("these faces are drawn by femb")


def test_embeddings_say_what_their_network_was_trained_on(trained):
    described = describe(load_embedder(trained, "cpu"), weights="", flip=False, num_rows=0, names="")
    assert described.training_data == DRAWN_FACES
    assert type(described).from_text(described.to_text()) == described

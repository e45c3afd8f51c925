"""The checksum of a model."""

import pytest
import torch
from linear_embedder import linear_embedder

from femb_cli.inference.embedder import Embedder
from femb_cli.inference.model_digest import model_digest


def test_it_is_of_the_weights_and_the_preprocessing_not_of_the_name():
    renamed = linear_embedder()
    renamed.name = "another"
    assert model_digest(linear_embedder()) == model_digest(renamed)
    others = {model_digest(linear_embedder(1)), model_digest(linear_embedder(mean=(0.1, 0.1, 0.1)))}
    assert len({model_digest(linear_embedder()), *others}) == 3


@pytest.mark.parametrize("name", ["file", "no file"])
def test_a_function_is_known_by_its_file_or_else_its_name(tmp_path, monkeypatch, name):
    def digest() -> str:
        plain = linear_embedder().preprocessing
        network = Embedder(torch.flatten, plain, embedding_dim=3, name=name, flip="none", device=torch.device("cpu"))
        return model_digest(network)

    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("one")
    before = digest()
    (tmp_path / "file").write_text("two")
    assert (digest() == before) == (name == "no file")

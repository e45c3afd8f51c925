"""Embedding a source into a file, whole or in several attempts."""

import numpy as np
import pytest
from linear_embedder import linear_embedder
from pictures import encode

from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings_file import read_embeddings
from femb_cli.inference import embed_to_file as module
from femb_cli.inference.embed import embed_source
from femb_cli.inference.embed_to_file import embed_to_file


@pytest.fixture
def source(tmp_path, monkeypatch) -> FolderSource:
    monkeypatch.setattr(module, "CHUNK", 2)
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.png").write_bytes(encode(40 * number, (112, 112), "PNG"))
    return FolderSource(folder)


def files(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_the_file_holds_the_embeddings_and_their_names(source, tmp_path):
    counted = []
    out = tmp_path / "new" / "e.npy"
    result = embed_to_file(linear_embedder(), source, out, progress=lambda *done: counted.append(done))
    rows, names = read_embeddings(out)
    assert names == [f"{number}.png" for number in range(5)]
    np.testing.assert_array_equal(rows, result.rows_ND)
    np.testing.assert_allclose(rows, embed_source(linear_embedder(), source).rows_ND, rtol=0, atol=1e-6)
    assert files(out.parent) == ["e.npy", "e.txt"]
    assert counted == [(2, 5), (4, 5), (5, 5)]


def test_skipped_images_have_neither_row_nor_name(source, tmp_path):
    (source.path / "1.png").write_bytes(b"not a picture")
    result = embed_to_file(linear_embedder(), source, tmp_path / "e.npy", skip_bad=True)
    rows, names = read_embeddings(tmp_path / "e.npy")
    assert names == ["0.png", "2.png", "3.png", "4.png"]
    assert len(rows) == 4
    assert [name for name, _ in result.failed] == ["1.png"]


def test_a_failure_leaves_nothing_behind(source, tmp_path):
    (source.path / "3.png").write_bytes(b"not a picture")
    with pytest.raises(FembError, match=r"3\.png"):
        embed_to_file(linear_embedder(), source, tmp_path / "e.npy")
    assert files(tmp_path) == []


def test_a_failure_while_resuming_keeps_what_is_done(source, tmp_path):
    whole = source.path.joinpath("3.png").read_bytes()
    (source.path / "3.png").write_bytes(b"not a picture")
    with pytest.raises(FembError, match=r"3\.png"):
        embed_to_file(linear_embedder(), source, tmp_path / "e.npy", resume=True)
    assert files(tmp_path) == ["e.npy.part", "e.npy.part.json"]
    (source.path / "3.png").write_bytes(whole)
    embedder = linear_embedder()
    embed_to_file(embedder, source, tmp_path / "e.npy", resume=True)
    assert embedder.network.calls == 2
    np.testing.assert_allclose(
        read_embeddings(tmp_path / "e.npy")[0], embed_source(embedder, source).rows_ND, rtol=0, atol=1e-6
    )


def test_an_existing_file_is_replaced_only_if_asked(source, tmp_path):
    (tmp_path / "e.txt").write_text("notes")
    with pytest.raises(FembError, match=r"e\.txt exists already"):
        embed_to_file(linear_embedder(), source, tmp_path / "e.npy")
    assert (tmp_path / "e.txt").read_text() == "notes"
    embed_to_file(linear_embedder(), source, tmp_path / "e.npy", overwrite=True)
    assert len(read_embeddings(tmp_path / "e.npy")[1]) == 5

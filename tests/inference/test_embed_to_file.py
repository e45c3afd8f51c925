"""Embedding a source into a file, whole or in several attempts."""

import os
import subprocess
import sys
from pathlib import Path

import killed_embeddings
import launched
import numpy as np
import pytest
from linear_embedder import linear_embedder
from pictures import encode

from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.embeddings.formats import FORMATS
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.inference import embed_to_file as module
from femb_cli.inference.embed import embed_source
from femb_cli.inference.embed_to_file import embed_to_file
from femb_cli.inference.model_digest import model_digest
from femb_cli.runtime.launch import launch

KILLED = Path(killed_embeddings.__file__)
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(KILLED.parents[2]), str(KILLED.parent)])}


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
    read = read_embeddings(out)
    rows, names = read.rows_ND, read.names
    assert names == [f"{number}.png" for number in range(5)]
    np.testing.assert_array_equal(rows, result.rows_ND)
    np.testing.assert_allclose(rows, embed_source(linear_embedder(), source).rows_ND, rtol=0, atol=1e-6)
    assert files(out.parent) == ["e.npy", "e.txt"]
    assert counted == [(2, 5), (4, 5), (5, 5)]


def test_skipped_images_have_neither_row_nor_name(source, tmp_path):
    (source.path / "1.png").write_bytes(b"not a picture")
    result = embed_to_file(linear_embedder(), source, tmp_path / "e.npy", skip_bad=True)
    read = read_embeddings(tmp_path / "e.npy")
    assert read.names == ["0.png", "2.png", "3.png", "4.png"]
    assert len(read.rows_ND) == 4
    assert [name for name, _ in result.failed] == ["1.png"]


def test_the_file_says_which_model_it_comes_from(source, tmp_path):
    embedder = linear_embedder(mean=(0.1, 0.2, 0.3))
    embed_to_file(embedder, source, tmp_path / "e.npy", flip=True)
    description = read_embeddings(tmp_path / "e.npy").description
    assert (description.model, description.flip, description.normalised) == ("network", "sum", False)
    assert (description.num_rows, description.embedding_dim, description.alignment) == (5, 5, "as given")
    assert description.preprocessing["mean"] == [0.1, 0.2, 0.3]
    assert description.weights == model_digest(embedder) != model_digest(linear_embedder())


def test_a_failure_in_the_first_chunk_leaves_nothing_behind(source, tmp_path):
    (source.path / "0.png").write_bytes(b"not a picture")
    with pytest.raises(FembError, match=r"0\.png") as refused:
        embed_to_file(linear_embedder(), source, tmp_path / "e.npy")
    assert refused.value.hint == "--skip-bad leaves unreadable images out and lists them"
    assert files(tmp_path) == []


@pytest.mark.parametrize("resume", [False, True])
def test_a_failure_later_keeps_what_is_done(source, tmp_path, resume):
    whole = source.path.joinpath("3.png").read_bytes()
    (source.path / "3.png").write_bytes(b"not a picture")
    with pytest.raises(FembError, match=r"3\.png") as refused:
        embed_to_file(linear_embedder(), source, tmp_path / "e.npy", resume=resume)
    assert "--resume --skip-bad continues without it" in refused.value.hint
    assert files(tmp_path) == ["e.npy.part", "e.npy.part.json"]
    (source.path / "3.png").write_bytes(whole)
    embedder, counted = linear_embedder(), []
    embed_to_file(embedder, source, tmp_path / "e.npy", resume=True, progress=lambda *done: counted.append(done))
    assert embedder.network.calls == 2
    assert counted == [(2, 5), (4, 5), (5, 5)]
    np.testing.assert_allclose(
        read_embeddings(tmp_path / "e.npy").rows_ND, embed_source(embedder, source).rows_ND, rtol=0, atol=1e-6
    )


def test_an_ending_that_names_no_format_is_refused_before_any_work(source, tmp_path):
    embedder = linear_embedder()
    with pytest.raises(UsageError, match=r"cannot write embeddings to .*e\.txt"):
        embed_to_file(embedder, source, tmp_path / "e.txt")
    assert embedder.network.calls == 0
    assert files(tmp_path) == []


@pytest.mark.parametrize("ending", FORMATS)
def test_every_format_holds_the_same(source, tmp_path, ending):
    embed_to_file(linear_embedder(), source, tmp_path / "e.npy")
    result = embed_to_file(linear_embedder(), source, tmp_path / f"again{ending}")
    np.testing.assert_array_equal(result.rows_ND, np.load(tmp_path / "e.npy"))
    assert read_embeddings(tmp_path / f"again{ending}").names == read_embeddings(tmp_path / "e.npy").names


@pytest.mark.slow
def test_processes_share_an_embedding_and_end_together_if_the_main_one_fails(source, tmp_path):
    out = tmp_path / "e.npy"
    with pytest.raises(FembError, match=r"cannot write .*e\.npy: No space left") as refused:
        launch(launched.embed, 2, source, out, 3, False)
    assert "keeps 4 of 5 images" in refused.value.hint
    with pytest.raises(FembError, match="has changed|have changed"):
        whole = (source.path / "0.png").read_bytes()
        (source.path / "0.png").write_bytes(encode(9, (112, 112), "PNG"))
        launch(launched.embed, 2, source, out, 0, True)
    (source.path / "0.png").write_bytes(whole)
    assert launch(launched.embed, 2, source, out, 0, True) == 5
    embed_to_file(linear_embedder(), source, tmp_path / "alone.npy")
    np.testing.assert_allclose(np.load(out), np.load(tmp_path / "alone.npy"), rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (".npy", "replace"),
        (".npy", "new"),
        (".parquet", "replace"),
        (".csv", "new"),
    ],
)
def test_a_kill_at_any_moment_is_healed(tmp_path, ending, kind):
    """A reader sees the old file, the new one, or is refused; `--resume` finishes the job and leaves nothing behind."""
    done = subprocess.run(
        [sys.executable, KILLED, tmp_path, ending, kind], capture_output=True, text=True, timeout=120, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert int(done.stdout.split()[-1]) > 20

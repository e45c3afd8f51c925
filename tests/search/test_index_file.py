"""The file of an index: what is read back, and what is refused."""

import json
import os
import shutil

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from stored_embeddings import describe, save_npy

from femb_cli.errors import FembError, UsageError
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.search.index_file import check_index_file, open_index, read_index

pytest.importorskip("faiss")

ROWS = np.random.default_rng(0).standard_normal((40, 12), dtype=np.float32)
NAMES = [f"{row}.jpg" for row in range(len(ROWS))]


def gallery(path, rows=ROWS, **changes):
    """Write a gallery, and read it as a search does."""
    save_npy(path, rows, NAMES[: len(rows)], describe(rows, NAMES[: len(rows)], **changes))
    return read_embeddings(path, mmap_mode="r")


@pytest.fixture
def faces(tmp_path):
    return gallery(tmp_path / "faces.npy")


@pytest.fixture
def file(tmp_path, faces):
    open_index(tmp_path / "faces.index", faces)
    return tmp_path / "faces.index"


def test_an_index_is_built_once_and_then_read(tmp_path, faces):
    said = []
    built = open_index(tmp_path / "faces.index", faces, say=said.append)
    again = open_index(tmp_path / "faces.index", faces, say=said.append)
    assert said[0] == f"wrote {tmp_path / 'faces.index'}, an index of 40 embeddings"
    assert len(said) == 2 and "without --index" in said[1]
    np.testing.assert_array_equal(built.codes.codes_NB, again.codes.codes_NB)
    np.testing.assert_array_equal(built.codes.typical_M16G, again.codes.typical_M16G)
    assert built.to_json() == again.to_json()


def test_two_files_of_one_gallery_are_equal(tmp_path, faces, file):
    open_index(tmp_path / "again.index", faces)
    assert file.read_bytes() == (tmp_path / "again.index").read_bytes()


def test_the_copy_of_a_gallery_has_the_same_index(tmp_path, file):
    for ending in ("npy", "txt"):
        shutil.copy(tmp_path / f"faces.{ending}", tmp_path / f"copy.{ending}")
    read_index(file, read_embeddings(tmp_path / "copy.npy"))


def test_the_index_of_other_embeddings_is_refused(tmp_path, file):
    before = file.read_bytes()
    fewer = gallery(tmp_path / "fewer.npy", ROWS[:30])
    other_model = gallery(tmp_path / "model.npy", -ROWS, model="another")
    changed = ROWS.copy()
    changed[39, 11] += 1
    for other, reason in [
        (fewer, "belongs to 40 embeddings of 12 numbers of the model network, and .*fewer.npy holds 30 embeddings"),
        (other_model, "of the model network, and .*model.npy holds .* of the model another"),
        (gallery(tmp_path / "changed.npy", changed), "belongs to other embeddings than those of .*changed.npy"),
    ]:
        with pytest.raises(FembError, match=reason) as caught:
            open_index(file, other)
        assert "--overwrite" in caught.value.hint
    assert file.read_bytes() == before
    open_index(file, fewer, overwrite=True)
    read_index(file, fewer)


def test_a_gallery_that_changes_in_place_is_noticed_even_under_its_old_times(tmp_path, file):
    path = tmp_path / "faces.npy"
    times = path.stat()
    with path.open("r+b") as written:
        written.seek(200)
        written.write(b"\x00\x00\x80\x3f")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    with pytest.raises(FembError, match="or these have changed since"):
        read_index(file, read_embeddings(path, mmap_mode="r"))


def damage(file, arrays=(), note=(), whole_note=None):
    """Write the file again with other arrays or entries of its note."""
    with safe_open(file, framework="numpy") as opened:
        held = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 - it is no mapping
        old = json.loads(opened.metadata()["index"])
    text = json.dumps(old | dict(note)) if whole_note is None else whole_note
    save_file(held | dict(arrays), file, metadata={"index": text})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"arrays": {"codes": np.zeros((41, 2), np.uint8)}}, "its codes are uint8 \\(41, 2\\), not uint8 \\(40, 2\\)"),
        ({"arrays": {"codes": np.zeros((40, 2), np.int8)}}, "its codes are int8"),
        ({"arrays": {"typical": np.full((4, 16, 4), np.nan, np.float32)}}, "its typical groups"),
        ({"arrays": {"typical": np.zeros((4, 15, 4), np.float32)}}, "its typical groups"),
        ({"note": {"format": 2}}, "no index of this version"),
        ({"note": {"num_rows": True}}, "num_rows True"),
        ({"note": {"embedding_dim": -12}}, "its codes are"),
        ({"note": {"recall_at_1": float("nan")}}, "recall nan"),
        ({"whole_note": "{}"}, "no index of this version"),
        ({"whole_note": '{"format": 1}'}, "its note lacks 'num_rows'"),
        ({"whole_note": "[" * 100_000}, "nested too deeply"),
    ],
)
def test_a_damaged_file_is_refused(file, faces, changes, reason):
    damage(file, **changes)
    with pytest.raises(FembError, match=f"cannot read the index .*{reason}") as caught:
        read_index(file, faces)
    assert "--overwrite" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"IxPq" + bytes(100), b"\xff" * 64])
def test_a_file_of_another_kind_is_refused(tmp_path, faces, content):
    (tmp_path / "faces.index").write_bytes(content)
    with pytest.raises(FembError, match="cannot read the index"):
        open_index(tmp_path / "faces.index", faces)
    (tmp_path / "folder.index").mkdir()
    with pytest.raises(FembError, match="cannot read the index .*folder.index: Is a directory"):
        open_index(tmp_path / "folder.index", faces)


def test_any_codes_of_the_right_shape_are_harmless(file, faces):
    codes = np.random.default_rng(1).integers(0, 256, (40, 2), dtype=np.uint8)
    damage(file, arrays={"codes": codes})
    rows = read_index(file, faces).codes.candidates(ROWS[:3], 20)
    assert rows.min() >= 0 and rows.max() < 40
    assert [len({*row}) for row in rows.tolist()] == [20] * 3


def test_an_index_has_its_own_ending(tmp_path):
    check_index_file(tmp_path / "faces.index")
    with pytest.raises(UsageError, match="must end in .index"):
        check_index_file(tmp_path / "faces.npy")

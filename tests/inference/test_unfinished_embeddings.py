"""The files of an unfinished embedding: who may write them, when they are continued, and how they become the output."""

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
from linear_embedder import linear_embedder
from pictures import encode
from stored_embeddings import save_npy

from femb_cli.data.files.folder import FolderSource
from femb_cli.errors import FembError
from femb_cli.evaluation.embeddings.formats import FORMATS
from femb_cli.evaluation.embeddings.read import read_embeddings
from femb_cli.inference.embed import Embeddings
from femb_cli.inference.image_digests import digest_images
from femb_cli.inference.unfinished_embeddings import UnfinishedEmbeddings, check_output

ROWS = np.arange(20, dtype=np.float32).reshape(4, 5) + 1


@pytest.fixture
def source(tmp_path, monkeypatch) -> FolderSource:
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    for number in range(4):
        Path(f"images/{number}.png").write_bytes(encode(number, (8, 8), "PNG"))
    return FolderSource("images")


def unfinished(source, *, flip=False, name="network", seed=0, out="e.npy", computation="exact") -> UnfinishedEmbeddings:
    embedder = linear_embedder(seed)
    embedder.name, embedder.computation = name, computation
    return UnfinishedEmbeddings(Path(out), embedder, source, flip=flip)


def rows(source, start, stop, failed=()) -> Embeddings:
    good = [index for index in range(start, stop) if index not in failed]
    problems = [(source.names[index], "no picture") for index in failed]
    return Embeddings(ROWS[good], np.array(good, dtype=np.int64), problems, digest_images(source, range(start, stop)))


def interrupt(source, num_done=3, *, failed=(), overwrite=False, **options) -> None:
    """Embed the first images, and stop there."""
    with unfinished(source, **options) as stopped:
        stopped.open(resume=False, overwrite=overwrite)
        stopped.add(rows(source, 0, num_done, failed), num_done=num_done)


def resume(source, **options) -> list[str]:
    """Finish what was interrupted; return the names of the embedded images."""
    with unfinished(source, **options) as again:
        opened = again.open(resume=True, overwrite=False)
        if opened.num_to_compare:
            again.compare(digest_images(source, range(opened.num_to_compare)))
        if opened.num_done < 4:
            again.add(rows(source, opened.num_done, 4), num_done=4)
        indices_N, _ = again.finish()
        return [source.names[index] for index in indices_N]


def files() -> list[str]:
    return sorted(path.name for path in Path().iterdir() if path.is_file())


@pytest.mark.parametrize("ending", FORMATS)
def test_what_was_added_is_there_after_a_kill(source, ending):
    out = f"e{ending}"
    interrupt(source, out=out)
    assert files() == [f"{out}.part", f"{out}.part.json"]
    names = resume(source, out=out)
    read = read_embeddings(Path(out))
    np.testing.assert_array_equal(read.rows_ND, ROWS)
    assert read.names == names == ["0.png", "1.png", "2.png", "3.png"]
    assert files() == (["e.npy", "e.txt"] if ending == ".npy" else [out])


@pytest.mark.parametrize("ending", FORMATS)
def test_failed_images_have_no_row(source, ending):
    out = f"e{ending}"
    interrupt(source, failed=[0, 2], out=out)
    assert resume(source, out=out) == read_embeddings(Path(out)).names == ["1.png", "3.png"]
    np.testing.assert_array_equal(read_embeddings(Path(out)).rows_ND, ROWS[[1, 3]])


def test_the_note_says_what_is_done(source):
    interrupt(source, failed=[1])
    note = json.loads(Path("e.npy.part.json").read_text())
    assert (note["done"], note["good"], note["failed"]) == (3, [[0, 1], [2, 3]], [["1.png", "no picture"]])
    assert (note["job"]["model"], note["job"]["flip"], note["job"]["num_images"]) == ("network", False, 4)


def test_an_unfinished_output_is_neither_continued_nor_replaced_unless_asked(source):
    interrupt(source)
    with (
        pytest.raises(FembError, match=r"e\.npy\.part holds 3 of 4 embeddings") as refused,
        unfinished(source) as again,
    ):
        again.open(resume=False, overwrite=False)
    assert refused.value.hint == "--resume continues; --overwrite starts over"
    interrupt(source, 2, overwrite=True)
    assert json.loads(Path("e.npy.part.json").read_text())["done"] == 2


def test_without_a_finished_image_nothing_stays(source):
    with pytest.raises(KeyboardInterrupt), unfinished(source) as stopped:
        stopped.open(resume=False, overwrite=False)
        assert files() == ["e.npy.part"]
        raise KeyboardInterrupt
    assert files() == []


def test_a_killed_start_is_simply_started_over(source):
    interrupt(source)
    Path("e.npy.part.json").unlink()
    interrupt(source)
    assert len(resume(source)) == 4


def test_a_second_writer_is_refused(source):
    with unfinished(source) as first:
        first.open(resume=False, overwrite=False)
        for options in ({"resume": False, "overwrite": True}, {"resume": True, "overwrite": False}):
            with pytest.raises(FembError, match=r"another process is writing e\.npy"), unfinished(source) as second:
                second.open(**options)
        first.add(rows(source, 0, 4), num_done=4)
        first.finish()
    np.testing.assert_array_equal(np.load("e.npy"), ROWS)


def test_the_output_of_a_writer_that_ended_meanwhile_is_not_replaced(source):
    interrupt(source)
    resume(source)
    with pytest.raises(FembError, match=r"e\.npy exists already"), unfinished(source) as late:
        late.open(resume=False, overwrite=False)
    assert files() == ["e.npy", "e.txt"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"flip": True}, "the flip differs: none then, sum now"),
        ({"seed": 1}, "the weights or preprocessing of the model differ$"),
        ({"seed": 1, "name": "b"}, "the weights or preprocessing of the model differ: network then, b now"),
    ],
)
def test_another_model_or_flip_is_not_continued(source, other, said):
    interrupt(source)
    with pytest.raises(FembError, match=said) as refused:
        resume(source, **other)
    assert "--overwrite" in refused.value.hint
    assert len(resume(source)) == 4


@pytest.mark.parametrize("begun, now", [("exact", "float32"), ("float32", "exact"), ("float32", "bfloat16")])
def test_a_file_never_mixes_two_ways_of_computing(source, begun, now):
    interrupt(source, computation=begun)
    before = Path("e.npy.part.json").read_bytes()
    with pytest.raises(FembError, match=f"computation of the embeddings differs: {begun} then, {now} now") as caught:
        resume(source, computation=now)
    assert ("--exact continues it" in str(caught.value.hint)) == (begun == "exact")
    assert Path("e.npy.part.json").read_bytes() == before
    assert len(resume(source, computation=begun)) == 4
    assert read_embeddings(Path("e.npy")).description.computation == begun


def test_an_unfinished_output_of_an_older_femb_is_exact(source):
    interrupt(source)
    note = json.loads(Path("e.npy.part.json").read_text())
    del note["job"]["computation"]
    Path("e.npy.part.json").write_text(json.dumps(note))
    assert len(resume(source)) == 4


def test_images_of_other_names_are_not_continued(source):
    interrupt(source)
    Path("images/3.png").rename("images/9.png")
    with pytest.raises(FembError, match="the names of the images differ$"):
        resume(FolderSource("images"))
    Path("images/9.png").unlink()
    with pytest.raises(FembError, match="the number of images differs: 4 then, 3 now"):
        resume(FolderSource("images"))


def test_images_of_other_bytes_are_not_continued(source):
    interrupt(source)
    Path("images/1.png").write_bytes(encode(9, (8, 8), "PNG"))
    with pytest.raises(FembError, match="images that are done have changed since"):
        resume(source)


def test_an_image_that_is_not_done_may_change(source):
    interrupt(source)
    Path("images/3.png").write_bytes(encode(9, (8, 8), "PNG"))
    assert len(resume(source)) == 4


def note_with(**entries):
    return lambda part, note: note.write_text(json.dumps({**json.loads(note.read_text()), **entries}))


def job_with(**entries):
    def change(part, note):
        written = json.loads(note.read_text())
        note.write_text(json.dumps({**written, "job": {**written["job"], **entries}}))

    return change


DAMAGES = {
    "array cut short": lambda part, note: part.write_bytes(part.read_bytes()[:200]),
    "array empty": lambda part, note: part.write_bytes(b""),
    "array missing": lambda part, note: part.unlink(),
    "array longer": lambda part, note: part.write_bytes(part.read_bytes() + b"1"),
    "array of another size": lambda part, note: np.save(part.open("wb"), np.ones((3, 7), np.float32)),
    "array of another type": lambda part, note: part.write_bytes(part.read_bytes().replace(b"<f4", b"<i4")),
    "array of zeros": lambda part, note: part.write_bytes(part.read_bytes()[:128] + bytes(80)),
    "note empty": lambda part, note: note.write_bytes(b""),
    "note cut short": lambda part, note: note.write_bytes(note.read_bytes()[:20]),
    "note no JSON": lambda part, note: note.write_bytes(b"\xff\x00"),
    "note of nothing": lambda part, note: note.write_text("{}"),
    "note a list": lambda part, note: note.write_text("[]"),
    "more done than all": note_with(done=10**9),
    "less done than embedded": note_with(done=2),
    "done negative": note_with(done=-1),
    "done as text": note_with(done="3"),
    "embedded outside": note_with(good=[[1, 4]]),
    "embedded before the first": note_with(good=[[-3, 0]]),
    "embedded twice": note_with(good=[[0, 2], [0, 1]]),
    "embedded backwards": note_with(good=[[3, 0]], failed=[["a", "b"]] * 6),
    "embedded as text": note_with(good="012"),
    "failed that are not": note_with(failed=[["0.png", "no picture"]]),
    "failed without a reason": note_with(good=[[0, 2]], failed=["2.png"]),
    "other rows": note_with(rows="00"),
    "other images": note_with(images="00"),
    "another number of images": job_with(num_images=10**12),
    "another dimension": job_with(embedding_dim=7),
    "another type": job_with(dtype="float64"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("num_done", [3, 4])
def test_a_damaged_unfinished_output_is_one_clear_error(source, damage, num_done):
    if (damage, num_done) == ("array longer", 4):
        pytest.skip("an array that holds all rows may be followed by its description")
    interrupt(source, num_done)
    DAMAGES[damage](Path("e.npy.part"), Path("e.npy.part.json"))
    with pytest.raises(FembError, match=r"^e\.npy\.part.*(damaged|another embedding)|cannot read") as refused:
        resume(source)
    assert "\n" not in refused.value.message
    assert not Path("e.npy").exists()


def test_a_damaged_unfinished_output_can_be_started_over(source):
    interrupt(source)
    Path("e.npy.part.json").write_bytes(b"")
    with pytest.raises(FembError, match=r"e\.npy\.part\.json is damaged") as refused, unfinished(source) as again:
        again.open(resume=False, overwrite=False)
    assert "--overwrite" in refused.value.hint
    interrupt(source, overwrite=True)
    assert len(resume(source)) == 4


FOREIGN = {
    "a link": lambda path: path.symlink_to("target"),
    "a directory": Path.mkdir,
    "a pipe": os.mkfifo,
    "a file": lambda path: path.write_bytes(b"anything"),
    "an array of other numbers": lambda path: np.save(path.open("wb"), np.ones((2, 3))),
}


@pytest.mark.parametrize("kind", FOREIGN)
@pytest.mark.parametrize("name", ["e.npy.part", "e.npy.part.json"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_what_somebody_else_made_under_these_names_is_not_taken_over(source, kind, name, overwrite):
    if name.endswith(".json") and kind in ("a file", "an array of other numbers"):
        pytest.skip("a damaged note")
    Path("target").write_text("mine")
    FOREIGN[kind](Path(name))
    for attempt in (
        lambda: interrupt(source, overwrite=overwrite),
        lambda: check_output(Path("e.npy"), resume=not overwrite, overwrite=overwrite),
    ):
        with pytest.raises(FembError, match=rf"^{name} exists and is not an unfinished output of femb"):
            attempt()
    assert Path("target").read_text() == "mine"
    assert os.path.lexists(name)


@pytest.mark.parametrize("resumed", [False, True])
def test_the_hint_for_a_missing_array_leads_out(source, resumed):
    interrupt(source)
    Path("e.npy.part").unlink()
    with pytest.raises(FembError, match="it is missing or empty") as refused, unfinished(source) as again:
        again.open(resume=resumed, overwrite=False)
    assert refused.value.hint.endswith("or remove e.npy.part.json")
    Path("e.npy.part.json").unlink()
    interrupt(source)


def test_the_same_weights_under_another_name_are_continued(source):
    interrupt(source)
    assert len(resume(source, name="copy")) == 4


def test_without_any_embedding_there_is_no_file(source):
    with pytest.raises(FembError, match="none of the 4 images"), unfinished(source) as nothing:
        nothing.open(resume=False, overwrite=False)
        nothing.add(rows(source, 0, 4, failed=range(4)), num_done=4)
        nothing.finish()
    assert files() == []


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_disk_without_space_for_all_is_noticed_first(source, monkeypatch):
    monkeypatch.setattr(os, "posix_fallocate", no_space)
    with pytest.raises(FembError, match=r"cannot write e\.npy: No space left"), unfinished(source) as stopped:
        stopped.open(resume=False, overwrite=False)
    assert files() == []


def test_a_file_system_that_reserves_nothing_is_used(source, monkeypatch):
    def unsupported(*_):
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", unsupported)
    interrupt(source)
    assert len(resume(source)) == 4


@pytest.mark.parametrize("broken", ["write", "fsync"])
def test_a_disk_that_fails_keeps_what_is_done(source, monkeypatch, broken):
    with (
        pytest.raises(FembError, match=r"cannot write e\.npy: No space") as refused,
        monkeypatch.context() as patch,
        unfinished(source) as stopped,
    ):
        stopped.open(resume=False, overwrite=False)
        stopped.add(rows(source, 0, 2), num_done=2)
        patch.setattr(os, broken, no_space)
        stopped.add(rows(source, 2, 4), num_done=4)
    assert "--resume continues: e.npy.part keeps 2 of 4 images" in refused.value.hint
    assert len(resume(source)) == 4
    np.testing.assert_array_equal(np.load("e.npy"), ROWS)


def test_a_permission_to_replace_is_remembered(source):
    save_npy(Path("e.npy"), [[1.0]], ["old"])
    interrupt(source, overwrite=True)
    assert read_embeddings(Path("e.npy")).names == ["old"]
    assert len(resume(source)) == 4
    assert len(read_embeddings(Path("e.npy")).names) == 4


def test_an_output_that_appears_meanwhile_is_not_replaced(source):
    interrupt(source, 4)
    Path("e.npy").write_bytes(b"another")
    with pytest.raises(FembError, match=r"e\.npy exists already"):
        resume(source)
    assert Path("e.npy").read_bytes() == b"another"


def test_after_a_kill_while_publishing_other_outputs_are_not_replaced(source):
    interrupt(source, 4)
    note_with(publishing=True)(Path("e.npy.part"), Path("e.npy.part.json"))
    Path("e.txt").write_text("notes")
    with pytest.raises(FembError, match=r"e\.txt exists already"):
        resume(source)
    Path("e.txt").unlink()
    assert len(resume(source)) == 4


def killed_while_publishing(source, out, monkeypatch, *, after) -> None:
    """Stop before, or just after, the output gets its name."""
    replaced = Path.replace

    def stop(self, target):
        if target == Path(out):
            if after:
                replaced(self, target)
            raise KeyboardInterrupt
        return replaced(self, target)

    interrupt(source, 3, out=out)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "replace", stop)
        resume(source, out=out)


@pytest.mark.parametrize("ending", FORMATS)
def test_after_a_kill_while_publishing_a_file_of_somebody_else_is_not_replaced(source, ending, monkeypatch):
    out = f"e{ending}"
    killed_while_publishing(source, out, monkeypatch, after=False)
    Path(out).write_bytes(b"mine")
    with pytest.raises(FembError, match="exists already"):
        resume(source, out=out)
    assert Path(out).read_bytes() == b"mine"
    Path(out).unlink()
    assert len(resume(source, out=out)) == 4


@pytest.mark.parametrize("ending", FORMATS)
def test_after_a_kill_behind_publishing_only_the_rest_is_done(source, ending, monkeypatch):
    out = f"e{ending}"
    killed_while_publishing(source, out, monkeypatch, after=True)
    inode = Path(out).stat().st_ino
    assert len(resume(source, out=out, name="copy")) == 4
    assert Path(out).stat().st_ino == inode
    assert files() == (["e.npy", "e.txt"] if ending == ".npy" else [out])


def test_names_of_somebody_else_beside_a_published_array_are_not_replaced(source, monkeypatch):
    killed_while_publishing(source, "e.npy", monkeypatch, after=True)
    Path("e.txt").write_text("mine")
    with pytest.raises(FembError, match=r"e\.txt exists already"):
        resume(source)
    assert Path("e.txt").read_text() == "mine"


def test_a_file_that_another_process_made_under_its_name_is_not_published(source):
    with pytest.raises(FembError, match=r"e\.npy\.part has been removed meanwhile"), unfinished(source) as first:
        first.open(resume=False, overwrite=False)
        first.add(rows(source, 0, 4), num_done=4)
        Path("e.npy.part").unlink()
        Path("e.npy.part").write_bytes(b"another")
        first.finish()
    assert files() == ["e.npy.part", "e.npy.part.json"]


def test_a_name_with_a_line_break_is_refused_at_the_start(source):
    source.names[3] = "3\n.png"
    with pytest.raises(FembError, match=r"'3\\n\.png' holds a line break"):
        interrupt(source)
    assert files() == []

"""What femb says to likely mistakes: `mistakes.txt` holds each command with its error, its hint and its exit code.

To add mistakes, add lines `$ femb ...` to the file; FEMB_WRITE_MISTAKES=1 writes what femb says behind all of them.
Read it as prose before you commit it.
"""

import os
import shlex
from pathlib import Path

import numpy as np
import pytest
from pictures import people

FILE = Path(__file__).with_name("mistakes.txt")
COMMANDS = [line.removeprefix("$ femb ") for line in FILE.read_text(encoding="utf-8").splitlines() if line[:1] == "$"]
LIBRARIES = ("Traceback", "torch.", "pydantic", "Pillow", "PIL", "pyarrow", "unpickl", "input should", "value error")


@pytest.fixture
def home(tmp_path, monkeypatch, trained):
    """A directory with what the mistakes name, and nothing else."""
    monkeypatch.chdir(tmp_path)
    people(tmp_path / "people", {"a": 3, "b": 3})
    (tmp_path / "model").symlink_to(trained)
    (tmp_path / "empty").mkdir()
    np.save(tmp_path / "faces.npy", np.eye(4, dtype=np.float32))
    for name, text in (
        ("faces.txt", "a/1.jpg\na/2.jpg\nb/1.jpg\nb/2.jpg\n"),
        ("pairs.csv", "ref,probe,mated\na/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\n"),
        ("notes.txt", "hello world\n"),
        ("broken.jpg", "\xff\xd8\xff\xe0broken"),
        ("weights.pt", "not weights"),
        ("page.pth", "<html>404</html>"),
        ("own.yaml", "header: {name: arcface, margni: 0.5}\n"),
        ("cut.yaml", "header: [unclosed\n"),
    ):
        (tmp_path / name).write_text(text, encoding="latin-1")
    return tmp_path


def test_likely_mistakes_get_one_error_one_hint_and_no_words_of_libraries(femb, home):
    said = []
    for command in COMMANDS:
        done = femb(*shlex.split(command))
        lines = done.err.replace(str(home), "HOME").splitlines()
        assert done.code in (1, 2), command
        kinds = [line.partition(" ")[0] for line in lines]
        assert kinds.count("error:") == 1 and kinds.count("hint:") <= 1, (command, done.err)
        assert kinds[-1] in ("error:", "hint:"), (command, done.err)
        assert not any(word in done.err for word in LIBRARIES), (command, done.err)
        said += [f"$ femb {command}", *lines, f"({done.code})", ""]
    text = "\n".join(said)
    if os.environ.get("FEMB_WRITE_MISTAKES"):
        FILE.write_text(text, encoding="utf-8")
    assert text == FILE.read_text(encoding="utf-8")

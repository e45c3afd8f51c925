"""What femb says to likely mistakes: `mistakes.txt` holds each command with its error, its hint and its exit code.

To add mistakes, add lines `$ femb ...` to the file; FEMB_WRITE_MISTAKES=1 writes what femb says behind all of them.
Read it as prose before you commit it.
"""

import os
import shlex
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pictures import people
from safetensors.numpy import save_file

from femb_cli.cli.commands import COMMANDS as NAMES_OF_COMMANDS

FILE = Path(__file__).with_name("mistakes.txt")
COMMANDS = [line.removeprefix("$ femb ") for line in FILE.read_text(encoding="utf-8").splitlines() if line[:1] == "$"]
LIBRARIES = ("Traceback", "torch.", "pydantic", "Pillow", "PIL", "pyarrow", "unpickl", "input should", "value error")


NAMES = "a/1.jpg\na/2.jpg\nb/1.jpg\nb/2.jpg\n"
MOST_COLUMNS = 80


@pytest.fixture
def home(tmp_path, monkeypatch, trained):
    """A directory with what the mistakes name, and nothing else."""
    monkeypatch.chdir(tmp_path)
    people(tmp_path / "people", {"a": 3, "b": 3})
    (tmp_path / "model").symlink_to(trained)
    (tmp_path / "empty").mkdir()
    for name in ("lost.jpg", "lost.npy"):
        (tmp_path / name).symlink_to("nowhere")
    np.save(tmp_path / "faces.npy", np.eye(4, dtype=np.float32))
    np.save(tmp_path / "other.npy", np.eye(4, 8, dtype=np.float32))
    np.save(tmp_path / "nothing.npy", np.empty((0, 4), dtype=np.float32))
    save_file({"fc.weight": np.eye(4, dtype=np.float32)}, tmp_path / "tensors.safetensors")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "faces.npy").read_bytes()[:150])
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "tensors.safetensors").read_bytes()[:60])
    for name, text in (
        ("faces.txt", NAMES),
        ("other.txt", NAMES),
        ("nothing.txt", ""),
        ("cut.txt", NAMES),
        ("pairs.csv", "ref,probe,mated\na/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\n"),
        ("lost.csv", "ref,probe,mated\na/1.jpg,a/9.jpg,1\na/1.jpg,b/1.jpg,0\n"),
        ("strange.csv", "left,right,same\na/1.jpg,a/2.jpg,1\na/1.jpg,b/1.jpg,0\n"),
        ("scores.csv", "ref,probe,mated,score\na,b,1,0.9\nc,d,0,0.1\n"),
        ("list.txt", "a/1.jpg 0\na/2.jpg 0\na/9.jpg 1\n"),
        ("notes.txt", "hello world\n"),
        ("broken.jpg", "\xff\xd8\xff\xe0broken"),
        ("empty.jpg", ""),
        ("empty.npy", ""),
        ("empty.pth", ""),
        ("cut.zip", "PK\x03\x04cut"),
        ("table.parquet", "PAR1 cut"),
        ("net.onnx", "no graph"),
        ("weights.pt", "not weights"),
        ("old.pt", "\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."),  # as torch before version 1.6 began a file
        ("page.pth", "<html>404</html>"),
        ("page.html", "<html>mine</html>"),
        ("own.yaml", "header: {name: arcface, margni: 0.5}\n"),
        ("cut.yaml", "header: [unclosed\n"),
        ("list.yaml", "- header\n"),
    ):
        (tmp_path / name).write_text(text, encoding="latin-1")
    return tmp_path


def play(femb, home, command):
    """Return what femb says to a command, and its exit code, as a part of the text."""
    done = femb(*shlex.split(command))
    lines = (done.out + done.err).replace(str(home), "HOME").replace("here: cuda, cpu", "here: cpu").splitlines()
    return "\n".join([f"$ femb {command}", *lines, f"({done.code})", ""])


def check(text):
    """Check that a command is refused in the style of all errors."""
    _, *lines, code = text.splitlines()
    kinds = [line.partition(" ")[0] for line in lines]
    assert code in ("(1)", "(2)"), text
    assert [kind for kind in kinds if kind != "warning:"] in (["error:"], ["error:", "hint:"]), text
    assert not any(word in "\n".join(lines).replace("torch.save", "") for word in LIBRARIES), text
    assert max(map(len, lines)) <= MOST_COLUMNS, text


def test_some_likely_mistakes_are_answered_as_in_the_text(femb, home):
    text = FILE.read_text(encoding="utf-8")
    for command in COMMANDS[::12]:
        assert play(femb, home, command) in text


@pytest.mark.slow
def test_all_likely_mistakes_are_answered_as_in_the_text(femb, home):
    said = "\n".join(play(femb, home, command) for command in COMMANDS)
    if os.environ.get("FEMB_WRITE_MISTAKES"):
        FILE.write_text(said, encoding="utf-8")
    assert said == FILE.read_text(encoding="utf-8")


def test_a_mistake_gets_one_error_one_hint_and_no_words_of_libraries():
    for text in FILE.read_text(encoding="utf-8").split("\n\n"):
        check(text)


def test_there_are_twenty_mistakes_of_each_command():
    number = Counter(command.partition(" ")[0] for command in COMMANDS)
    few = {"env", "version", "help"}  # which take next to nothing
    assert min(number[name] for name in NAMES_OF_COMMANDS if name not in few) >= 20

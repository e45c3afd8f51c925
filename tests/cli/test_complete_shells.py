"""Completion in real shells, installed as its users install it."""

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from femb_cli.cli.complete_shells import answer, complete_in_bash
from femb_cli.cli.shell_scripts import SCRIPTS, install, shell_in_use
from femb_cli.errors import FembError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory with `femb` in its path, a run, and models whose names need care."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    for folder in ("bin", "runs/a_1", "my models/r50"):
        (tmp_path / folder).mkdir(parents=True)
    for file in ("runs/a_1/config.yaml", "my models/big net.onnx", "a:b.onnx", "photo one.jpg"):
        (tmp_path / file).touch()
    femb = tmp_path / "bin/femb"
    femb.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m femb_cli "$@"\n')
    femb.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("femb tr", ["train"]),
        ("femb train --header=mag", ["magface"]),
        ("femb train --set header=mag", ["magface"]),
        ("femb train --set 'header=mag", ["header=magface"]),
        ("femb export my", ["my\\ models/"]),
        ("femb export my\\ models/b", ["my\\ models/big\\ net.onnx"]),
        ("femb export 'my models/b", ["my models/big net.onnx"]),
        ('femb export --model="my models/b', ["my models/big net.onnx"]),
        ("femb export a:", ["b.onnx"]),
        ("femb verify -m own=runs/a_1", ["runs/a_1", "runs/a_1/"]),
        ("femb report 'runs/a_1' ", ["runs/a_1"]),
        ("femb export a\\", []),
        ("femb embed pho", None),
    ],
)
def test_bash_gets_what_replaces_the_end_of_the_line(home, line, found):
    answered = complete_in_bash(line)
    assert answered == found if found is None else [each.word for each in answered] == found


def test_an_answer_is_one_candidate_a_line_and_a_file_is_left_to_the_shell(home, capfd):
    (home / "two\nlines.onnx").touch()
    assert answer("zsh", ["export", "a"]) == 0
    assert answer("fish", ["tr"]) == 0
    assert answer("fish", ["export", "two"]) == 0
    assert answer("bash", ["femb embed "]) == 1
    assert capfd.readouterr().out == "a:b.onnx\ntrain\tTrain a network on a face dataset.\n"


def test_a_shell_is_known_by_its_process_or_else_by_the_environment(femb, monkeypatch):
    monkeypatch.setattr("femb_cli.cli.shell_scripts._parent", lambda: "-zsh")
    assert femb("--show-completion").out == SCRIPTS["zsh"]
    monkeypatch.setattr("femb_cli.cli.shell_scripts._parent", lambda: "make")
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert shell_in_use() == "fish"
    monkeypatch.setenv("SHELL", "/bin/csh")
    with pytest.raises(FembError, match="which shell"):
        shell_in_use()


def test_installing_twice_loads_a_script_once_and_keeps_what_is_there(home, femb, monkeypatch):
    monkeypatch.setattr("femb_cli.cli.shell_scripts._parent", lambda: "bash")
    (home / ".bashrc").write_text("alias a=b")
    for _ in range(2):
        assert "bash completes femb" in femb("--install-completion").out
    assert (home / ".bashrc").read_text() == "alias a=b\nsource ~/.bash_completions/femb.sh\n"
    assert (home / ".bash_completions/femb.sh").read_text() == SCRIPTS["bash"]


def test_bash_completes(home):
    install("bash")
    line = "femb export my"
    script = f"source ~/.bashrc; COMP_LINE='{line}' COMP_POINT={len(line)}; _femb femb 2>/dev/null; echo \"$COMPREPLY\""
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "my\\ models/\n"


@pytest.mark.skipif(shutil.which("fish") is None, reason="needs fish")
def test_fish_completes(home):
    install("fish")
    lines = ["femb tr", "femb export my\\ models/b", "femb export a:", "femb embed pho", "femb train --header=mag"]
    script = "\n".join(f'complete -C "{line}"' for line in lines)
    done = subprocess.run(["fish", "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        *("train\tTrain a network on a face dataset.", "my models/big net.onnx", "a:b.onnx", "photo one.jpg"),
        "--header=magface",
    ]


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_completes(home):
    install("zsh")
    (home / ".zshrc").write_text(f"{(home / '.zshrc').read_text()}PS1='ready> '\n")
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe("zsh", ["zsh", "-i"], {**os.environ, "TERM": "dumb"})
    assert "ready> " in read_until(terminal, "ready> ")
    for line, completed in (
        ("femb tr", "ain "),
        ("femb export my", "\\ models/"),
        ("femb export 'my models/bi", "g net.onnx' "),
        ("femb export a:", "b.onnx "),
        ("femb train --header=mag", "face "),
        ("femb embed pho", "to\\ one.jpg "),
    ):
        os.write(terminal, line.encode())
        read_until(terminal, line)
        os.write(terminal, b"\t")
        assert completed in read_until(terminal, completed), line
        os.write(terminal, b"\x15")
    os.write(terminal, b"exit\n")
    os.close(terminal)
    os.waitpid(process, 0)


def read_until(terminal, text, seconds=20):
    """What a terminal shows until a text is there, or the time is up."""
    shown, end = "", time.monotonic() + seconds
    while text not in shown and time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 65536).decode()
    return shown

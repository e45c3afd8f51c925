"""femb's log on stderr."""

import io
import logging
import sys

import pytest

from femb_cli.runtime.logging import above_live_line, begin_line, configure_logging, show_live_line, shows_live_line


@pytest.fixture(autouse=True)
def _restored():
    """The logger as it was before the test."""
    logger = logging.getLogger("femb")
    before = logger.level, logger.propagate, list(logger.handlers)
    yield
    logger.level, logger.propagate = before[:2]
    logger.handlers[:] = before[2]


@pytest.mark.parametrize(
    "rank, quiet, expected",
    [("0", False, "a note\na warning\n"), ("0", True, "a warning\n"), ("1", False, "")],
)
def test_the_main_process_prints_lines_as_they_are(monkeypatch, capsys, rank, quiet, expected):
    monkeypatch.setenv("RANK", rank)
    configure_logging(quiet=quiet)
    logging.getLogger("femb").info("a note")
    logging.getLogger("femb").warning("a warning")
    assert capsys.readouterr().err == expected


def test_configuring_twice_prints_once(capsys):
    configure_logging()
    configure_logging()
    logging.getLogger("femb").warning("a warning")
    assert capsys.readouterr().err == "a warning\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def watch(monkeypatch):
    """Let a person watch stderr; return what the terminal receives."""
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delenv("FEMB_NO_PROGRESS", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    return sys.stderr


def test_the_log_stands_above_the_live_line_which_is_rewritten_in_place(monkeypatch):
    terminal = watch(monkeypatch)
    configure_logging()
    show_live_line("step 1")
    show_live_line("step 2")
    logging.getLogger("femb").info("saved")
    show_live_line("")
    erase = "\r\x1b[2K"
    assert terminal.getvalue() == f"{erase}step 1{erase}step 2{erase}saved\n{erase}step 2{erase}"


def test_the_live_line_and_a_ctrl_c_fit_80_columns_and_a_narrower_terminal(monkeypatch):
    terminal = watch(monkeypatch)
    configure_logging()
    show_live_line("x" * 100)
    monkeypatch.setenv("COLUMNS", "60")
    show_live_line("y" * 100)
    show_live_line("名" * 100)
    assert [terminal.getvalue().count(letter) for letter in "xy名"] == [77, 57, 28]


@pytest.mark.parametrize(
    "quiet, variables",
    [(True, {}), (False, {"FEMB_NO_PROGRESS": "1"}), (False, {"TERM": "dumb"}), (False, {"RANK": "1"})],
)
def test_the_live_line_is_shown_to_a_person_only(monkeypatch, quiet, variables):
    terminal = watch(monkeypatch)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    configure_logging(quiet=quiet)
    show_live_line("step 1")
    assert terminal.getvalue() == ""


def test_a_command_can_do_without_a_live_line(monkeypatch):
    terminal = watch(monkeypatch)
    configure_logging(live=False)
    show_live_line("step 1")
    assert not shows_live_line() and terminal.getvalue() == ""


def test_other_text_stands_above_the_live_line_too(monkeypatch):
    terminal = watch(monkeypatch)
    configure_logging()
    show_live_line("step 1")
    with above_live_line():
        print("a note", file=terminal)
    assert terminal.getvalue().endswith("\r\x1b[2Ka note\n\r\x1b[2Kstep 1")


@pytest.mark.parametrize(("name", "value", "expected"), [("TERM", "xterm", "\r\x1b[2K"), ("TERM", "dumb", "\n")])
def test_the_last_line_of_an_interrupted_command_is_a_line_of_its_own(monkeypatch, name, value, expected):
    terminal = watch(monkeypatch)
    monkeypatch.setenv(name, value)
    begin_line()
    assert terminal.getvalue() == expected


def test_without_a_terminal_there_is_no_live_line(capsys):
    configure_logging()
    show_live_line("step 1")
    logging.getLogger("femb").info("saved")
    begin_line()
    assert capsys.readouterr().err == "saved\n"

"""femb's log on stderr."""

import io
import logging
import sys

import pytest

from femb_cli.runtime.logging import configure_logging, show_live_line


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


def test_the_live_line_fits_80_columns_and_a_narrower_terminal(monkeypatch):
    terminal = watch(monkeypatch)
    configure_logging()
    show_live_line("x" * 100)
    monkeypatch.setenv("COLUMNS", "60")
    show_live_line("y" * 100)
    assert [terminal.getvalue().count(letter) for letter in "xy"] == [79, 59]


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


def test_without_a_terminal_there_is_no_live_line(capsys):
    configure_logging()
    show_live_line("step 1")
    logging.getLogger("femb").info("saved")
    assert capsys.readouterr().err == "saved\n"

"""A progress bar in one line."""

import io
import logging
import sys

import pytest

from femb_cli.runtime import progress_bar as module
from femb_cli.runtime.logging import configure_logging
from femb_cli.runtime.progress_bar import format_bar, progress_bar

ERASE = "\r\x1b[2K"


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 80 columns, and what it receives."""
    logger = logging.getLogger("femb")
    before = logger.level, logger.propagate, list(logger.handlers)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.delenv("FEMB_NO_PROGRESS", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    configure_logging()
    yield sys.stderr
    logger.level, logger.propagate = before[:2]
    logger.handlers[:] = before[2]


def test_a_bar_says_what_is_done_how_much_and_how_long_the_rest_takes(terminal):
    timed = format_bar("drawing faces", 1000, 4000, 61)
    assert timed == f"drawing faces  {'━' * 9}{'─' * 28}  1,000 of 4,000  0:01:01"
    assert len(timed) == 77
    assert format_bar("drawing faces", 0, 4, None) == f"drawing faces  {'─' * 40}  0 of 4"


def test_of_what_has_no_known_total_only_the_amount_is_shown(terminal):
    assert format_bar("downloading lfw.zip (kB)", 1234, 0, 5) == "downloading lfw.zip (kB)  1,234"


def test_a_long_label_is_cut_and_never_wraps(terminal):
    for label in ("embedding " + "long/" * 40, "embedding " + "名前/" * 40):
        line = format_bar(label, 1000, 4000, 61)
        assert "...  ━━──────  1,000 of 4,000" in line
        assert module.columns_of(line) in (76, 77)


def test_without_unicode_the_bar_is_ascii(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr(Terminal, "encoding", "latin-1")
    assert "##########------------------------------" in format_bar("drawing faces", 1, 4, None)


def test_a_bar_is_drawn_ten_times_a_second_and_erased_when_all_is_done(terminal, monkeypatch):
    seconds = iter([0.0, 0.05, 0.2, 0.3])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(seconds))
    with progress_bar("drawing") as move:
        for done in (1, 2, 3, 4):
            move(done, 4)
        assert terminal.getvalue().endswith(ERASE)
        written = terminal.getvalue()
    assert terminal.getvalue() == written
    drawn = [line.split("  ")[-2:] for line in written.split(ERASE)[2:-1]]
    assert [line[-1] for line in drawn] == ["1 of 4", "0:00:00"]
    assert drawn[1][0] == "3 of 4"


def test_a_label_is_one_line_whatever_the_name_of_a_file(terminal):
    with progress_bar("embedding a\nb\x1b[2J") as move:
        move(1, 4)
    assert "\n" not in terminal.getvalue()
    assert "embedding a b\\x1b[2J  " in terminal.getvalue()


def test_an_error_leaves_no_bar(terminal):
    with pytest.raises(ValueError, match="bad"), progress_bar("drawing") as move:
        move(1, 4)
        raise ValueError("bad")
    assert terminal.getvalue().endswith(f"1 of 4{ERASE}")

"""femb's log on stderr."""

import logging

import pytest

from femb_cli.runtime.logging import configure_logging


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
    [("0", False, "a note\na warning\n"), ("0", True, "a warning\n"), ("1", False, "a warning\n")],
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

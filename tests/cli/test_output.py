"""What goes to stdout, what to stderr, and how tables look."""

import io
import json
import logging
import re
import sys
import warnings

import pytest

from femb_cli.cli.output import Output, format_pairs, format_table


@pytest.fixture(autouse=True)
def _keep_warnings(monkeypatch):
    monkeypatch.setattr(warnings, "showwarning", warnings.showwarning)


def test_a_result_is_text_or_one_json_document(capsys):
    Output().result({"a": 1}, "a is 1")
    Output(json=True).result({"a": [1, "é"]}, "a is 1")
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("a is 1\n{")
    assert json.loads(said.out.removeprefix("a is 1\n")) == {"a": [1, "é"]}
    assert "é" in said.out


def test_fields_are_a_line_each_and_a_table_has_headings(capsys):
    Output().fields({"num_images": 3, "path": "set"})
    Output().table([], ("name", "accuracy"), [("lfw", "99.1"), ("cfp", "9.25")])
    assert capsys.readouterr().out.splitlines() == [
        "num_images   3",
        "path         set",
        "name   accuracy",
        "lfw        99.1",
        "cfp        9.25",
    ]


def test_fields_and_tables_are_json_under_json(capsys):
    Output(json=True).fields({"num_images": 3})
    assert json.loads(capsys.readouterr().out) == {"num_images": 3}
    Output(json=True).table([{"name": "lfw"}], ("name",), [("lfw",)])
    assert json.loads(capsys.readouterr().out) == [{"name": "lfw"}]


def test_quiet_silences_notes_but_not_warnings(capsys):
    for quiet in (False, True):
        output = Output(quiet=quiet)
        output.say("a note")
        output.say("warning: of the images")
        output.next("femb train")
        output.warn("careful")
        warnings.warn_explicit("from a library", UserWarning, "library.py", 1 + quiet)
        said = capsys.readouterr()
        assert said.out == ""
        notes = [line for line in said.err.splitlines() if not line.startswith("warning: ")]
        assert notes == ([] if quiet else ["a note", "", "next:", "  femb train"])
        assert said.err.count("warning: ") == 3


def test_pillows_own_warnings_are_not_shown(capsys):
    Output()
    warnings.warn_explicit("Corrupt EXIF data.", UserWarning, "TiffImagePlugin.py", 1, module="PIL.TiffImagePlugin")
    assert capsys.readouterr().err == ""


def test_the_log_goes_to_stderr_unless_quiet(capsys):
    for quiet, expected in ((False, "step 1\n"), (True, "")):
        Output(quiet=quiet)
        logging.getLogger("femb").info("step 1")
        assert capsys.readouterr() == ("", expected)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_shown_to_a_person_only(monkeypatch):
    with Output().progress("drawing") as progress:
        assert progress is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with Output().progress("drawing") as progress:  # the tests set FEMB_NO_PROGRESS
        assert progress is None
    monkeypatch.delenv("FEMB_NO_PROGRESS")
    for hidden in ({"json": True}, {"quiet": True}):
        with Output(**hidden).progress("drawing") as progress:
            assert progress is None
    with Output().progress("drawing") as progress:
        progress(1, 3)
    assert "drawing" in sys.stderr.getvalue() and "1 of 3" in sys.stderr.getvalue()
    monkeypatch.setenv("RANK", "1")
    with Output().progress("drawing") as progress:
        assert progress is None


def test_notes_and_warnings_stand_above_the_bar(monkeypatch):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("FEMB_NO_PROGRESS")
    output = Output()
    with output.progress("drawing") as progress:
        progress(1, 3)
        output.say("a note")
        output.warn("careful")
    bar = re.escape("\r\x1b[2K") + "drawing .* 1 of 3"
    erase = re.escape("\r\x1b[2K")
    assert re.fullmatch(
        rf"{erase}drawing \.\.\.{bar}{erase}a note\n{bar}{erase}warning: careful\n{bar}{erase}", sys.stderr.getvalue()
    )


def test_the_first_column_is_left_and_the_others_right():
    assert format_table(("a", "number"), [("long name", "1"), ("b", "22")]) == (
        "a           number\nlong name        1\nb               22"
    )
    assert format_pairs({"a": 1, "bcd": "x"}) == "a     1\nbcd   x"

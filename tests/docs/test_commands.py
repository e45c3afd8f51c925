"""docs/commands.md and the manual page say what the command line says."""

import importlib.util
import re
import shutil
import subprocess

import pytest
from documents import ROOT


def load_script(name="generate_commands"):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"docs/{name}.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_reference_of_commands_is_fresh():
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert load_script().commands_page() == page, "the command line has changed: run make docs"


def test_the_manual_page_is_fresh(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "docs")
    page = load_script("generate_man").man_page()
    assert (ROOT / "docs/femb.1").read_text(encoding="utf-8") == page, "the command line has changed: run make docs"
    assert "\n.B femb convert SRC... DST [OPTIONS]\n" in page
    assert "\n.B \\-\\-out, \\-o FILE\n" in page
    assert "\n.B FEMB_DATA_DIR\n" in page


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_manual_page_is_laid_out_without_warnings():
    layout = ["groff", "-man", "-Tutf8", "-ww", "-rLL=78n", str(ROOT / "docs/femb.1")]
    done = subprocess.run(layout, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "femb train --header magface" in re.sub("\x1b\\[[0-9;]*m", "", done.stdout).replace("‐", "-")


def test_the_reference_does_not_depend_on_the_terminal(monkeypatch):
    pages = set()
    for columns in ("40", "200"):
        monkeypatch.setenv("COLUMNS", columns)
        pages.add(load_script().commands_page())
    assert len(pages) == 1


def test_the_reference_shows_arguments_options_defaults_and_examples():
    page = load_script().commands_page()
    assert "\n    femb convert SRC... DST [OPTIONS]\n" in page
    assert "\n| `--on-error stop\\|skip` | " in page
    assert "\n| `--cache / --no-cache` | " in page
    assert "Environment: `FEMB_DATA_DIR`." in page
    assert "\n    femb train --header magface\n" in page

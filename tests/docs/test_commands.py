"""docs/commands.md says what the command line says."""

import importlib.util

from documents import ROOT

SCRIPT = ROOT / "docs/generate_commands.py"


def load_script():
    spec = importlib.util.spec_from_file_location("generate_commands", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    return script


def test_the_reference_of_commands_is_fresh():
    page = (ROOT / "docs/commands.md").read_text(encoding="utf-8")
    assert load_script().commands_page() == page, "the command line has changed: run make docs"


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

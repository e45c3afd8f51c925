"""The forms for issues are what GitHub takes, and ask for what a bug report needs."""

import pytest
from documents import ROOT

from femb_cli.config.plain_yaml import read_plain

FORMS = [path for path in sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")) if path.stem != "config"]


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_a_form_has_a_name_and_questions(path):
    form = read_plain(path.read_text(encoding="utf-8"))
    assert form.keys() == {"name", "description", "labels", "body"}
    assert all(question["type"] == "textarea" and question["attributes"]["label"] for question in form["body"])
    names = [question["id"] for question in form["body"]]
    assert len(names) == len(set(names))
    assert any(question.get("validations", {}).get("required") for question in form["body"])


def test_a_bug_report_asks_for_the_command_and_the_machine():
    form = read_plain((ROOT / ".github/ISSUE_TEMPLATE/bug_report.yml").read_text(encoding="utf-8"))
    required = {question["id"] for question in form["body"] if question.get("validations", {}).get("required")}
    assert required == {"command", "expected", "environment"}
    assert "femb env" in str(form["body"])

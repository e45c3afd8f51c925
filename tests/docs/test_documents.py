"""The pages of the project: links lead somewhere, commands parse, Python runs, lists are complete."""

import re
import textwrap
import tomllib
from dataclasses import asdict

import pytest
import typer
from documents import PAGES, ROOT, anchors, commands_of, links, python_blocks

from femb_cli.cli.app import as_option, build_app, name_bare_resume
from femb_cli.config.load import load_config
from femb_cli.config.plain_yaml import read_plain
from femb_cli.config.registry import make
from femb_cli.config.schema import AugmentConfig
from femb_cli.config.section import choices
from femb_cli.evaluation.verification.benchmarks import find_benchmark

COMMANDS = sorted({command for page in PAGES for command in commands_of(page)})
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
TRAINING = (ROOT / "docs/training.md").read_text(encoding="utf-8")


def name_of(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page):
    for link in links(page):
        if link.startswith("https://"):
            continue
        file, _, anchor = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_pages_have_commands():
    assert len(COMMANDS) > 40


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_parses(command):
    name, *arguments = name_bare_resume(as_option(command))
    parsed = typer.main.get_command(build_app()).commands[name].make_context(name, list(arguments)).params
    for benchmark in parsed.get("dataset") or ():
        assert "/" in benchmark or find_benchmark(benchmark)
    if name == "train":
        chosen = {key: parsed[key] for key in ("header", "backbone", "epochs", "steps") if parsed[key] is not None}
        known = parsed["config"] if parsed["config"] != "CONFIG" else None
        load_config(known or "quickstart", parsed["settings"] or (), chosen)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_script_exists(page):
    for script, *_ in commands_of(page, "python"):
        assert (ROOT / script).is_file(), script


def test_the_python_of_the_documentation_runs(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs/arcface_iresnet18_synthetic_1").symlink_to(trained)
    for name, image in zip(("anna", "ben", "party"), (trained / "samples").iterdir(), strict=False):
        (tmp_path / f"{name}.jpg").symlink_to(image)
    blocks = python_blocks(ROOT / "docs/python.md")
    assert len(blocks) == 3
    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), {})


def test_the_table_of_operations_has_all_of_them_with_their_defaults():
    rows = re.findall(r"^\| `(\w+)` \| .* \| ([\d.]+) \| (?:`(.*?)`.*)?\|$", TRAINING, re.MULTILINE)
    assert [name for name, *_ in rows] == list(choices(AugmentConfig))
    for name, probability, settings in rows:
        shown = {"probability": float(probability), **read_plain(f"{{{settings}}}")}
        shown, defaults = (asdict(make(AugmentConfig, name, **values)) for values in (shown, {}))
        rounded = {"aspect": (0.75, 1.333)} if "aspect" in defaults else {}
        assert shown == {**defaults, **rounded}


def test_every_augmentation_of_the_documentation_is_one(tmp_path):
    blocks = re.findall(r"^    augment:.*\n(?:      .*\n)*", TRAINING, re.MULTILINE)
    assert len(blocks) == 3
    for block in blocks:
        (tmp_path / "own.yaml").write_text(textwrap.dedent(block))
        assert load_config(tmp_path / "own.yaml").augment


def test_every_dependency_has_a_reason():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    required = project["dependencies"] + project["optional-dependencies"]["onnx"]
    names = {re.match(r"[\w-]+", requirement)[0].replace("_", "-") for requirement in required}
    table = CONTRIBUTING.partition("## Dependencies")[2]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| ")]
    explained = {word.replace("_", "-") for row in rows for word in re.findall(r"[\w-]+", row)}
    assert names <= explained, names - explained


def test_the_tree_shows_every_folder_of_the_package():
    tree = CONTRIBUTING.partition("```\nfemb_cli/\n")[2].partition("\nconfigs/")[0]
    shown, path = set(), []
    for line in tree.splitlines():
        depth = (len(line) - len(line.lstrip())) // 2 - 1
        path = [*path[:depth], line.split("/")[0].strip()]
        shown.add("/".join(path))
    package = ROOT / "femb_cli"
    assert shown == {str(file.parent.relative_to(package)) for file in package.rglob("__init__.py")} - {"."}

"""The page of the published recipes says what the files say."""

import re
from itertools import chain

import pytest
from documents import ROOT
from official_recipes import SHIPPED

from femb_cli.config.load import load_config, shipped_configs, to_tree

PAGE = (ROOT / "docs/recipes.md").read_text(encoding="utf-8")
PUBLISHED = [name for name, file in shipped_configs().items() if "\n# Published:" in file.read_text(encoding="utf-8")]
REPLAYED = {name for name, _ in SHIPPED.values()}


def rows(columns):
    """The rows of the page's tables with so many columns whose first cell is a recipe, by its name."""
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:2] == "| "]
    return {row[0].strip("`"): row[1:] for row in cells if len(row) == columns and row[0].strip("`") in PUBLISHED}


def differences(name, other):
    """The settings in which two recipes differ; a section of another kind counts as one."""
    trees = [to_tree(load_config(config)) for config in (name, other)]
    different = []
    for section in trees[0]:
        if section == "data":
            continue
        ours, theirs = (tree[section] for tree in trees)
        if isinstance(ours, dict) and isinstance(theirs, dict) and ours.keys() == theirs.keys():
            different += [f"{section}.{key}" for key in ours if ours[key] != theirs[key]]
        elif ours != theirs:
            different.append(section)
    return different


def test_the_table_has_every_published_recipe():
    assert list(rows(9)) == PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_numbers_of_the_table_are_the_files(name):
    *_, batch, rate, decay, schedule, _ = rows(9)[name]
    config = load_config(name)
    scale = config.batch_size / config.optimizer.lr_batch_size if config.optimizer.name == "sgd" else 1
    assert int(batch.replace(",", "")) == config.batch_size
    assert float(rate) == pytest.approx(config.optimizer.lr * scale)
    assert float(decay.split(",")[0]) == config.optimizer.weight_decay
    length = re.match(r"([\d,]+) (epochs|steps)", schedule)
    assert int(length[1].replace(",", "")) == getattr(config, length[2])


def test_every_recipe_is_replayed_or_compared_with_one_that_is():
    compared = rows(3)
    assert REPLAYED | set(compared) == set(PUBLISHED)
    assert not REPLAYED & set(compared)
    for name, (other, settings) in compared.items():
        assert other.strip("`") in REPLAYED
        assert re.findall(r"`(.+?)`", settings) == differences(name, other.strip("`"))


def test_the_replays_are_listed():
    names = re.findall(r"^\| `(\w+)` \| `(\w+)` \| [\d.e-]+ \|", PAGE, re.MULTILINE)
    assert dict(names) == {case: name for case, (name, _) in SHIPPED.items()}


def test_the_settings_that_the_page_names_exist():
    known = set(chain(*(_paths(to_tree(load_config(name))) for name in ("adaface_ir101_ms1mv2", *PUBLISHED))))
    named = re.findall(r"`([a-z_]+(?:\.[a-z_]+)?)(?:: [^`]+)?`", PAGE)
    unknown = {name for name in named if "." in name or name in ("micro_batches", "accumulate")} - known
    assert unknown == set()


def _paths(tree, prefix=""):
    for key, value in tree.items():
        yield prefix + key
        if isinstance(value, dict):
            yield from _paths(value, f"{prefix}{key}.")

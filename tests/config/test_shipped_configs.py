"""The configurations that ship with femb: each one can be built and trains, and its comment says what it is."""

import json
import math
import re
import shlex
from pathlib import Path

import pytest
import torch
from people import NUM_EACH, NUM_PEOPLE, make_job, write_people

from femb_cli.backbones import build_configured_backbone
from femb_cli.config.load import dump_config, load_config, shipped_configs
from femb_cli.training import loop
from femb_cli.training.optim.schedule import learning_rate_factor

FILES = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))
PUBLISHED = [file for file in FILES if "\n# Published:" in file.read_text(encoding="utf-8")]
each_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
each_published = pytest.mark.parametrize("file", PUBLISHED, ids=lambda file: file.stem)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return write_people(tmp_path_factory.mktemp("people"))


def comment_of(file):
    """The comment that a file opens with, without its number signs."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return [line.removeprefix("#").removeprefix(" ") for line in lines if line.startswith("#")]


def commands_of(file):
    """The commands in the comment of a file, as lists of words."""
    commands = [line.partition("   (")[0] for line in comment_of(file) if line.startswith("  femb ")]
    return [shlex.split(command) for command in commands]


# ---- They train


def test_the_shipped_configurations_are_all_files():
    assert {"quickstart"} <= set(shipped_configs()) == {file.stem for file in FILES}


@each_file
def test_the_learning_rate_of_a_configuration_falls(file):
    config = load_config(file)
    steps = config.steps or 1000
    per_epoch = steps / (config.epochs or 20)
    factors = [learning_rate_factor(step, steps, config.schedule, per_epoch) for step in range(0, steps, steps // 100)]
    assert max(factors) <= 1
    assert factors[-1] < 0.05 or config.schedule.name == "constant"


@pytest.mark.parametrize("config", {load_config(file).backbone: None for file in FILES}, ids=lambda config: config.name)
def test_every_network_can_be_built_in_its_full_size(config):
    with torch.device("meta"):
        assert build_configured_backbone(config).embedding_dim == config.embedding_dim


@pytest.mark.parametrize("name", shipped_configs())
def test_a_shipped_configuration_is_found_by_name_and_survives_a_dump(name, tmp_path):
    config = load_config(name)
    (tmp_path / "dumped.yaml").write_text(dump_config(config), encoding="utf-8")
    assert load_config(tmp_path / "dumped.yaml") == config


def small(config):
    """What makes a configuration small: 18 images, a narrow and shallow network of its own kind, no half precision."""
    network = re.sub(r"\d+", "18", config.backbone.name) if "ir" in config.backbone.name else config.backbone.name
    changes = {
        "backbone.name": re.sub("vit_.", "vit_t", network),
        "backbone.embedding_dim": 8,
        "backbone.input_size": 18,
        "batch_size": NUM_PEOPLE * NUM_EACH // 3,
        "micro_batches": min(config.micro_batches, 2),
        "steps": 2,
        "epochs": None,
        "precision": "fp32",
        "workers": 0,
        "log_every": 1,
    }
    return changes | ({"backbone.width": 0.0625} if "ir" in network else {})


@each_file
def test_a_configuration_takes_two_steps(file, people, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_save", lambda *_: None)  # a ViT's checkpoint of 100 MB takes longer than its steps
    config = load_config(file, overrides=small(load_config(file)))
    loop.train(make_job(tmp_path / "run", people, **vars(config)), [])
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2]
    assert all(math.isfinite(line["loss"]) and line["gradient_norm"] > 0 for line in lines)


# ---- Their comments


@each_file
def test_the_comment_says_what_one_needs_to_know(file):
    comment = "\n".join(comment_of(file))
    words = ["Hardware:", "Time:", *(["Published:", "Source:"] if file in PUBLISHED else ["Expect:"])]
    assert [word for word in words if word not in comment] == []


@each_file
def test_the_commands_in_the_comment_train_the_file(file):
    *_, (_, command, *arguments) = commands_of(file)
    assert command == "train"
    if file.stem != "quickstart":
        assert arguments[0] == file.stem


@each_published
def test_the_commands_of_a_published_recipe_fit_its_settings(file):
    config = load_config(file)
    (_, convert, _, made), (_, _, _, option, data, *gpus) = commands_of(file)
    assert (convert, option) == ("convert", "--data")
    assert made == data == config.data.path
    processes = int(gpus[1]) if gpus else 1
    assert config.batch_size % (processes * config.micro_batches) == 0


@each_published
def test_a_published_recipe_is_named_after_its_header_backbone_and_data(file):
    config = load_config(file)
    backbone = config.backbone.name.replace("iresnet", "r")
    name = rf"(seed_)?{config.header.name}(_(arc|cos)(plus)?)?_{backbone}_{config.data.path}(_onegpu)?"
    assert re.fullmatch(name, file.stem)


@each_published
def test_a_published_rate_is_for_the_published_batch(file):
    """Another batch than the file's own scales the rate, so the file says which batch its rate is for."""
    config = load_config(file)
    assert config.optimizer.lr_batch_size
    if "derived" not in file.read_text(encoding="utf-8"):
        assert config.optimizer.lr_batch_size == config.batch_size

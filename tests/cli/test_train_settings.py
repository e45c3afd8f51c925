"""Options of `femb train` are short spellings of settings."""

import inspect

import pytest

from femb_cli.cli.train import train
from femb_cli.cli.train_settings import SETTINGS, chosen_settings
from femb_cli.config.load import load_config
from femb_cli.errors import UsageError

VALUES = {
    "data": "faces",
    "label": "name",
    "person_folder": "1",
    "header": "magface",
    "backbone": "iresnet50",
    "init": "runs/one",
    "precision": "bf16",
    "steps": None,
    "epochs": 2.0,
    "lr": 0.5,
    "weight_decay": 0.1,
}
NOTHING = dict.fromkeys(SETTINGS)


def chosen(*settings, **given):
    return chosen_settings(NOTHING | given, settings)


def test_every_option_changes_its_setting():
    assert SETTINGS.keys() <= inspect.signature(train).parameters.keys()
    given = {name: VALUES.get(name, 3) for name in SETTINGS}
    changes = chosen(**given)
    assert changes == {"data": "dataset"} | {
        SETTINGS[name]: value for name, value in given.items() if value is not None
    }
    config = load_config("quickstart", (), changes)
    assert (config.optimizer.weight_decay, config.validation.every, config.checkpoint.every) == (0.1, 3, 3)
    assert (config.precision, config.workers, config.log_every, config.header.name) == ("bf16", 3, 3, "magface")


@pytest.mark.parametrize(
    ("given", "setting"),
    [
        ({"lr": 0.1}, "optimizer.lr=0.2"),
        ({"header": "arcface"}, "header=magface"),
        ({"header": "arcface"}, "header.name=magface"),
        ({"header": "arcface"}, "header={name: magface}"),
        ({"data": "faces"}, "data.path=others"),
        ({"data": "faces"}, "data=synthetic"),
        ({"steps": 5}, "epochs=2"),
        ({"save_every": 5}, "checkpoint.every=6"),
    ],
)
def test_an_option_and_a_setting_that_contradict_each_other_are_refused(given, setting):
    with pytest.raises(UsageError, match=f"^--.* and --set {setting} contradict each other$"):
        chosen(setting, **given)


def test_what_says_the_same_or_something_else_is_taken():
    settings = ("optimizer.lr=0.1", "optimizer.momentum=0.8", "header={name: arcface, margin: 0.4}", "steps=null")
    assert chosen(*settings, lr=0.1, header="arcface", epochs=2.0)["optimizer.lr"] == 0.1


@pytest.mark.parametrize(
    "arguments",
    ["--steps 5 --epochs 2", "quickstart --config quickstart", "--precision bf61", "--lr 1 --set optimizer.lr=2"],
)
def test_wrong_arguments_are_usage_errors(femb, arguments):
    result = femb("train", *arguments.split(), "--dry-run")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: ")


def test_a_configuration_may_be_named_by_an_option(femb):
    plans = [
        femb("train", *how, "arcface_mbf_ms1mv3", "--data", "synthetic", "--dry-run").out for how in ((), ("--config",))
    ]
    assert plans[0] == plans[1] and "name: mbf" in plans[0]

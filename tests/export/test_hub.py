"""The directory for the Hub: a checkpoint with a README."""

import json

import pytest
import torch
import typer
import yaml
from documents import python_blocks
from PIL import Image
from thresholds import threshold

from femb_cli.backbones import build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.store import open_checkpoint, save_checkpoint
from femb_cli.cli.app import build_app
from femb_cli.config.schema import IResNetConfig
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.export import ExportPlan, export_checkpoint

CONFIG = IResNetConfig("iresnet18", embedding_dim=8, input_size=32, width=0.0625, bn_eps=2e-5)
BGR = Preprocessing(32, "BGR", mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))


def saved(folder, card):
    torch.manual_seed(0)
    save_checkpoint(folder / "saved", build_configured_backbone(CONFIG), card)
    return open_checkpoint(folder / "saved")


def front_matter(folder):
    return yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---\n")[1])


def test_a_hub_folder_is_a_checkpoint_with_a_card(tmp_path):
    source = {"license": "non-commercial research", "repository": "https://example.org/a", "training_data": "MS1MV3"}
    card = ModelCard(CONFIG, BGR, header={"name": "magface"}, num_identities=37, source=source)
    checkpoint = saved(tmp_path, card)
    export_checkpoint(checkpoint, tmp_path / "hub", ExportPlan("hub"))
    assert {path.name for path in (tmp_path / "hub").iterdir()} == {"model.safetensors", "config.json", "README.md"}
    assert open_checkpoint(tmp_path / "hub").card == checkpoint.card
    found, expected = (open_checkpoint(tmp_path / name).load_backbone().state_dict() for name in ("hub", "saved"))
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())
    stated = front_matter(tmp_path / "hub")
    assert stated["license"] == "other"
    assert stated["license_name"] == "non-commercial-research"
    assert stated["license_link"] == "https://example.org/a"
    text = (tmp_path / "hub/README.md").read_text(encoding="utf-8")
    for words in ("order BGR", "2e-05", "MS1MV3", "magface", "load_embedder"):
        assert words in text
    assert json.loads((tmp_path / "hub/config.json").read_text())["preprocessing"]["channel_order"] == "BGR"


@pytest.mark.parametrize("stated, expected", [("Apache-2.0", "apache-2.0"), ("", "unknown")])
def test_a_license_has_the_hubs_own_name(stated, expected, tmp_path):
    card = ModelCard(CONFIG, BGR, source={"license": stated} if stated else {})
    export_checkpoint(saved(tmp_path, card), tmp_path / "hub", ExportPlan("hub"))
    assert front_matter(tmp_path / "hub")["license"] == expected


def test_the_code_of_the_card_runs_as_it_is_written(tmp_path, monkeypatch):
    card = ModelCard(CONFIG, BGR).with_thresholds(threshold())
    export_checkpoint(saved(tmp_path, card), tmp_path / "hub", ExportPlan("hub"))
    (code,) = python_blocks(tmp_path / "hub/README.md")
    for name in ("photo.jpg", "another.jpg"):
        Image.new("RGB", (32, 32), "grey" if name == "photo.jpg" else "brown").save(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    names = {}
    exec(compile(code.replace("PATH OF THIS DIRECTORY", "hub"), "README.md", "exec"), names)
    assert names["embedding"].shape == (8,)
    assert -1 <= names["cosine"] <= 1
    text = (tmp_path / "hub/README.md").read_text(encoding="utf-8")
    assert "- cosine 0.3000: FMR 1e-3 on lfw (3,000 impostor pairs), FNMR 1.00 %, flip sum" in text
    assert json.loads((tmp_path / "hub/config.json").read_text())["thresholds"][0]["fmr"] == 1e-3


def test_every_command_of_the_card_parses(tmp_path):
    export_checkpoint(saved(tmp_path, ModelCard(CONFIG, BGR)), tmp_path / "hub", ExportPlan("hub"))
    text = (tmp_path / "hub/README.md").read_text(encoding="utf-8")
    commands = [line.split()[1:] for line in text.partition("## Pixels")[0].splitlines() if line.startswith("femb ")]
    assert len(commands) == 2
    for name, *arguments in commands:
        typer.main.get_command(build_app()).commands[name].make_context(name, arguments)
    assert "No threshold is stored" in text

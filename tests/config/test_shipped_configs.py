"""The configurations that ship with femb."""

from pathlib import Path

import pytest
import torch

from femb_cli.backbones import build_configured_backbone
from femb_cli.config.load import dump_config, load_config, shipped_configs
from femb_cli.headers import build_configured_header
from femb_cli.training.optim.optimizers import build_optimizer
from femb_cli.training.optim.schedule import learning_rate_factor

FILES = sorted((Path(__file__).parents[2] / "configs").rglob("*.yaml"))


def test_some_configurations_ship():
    assert len(FILES) >= 2
    assert {"quickstart"} <= set(shipped_configs()) == {file.stem for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_everything_that_a_configuration_names_can_be_built(file):
    config = load_config(file)
    with torch.device("meta"):
        backbone = build_configured_backbone(config.backbone)
        size = config.backbone.input_size
        assert backbone(torch.empty(2, 3, size, size)).shape == (2, config.backbone.embedding_dim)
    build_configured_header(config.header)
    assert build_optimizer(config.optimizer, backbone).param_groups[0]["lr"] == config.optimizer.lr
    epochs = config.epochs or 1
    factors = [learning_rate_factor(step, 100, config.schedule, 100 / epochs) for step in range(100)]
    assert max(factors) <= 1
    assert factors[-1] < 0.05 or config.schedule.name == "constant"


@pytest.mark.parametrize("name", shipped_configs())
def test_a_shipped_configuration_is_found_by_name_and_survives_a_dump(name, tmp_path):
    config = load_config(name)
    (tmp_path / "dumped.yaml").write_text(dump_config(config), encoding="utf-8")
    assert load_config(tmp_path / "dumped.yaml") == config

"""Two runs on disk, as a report reads them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from femb_cli.checkpoints.runs import write_config
from femb_cli.config.schema import ArcFaceConfig, DatasetConfig, MagFaceConfig, TrainConfig
from femb_cli.training.run.report_data import save_augmented, save_magnitudes


def write_run(run: Path, header, *, steps: int) -> Path:
    (run / "checkpoints").mkdir(parents=True)
    write_config(run, TrainConfig(data=DatasetConfig(path="data/<b>people"), header=header, steps=steps, epochs=None))
    (run / "run.json").write_text(json.dumps({"processes": 2, "device": "cpu", "data": {}}))
    names = ("lr", "magnitude", "gradient_norm", "images_per_second", "data_wait_share", "peak_memory_gb")
    lines = [{"step": step, "loss": 40 / step, **dict.fromkeys(names, step / steps)} for step in range(1, steps + 1)]
    lines.insert(2, {"step": 2, "lfw/accuracy": 0.75, "lfw/eer": 0.25})
    lines.append({"step": steps, "lfw/accuracy": 0.5, "lfw/eer": 0.5})
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    save_magnitudes(run, steps, np.random.default_rng(0).normal(20, 3, 500).astype(np.float32))
    save_augmented(run, torch.full((3, 3, 16, 16), 200.0))
    return run


@pytest.fixture(scope="session")
def paths(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    long_name = "magface_<b>_with_a_long_name_that_a_phone_cannot_show_in_one_line_1"
    return [
        write_run(folder / "arcface_1", ArcFaceConfig(margin=0.4), steps=9),
        write_run(folder / long_name, MagFaceConfig(), steps=6),
    ]

"""A training set and a benchmark of a few small pictures, for tests of the training's parts."""

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from femb_cli.checkpoints.runs import run_checkpoints
from femb_cli.config.schema import CheckpointConfig, IResNetConfig, SGDConfig, TrainConfig
from femb_cli.data.open import open_source
from femb_cli.evaluation.verification.open import PairSet, open_pairs
from femb_cli.training.planning.job import TrainJob
from femb_cli.training.planning.plan import make_plan
from femb_cli.training.run.data_identity import data_identity

NUM_PEOPLE, NUM_EACH = 6, 3
NETWORK = IResNetConfig("iresnet18", embedding_dim=8, input_size=16, width=0.0625)


def write_people(directory: Path, size: int = 28) -> Path:
    """Write six folders of three square pictures: each person is a pattern, each picture has noise of its own."""
    random = np.random.default_rng(0)
    for person in range(NUM_PEOPLE):
        pattern = random.integers(40, 216, (4, 4, 3))
        for number in range(NUM_EACH):
            pixels = pattern.repeat(size // 4, 0).repeat(size // 4, 1) + random.integers(-20, 21, (size, size, 3))
            file = directory / f"person{person}" / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(file)
    return directory


def zip_people(file: Path, people: Path) -> Path:
    """Pack what `write_people` wrote into a zip."""
    with zipfile.ZipFile(file, "w") as archive:
        for image in sorted(people.glob("*/*.png")):
            archive.write(image, image.relative_to(people))
    return file


def open_people_pairs(file: Path, people: Path) -> PairSet:
    """Write and open a list of two pairs for each person, one genuine and one impostor."""
    lines = ["ref,probe,mated"]
    for person in range(NUM_PEOPLE):
        lines.append(f"person{person}/0.png,person{person}/1.png,1")
        lines.append(f"person{person}/0.png,person{(person + 1) % NUM_PEOPLE}/2.png,0")
    file.write_text("\n".join(lines) + "\n")
    return open_pairs(file, people)


def make_job(
    run: Path, people: Path, *, device: str | None = "cpu", resumed: bool = False, **settings: object
) -> TrainJob:
    """Make the job of a training that takes a tenth of a second, and its run's directory."""
    defaults = {
        "backbone": NETWORK,
        "optimizer": SGDConfig(lr=0.05),
        "augment": (),
        "checkpoint": CheckpointConfig(keep=99),
        "batch_size": 6,
        "steps": 4,
        "epochs": None,
        "workers": 0,
        "log_every": 1,
    }
    config = TrainConfig(**{**defaults, **settings})
    (run / "checkpoints").mkdir(parents=True, exist_ok=True)
    source = open_source(people)
    checkpoint = run_checkpoints(run)[-1] if resumed and run_checkpoints(run) else None
    info = {"processes": 1, "device": device or "cuda", "data": data_identity(source)}
    plan = make_plan(config, 1, source)
    return TrainJob(config, plan, run, source, device=device, resumed=resumed, checkpoint=checkpoint, info=info)

"""The commands that are tried on a failing disk: what they start from, what a reader sees, and what goes on."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from official_files import magface
from people import open_people_pairs, write_people

from femb_cli.cli.app import run
from femb_cli.errors import FembError

NETWORK = [
    *("--backbone", "iresnet18", "--batch-size", "6", "--set", "backbone.input_size=16"),
    *("--set", "backbone.embedding_dim=8", "--set", "backbone.width=0.0625", "--set", "workers=0"),
    *("--set", "validation.benchmarks=[]"),
]
TRAIN = [
    *("train", "--data", "people", *NETWORK, "--out", "run", "--steps", "4"),
    *("--set", "checkpoint.every=2", "--set", "checkpoint.keep=1", "--set", "log_every=3"),
]


@dataclass(frozen=True)
class Command:
    """A command of femb.

    Attributes:
        arguments: the command line.
        prepare: makes what the command starts from, in an empty directory.
        look: returns what a reader sees of the result in a directory, as JSON values.
        names: paths of which an error names one.
        again: returns the command line that continues after a failure, for a directory.
        also_allowed: what a reader may see besides the old and the new result.
    """

    arguments: list[str]
    prepare: Callable[[Path], None]
    look: Callable[[Path], Any]
    names: tuple[str, ...]
    again: Callable[[Path], list[str]]
    also_allowed: tuple[Any, ...] = field(default=())


def command(
    arguments: list[str],
    prepare: Callable[[Path], None],
    look: Callable[[Path], Any],
    result: str,
    *other_names: str,
    again: Callable[[Path], list[str]] | None = None,
    also_allowed: tuple[Any, ...] = (),
) -> Command:
    """Make a command whose result has a name; it continues by repeating its command line unless `again` says how."""
    names = (result, *other_names)
    repeat = again or (lambda place: arguments)
    return Command(arguments, prepare, lambda place: look(place / result), names, repeat, also_allowed)


# ---- What the commands start from


def people(place: Path) -> None:
    """A folder of people."""
    write_people(place / "people")


def people_and_dataset(place: Path) -> None:
    """A folder of people, and a dataset of some of them under the name that will be overwritten."""
    people(place)
    assert run(["convert", "people", "set", "--limit", "9", "--quiet"]) == 0


def people_and_network(place: Path) -> None:
    """A folder of people and a network."""
    people(place)
    assert run([*TRAIN[:-8], "--out", "net", "--steps", "1", "--quiet"]) == 0
    shutil.copytree(next((place / "net/checkpoints").iterdir()), place / "network")
    shutil.rmtree(place / "net")


def people_and_embeddings(place: Path) -> None:
    """A folder of people, a network, and embeddings of some people under the name that will be overwritten."""
    people_and_network(place)
    assert run(["embed", "people/person0", "-o", "e.npy", "--model", "network", "--flip", "sum", "--quiet"]) == 0


def people_and_run(place: Path) -> None:
    """A folder of people, and a finished run under the name that will be overwritten."""
    people(place)
    assert run([*TRAIN, "--steps", "2", "--seed", "5", "--quiet"]) == 0


def people_and_unfinished_run(place: Path) -> None:
    """A folder of people, and a run that was stopped after its second step."""
    people(place)
    assert run([*TRAIN, "--quiet", "--set", "checkpoint.keep=9"]) == 0
    shutil.rmtree(place / "run/checkpoints/step-000004")
    (place / "run/summary.json").unlink()


def pairs_and_network(place: Path) -> None:
    """A folder of people, a list of pairs and a network."""
    people_and_network(place)
    open_people_pairs(place / "pairs.csv", place / "people")


def pairs_and_report(place: Path) -> None:
    """The same with a report under the name that will be overwritten."""
    pairs_and_network(place)
    assert run([*VERIFY, "--protocol", "exact", "--quiet"]) == 0
    shutil.rmtree(place / "cache", ignore_errors=True)


def weights(place: Path) -> None:
    """A file of official weights."""
    import torch

    torch.save(magface("features.module."), place / "weights.pth")


def weights_and_network(place: Path) -> None:
    """The same with another converted network under the name that will be overwritten."""
    import torch

    other = magface("features.module.")
    other["state_dict"] = {name: (tensor / 2).to(tensor) for name, tensor in other["state_dict"].items()}
    torch.save(other, place / "weights.pth")
    assert run([*CONVERT_CHECKPOINT, "--quiet"]) == 0
    weights(place)


# ---- What a reader sees


def tree(path: Path) -> Any:
    """The digest of each file below a path; None if there is nothing."""
    if not path.exists():
        return None
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {str(file.relative_to(path.parent)): digest(file) for file in files if file.name != "checksums.json"}


def digest(file: Path) -> str:
    """The digest of a file's content. The header of a safetensors file lists the same metadata in any order."""
    content = file.read_bytes()
    if file.suffix == ".safetensors":
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        content = json.dumps(header, sort_keys=True).encode() + content[8 + length :]
    return xxhash.xxh3_64_hexdigest(content)


def embeddings(path: Path) -> Any:
    """The rows and names of embeddings; None if there are none, `refused` if the reader refuses them."""
    from femb_cli.evaluation.embeddings.read import read_embeddings

    try:
        stored = read_embeddings(path)
    except FembError:
        return "refused" if path.exists() or path.with_suffix(".txt").exists() else None
    return [xxhash.xxh3_64_hexdigest(np.ascontiguousarray(stored.rows_ND)), list(stored.names)]


def trained(path: Path) -> Any:
    """The weights and the logged losses of a finished run; `unfinished`, or None if there is no run."""
    from femb_cli.checkpoints.runs import is_run, run_checkpoints

    if not path.exists():
        return None
    assert is_run(path), sorted(path.rglob("*"))
    if not (path / "summary.json").exists():
        return "unfinished"
    checkpoints = run_checkpoints(path)
    lines = [json.loads(line) for line in (path / "metrics.jsonl").read_text().splitlines()]
    newest = {name: digest for name, digest in tree(checkpoints[-1]).items() if not name.endswith(".json")}
    return [[one.name for one in checkpoints], newest, [[line["step"], line.get("loss")] for line in lines]]


def report(path: Path) -> Any:
    """The files of a report, and its protocol; None if there is none."""
    if not path.exists():
        return None
    results = json.loads((path / "results.json").read_text())["results"]
    return [sorted(file.name for file in path.iterdir()), results[0]["protocol"], results[0]["accuracy"]]


def training_goes_on(place: Path) -> list[str]:
    """Resume the run if it is there and unfinished, else repeat the command."""
    return RESUME if trained(place / "run") == "unfinished" else [*TRAIN, "--overwrite"]


def embedding_goes_on(place: Path) -> list[str]:
    """Resume the embedding if it has begun, else repeat the command."""
    return [*EMBED, "--resume", *(["--overwrite"] if embeddings(place / "e.npy") not in (None, "refused") else [])]


RESUME = ["train", "--resume", "run"]
EMBED = ["embed", "people", "-o", "e.npy", "--model", "network"]
VERIFY = ["verify", "--pairs", "pairs.csv", "--images", "people", "--model", "network", "--report", "report"]
CONVERT = ["convert", "people", "set"]
CONVERT_CHECKPOINT = ["convert-checkpoint", "weights.pth", "out"]

EMBEDDING: Any = {"again": embedding_goes_on, "also_allowed": ("refused",)}
TRAINING: Any = {"again": training_goes_on, "also_allowed": ("unfinished",)}

COMMANDS = {
    "convert": command(CONVERT, people, tree, "set"),
    "convert-parquet": command([*CONVERT, "--format", "parquet"], people, tree, "set"),
    "convert-overwrite": command([*CONVERT, "--overwrite"], people_and_dataset, tree, "set"),
    "embed": command(EMBED, people_and_network, embeddings, "e.npy", "e.txt", **EMBEDDING),
    "embed-overwrite": command(
        [*EMBED, "--overwrite"], people_and_embeddings, embeddings, "e.npy", "e.txt", **EMBEDDING
    ),
    "train": command(TRAIN, people, trained, "run", **TRAINING),
    "train-overwrite": command([*TRAIN, "--overwrite"], people_and_run, trained, "run", **TRAINING),
    "train-resume": command(RESUME, people_and_unfinished_run, trained, "run"),
    "verify": command(VERIFY, pairs_and_network, report, "report", "cache"),
    "verify-overwrite": command([*VERIFY, "--overwrite"], pairs_and_report, report, "report", "cache"),
    "export": command(["export", "network", "-o", "out.safetensors"], people_and_network, tree, "out.safetensors"),
    "export-hub": command(["export", "network", "-o", "out", "--format", "hub"], people_and_network, tree, "out"),
    "convert-checkpoint": command(CONVERT_CHECKPOINT, weights, tree, "out"),
    "convert-checkpoint-overwrite": command([*CONVERT_CHECKPOINT, "--overwrite"], weights_and_network, tree, "out"),
}

"""Find the files of one official checkpoint: the network, its class weights and its settings."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from femb_cli.checkpoints.runs import is_run
from femb_cli.errors import FembError

ENDINGS = (".pt", ".pth", ".pth.tar", ".ckpt", ".safetensors", ".onnx", ".bin", ".params")
"""The endings of files with weights."""

RESUME = re.compile(r"checkpoint_gpu_(\d+)\.pt")
"""arcface_torch's resume files, one per process: each has the network and its shard of the class weights."""

SHARDS = (
    re.compile(r"(?P<step>)rank[_:](?P<rank>\d+)_softmax_weight\.pt"),
    re.compile(r"(?P<step>)classifier_rank(?P<rank>\d+)\.pt"),
    re.compile(r"HEAD_Epoch_(?P<step>\d+)_Split_(?P<rank>\d+)_checkpoint\.pth"),
)
"""Class weights, one file per process: of arcface_torch until 2021, of CVLface, and of TFace, which adds the step."""

HEADERS = (re.compile(r"(\d*)header\.pth"), re.compile(r"(?:Head|HEAD)_.*?(?i:epoch)_?(\d+.*)"))
"""ElasticFace's, face.evoLVe's and TFace's class weights; the group is the step, which the network's name has, too."""

STEPS = (re.compile(r"(\d*)backbone\.pth"), re.compile(r".*?(?i:epoch)_?(\d+.*)"))
"""The networks of ElasticFace, face.evoLVe and TFace; the group is the step."""

NOT_NETWORKS = re.compile(
    r"rank[_:]\d+_softmax_weight_mom\.pt|.*_rank\d+\.pt|(optimizer|lr_scheduler|pipeline)\.pt|(Optimizer|META)_.*"
)
"""Files that are not networks: momenta of class weights, states of optimizers and schedules."""

SETTINGS = ("model.yaml", "config.json")
"""CVLface's settings files: of a training run, and of a repository on the Hub."""


@dataclass(frozen=True)
class OfficialFiles:
    """The files of one checkpoint.

    Attributes:
        network: the file with the network.
        class_weights: the files with class weights by rank; only rank 0 if they are not sharded. `network` is one of
            these files if each process saved both.
        settings: the file that describes the network; None if there is none.
    """

    network: Path
    class_weights: Mapping[int, Path]
    settings: Path | None

    @property
    def all(self) -> list[Path]:
        """Every file once, the network first."""
        return list(dict.fromkeys([self.network, *self.class_weights.values(), *filter(None, [self.settings])]))


def find_files(source: Path) -> OfficialFiles:
    """Find the network at `source`, a file or a directory, and the files that belong to it by their official names.

    Class weights belong to the network if both file names have the same step, or if it is the only network in the
    directory.

    Raises:
        FembError: there is no file with weights, or there are several networks.
    """
    if not source.exists():
        raise FembError(
            f"no file at {source}",
            hint="a file, a directory, a name of femb list models, or OWNER/NAME on the Hub",
        )
    if is_run(source):
        raise FembError(
            f"{source} is a run of femb: it needs no conversion", hint=f"--model {source} takes it as it is"
        )
    directory = source if source.is_dir() else source.parent
    names = sorted(path.name for path in directory.iterdir() if path.is_file())
    networks = [name for name in names if name.endswith(ENDINGS) and not _is_companion(name)]
    name = _choose(directory, networks) if source.is_dir() else source.name
    class_weights = _class_weights(name, names, is_only_network=networks == [name])
    if RESUME.fullmatch(name) and class_weights:
        name = class_weights[min(class_weights)]
    settings = next((directory / setting for setting in SETTINGS if setting in names), None)
    return OfficialFiles(directory / name, {rank: directory / file for rank, file in class_weights.items()}, settings)


def _is_companion(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in (*SHARDS, *HEADERS, NOT_NETWORKS))


def _choose(directory: Path, networks: list[str]) -> str:
    # Prefer resume files to model.pt: they have the class weights, too.
    resumed = [name for name in networks if RESUME.fullmatch(name)]
    if resumed and not set(networks) - set(resumed) - {"model.pt"}:
        return resumed[0]
    if not networks:
        raise FembError(f"{directory} has no file with weights", hint=f"femb reads {', '.join(ENDINGS)}")
    if len(networks) > 1:
        raise FembError(f"{directory} holds several networks: {', '.join(networks)}", hint="name the file to convert")
    return networks[0]


def _class_weights(network: str, names: list[str], *, is_only_network: bool) -> dict[int, str]:
    if RESUME.fullmatch(network):
        return _by_rank(RESUME, names)
    if shards := _shards(network, names, is_only_network=is_only_network):
        return shards
    headers = {name: match[1] for pattern in HEADERS for name in names if (match := pattern.fullmatch(name))}
    steps = {match[1] for pattern in STEPS if (match := pattern.fullmatch(network))}
    same_step = [name for name, step in headers.items() if step in steps]
    if len(same_step) != 1 and is_only_network:
        same_step = list(headers)
    return {0: same_step[0]} if len(same_step) == 1 else {}


def _shards(network: str, names: list[str], *, is_only_network: bool) -> dict[int, str]:
    """Return the shards of the network's step, or all where their names have none and there is no other network."""
    for pattern in SHARDS:
        matches = [match for name in names if (match := pattern.fullmatch(name))]
        steps = {match["step"] for match in matches}
        own = {step for step in steps if step and re.search(rf"(?i:epoch)_{step}_", network)}
        if not own and (is_only_network or network in ("backbone.pth", "model.pt")):
            own = steps
        if len(own) == 1:
            return dict(sorted((int(match["rank"]), match[0]) for match in matches if match["step"] in own))
    return {}


def _by_rank(pattern: re.Pattern[str], names: list[str]) -> dict[int, str]:
    ranked = {int(match[1]): name for name in names if (match := pattern.fullmatch(name))}
    return dict(sorted(ranked.items()))

"""Write and open femb checkpoints: directories with `model.safetensors`, as `runs.py` lists their contents."""

import json
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from femb_cli.backbones import Backbone, build_empty_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.checksums import find_damage, write_checksums
from femb_cli.checkpoints.fingerprint import check_fingerprint, fingerprint
from femb_cli.checkpoints.people import read_people, write_people
from femb_cli.checkpoints.runs import (
    CHECKPOINTS,
    CLASSIFIER,
    CONFIG,
    MODEL,
    STATE,
    checkpoint_folders,
    run_checkpoints,
)
from femb_cli.config.schema import BackboneConfig
from femb_cli.errors import FembError
from femb_cli.files import missing, new_folder

logger = logging.getLogger("femb")


@dataclass(frozen=True)
class Checkpoint:
    """An opened checkpoint: femb has read its card, but not its tensors yet.

    Attributes:
        path: the directory, or a single safetensors file with femb's metadata.
        card: the network's model card.
    """

    path: Path
    card: ModelCard

    @property
    def model_file(self) -> Path:
        """The file with the backbone's tensors."""
        return self.path / MODEL if self.path.is_dir() else self.path

    def load_backbone(self) -> Backbone:
        """Load the network on the CPU, in evaluation mode; its weights are mapped from the file.

        Raises:
            FembError: the file is damaged, a tensor does not fit, or the network does not match its fingerprint.
        """
        self.refuse_damage(MODEL)
        where = str(self.model_file)
        backbone = assemble_backbone(self.card.backbone, _read_tensors(self.model_file), where=where)
        if self.card.fingerprint:
            check_fingerprint(backbone, self.card.preprocessing, self.card.fingerprint, where)
        return backbone

    def people(self) -> NDArray[np.int64]:
        """Return the digests of the names of the people that the network was trained on; raises as `read_people`."""
        return read_people(self.path)

    def refuse_damage(self, name: str) -> None:
        """Compare one file of the directory with its checksum, if the checkpoint has checksums.

        Raises:
            FembError: the file has changed since it was saved.
        """
        if self.path.is_dir() and (damage := find_damage(self.path, name)):
            others = [path for path in run_checkpoints(self.path.parent.parent) if path != self.path]
            hint = f"use another checkpoint of the run, such as {others[-1]}" if others else None
            raise FembError(f"the checkpoint {self.path} is damaged: {damage}", hint=hint)


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a run (its newest checkpoint), a checkpoint directory, or a safetensors file with femb's metadata.

    Raises:
        FembError: there is none, or it is damaged.
    """
    if not path.exists():
        hint = "give a run, a checkpoint directory or a file; femb train makes a run"
        raise FembError(f"no model at {path}", hint=missing(path, hint=hint).hint)
    checkpoint = path
    if path.is_dir() and (path / CHECKPOINTS).is_dir():
        checkpoint = _newest_checkpoint(path)
    file = checkpoint / MODEL if checkpoint.is_dir() else checkpoint
    if not file.is_file():
        problem = f"{path} is neither a run nor a checkpoint: it has no {MODEL}"
        raise FembError(problem, hint="femb list runs shows the runs")
    return Checkpoint(checkpoint, ModelCard.from_metadata(read_metadata(file), str(file)))


def _newest_checkpoint(run: Path) -> Path:
    """Return the newest checkpoint of a run that has a network; say which newer ones have none."""
    checkpoints = run_checkpoints(run)
    if not checkpoints:
        raise FembError(f"the run {run} has no checkpoint yet", hint=f"femb train --resume {run} continues it")
    if (newest := checkpoint_folders(run)[-1]) != checkpoints[-1]:
        logger.warning(f"{newest} has no {MODEL}: using {checkpoints[-1].name}")
    return checkpoints[-1]


def save_checkpoint(
    path: Path,
    backbone: Backbone,
    card: ModelCard,
    *,
    classifier: dict[str, Tensor] | None = None,
    people_U: NDArray[np.int64] | None = None,
    config: str | None = None,
    write_state: Callable[[Path], None] | None = None,
    overwrite: bool = False,
) -> ModelCard:
    """Write a checkpoint directory, either completely or not at all.

    Args:
        path: the directory to make.
        backbone: the network that the card describes; its tensors are stored as they are.
        card: the network's model card.
        classifier: the classifier's tensors; None if training will not continue from here.
        people_U: digests of the names of the people that it was trained on, int64 (U,); None or empty if that is not
            known.
        config: the run's configuration as YAML.
        write_state: called with the directory for the optimizer's state.
        overwrite: replace an existing directory.

    Returns:
        The card as written, with the fingerprint of the stored weights.

    Raises:
        FembError: the directory exists already, or the card describes another network.
    """
    with new_folder(path, overwrite=overwrite) as aside:
        tensors = to_storable(backbone.state_dict())
        # Compute the fingerprint with a new network: `backbone` may be on a GPU, in training mode or in half precision.
        stored = assemble_backbone(card.backbone, tensors, where=str(path))
        card = replace(card, fingerprint=fingerprint(stored, card.preprocessing))
        save_tensors(tensors, aside / MODEL, metadata=card.to_metadata())
        if classifier is not None:
            save_tensors(to_storable(classifier), aside / CLASSIFIER)
        if people_U is not None and len(people_U):
            write_people(aside, people_U)
        if config is not None:
            (aside / CONFIG).write_text(config, encoding="utf-8")
        if write_state is not None:
            (aside / STATE).mkdir()
            write_state(aside / STATE)
        write_checksums(aside)
    return card


def empty_backbone(config: BackboneConfig, *, where: str) -> Backbone:
    """Build a network on the meta device: its tensors have shapes but no values.

    Args:
        config: the network's configuration.
        where: the file that the configuration comes from, for error messages.

    Raises:
        FembError: its layers are too large for torch.
    """
    try:
        return build_empty_backbone(config)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise FembError(f"{where} describes a network too large to build: {config}"[:500]) from error


def assemble_backbone(config: BackboneConfig, tensors: Mapping[str, Tensor], *, where: str) -> Backbone:
    """Build a network from given tensors, on the CPU and in evaluation mode, without initialising or copying weights.

    Args:
        config: the network's configuration.
        tensors: its state dict. Tensors that are float32 and on the CPU become the network's own, without a copy.
        where: the file that the tensors come from, for error messages.

    Raises:
        FembError: a tensor is missing, left over or of another shape.
    """
    backbone = empty_backbone(config, where=where)
    load_strictly(backbone, tensors, where=where)
    return backbone.eval()


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], *, where: str) -> None:
    """Load a state dict whose names and shapes must all fit.

    A module on the meta device takes the tensors themselves (on the CPU, in its own data types); any other module
    copies their values.

    Raises:
        FembError: a tensor is missing, left over or of another shape; the message names it.
    """
    own = module.state_dict()
    misfits = _find_misfits(own, tensors)
    if misfits:
        raise FembError(f"the tensors in {where} do not fit {type(module).__name__}: {misfits}")
    is_empty = any(tensor.is_meta for tensor in own.values())
    if is_empty:
        tensors = {name: tensors[name].to("cpu", own[name].dtype) for name in own}
    module.load_state_dict(tensors, assign=is_empty)


def read_metadata(file: Path) -> dict[str, str]:
    """Read the metadata in a safetensors file's header.

    Raises:
        FembError: the file is not a safetensors file.
    """
    try:
        with safe_open(file, "pt") as tensors:
            return tensors.metadata() or {}
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        hint = "give a run, a checkpoint directory, a .safetensors or an .onnx file"
        if file.suffix in (".pt", ".pth", ".ckpt", ".onnx", ".params", ".bin"):
            hint = f"femb convert-checkpoint {file} {file.with_suffix('')} converts official weights"
        if isinstance(error, OSError) and error.errno is not None:
            raise FembError(f"{file} is not a readable safetensors file: {error.strerror}", hint=hint) from error
        raise FembError(f"{file} is no safetensors file, or a damaged one", hint=hint) from error


def save_tensors(tensors: dict[str, Tensor], file: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file; a full disk is an `OSError`, as with any other file."""
    try:
        save_file(tensors, file, metadata=metadata)
        if metadata:
            _sort_metadata(file)
    except SafetensorError as error:
        if number := re.search(r"os error (\d+)", str(error)):
            raise OSError(int(number[1]), os.strerror(int(number[1]))) from error
        raise


def _sort_metadata(file: Path) -> None:
    """Sort the metadata in a safetensors header in place, so that equal networks are equal files.

    safetensors writes its metadata in another order in each process. The file begins with the length of its header, 8
    bytes, and the header, JSON that may end in spaces.
    """
    with file.open("r+b") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
        header = {"__metadata__": dict(sorted(header.pop("__metadata__").items())), **header}
        text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
        if len(text) <= length:
            stream.seek(8)
            stream.write(text.ljust(length))


def _read_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    # safetensors accepts shapes that torch cannot represent, so torch's errors can occur here, too.
    except (SafetensorError, OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise FembError(f"{file} is a damaged safetensors file") from error


def _find_misfits(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Describe the given tensors that do not fit a module's own; an empty string if all of them fit."""
    missing = [name for name in own if name not in given]
    left_over = [name for name in given if name not in own]
    misshapen = [
        f"{name} {tuple(given[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in given and given[name].shape != own[name].shape
    ]
    misfits = {"missing": missing, "left over": left_over, "of another shape": misshapen}
    return "; ".join(f"{len(names)} {kind} ({', '.join(names[:3])})" for kind, names in misfits.items() if names)


def to_storable(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Make the tensors contiguous and separate those that share memory, as safetensors requires."""
    stored: dict[str, Tensor] = {}
    addresses: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().contiguous()
        if plain.untyped_storage().data_ptr() in addresses:
            plain = plain.clone()
        addresses.add(plain.untyped_storage().data_ptr())
        stored[name] = plain
    return stored

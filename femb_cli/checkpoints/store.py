"""A femb checkpoint: a folder with `model.safetensors`.

In a run it also has `config.yaml`, `classifier.safetensors` and `state/`, which the training goes on from.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from femb_cli.backbones import Backbone, build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.fingerprint import check_fingerprint, fingerprint
from femb_cli.checkpoints.runs import CLASSIFIER, CONFIG, MODEL, STATE, run_checkpoints
from femb_cli.config.schema import BackboneConfig
from femb_cli.errors import FembError
from femb_cli.files import new_folder


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint on disk, its metadata read.

    Attributes:
        path: the folder, or a single safetensors file that carries the metadata.
        card: what the network is.
    """

    path: Path
    card: ModelCard

    @property
    def model_file(self) -> Path:
        """The file with the backbone's tensors."""
        return self.path / MODEL if self.path.is_dir() else self.path

    def load_backbone(self) -> Backbone:
        """The network on the CPU, in evaluation mode, its weights mapped from the file.

        Raises:
            FembError: the file is damaged, a tensor does not fit, or the network does not answer as its fingerprint
                says.
        """
        where = str(self.model_file)
        backbone = assemble_backbone(self.card.backbone, _read_tensors(self.model_file), where=where)
        if self.card.fingerprint:
            check_fingerprint(backbone, self.card.preprocessing, self.card.fingerprint, where)
        return backbone


def save_checkpoint(
    path: Path,
    backbone: Backbone,
    card: ModelCard,
    *,
    classifier: dict[str, Tensor] | None = None,
    config: str | None = None,
    write_state: Callable[[Path], None] | None = None,
    overwrite: bool = False,
) -> ModelCard:
    """Write a checkpoint folder, whole or not at all.

    Args:
        path: the folder to make.
        backbone: the network that the card describes; its tensors are stored as they are.
        card: what the network is.
        classifier: the classifier's tensors, if it should be possible to go on training.
        config: the run's configuration as YAML.
        write_state: called with the folder for the optimizer's state and such.
        overwrite: replace an existing folder.

    Returns:
        The card as written: with the fingerprint of the weights that were written.

    Raises:
        FembError: the folder exists already, or the card describes another network.
    """
    with new_folder(path, overwrite=overwrite) as folder:
        tensors = _as_stored(backbone.state_dict())
        # Of a network built anew: the one at hand may be on a GPU, in training, or compute in half precision.
        written = assemble_backbone(card.backbone, tensors, where=str(path))
        card = replace(card, fingerprint=fingerprint(written, card.preprocessing))
        save_file(tensors, folder / MODEL, metadata=card.to_metadata())
        if classifier is not None:
            save_file(_as_stored(classifier), folder / CLASSIFIER)
        if config is not None:
            (folder / CONFIG).write_text(config, encoding="utf-8")
        if write_state is not None:
            (folder / STATE).mkdir()
            write_state(folder / STATE)
    return card


def open_checkpoint(path: Path) -> Checkpoint:
    """Open a run (its newest checkpoint), a checkpoint folder, or a safetensors file with femb's metadata.

    Raises:
        FembError: there is none, or it is damaged.
    """
    if not path.exists():
        raise FembError(f"no model at {path}", hint="give a run, a checkpoint folder or a file; femb train makes a run")
    folder = path
    if path.is_dir() and (path / "checkpoints").is_dir():
        steps = run_checkpoints(path)
        if not steps:
            raise FembError(f"the run {path} has no checkpoint yet", hint=f"femb train --resume {path} goes on with it")
        folder = steps[-1]
    file = folder / MODEL if folder.is_dir() else folder
    if not file.is_file():
        raise FembError(f"{path} is neither a run nor a checkpoint: it has no {MODEL}")
    return Checkpoint(folder, ModelCard.from_metadata(read_metadata(file), str(file)))


def read_metadata(file: Path) -> dict[str, str]:
    """The texts in a safetensors file's header.

    Raises:
        FembError: the file is not a safetensors file.
    """
    try:
        with safe_open(file, "pt") as tensors:
            return tensors.metadata() or {}
    except (SafetensorError, OSError, UnicodeDecodeError) as error:
        raise FembError(
            f"{file} is not a readable safetensors file: {error}",
            hint="femb convert-checkpoint reads official weights, .onnx files among them",
        ) from error


def _read_tensors(file: Path) -> dict[str, Tensor]:
    try:
        return load_file(file)
    # The header may state shapes that safetensors accepts and torch has no numbers for.
    except (SafetensorError, OSError, RuntimeError, LookupError, TypeError, ValueError) as error:
        raise FembError(f"{file} is not a readable safetensors file: {str(error).splitlines()[0]}") from error


def empty_backbone(config: BackboneConfig, *, where: str) -> Backbone:
    """A network on the meta device, whose tensors have shapes and no numbers.

    Args:
        config: how to build it.
        where: what to call the configuration's origin in an error.

    Raises:
        FembError: its layers are larger than torch can count.
    """
    try:
        with torch.device("meta"), _WithoutDraws():
            return build_configured_backbone(config)
    except (RuntimeError, TypeError, OverflowError) as error:
        raise FembError(f"{where} describes a network too large to build: {config}"[:500]) from error


def assemble_backbone(config: BackboneConfig, tensors: Mapping[str, Tensor], *, where: str) -> Backbone:
    """A network, on the CPU and in evaluation mode, made of given tensors: none is initialised or copied in vain.

    Args:
        config: how to build it.
        tensors: its state dict; the network keeps those that are float32 and on the CPU, not copies of them.
        where: what to call their origin in an error.

    Raises:
        FembError: a tensor is missing, left over or of another shape.
    """
    backbone = empty_backbone(config, where=where)
    load_strictly(backbone, tensors, where=where)
    return backbone.eval()


def load_strictly(module: nn.Module, tensors: Mapping[str, Tensor], *, where: str) -> None:
    """Load a state dict whose names and shapes must all fit.

    A module on the meta device takes the tensors themselves (on the CPU, in its own number types); any other copies
    their values.

    Raises:
        FembError: naming what is missing, left over or of another shape.
    """
    own = module.state_dict()
    missing = [name for name in own if name not in tensors]
    extra = [name for name in tensors if name not in own]
    misfits = [
        f"{name} {tuple(tensors[name].shape)} for {tuple(own[name].shape)}"
        for name in own
        if name in tensors and tensors[name].shape != own[name].shape
    ]
    complaints = {"missing": missing, "left over": extra, "of another shape": misfits}
    if any(complaints.values()):
        text = "; ".join(f"{len(names)} {kind} ({', '.join(names[:3])})" for kind, names in complaints.items() if names)
        raise FembError(f"the tensors in {where} do not fit {type(module).__name__}: {text}")
    is_empty = any(tensor.is_meta for tensor in own.values())
    if is_empty:
        tensors = {name: tensors[name].to("cpu", own[name].dtype) for name in own}
    module.load_state_dict(tensors, assign=is_empty)


class _WithoutDraws(TorchFunctionMode):
    """Leaves out `normal_`, which draws nothing on the meta device but imports half of torch there, for a second."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call any other function."""
        return args[0] if func is Tensor.normal_ else func(*args, **(kwargs or {}))


def _as_stored(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors as the file wants them: contiguous, and no two in the same memory."""
    stored: dict[str, Tensor] = {}
    taken: set[int] = set()
    for name, tensor in tensors.items():
        plain = tensor.detach().contiguous()
        if plain.untyped_storage().data_ptr() in taken:
            plain = plain.clone()
        taken.add(plain.untyped_storage().data_ptr())
        stored[name] = plain
    return stored

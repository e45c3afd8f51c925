"""A femb checkpoint: a folder with `model.safetensors`.

In a run it also has `config.yaml`, `classifier.safetensors` and `state/`, which the training goes on from.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from femb_cli.backbones import Backbone, build_configured_backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.layout import CLASSIFIER, CONFIG, MODEL, STATE, run_checkpoints
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
        """Build the network, load its weights (every tensor must fit) and put it into evaluation mode."""
        backbone = build_configured_backbone(self.card.backbone)
        load_strictly(backbone, load_file(self.model_file), where=str(self.model_file))
        return backbone.eval()


def save_checkpoint(
    path: Path,
    backbone: Backbone,
    card: ModelCard,
    *,
    classifier: dict[str, Tensor] | None = None,
    config: str | None = None,
    write_state: Callable[[Path], None] | None = None,
    overwrite: bool = False,
) -> None:
    """Write a checkpoint folder, whole or not at all.

    Args:
        path: the folder to make.
        backbone: the network; its tensors are stored as they are.
        card: what the network is.
        classifier: the classifier's tensors, if it should be possible to go on training.
        config: the run's configuration as YAML.
        write_state: called with the folder for the optimizer's state and such.
        overwrite: replace an existing folder.
    """
    with new_folder(path, overwrite=overwrite) as folder:
        tensors = {name: tensor.detach().contiguous() for name, tensor in backbone.state_dict().items()}
        save_file(tensors, folder / MODEL, metadata=card.to_metadata())
        if classifier is not None:
            save_file({name: tensor.detach().contiguous() for name, tensor in classifier.items()}, folder / CLASSIFIER)
        if config is not None:
            (folder / CONFIG).write_text(config, encoding="utf-8")
        if write_state is not None:
            (folder / STATE).mkdir()
            write_state(folder / STATE)


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
            hint="femb convert-checkpoint reads official .pth, .pt and .ckpt files",
        ) from error


def load_strictly(module: nn.Module, tensors: dict[str, Tensor], *, where: str) -> None:
    """Load a state dict whose names and shapes must all fit.

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
    module.load_state_dict(tensors)

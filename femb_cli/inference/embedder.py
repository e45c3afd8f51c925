"""The embedder: a trained network together with the preprocessing of its images."""

from collections.abc import Callable
from pathlib import Path
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.fingerprint import check_fingerprint
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.inference.onnx_runtime import open_onnx
from femb_cli.runtime.devices import pick_device


class Embedder:
    """Map uint8 RGB images to raw embeddings; the embedder handles size, colour order, mean and std.

    Args:
        network: preprocessed images (B, 3, H, W) to embeddings (B, D), both float32 on `device`.
        preprocessing: what the network expects of its images.
        embedding_dim: D.
        name: what to call the model in results.
        flip: the model's convention for mirror images in verification, `none` or `sum`.
        device: where to compute.
        card: the model card; None if there is none.
    """

    def __init__(
        self,
        network: Callable[[Tensor], Tensor],
        preprocessing: Preprocessing,
        *,
        embedding_dim: int,
        name: str,
        flip: str,
        device: torch.device,
        card: ModelCard | None = None,
    ) -> None:
        self.network, self.preprocessing, self.embedding_dim = network, preprocessing, embedding_dim
        self.name, self.flip, self.device, self.card = name, flip, device, card

    @overload
    def __call__(self, images_BHW3: NDArray[np.uint8], *, flip: bool = False) -> NDArray[np.float32]: ...

    @overload
    def __call__(self, images_BHW3: Tensor, *, flip: bool = False) -> Tensor: ...

    @torch.inference_mode()
    def __call__(self, images_BHW3: NDArray[np.uint8] | Tensor, *, flip: bool = False) -> NDArray[np.float32] | Tensor:
        """Embed a batch.

        Args:
            images_BHW3: uint8 RGB, (B, H, W, 3); resized to the network's input size if they differ.
            flip: add the embeddings of the mirror images.

        Returns:
            Raw (not normalised) embeddings, (B, D), float32: an array for an array, a tensor (on the CPU) for a tensor.

        Raises:
            FembError: the images have another shape or type.
        """
        batch = torch.as_tensor(images_BHW3)
        if batch.dtype != torch.uint8 or batch.ndim != 4 or batch.shape[3] != 3:
            raise FembError(
                f"an embedder takes uint8 images of shape (B, H, W, 3), not {batch.dtype} {tuple(batch.shape)}"
            )
        inputs_B3HW = self.preprocessing(batch.to(self.device))
        embeddings_BD = self.network(inputs_B3HW)
        if flip:
            embeddings_BD = embeddings_BD + self.network(inputs_B3HW.flip(3))
        embeddings_BD = embeddings_BD.float().cpu()
        return embeddings_BD if isinstance(images_BHW3, Tensor) else embeddings_BD.numpy()


def load_embedder(path: str | Path, device: str | torch.device | None = None) -> Embedder:
    """Load a run, a checkpoint, a safetensors file, or an exported ONNX file.

    Args:
        path: what to load; of a run, its newest checkpoint.
        device: `cpu`, `cuda`, `cuda:1` ...; None: a GPU if there is one.

    Raises:
        FembError: there is no model, it is damaged, or it does not match its fingerprint.
    """
    path = Path(path)
    if is_onnx(path):
        exported = open_onnx(path, device)
        if exported.card.fingerprint:
            check_fingerprint(exported, exported.preprocessing, exported.card.fingerprint, str(path))
        cpu = torch.device("cpu")
        return embedder_of(exported, exported.card, name=str(path), device=cpu, preprocessing=exported.preprocessing)
    chosen = pick_device(device)
    # torch's own default on a GPU is TF32, numbers of 10 bits, in convolutions: not the embeddings that a CPU gives.
    torch.backends.cudnn.allow_tf32 = False
    checkpoint = open_checkpoint(path)
    backbone = checkpoint.load_backbone().to(chosen).to(memory_format=torch.channels_last)
    return embedder_of(backbone, checkpoint.card, name=str(path), device=chosen)


def is_onnx(path: Path) -> bool:
    """Whether a path ends in `.onnx`.

    Raises:
        FembError: the path ends in `.pt2` (torch.export) or `.ts` (TorchScript).
    """
    if path.suffix in (".pt2", ".ts"):
        raise FembError(
            f"{path} is a TorchScript or torch.export file, which could write files or run any code: femb does not open"
            " it",
            hint="give femb the checkpoint or an .onnx file; torch.jit.load opens .ts, torch.export.load .pt2",
        )
    return path.suffix == ".onnx"


def embedder_of(
    network: Callable[[Tensor], Tensor],
    card: ModelCard,
    *,
    name: str,
    device: torch.device,
    preprocessing: Preprocessing | None = None,
) -> Embedder:
    """Return the embedder of a network and its card.

    Args:
        network: preprocessed images (B, 3, H, W) to embeddings (B, D).
        card: the network's model card.
        name: what to call the model in results.
        device: the device of the network's input.
        preprocessing: the preprocessing of the network's input; None: the card's.
    """
    return Embedder(
        network,
        preprocessing or card.preprocessing,
        embedding_dim=card.backbone.embedding_dim,
        name=name,
        flip=card.flip,
        device=device,
        card=card,
    )

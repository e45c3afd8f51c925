"""An embedder: a trained network together with everything that its checkpoint says about images."""

from collections.abc import Callable
from pathlib import Path
from typing import overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from femb_cli.checkpoints.card import ModelCard, preprocessing_from_metadata
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.data.preprocess import Preprocessing
from femb_cli.errors import FembError


class Embedder:
    """Maps uint8 RGB images to raw embeddings; colours, size, mean and std are handled inside.

    Args:
        network: preprocessed images (B, 3, H, W) to embeddings (B, D), both float32 on `device`.
        preprocessing: what the network expects of its images.
        embedding_dim: D.
        name: what to call the model in results.
        flip: `none` or `sum`: how verification treats mirror images by the model's own convention.
        device: where to compute.
        card: the checkpoint's metadata, where there is one.
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
            images_BHW3: uint8 RGB, (B, H, W, 3); resized where the network's input size differs.
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
    """Load a run, a checkpoint, a safetensors file or an exported ONNX file.

    Args:
        path: what to load; of a run, its newest checkpoint.
        device: `cpu`, `cuda`, `cuda:1` ...; None: a GPU where there is one.

    Raises:
        FembError: there is no model, or it is damaged.
    """
    path = Path(path)
    if path.suffix == ".onnx":
        return _load_onnx(path)
    chosen = pick_device(device)
    checkpoint = open_checkpoint(path)
    backbone = checkpoint.load_backbone().to(chosen).to(memory_format=torch.channels_last)
    card = checkpoint.card
    return Embedder(
        backbone,
        card.preprocessing,
        embedding_dim=backbone.embedding_dim,
        name=str(path),
        flip=card.flip,
        device=chosen,
        card=card,
    )


def pick_device(device: str | torch.device | None) -> torch.device:
    """The device that a person asked for, or the best there is.

    Raises:
        FembError: torch cannot use that device here.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise FembError(f"cannot use the device {str(device)!r}: {str(error).splitlines()[0]}") from error
    return chosen


def _load_onnx(path: Path) -> Embedder:
    try:
        import onnxruntime
    except ImportError as error:
        raise FembError("reading ONNX files needs onnxruntime", hint="pip install 'femb[onnx]'") from error
    if not path.is_file():
        raise FembError(f"no model at {path}")
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base class of their own
        raise FembError(f"{path} is not a readable ONNX file: {error}") from error
    metadata = session.get_modelmeta().custom_metadata_map
    if "channel_order" not in metadata:
        raise FembError(
            f"{path} does not say which colours and value range it expects",
            hint="femb export writes ONNX files that do",
        )
    name = session.get_inputs()[0].name

    def network(inputs_B3HW: Tensor) -> Tensor:
        return torch.from_numpy(session.run(None, {name: inputs_B3HW.numpy()})[0])

    return Embedder(
        network,
        preprocessing_from_metadata(metadata),
        embedding_dim=int(metadata["embedding_dim"]),
        name=str(path),
        flip=metadata.get("flip", "none"),
        device=torch.device("cpu"),
    )

"""The embedder: a trained network together with the preprocessing of its images."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, cast, get_args, overload

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from femb_cli.checkpoints.card import ModelCard
from femb_cli.checkpoints.fingerprint import check_fingerprint
from femb_cli.checkpoints.onnx_file import onnx_metadata, read_onnx_model
from femb_cli.checkpoints.stated_onnx import is_stated
from femb_cli.checkpoints.store import open_checkpoint
from femb_cli.data.images.preprocess import Preprocessing
from femb_cli.errors import FembError
from femb_cli.evaluation.metrics.quality import UNIT_LENGTH
from femb_cli.evaluation.verification.score import cosine_scores
from femb_cli.inference.face_reader import Align, EmbeddedFace, FaceImage, FaceReader
from femb_cli.inference.fast_network import FastNetwork
from femb_cli.inference.image_input import OneImage, SeveralImages, is_one_image
from femb_cli.inference.onnx_runtime import open_onnx
from femb_cli.inference.stated_network import StatedNetwork, open_stated
from femb_cli.runtime.devices import pick_device

CPU_BATCH, GPU_BATCH = 64, 128
"""Images that go through the network at once, unless the caller says otherwise; a GPU needs more to be busy."""
EXACT = "exact"
"""The computation of plain float32 without compiling."""


class Embedder:
    """Map images of faces to raw embeddings; the embedder handles size, colour order, mean and std.

    Args:
        network: preprocessed images (B, 3, H, W) to embeddings (B, D), both float32 on `device`.
        preprocessing: what the network expects of its images.
        embedding_dim: D.
        name: what to call the model in results.
        flip: the model's convention for mirror images in verification, `none` or `sum`.
        device: where to compute.
        card: the model card; None if there is none.
        detector: what finds faces in photos: `mtcnn`, `yunet` or the path of YuNet's ONNX file.
        fast: computes the network's embeddings fast; None computes them exactly, by calling the network.

    Attributes:
        fingerprint: the network's embedding of a fixed image, as text; empty if it is not known.
        facts: what results say about the model: the card's entries, or what is stated of an ONNX file.
        batch_size: images that go through the network at once, unless the caller says otherwise.
        computation: `exact`, or the precision in which the embeddings are computed fast.
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
        detector: str | Path = "mtcnn",
        fast: FastNetwork | None = None,
    ) -> None:
        self.network, self.preprocessing, self.embedding_dim = network, preprocessing, embedding_dim
        self.name, self.flip, self.device, self.card = name, flip, device, card
        self.reader = FaceReader(preprocessing.input_size, detector)
        self.batch_size = CPU_BATCH if device.type == "cpu" else GPU_BATCH
        self.computation: str = EXACT if fast is None else fast.precision
        self.fingerprint = card.fingerprint if card is not None else ""
        self.facts: Mapping[str, str] = card.to_display() if card is not None else {}
        self._fast = fast

    def __repr__(self) -> str:
        """Say what the embedder is: its model, its network, its input and output, and where it computes."""
        pixels = self.preprocessing
        backbone = f", {self.card.backbone.name}" if self.card is not None else ""
        return (
            f"Embedder({self.name!r}{backbone}: {pixels.input_size} x {pixels.input_size} {pixels.channel_order}"
            f" -> {self.embedding_dim}, flip {self.flip}, on {self.device})"
        )

    def expect(self, num_images: int, *, flip: bool, batch_size: int) -> None:
        """Prepare for a job of so many images: a fast embedder may compile its network for batches of one size.

        Args:
            num_images: images of all processes together.
            flip: whether their mirror images are embedded, too.
            batch_size: images of a batch; all but the last one should have this size.
        """
        if self._fast is not None:
            self._fast.expect(num_images * (2 if flip else 1), batch_size)

    @overload
    def __call__(self, images: Tensor, *, flip: bool = False, align: Align = "auto") -> Tensor: ...

    @overload
    def __call__(
        self,
        images: NDArray[np.uint8] | str | Path | bytes | Image.Image | SeveralImages,
        *,
        flip: bool = False,
        align: Align = "auto",
    ) -> NDArray[np.float32]: ...

    def __call__(
        self, images: OneImage | SeveralImages, *, flip: bool = False, align: Align = "auto"
    ) -> NDArray[np.float32] | Tensor:
        """Embed images.

        Args:
            images: a batch of aligned faces, uint8 RGB (B, H, W, 3), array or tensor, which is resized to the network's
                input size; or one image: a path, a file's bytes, an image of Pillow, or uint8 RGB (H, W, 3); or several
                of these. Of a photo with several faces the main one counts (see `choose_faces`); `faces` gives all.
            flip: add the embeddings of the mirror images.
            align: which images are photos, in which the face is found and aligned. `auto`: those larger than
                112 x 112 and not of the network's input size, except in a batch; `never`: none; `always`: all.

        Returns:
            Raw (not normalised) embeddings, float32: (D,) of one image, (B, D) of a batch or of several. A tensor (on
            the CPU) for a tensor, else an array.

        Raises:
            FembError: an image cannot be read, or has another shape or type, or a photo shows no face.
        """
        if align not in get_args(Align):
            raise FembError(f"align is {' or '.join(map(repr, get_args(Align)))}, not {align!r}")
        if isinstance(images, np.ndarray | Tensor) and images.ndim != 3 and align != "always":
            return self._embed_batch(images, flip=flip)
        is_one = is_one_image(images)
        faces = self.reader.read_all(cast("Iterable[OneImage]", [images] if is_one else images), align=align)
        batches = _in_batches(faces, self.batch_size)
        rows = [self._embed([face.pixels_SS3 for face in batch], flip=flip) for batch in batches]
        rows_ND = np.concatenate([np.empty((0, self.embedding_dim), np.float32), *rows])
        embeddings = rows_ND[0] if is_one else rows_ND
        return torch.from_numpy(embeddings) if isinstance(images, Tensor) else embeddings

    def faces(self, photo: OneImage, *, flip: bool = False) -> list[EmbeddedFace]:
        """Find all faces of a photo, align and embed them; the largest comes first.

        Args:
            photo: a path, a file's bytes, an image of Pillow, or uint8 RGB (H, W, 3).
            flip: add the embeddings of the mirror images.

        Raises:
            FembError: the photo cannot be read.
        """
        found = self.reader.read_faces(photo)
        return [
            EmbeddedFace(face.box, face.landmarks, face.score, crop, embedding)
            for (face, crop), embedding in zip(found, self._embed([crop for _, crop in found], flip=flip), strict=True)
        ]

    def similarity(
        self, one: OneImage | NDArray[np.floating], other: OneImage | NDArray[np.floating], *, flip: bool | None = None
    ) -> float:
        """Return the cosine of two images, or of two embeddings (D,), from -1 to 1.

        Args:
            one: an image, as of `__call__`, or an embedding.
            other: the same.
            flip: add the embeddings of the mirror images; None: as `femb verify` does, by the model's convention.

        Raises:
            FembError: an image cannot be embedded, or an embedding has another size, is zero or not finite.
        """
        add_mirror = self.flip == "sum" if flip is None else flip
        pair_2D = np.stack([self._embedding_of(image, flip=add_mirror) for image in (one, other)])
        return float(cosine_scores(pair_2D, [0], [1])[0])

    def _embedding_of(self, image: OneImage | NDArray[np.floating], *, flip: bool) -> NDArray[np.floating]:
        """Return the embedding of an image, or the given one."""
        if not isinstance(image, np.ndarray | Tensor) or image.ndim != 1:
            (face,) = self.reader.read_all([cast("OneImage", image)])
            return self._embed([face.pixels_SS3], flip=flip)[0]
        embedding_D: NDArray[Any] = image.detach().cpu().numpy() if isinstance(image, Tensor) else image
        if embedding_D.shape != (self.embedding_dim,) or embedding_D.dtype.kind not in "fiu":
            found = f"{embedding_D.dtype} {embedding_D.shape}"
            raise FembError(f"an embedding of {self!r} has {self.embedding_dim} real numbers, not {found}")
        return embedding_D

    def _embed(self, crops: Sequence[NDArray[np.uint8]], *, flip: bool) -> NDArray[np.float32]:
        """Embed aligned faces, which may have different sizes; return (N, D)."""
        rows_ND = np.empty((len(crops), self.embedding_dim), np.float32)
        for shape in {crop.shape for crop in crops}:
            places = [place for place, crop in enumerate(crops) if crop.shape == shape]
            rows_ND[places] = self._embed_batch(np.stack([crops[place] for place in places]), flip=flip)
        return rows_ND

    @overload
    def _embed_batch(self, images_BHW3: NDArray[np.uint8], *, flip: bool) -> NDArray[np.float32]: ...

    @overload
    def _embed_batch(self, images_BHW3: Tensor, *, flip: bool) -> Tensor: ...

    @torch.inference_mode()
    def _embed_batch(self, images_BHW3: NDArray[np.uint8] | Tensor, *, flip: bool) -> NDArray[np.float32] | Tensor:
        """Embed a batch of aligned faces (B, H, W, 3); raises as `__call__`."""
        shape, dtype = tuple(images_BHW3.shape), str(images_BHW3.dtype).removeprefix("torch.")
        if dtype != "uint8" or len(shape) != 4 or shape[3] != 3 or 0 in shape[1:]:
            raise FembError(f"an embedder takes uint8 images of shape (B, H, W, 3), not {dtype} {shape}")
        # torch warns of arrays that cannot be written to, such as memory maps.
        writeable = np.require(images_BHW3, requirements="W") if isinstance(images_BHW3, np.ndarray) else images_BHW3
        batch = torch.as_tensor(writeable)
        inputs_B3HW = self.preprocessing(batch.to(self.device))
        compute = self._fast or self.network
        embeddings_BD = compute(inputs_B3HW)
        if flip:
            embeddings_BD = embeddings_BD + compute(inputs_B3HW.flip(3))
        embeddings_BD = embeddings_BD.float().cpu()
        return embeddings_BD if isinstance(images_BHW3, Tensor) else embeddings_BD.numpy()


def _in_batches(faces: Iterator[FaceImage], batch_size: int) -> Iterator[list[FaceImage]]:
    """Yield lists of so many faces as a network takes at once, so that memory does not grow with their number."""
    while batch := list(islice(faces, batch_size)):
        yield batch


def load_embedder(
    path: str | Path,
    device: str | torch.device | None = None,
    *,
    exact: bool = True,
    detector: str | Path = "mtcnn",
) -> Embedder:
    """Load a run, a checkpoint, a safetensors file, or an ONNX file.

    Of an ONNX file that femb did not write, `model.yaml` beside `model.onnx` states the pixels.

    The default is exact, unlike that of the command line: a program that embeds one image at a time gains little, and
    its numbers stay the same on all machines, up to rounding.

    Args:
        path: what to load; of a run, its newest checkpoint.
        device: `cpu`, `cuda`, `cuda:1` ...; None: a GPU if there is one.
        exact: compute in float32 without compiling, with the same numbers in every run. Otherwise the embeddings have
            a cosine of at least 0.9998 to the exact ones, and come faster; an ONNX file is always computed as it is.
        detector: what finds faces in photos, see `Embedder`.

    Raises:
        FembError: there is no model, it is damaged, or it does not match its fingerprint.
    """
    path = Path(path)
    if is_onnx(path):
        if is_stated(onnx_metadata(read_onnx_model(path))):
            return _stated_embedder(open_stated(path, device), detector)
        exported = open_onnx(path, device)
        if exported.card.fingerprint:
            check_fingerprint(exported, exported.preprocessing, exported.card.fingerprint, str(path))
        cpu = torch.device("cpu")
        pixels = exported.preprocessing
        return embedder_of(exported, exported.card, name=str(path), device=cpu, preprocessing=pixels, detector=detector)
    chosen = pick_device(device)
    # torch's own default on a GPU is TF32, numbers of 10 bits, in convolutions: not the embeddings that a CPU gives.
    torch.backends.cudnn.allow_tf32 = False
    checkpoint = open_checkpoint(path)
    backbone = checkpoint.load_backbone().to(chosen).to(memory_format=torch.channels_last)
    fast = None if exact else FastNetwork(backbone, checkpoint.card, chosen)
    return embedder_of(backbone, checkpoint.card, name=str(path), device=chosen, detector=detector, fast=fast)


def _stated_embedder(network: StatedNetwork, detector: str | Path) -> Embedder:
    """Return the embedder of an ONNX file of another program."""
    embedder = Embedder(
        network,
        network.preprocessing,
        embedding_dim=network.embedding_dim,
        name=str(network.stated.path),
        flip=network.stated.pixels.flip,
        device=torch.device("cpu"),
        detector=detector,
    )
    embedder.fingerprint = network.fingerprint
    embedder.facts = {**network.stated.to_display(), UNIT_LENGTH: "yes" if network.is_unit else "no"}
    return embedder


def is_onnx(path: Path) -> bool:
    """Whether a path ends in `.onnx` and is no directory.

    Raises:
        FembError: the path ends in `.pt2` (torch.export) or `.ts` (TorchScript).
    """
    if path.suffix in (".pt2", ".ts"):
        raise FembError(
            f"{path} is a TorchScript or torch.export file, which could write files or run any code: femb does not open"
            " it",
            hint="give femb the checkpoint or an .onnx file; torch.jit.load opens .ts, torch.export.load .pt2",
        )
    return path.suffix == ".onnx" and not path.is_dir()


def embedder_of(
    network: Callable[[Tensor], Tensor],
    card: ModelCard,
    *,
    name: str,
    device: torch.device,
    preprocessing: Preprocessing | None = None,
    detector: str | Path = "mtcnn",
    fast: FastNetwork | None = None,
) -> Embedder:
    """Return the embedder of a network and its card.

    Args:
        network: preprocessed images (B, 3, H, W) to embeddings (B, D).
        card: the network's model card.
        name: what to call the model in results.
        device: the device of the network's input.
        preprocessing: the preprocessing of the network's input; None: the card's.
        detector: what finds faces in photos, see `Embedder`.
        fast: computes the network's embeddings fast, see `Embedder`.
    """
    return Embedder(
        network,
        preprocessing or card.preprocessing,
        embedding_dim=card.backbone.embedding_dim,
        name=name,
        flip=card.flip,
        device=device,
        card=card,
        detector=detector,
        fast=fast,
    )

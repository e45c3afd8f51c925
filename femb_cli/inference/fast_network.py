"""A network that embeds fast: in the fastest precision that keeps the embeddings, and compiled in a long job.

Shapes: B images, D embedding dimension.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from femb_cli.backbones import Backbone
from femb_cli.backbones.operations import operations_to_embed
from femb_cli.checkpoints.card import ModelCard
from femb_cli.data.images.decode import decode_image
from femb_cli.data.synthetic.faces import photograph
from femb_cli.errors import FembError
from femb_cli.inference.precision import LEAST_COSINE, in_fastest_precision, least_cosine
from femb_cli.runtime.compilation import can_compile, compile_network
from femb_cli.runtime.ranks import world_size

CHECKED = 4
"""Drawn faces, and then the first images of a job, whose fast embeddings are compared with the exact ones."""
FEWEST_IMAGES = 1000
"""With fewer images nothing is estimated, which takes seconds itself."""
LONG_JOB = 600.0
"""Seconds of embedding from which a minute of compiling pays, as compiled networks take a fifth less."""
CORE_RATE = {"float32": 7e10, "bfloat16": 1.4e11}
"""Floating-point operations in a second of one core: for float32 measured, for bfloat16 an estimate."""
GPU_RATE = {"float32": 2e13, "float16": 1e14}
"""Those of a GPU: rough estimates, which decide only whether to compile."""

logger = logging.getLogger("femb")


class FastNetwork:
    """Compute a network's embeddings fast, with a cosine of at least `LEAST_COSINE` to the exact ones.

    Args:
        network: the network in float32, in evaluation mode.
        card: its model card.
        device: where the network is.

    Attributes:
        precision: that of most operations.
    """

    def __init__(self, network: Backbone, card: ModelCard, device: torch.device) -> None:
        self._exact, self._config, self._device = network, card.backbone, device
        samples_B3HW = card.preprocessing(_drawn_faces(card.preprocessing.input_size).to(device))
        self._plain, self.precision = in_fastest_precision(network, samples_B3HW)
        self._compiled: Callable[[Tensor], Tensor] | None = None
        self._block_B3HW = torch.empty(0, device=device)
        self._is_checked = self.precision == "float32"
        if not self._is_checked:
            logger.info(
                f"embedding in {self.precision}, with cosines of at least {LEAST_COSINE} to float32;"
                " --exact embeds in float32"
            )

    def expect(self, num_images: int, batch_size: int) -> None:
        """Compile the network, if that pays; the first batch does it.

        Args:
            num_images: images to embed in all processes together, counting mirror images.
            batch_size: images of a batch. A compiled network takes no other number, so smaller batches are filled up.
        """
        if self._compiled is None and can_compile(self._device) and self._is_long(num_images):
            logger.info(
                "compiling the network before the first image takes about a minute, and pays for"
                f" {num_images:,} images; --exact embeds without"
            )
            size, on_cpu = self._config.input_size, self._device.type == "cpu"
            self._compiled = compile_network(self._plain, without="--exact embeds without", frozen=on_cpu)
            self._block_B3HW = torch.zeros(batch_size, 3, size, size, device=self._device)
            self._block_B3HW = self._block_B3HW.to(memory_format=torch.channels_last)
            self._is_checked = False

    def __call__(self, images_B3HW: Tensor) -> Tensor:
        """Map preprocessed images to raw embeddings, float32 (B, D).

        Raises:
            FembError: the embeddings of the first images are not those of the network.
        """
        embeddings_BD = self._compute(images_B3HW)
        if not self._is_checked:
            self._check(images_B3HW[:CHECKED], embeddings_BD[:CHECKED])
            self._is_checked = True
        return embeddings_BD

    def _is_long(self, num_images: int) -> bool:
        """Whether a job takes ten minutes or more on all processes, by a rough estimate from the operations."""
        if num_images < FEWEST_IMAGES:
            return False
        on_cpu = self._device.type == "cpu"
        rate = CORE_RATE[self.precision] * torch.get_num_threads() if on_cpu else GPU_RATE[self.precision]
        return num_images * operations_to_embed(self._config) / (rate * world_size()) >= LONG_JOB

    def _compute(self, images_B3HW: Tensor) -> Tensor:
        if self._compiled is not None:
            try:
                blocks = images_B3HW.split(len(self._block_B3HW))
                return torch.cat([self._compute_block(self._compiled, block) for block in blocks])
            except FembError as error:
                logger.warning(f"embedding without compiling: {error.message}")
                self._compiled = None
        embeddings_BD: Tensor = self._plain(images_B3HW)
        return embeddings_BD

    def _compute_block(self, compiled: Callable[[Tensor], Tensor], images_B3HW: Tensor) -> Tensor:
        """Compute a batch that may be smaller than the one that the network is compiled for."""
        self._block_B3HW[: len(images_B3HW)] = images_B3HW
        return compiled(self._block_B3HW)[: len(images_B3HW)]

    def _check(self, images_B3HW: Tensor, embeddings_BD: Tensor) -> None:
        """Compare the embeddings of the first images with the exact ones."""
        least = least_cosine(embeddings_BD, self._exact(images_B3HW))
        # "not >=" instead of "<", so that a cosine of NaN is refused, too.
        if not least >= LEAST_COSINE:
            raise FembError(
                f"the fast embeddings of this network differ from the exact ones: the cosine is {least:.5f} for one of"
                f" the first images, and at least {LEAST_COSINE} is needed",
                hint="--exact embeds in float32 without compiling",
            )


def _drawn_faces(size: int) -> Tensor:
    """Return faces of several people, uint8 RGB (B, size, size, 3)."""
    jpegs = [photograph(0, identity, 0, size).jpeg for identity in range(CHECKED)]
    return torch.stack([torch.from_numpy(decode_image(jpeg, size, "drawn face")) for jpeg in jpegs])

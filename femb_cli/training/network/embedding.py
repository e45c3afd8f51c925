"""Embed images with a network that is being trained."""

from collections.abc import Iterator
from contextlib import contextmanager

from femb_cli.backbones import Backbone
from femb_cli.checkpoints.card import ModelCard
from femb_cli.inference.embedder import Embedder, embedder_of


@contextmanager
def embedder_in_training(backbone: Backbone, card: ModelCard, name: str) -> Iterator[Embedder]:
    """Yield an embedder of a network, which is in evaluation mode within the block and as before after it.

    Args:
        backbone: the network, in any precision.
        card: its model card.
        name: what to call the model in results.
    """
    parameter, was_training = next(backbone.parameters()), backbone.training
    backbone.eval()
    try:
        yield embedder_of(
            lambda inputs_B3HW: backbone(inputs_B3HW.to(parameter.dtype)), card, name=name, device=parameter.device
        )
    finally:
        backbone.train(was_training)

"""Freeze parts of a backbone: their weights get no gradient, and their batch norms keep their statistics."""

from collections.abc import Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from femb_cli.backbones import Backbone, build_empty_backbone
from femb_cli.config.schema import BackboneConfig
from femb_cli.errors import UsageError

WHOLE, BATCH_NORMS = "backbone", "batch_norms"


def freeze(backbone: Backbone, parts: Sequence[str]) -> None:
    """Freeze parts of a backbone, in place.

    Args:
        backbone: the network.
        parts: `backbone`, `batch_norms`, or the beginning of a part's name (`layer1` means `layer1.0.conv1`, too).

    Raises:
        UsageError: the backbone has no such part.
    """
    for part in parts:
        chosen = [module for name, module in backbone.named_modules() if _belongs(name, module, part)]
        if not chosen:
            known = ", ".join(name for name, _ in backbone.named_children())
            raise UsageError(f"freeze: the backbone has no part {part!r}", hint=f"{WHOLE}, {BATCH_NORMS}, {known}")
        for module in chosen:
            module.requires_grad_(False)
            if isinstance(module, _BatchNorm):
                backbone.keep_statistics.append(module)
    backbone.train(backbone.training)


def check_parts(config: BackboneConfig, parts: Sequence[str]) -> None:
    """Refuse parts that a backbone does not have, without computing its weights.

    Raises:
        UsageError: the backbone has no such part.
    """
    freeze(build_empty_backbone(config), parts)


def is_trained(backbone: nn.Module) -> bool:
    """Whether any weight of a backbone is trained."""
    return any(parameter.requires_grad for parameter in backbone.parameters())


def _belongs(name: str, module: nn.Module, part: str) -> bool:
    """Whether a module is in a part; the backbone itself, with the name "", is in the whole only."""
    if part == BATCH_NORMS:
        return isinstance(module, _BatchNorm)
    return part == WHOLE or (name != "" and f"{name}.".startswith(f"{part}."))

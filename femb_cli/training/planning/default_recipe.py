"""Choose the configuration of a training for which the user names none."""

from dataclasses import dataclass, field
from typing import Any

from femb_cli.config.load import config_path, load_config

QUICKSTART, FINE_TUNE, SMALL, LARGE = "quickstart", "fine_tune", "people_small", "people_r50"

MANY_IMAGES = 100_000
"""From here on, a GPU trains an IResNet-50."""


@dataclass(frozen=True)
class DefaultRecipe:
    """The configuration that ships with femb and fits the data and the hardware.

    Attributes:
        name: of the configuration.
        reason: why it was chosen, for the user; empty for the quick start.
        changes: settings that the data need, by key path.
    """

    name: str
    reason: str = ""
    changes: dict[str, Any] = field(default_factory=dict)


def default_recipe(
    num_images: int | None, *, on_gpu: bool, starts_from: str | None, batch_is_named: bool = False
) -> DefaultRecipe:
    """Choose a recipe.

    Args:
        num_images: images in the user's training set; None for drawn faces.
        on_gpu: whether a GPU trains.
        starts_from: the checkpoint that the run starts from, if any.
        batch_is_named: whether the user has chosen a batch size, so that the recipe's is not used.
    """
    if num_images is None:
        return DefaultRecipe(QUICKSTART if starts_from is None else FINE_TUNE)
    if starts_from is not None:
        name, reason = FINE_TUNE, f"to train {starts_from} further"
    elif on_gpu and num_images >= MANY_IMAGES:
        name, reason = LARGE, f"for {num_images:,} images on a GPU"
    else:
        where = "on a GPU" if on_gpu else "on a CPU"
        name, reason = SMALL, f"for {num_images:,} images {where}"
    changes: dict[str, Any] = {}
    batch_size = load_config(config_path(name)).batch_size
    if (largest := num_images // 2) < batch_size and not batch_is_named:
        changes["batch_size"] = max(2, 2 ** (max(largest, 1).bit_length() - 1))
        reason += f", batch size {changes['batch_size']}"
    return DefaultRecipe(name, reason, changes)

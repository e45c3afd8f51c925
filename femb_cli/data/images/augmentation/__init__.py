"""Random changes to a batch of training images, on the batch's device: one operation in a file, or a few alike.

Images are RGB with values from 0 to 255; they are normalised afterwards, see `preprocess.py`. Every image draws its own
change, see `draws.py`.
"""

from collections import Counter
from collections.abc import Sequence

from torch import Tensor

from femb_cli.config.registry import build
from femb_cli.config.schema import AugmentConfig
from femb_cli.data.images.augmentation.draws import Draws
from femb_cli.data.images.augmentation.operation import Operation


class Augmentation:
    """The configured operations, one after the other.

    Args:
        configs: the entries of the configuration's `augment`, in order.
    """

    def __init__(self, configs: Sequence[AugmentConfig]) -> None:
        self.operations: dict[str, Operation] = {}
        seen: Counter[str] = Counter()
        for config in configs:
            seen[config.name] += 1
            self.operations[f"{config.name} {seen[config.name]}"] = build(config)

    def __call__(self, images_B3HW: Tensor, draws: Draws) -> Tensor:
        """Change a batch.

        An operation draws from a generator of its own, which depends on its name and on how many of that name stand
        before it. So what it draws stays the same when other operations are added, moved or removed.

        Args:
            images_B3HW: RGB, values 0 to 255, uint8 or float32; not changed in place.
            draws: the random numbers of the step.

        Returns:
            Images of the same shape; float32, but uint8 if they were so and every operation keeps bytes.
        """
        for key, operation in self.operations.items():
            images_B3HW = operation(images_B3HW, draws.of(key))
        return images_B3HW


__all__ = ["Augmentation", "Draws", "Operation"]

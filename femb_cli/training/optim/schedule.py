"""The learning rate's course over a run, as a factor on the optimizer's rate."""

import math

from femb_cli.config.schema import ScheduleConfig


def learning_rate_factor(step: int, steps: int, config: ScheduleConfig) -> float:
    """The factor of a step, counted from 0, in a run of `steps`.

    The warm-up rises linearly to 1; then the rate follows its shape, which ends at 0 except for `step` and `constant`.
    """
    warmup_steps = config.warmup * steps
    if step < warmup_steps:
        return (step + 1) / (warmup_steps + 1)
    progress = (step - warmup_steps) / (steps - warmup_steps)
    match config.name:
        case "polynomial":
            return (1 - progress) ** config.power
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * progress))
        case "step":
            return 0.1 ** sum(step >= milestone * steps for milestone in config.milestones)
        case _:
            return 1.0

"""The learning rate schedule, as a factor on the optimizer's rate."""

import math

from femb_cli.config.schema import ScheduleConfig


def learning_rate_factor(step: int, steps: int, config: ScheduleConfig) -> float:
    """Return the factor of a step, counted from 0, in a run of `steps` steps.

    The factor rises linearly to 1 during the warm-up. Then it follows the configured shape: `polynomial` and `cosine`
    fall to 0, `step` divides by 10 at each milestone, and `constant` stays at 1.
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

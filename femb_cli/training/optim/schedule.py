"""The learning rate as a function of the step alone: a factor on the optimizer's rate.

So a run that is resumed, at any step, has the rates of an unbroken one.
"""

import math
from dataclasses import dataclass

from femb_cli.config.schema import OptimizerConfig, ScheduleConfig, SGDConfig, TrainConfig
from femb_cli.config.section import Duration


def learning_rate_factor(step: float, steps: int, config: ScheduleConfig, steps_per_epoch: float) -> float:
    """Return the factor of a step in a run.

    The factor rises linearly to 1 during the warm-up. Then it follows the configured shape: `polynomial` and `cosine`
    fall to 0, `step` divides by 10 at each milestone, and `constant` stays at 1.

    Args:
        step: the step, counted from 0; a fraction within the micro-batches of a step.
        steps: steps of the run.
        config: the schedule.
        steps_per_epoch: steps of a pass over the data, for lengths in epochs.
    """
    warmup_steps = Duration.in_steps(config.warmup, steps, steps_per_epoch)
    if step < warmup_steps:
        return _warmup_factor(step, warmup_steps, config)
    progress = (step - warmup_steps) / max(steps - warmup_steps, 1)
    match config.name:
        case "polynomial":
            return (1 - progress) ** config.power
        case "cosine":
            return 0.5 * (1 + math.cos(math.pi * progress))
        case "step":
            milestones = (Duration.in_steps(milestone, steps, steps_per_epoch) for milestone in config.milestones)
            return 0.1 ** sum(step >= milestone for milestone in milestones)
        case _:
            return 1.0


def _warmup_factor(step: float, warmup_steps: float, config: ScheduleConfig) -> float:
    """Return the factor of a step within the warm-up."""
    if config.first_warmup_step == "low":
        return (step + 1) / (warmup_steps + 1)
    return step / warmup_steps if step > 0 else 1.0


def longer_warmup(config: ScheduleConfig, steps: int, steps_per_epoch: float) -> str | None:
    """Describe a warm-up that does not end within the run, so that the full learning rate is never reached."""
    warmup_steps = Duration.in_steps(config.warmup, steps, steps_per_epoch)
    if warmup_steps < steps:
        return None
    return (
        f"the warm-up of {math.ceil(warmup_steps):,} steps does not end within the run of {steps:,}: the learning rate"
        " never reaches its full value (schedule.warmup)"
    )


def batch_scale(config: OptimizerConfig, batch_size: int) -> float:
    """Return the factor on the learning rate of a run whose batch size is not the one that the rate is for.

    For SGD it is the ratio of the two (Goyal et al.: Accurate, Large Minibatch SGD, 2017,
    https://arxiv.org/abs/1706.02677, section 2.1), and for AdamW its square root (Malladi et al.: On the SDEs and
    Scaling Rules for Adaptive Gradient Algorithms, NeurIPS 2022, https://arxiv.org/abs/2205.10287, section 5).
    """
    if config.lr_batch_size is None:
        return 1.0
    ratio = batch_size / config.lr_batch_size
    return ratio if isinstance(config, SGDConfig) else math.sqrt(ratio)


@dataclass(frozen=True)
class Rates:
    """The learning rate of every step of a run, and the weight of a micro-batch's loss.

    Attributes:
        config: of the run.
        steps: steps of the run.
        steps_per_epoch: steps of a pass over the data.
    """

    config: TrainConfig
    steps: int
    steps_per_epoch: float

    def factor(self, step: int) -> float:
        """Return the factor on the optimizer's learning rate in a step, counted from 0."""
        # arcface_torch moves on its schedule after each micro-batch, and the last one of a step gives its rate.
        within = 1 - 1 / self.config.micro_batches if self.config.accumulate == "official" else 0.0
        factor = learning_rate_factor(step + within, self.steps, self.config.schedule, self.steps_per_epoch)
        return factor * batch_scale(self.config.optimizer, self.config.batch_size)

    @property
    def loss_weight(self) -> float:
        """The factor on the loss of a micro-batch."""
        return 1 / self.config.micro_batches if self.config.accumulate == "mean" else 1.0

"""Choose whether a run compiles its backbone (no torch, unless a run may be long enough)."""

import os
from dataclasses import replace

from femb_cli.config.schema import TrainConfig
from femb_cli.progress import Say
from femb_cli.runtime.compilation import can_compile
from femb_cli.training.planning.plan import Plan

FEWEST_STEPS = 1000
"""With fewer steps nothing is estimated."""
LONG_RUN = 600.0
"""Seconds of training from which a minute of compiling pays, as compiled steps take a fifth less or better."""
CORE_RATE, GPU_RATE = 4e10, 4e13
"""Floating-point operations in a second that a core, or a GPU in float32, does in training: rough, for an estimate."""


def choose_compilation(config: TrainConfig, plan: Plan, device: str | None, *, resumed: bool, say: Say) -> TrainConfig:
    """Return the configuration with `compile` decided, and tell the user if the backbone is compiled.

    A resumed run computes as it has done before. One whose configuration says nothing is of an older femb, which did
    not compile.

    Args:
        config: the run's configuration.
        plan: the run's size.
        device: the device that the command names, if any.
        resumed: whether the run has begun before.
        say: prints a line for the user.
    """
    if config.compile is not None or resumed:
        return config
    compiles = plan.steps >= FEWEST_STEPS and is_usual(config) and can_compile(device) and is_long(config, plan, device)
    if compiles:
        say(
            "compiling the backbone before the first step takes about a minute, and pays in a run of this length;"
            " --set compile=false trains without"
        )
    return replace(config, compile=compiles)


def is_long(config: TrainConfig, plan: Plan, device: str | None) -> bool:
    """Whether a run trains for ten minutes or more, by a rough estimate from its backbone's operations."""
    from femb_cli.runtime.devices import pick_device
    from femb_cli.training.network.operations import operations_of_an_image

    on_cpu = pick_device(device).type == "cpu"
    rate = CORE_RATE * (os.cpu_count() or 1) if on_cpu else GPU_RATE * plan.processes
    return plan.steps * plan.batch_size * operations_of_an_image(config.backbone) / rate >= LONG_RUN


def is_usual(config: TrainConfig) -> bool:
    """Whether nothing in a configuration is at odds with compiling."""
    return not (config.recompute_activations or config.sync_batch_norm or config.precision == "fp64")

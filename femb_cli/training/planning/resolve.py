"""Turn the arguments of `femb train` into a configuration and an open training set."""

import os
from dataclasses import fields
from pathlib import Path

from femb_cli.checkpoints.runs import CONFIG, read_config
from femb_cli.config.load import load_config, shipped_configs
from femb_cli.config.schema import DatasetConfig, TrainConfig
from femb_cli.data.open import open_source
from femb_cli.data.source import ImageSource
from femb_cli.errors import FembError, UsageError
from femb_cli.progress import Say
from femb_cli.training.planning.default_recipe import MANY_IMAGES, QUICKSTART, DefaultRecipe, default_recipe
from femb_cli.training.planning.job import TrainRequest
from femb_cli.training.planning.resume import run_to_resume


def resolve(request: TrainRequest, resumed: Path | None, say: Say) -> tuple[TrainConfig, ImageSource | None]:
    """Return the configuration of a request, and its training set if that had to be opened to choose a recipe.

    Args:
        request: the arguments of `femb train`.
        resumed: the run that it resumes, if any, as `resumed_run` returns it.
        say: prints a line for the user.

    Raises:
        UsageError: a setting is wrong.
        FembError: the configuration of the resumed run is not whole, there is no checkpoint to start from, or the
            training set cannot be opened.
    """
    if resumed is not None:
        read_config(resumed)  # refuses a file that is not whole
        return load_config(resumed / CONFIG, request.settings, request.overrides), None
    if request.config is not None:
        config = _load(request, DefaultRecipe(request.config))
        _say_what_the_network_keeps(request, config, request.config, say)
        return config, None
    # The data and the checkpoint do not depend on the recipe, and the recipe depends on them.
    start = load_config(QUICKSTART, request.settings, request.overrides)
    source = open_dataset(start, request, None)
    num_images = None if source is None else len(source)
    recipe = default_recipe(
        num_images,
        on_gpu=_on_gpu(request, num_images),
        starts_from=start.init.checkpoint,
        batch_is_named="batch_size" in request.overrides
        or any(setting.startswith("batch_size=") for setting in request.settings),
    )
    config = _load(request, recipe)
    if recipe.reason:
        say(f"no CONFIG given: training {recipe.name}, {recipe.reason}; femb list configs shows others")
    _say_what_the_network_keeps(request, config, recipe.name, say)
    return config, source


def resumed_run(request: TrainRequest) -> Path | None:
    """Return the run that a request resumes, if any.

    Raises:
        UsageError: an argument cannot be combined with `--resume`.
        FembError: there is no such run.
    """
    if request.resume is None:
        return None
    if request.overwrite:
        raise UsageError("--resume goes on with a run and --overwrite replaces one", hint="leave out one of them")
    if request.config is not None or request.out is not None or "init.checkpoint" in request.overrides:
        raise UsageError(
            "a resumed run keeps its configuration, directory and weights", hint="leave out CONFIG, --out and --init"
        )
    return run_to_resume(request.resume)


def open_dataset(config: TrainConfig, request: TrainRequest, resumed: Path | None) -> ImageSource | None:
    """Open the training set; None if it is drawn.

    Raises:
        FembError: it is not there, or cannot be read; the hint says how to make it.
    """
    if not isinstance(config.data, DatasetConfig):
        return None
    try:
        return open_source(config.data.path, channels=config.data.channels)
    except FembError as error:
        if not os.path.lexists(config.data.path):
            if resumed is not None and "data" not in request.overrides:
                error.hint = f"it was {config.data.path} when the run began: name its new place with --data"
            elif command := _conversion_of(request.config):
                error.hint = f"{command} makes it, or --data names another"
        raise


def _load(request: TrainRequest, recipe: DefaultRecipe) -> TrainConfig:
    """Load the configuration of a new run; with `--init`, the backbone is the checkpoint's."""
    overrides = {**recipe.changes, **request.overrides}
    config = load_config(recipe.name, request.settings, overrides)
    if config.init.checkpoint is None:
        return config
    from femb_cli.checkpoints.store import open_checkpoint
    from femb_cli.training.network.warm_start import load_config_from

    checkpoint = open_checkpoint(Path(config.init.checkpoint))
    return load_config_from(checkpoint, request.config, recipe.name, request.settings, overrides)


def _on_gpu(request: TrainRequest, num_images: int | None) -> bool:
    """Whether a GPU trains; asked only where the recipe depends on it, because importing torch takes seconds."""
    if num_images is None or num_images < MANY_IMAGES:
        return False
    from femb_cli.runtime.devices import pick_device

    return pick_device(request.device).type == "cuda"


def _conversion_of(config: str | None) -> str | None:
    """Return the command that makes a shipped configuration's training set, from the comment in its file."""
    file = shipped_configs().get(config or "")
    lines = [] if file is None else file.read_text(encoding="utf-8").splitlines()
    commands = (line.lstrip("# ") for line in lines if line.startswith("#"))
    return next((command for command in commands if command.startswith("femb convert ")), None)


def _say_what_the_network_keeps(request: TrainRequest, config: TrainConfig, name: str, say: Say) -> None:
    """Tell the user which settings of a configuration's backbone stay for the network that the command names."""
    if "backbone" not in request.overrides or config.init.checkpoint is not None:
        return
    backbone = config.backbone
    defaults, before = type(backbone)(name=backbone.name), load_config(name).backbone  # type: ignore[arg-type]
    if before.name == backbone.name:
        return
    kept = [
        f"{item.name} {getattr(backbone, item.name)}"
        for item in fields(backbone)
        if item.name != "name"
        and getattr(backbone, item.name) == getattr(before, item.name, None)
        and getattr(backbone, item.name) != getattr(defaults, item.name)
    ]
    if kept:
        say(f"{backbone.name} keeps {', '.join(kept)} of {name}'s {before.name}; --set backbone.KEY=VALUE changes one")

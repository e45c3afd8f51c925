"""`femb config`."""

from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output


def config(
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="[CONFIG]",
            help="YAML file, or a name from femb list configs. Default: the default of every setting.",
            show_default=False,
        ),
    ] = None,
    named_file: Annotated[
        str | None,
        typer.Option("--config", metavar="CONFIG", help="Another spelling of CONFIG."),
    ] = None,
    settings: options.Settings = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Check a configuration and show all its values, defaults included.

    \b
    Examples:
      femb config quickstart
      femb config my.yaml --set header=magface --set header.lambda_g=20
    """
    from femb_cli.config.load import dump_config, load_config, to_tree

    resolved = load_config(options.one_config(file, named_file), settings or ())
    Output(json=json, quiet=quiet).result(to_tree(resolved), dump_config(resolved).rstrip())

"""`femb list`."""

from enum import StrEnum
from typing import Annotated

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs


class Kind(StrEnum):
    """What can be listed."""

    headers = "headers"
    backbones = "backbones"
    benchmarks = "benchmarks"
    configs = "configs"
    families = "families"


def list_entries(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    json: options.Json = False,
) -> None:
    """List what there is.

    \b
    Examples:
      femb list headers
      femb list configs
    """
    entries = _entries(kind)
    document = [{"name": name, "description": text} for name, text in entries.items()]
    Output(json=json).result(document, format_pairs(entries))


def _entries(kind: Kind) -> dict[str, str]:
    from femb_cli.config.load import choices, shipped_configs
    from femb_cli.config.schema import BackboneConfig, HeaderConfig

    match kind:
        case Kind.headers:
            return {name: _summary(entry.__doc__) for name, entry in choices(HeaderConfig).items()}
        case Kind.backbones:
            return {name: _summary(entry.__doc__) for name, entry in choices(BackboneConfig).items()}
        case Kind.configs:
            return {
                name: path.read_text(encoding="utf-8").splitlines()[0].lstrip("# ")
                for name, path in shipped_configs().items()
            }
        case Kind.families:
            from femb_cli.checkpoints.official import FAMILIES

            return {name: family.repository for name, family in FAMILIES.items()}
        case Kind.benchmarks:
            from femb_cli.evaluation.verification.benchmarks import BENCHMARKS

            return {name: benchmark.title for name, benchmark in BENCHMARKS.items()}


def _summary(docstring: str | None) -> str:
    return (docstring or "").strip().splitlines()[0]

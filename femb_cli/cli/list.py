"""`femb list`."""

from typing import Annotated, Literal

import typer

from femb_cli.cli import options
from femb_cli.cli.output import Output, format_pairs

Kind = Literal["headers", "backbones", "augmentations", "benchmarks", "configs", "families"]


def list_entries(
    kind: Annotated[Kind, typer.Argument(help="What to list.")],
    json: options.Json = False,
) -> None:
    """List the headers, backbones, augmentations, benchmarks, configurations or checkpoint families that femb knows.

    \b
    Examples:
      femb list headers
      femb list configs
    """
    entries = _entries(kind)
    document = [{"name": name, "description": text} for name, text in entries.items()]
    Output(json=json).result(document, format_pairs(entries))


def _entries(kind: Kind) -> dict[str, str]:
    """Name and one-line description of each entry."""
    match kind:
        case "headers":
            from femb_cli.config.schema import HeaderConfig

            return _choices(HeaderConfig)
        case "backbones":
            from femb_cli.config.schema import BackboneConfig

            return _choices(BackboneConfig)
        case "augmentations":
            from femb_cli.config.schema import AugmentConfig

            return _choices(AugmentConfig)
        case "configs":
            from femb_cli.config.load import shipped_configs

            texts = {name: path.read_text(encoding="utf-8") for name, path in shipped_configs().items()}
            ordered = sorted(texts, key=lambda name: _is_published(texts[name]))
            return {name: _first_line(texts[name]) for name in ordered}
        case "families":
            from femb_cli.checkpoints.official import FAMILIES

            return {name: family.repository for name, family in FAMILIES.items()}
        case "benchmarks":
            from femb_cli.evaluation.verification.benchmarks import BENCHMARKS

            return {name: benchmark.title for name, benchmark in BENCHMARKS.items()}


def _choices(union: object) -> dict[str, str]:
    from femb_cli.config.section import choices

    return {name: _first_line(section.__doc__) for name, section in choices(union).items()}


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0].lstrip("# ")


def _is_published(config: str) -> bool:
    """Whether a configuration is a published recipe: these are listed last, because a newcomer needs the others."""
    return "\n# Published:" in config

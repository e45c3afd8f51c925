"""Headers: the margin formulas that turn the cosines of a sample into its training logits, one per file."""

from typing import Any

from femb_cli.config.registry import build, make
from femb_cli.config.schema import HeaderConfig
from femb_cli.headers.header import Header


def build_header(name: str, **parameters: Any) -> Header:
    """Build a header by name, for example `build_header("magface", lambda_g=35.0)`; it holds no class weights.

    Args:
        name: one of `femb list headers`.
        parameters: the fields of the header's dataclass in `config/schema.py`, by default as published.

    Raises:
        UsageError: the name or a parameter is unknown, or a value is out of range.
    """
    return build_configured_header(make(HeaderConfig, name, **parameters))


def build_configured_header(config: HeaderConfig) -> Header:
    """Build the header that a configuration describes."""
    return build(config)


__all__ = ["Header", "build_configured_header", "build_header"]

"""The configurations that ship with femb. A shell completes their names, so that nothing else is loaded here."""

from pathlib import Path


def shipped_configs() -> dict[str, Path]:
    """The configurations that come with femb: name to file."""
    package = Path(__file__).parents[1]
    installed = package / "configs"
    directory = installed if installed.is_dir() else package.parent / "configs"
    return {path.stem: path for path in sorted(directory.glob("*.yaml"))}

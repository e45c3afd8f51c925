"""The person that an image's name states: the folder that it is in."""

from collections.abc import Sequence

from femb_cli.errors import FembError


def person_of(name: str) -> str:
    """Return the folder of an image, or the name itself if it has none: a person of its own."""
    return name.rsplit("/", 2)[-2] if "/" in name else name


def check_people(names: Sequence[str], where: object) -> None:
    """Refuse names of which none states a person.

    Raises:
        FembError: no image is in a folder.
    """
    if not any("/" in name for name in names):
        raise FembError(
            f"the names of {where} state no people: the first is {names[0]!r}",
            hint="a name states a person by a folder, as anna/1.jpg does",
        )

"""Identities from the layout of a folder or an archive: one folder per identity.

Shapes: N images, F folders that hold images.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from femb_cli.data.files.split_names import is_split_name
from femb_cli.data.identities import FoundPeople, Identities
from femb_cli.data.read_as import folder_levels
from femb_cli.errors import FembError

Folder = tuple[str, ...]
"""The names of the folders that lead to an image, from the top."""


def read_layout(names: Sequence[str], person_folder: str | None = None) -> FoundPeople:
    """Make one identity of each folder that holds images, if all of them lie equally deep.

    A level at which all folders have the same name is ignored. Folders of the same name in several parts of a dataset,
    such as `train` and `val`, are one person. Identities are sorted by code point.

    Args:
        names: Relative paths of the images, with '/'.
        person_folder: The level of the folders that are people, see `folder_levels`; None for the rule above. Folders
            of the same name at that level are one person. An image above that level has no identity.

    Raises:
        UsageError: `person_folder` is not a level.
        FembError: No image lies as deep as `person_folder` says.
    """
    folders_F = list(dict.fromkeys(name.rpartition("/")[0] for name in names))
    parts_F = [tuple(folder.split("/")) if folder else () for folder in folders_F]
    if person_folder is not None:
        people_F = _people_at(parts_F, folder_levels(person_folder), person_folder)
        return FoundPeople(_identities(names, dict(zip(folders_F, people_F, strict=True))))
    if len({len(parts) for parts in parts_F}) > 1 or parts_F == [()]:
        return _uneven(names, parts_F)
    level = _deepest_that_differs(parts_F)
    if unclear := _unclear(parts_F, level):
        return unclear
    people_F = [parts[level] for parts in parts_F]
    return FoundPeople(_identities(names, dict(zip(folders_F, people_F, strict=True))), _guess(parts_F, level))


def _identities(names: Sequence[str], person_of: dict[str, str | None]) -> Identities:
    """Label each image by the person of its folder; None means that the person is unknown."""
    people = sorted({person for person in person_of.values() if person is not None})
    label_of_person = {person: label for label, person in enumerate(people)}
    label_of = {folder: -1 if person is None else label_of_person[person] for folder, person in person_of.items()}
    return Identities(people, np.array([label_of[name.rpartition("/")[0]] for name in names], dtype=np.int64))


def _people_at(parts_F: list[Folder], levels: list[int], given: str) -> list[str | None]:
    """Return the name of the person of each folder, at the levels that the user gives."""
    places = [level - 1 if level > 0 else level for level in levels]
    people_F = [
        "/".join(parts[place] for place in places)
        if all(-len(parts) <= place < len(parts) for place in places)
        else None
        for parts in parts_F
    ]
    if not any(people_F):
        deepest = max(parts_F, key=len)
        raise FembError(
            f"no image has a folder of level {given}: the deepest lies in {'/'.join(deepest) or 'no folder'}",
            hint=f"levels count from 1 to {len(deepest)}, or from -1 upwards" if deepest else "use one folder a person",
        )
    return people_F


def _uneven(names: Sequence[str], parts_F: list[Folder]) -> FoundPeople:
    """Say why images at different depths, or without folders, have no identities."""
    if loose := next((name for name in names if "/" not in name), None):
        hint = "move it away, or --person-folder 1 --on-error skip leaves it out" if len(parts_F) > 1 else ""
        return FoundPeople(None, problem=f"{loose!r} is not in an identity's folder", hint=hint)
    shallow, deep = min(parts_F, key=len), max(parts_F, key=len)
    return FoundPeople(
        None,
        problem=f"images lie at different depths, in {'/'.join(shallow)!r} and in {'/'.join(deep)!r}",
        hint="say which folders are people: --person-folder 1, the first below the source, or"
        " --person-folder -1, those that hold the images",
    )


def _deepest_that_differs(parts_F: list[Folder]) -> int:
    """Return the deepest level, from 0, at which folders have several names, other than train and val."""
    levels = range(len(parts_F[0]) - 1, -1, -1)
    names_at = {level: {parts[level] for parts in parts_F} for level in levels}
    differing = (level for level in levels if len(names_at[level]) > 1 and not all(map(is_split_name, names_at[level])))
    return next(differing, levels[0])


def _unclear(parts_F: list[Folder], level: int) -> FoundPeople | None:
    """Say why the folders of a level cannot be taken for people; None if they can."""
    people = {parts[level] for parts in parts_F}
    if len(people) > 1 and all(map(is_split_name, people)):
        return FoundPeople(
            None,
            problem=f"its folders {', '.join(sorted(people)[:4])} are parts of a dataset rather than people",
            hint=f"if they are people: --person-folder {level + 1}",
        )
    groups: dict[str, set[Folder]] = defaultdict(set)
    for parts in parts_F:
        groups[parts[level]].add(tuple(part for part in parts[:level] if not is_split_name(part)))
    twice = [person for person, places in groups.items() if len(places) > 1]
    if not twice:
        return None
    places = ["/".join((*place, twice[0])) for place in sorted(groups[twice[0]])]
    return FoundPeople(
        None,
        problem=f"{len(twice):,} of {len(people):,} names of folders at level {level + 1} are there several times, such"
        f" as {places[0]} and {places[1]}",
        hint=f"say which folders are people: --person-folder {level + 1} makes one person of each name,"
        f" --person-folder {level}/{level + 1} tells {places[0]} from {places[1]}, --person-folder {level} takes the"
        " folders above",
    )


def _guess(parts_F: list[Folder], level: int) -> str:
    """Say which folders femb takes for people; empty if there are no others."""
    names_by_level = [{parts[depth] for parts in parts_F} for depth in range(len(parts_F[0]))]
    others = [
        depth
        for depth, names in enumerate(names_by_level)
        if (len(names) > 1 or depth > level) and depth != level and not all(map(is_split_name, names))
    ]
    is_merged = len(names_by_level[level]) < len({parts[: level + 1] for parts in parts_F})
    if not is_merged and not others and level == len(names_by_level) - 1:
        return ""
    people = names_by_level[level]
    example = "/".join(parts_F[0][: level + 1])
    sentence = f"people are the {len(people):,} names of folders at level {level + 1}, such as {example}"
    if is_merged:
        splits = sorted({part for parts in parts_F for part in parts[:level] if is_split_name(part)})
        sentence += f"; the same name in {' and '.join(splits[:3])} is the same person (--person-folder"
        sentence += f" {'/'.join(str(depth + 1) for depth in range(level + 1))} tells them apart)"
    if others:
        other = others[-1]
        sentence += f" (--person-folder {other + 1} takes level {other + 1} instead, such as {parts_F[0][other]})"
    return sentence

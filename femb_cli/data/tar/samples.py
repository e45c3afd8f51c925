"""The samples of an archive: its images, and what files beside them say about each, as in WebDataset.

A sample of WebDataset is several members of one key, `000001.jpg` and `000001.cls`. The key is the name up to the
first dot behind the last '/'.

Shapes: N images.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from femb_cli.data.files.images_among_files import images_among
from femb_cli.data.files.naming import IMAGE_ENDINGS, check_text, ending_of, is_hidden
from femb_cli.data.images.encoded import MAX_IMAGE_BYTES
from femb_cli.data.images.signature import START_BYTES
from femb_cli.data.person_columns import PERSON_COLUMNS, plain_name
from femb_cli.data.tar.format import Member, read_members
from femb_cli.errors import FembError

FIRST_FIELD, LAST_FIELD = "cls", "txt"
"""WebDataset's own ending for labels; and that of texts, which may be descriptions."""

_LABEL_FIELDS = {*PERSON_COLUMNS, LAST_FIELD}
_MOST_TEXT = 512
_MOST_JSON = 2**16
_LEADS_OUT = re.compile(r"^/|\\|^[A-Za-z]:|(?:^|/)\.\.(?:/|$)")
_WHOLE_NUMBER = re.compile(r"([+-]?\d{1,18})\.0*", re.ASCII)


Fields = dict[str, tuple[str, str]]
"""The text of each field that is known of an image, and the ending of the member that holds it."""


@dataclass(frozen=True)
class Samples:
    """What is in an archive.

    Attributes:
        images: The images in the order of the archive, (N,).
        fields: For each field that may say who is shown, its text for each image; empty where there is none.
        held_by: For each field the ending of the members that hold it, and how many of them are beside an image.
        unread: Number of all members that are no images, by ending, also of those that hold fields.
    """

    images: list[Member]
    fields: dict[str, list[str]]
    held_by: dict[str, tuple[str, int]]
    unread: dict[str, int]


def read_samples(path: Path, label: str | None = None) -> Samples:
    """Read the headers of an archive, and the labels in it.

    Args:
        path: The archive.
        label: The field that says who is shown, an ending of members or a key in the `.json` members; None for any of
            `PERSON_COLUMNS`, or `txt`.

    Raises:
        FembError: As `read_members`; or a member has a name that leads out of the archive or is there twice, a sample
            has two images, or an image has more than 64 MiB.
    """
    fields_of, held_in, others = _read_fields(path, label)
    images, unread = images_among(((member.name, member) for member in others), lambda member: member.start)
    _refuse_repeated([member.name for member in others], path)
    images, belonging = _one_image_each(images, fields_of, path)
    for image in images:
        if image.size > MAX_IMAGE_BYTES:
            raise FembError(f"{image.name!r} in {path} claims {image.size} bytes, too many for one image")
    of_images = [fields_of.get(_key(image.name, fields_of), {}) for image in images]
    found = Counter(field for fields in of_images for field in fields)
    endings = {field: ending for fields in of_images for field, (_, ending) in fields.items()}
    counts = Counter(unread) + held_in + Counter(f".{_split(image.name)[1]}" for image in belonging)
    return Samples(
        images,
        {field: [fields.get(field, ("", ""))[0] for fields in of_images] for field in found},
        {field: (endings[field], found[field]) for field in found},
        dict(counts),
    )


def _read_fields(path: Path, label: str | None) -> tuple[dict[str, Fields], Counter[str], list[Member]]:
    """Read the members that may hold fields.

    Returns:
        For each name without its ending the fields, the number of such members by ending, and all other members.
    """
    fields_of: dict[str, Fields] = {}
    held_in: Counter[str] = Counter()
    others: list[Member] = []
    with path.open("rb", buffering=0) as file:
        for member in _visible(read_members(path), path):
            stem, kind = _split(member.name)
            if f".{kind}" in IMAGE_ENDINGS or (kind != "json" and not _may_be_label(kind, label)):
                others.append(Member(member.name, member.offset, member.size, member.start[:START_BYTES]))
                continue
            held_in[f".{kind}"] += 1
            content = _content(file.fileno(), member, _MOST_JSON if kind == "json" else _MOST_TEXT)
            stated = _parse_json(content, label) if kind == "json" else {kind: _one_line(content)}
            fields = fields_of.setdefault(stem, {})
            if any(ending == f".{kind}" for _, ending in fields.values()):
                _refuse_repeated([member.name] * 2, path)
            fields.update({field: (text, f".{kind}") for field, text in stated.items() if field not in fields})
    return fields_of, held_in, others


def _visible(members: Iterator[Member], path: Path) -> Iterator[Member]:
    """Yield the members that are not hidden, with checked names."""
    for member in members:
        name = member.name.removeprefix("./")
        check_text(name, path)
        if _LEADS_OUT.search(name):
            raise FembError(f"{name!r} in {path} has a name that leads out of the archive")
        if name and not any(map(is_hidden, name.split("/"))):
            yield Member(name, member.offset, member.size, member.start)


def _refuse_repeated(names: list[str], path: Path) -> None:
    if len(set(names)) < len(names):
        name, times = Counter(names).most_common(1)[0]
        raise FembError(
            f"{path} holds the name {name!r} {times} times", hint="unpack it, which keeps the last, and name the folder"
        )


def _content(descriptor: int, member: Member, most: int) -> bytes:
    """Return the bytes of a small member; none of a larger one, which is no label."""
    if member.size <= len(member.start):
        return member.start
    return os.pread(descriptor, member.size, member.offset) if member.size <= most else b""


def _may_be_label(field: str, label: str | None) -> bool:
    return field == label if label is not None else field in _LABEL_FIELDS or plain_name(field) in PERSON_COLUMNS


def _parse_json(content: bytes, label: str | None) -> dict[str, str]:
    """Return the values of a JSON object that may be labels, as text; none if the content is not one."""
    try:
        stated = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return {
        field: _one_line(str(value).encode(errors="replace"))
        for field, value in (stated.items() if isinstance(stated, dict) else ())
        if isinstance(value, str | int | float) and _may_be_label(field, label)
    }


def _one_line(content: bytes) -> str:
    """Return a label as text, `3` for `3.0`; nothing if it is not one line of text."""
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        return ""
    if len(text) > _MOST_TEXT or not text.isprintable():
        return ""
    number = _WHOLE_NUMBER.fullmatch(text)
    return number[1] if number else text


def _one_image_each(
    images: list[Member], fields_of: dict[str, Fields], path: Path
) -> tuple[list[Member], list[Member]]:
    """Separate the image of each sample from others that belong to it, as a mask `1.mask.png` does to `1.jpg`.

    Raises:
        FembError: Two images are the sample's.
    """
    image_of: dict[str, Member] = {}
    for image in images:
        stem = _split(image.name)[0]
        if stem in fields_of and (first := image_of.setdefault(stem, image)) is not image:
            raise FembError(
                f"the sample {stem!r} in {path} has two images, {first.name!r} and {image.name!r}",
                hint="which one shows the face? Make the archive again with one image for each sample",
            )
    kept: list[Member] = []
    belonging: list[Member] = []
    for image in images:
        key = _key(image.name, fields_of)
        (kept if image_of.get(key, image) is image else belonging).append(image)
    return kept, belonging


def _key(name: str, fields_of: dict[str, Fields]) -> str:
    """Return the key of an image's sample: its name without the ending, or else up to the first dot."""
    stem = _split(name)[0]
    folder, slash, file = name.rpartition("/")
    short = f"{folder}{slash}{file.partition('.')[0]}"
    return short if stem not in fields_of and short in fields_of else stem


def _split(name: str) -> tuple[str, str]:
    """Return a name without its ending, and the ending in small letters without the dot."""
    ending = ending_of(name)
    return (name[: -len(ending)], ending[1:].lower()) if ending else (name, "")

"""Describe what was found in a source of images, for the terminal and for a page.

A description has one entry for each fact. An entry may have several lines: the first says how much was found, the
others name examples.
"""

from collections.abc import Mapping
from typing import TypeVar

from femb_cli.data.files.unread import unread_sentence
from femb_cli.data.images.decode import ALIGNED_SIZE
from femb_cli.data.inspection.doubles import NO_PERSON, ONE_PERSON, SEVERAL_PEOPLE
from femb_cli.data.inspection.images import ImagesDetails
from femb_cli.data.inspection.people import People
from femb_cli.data.source import ImageSource
from femb_cli.data.survey import is_aligned, is_photo, is_small

FIRST_NAMES = 5
"""Damaged images, and sets of equal images, that a description names."""

MOST_SIZES = 4
LONGEST_BAR = 30
MOST_BLUE = 0.1
"""Share of blue images that is nothing special: it is 0.0002 in LFW."""

_Key = TypeVar("_Key")

_KINDS = {
    "recordio": "RecordIO",
    "bin": ".bin file",
    "parquet": "Parquet",
    "several": "several",
}
_WHERE = {
    ONE_PERSON: "in one person",
    SEVERAL_PEOPLE: "in several people: wrong labels",
    NO_PERSON: "of unknown people",
}


def kind_name(details: ImagesDetails) -> str:
    """Return what to call the source."""
    return _KINDS.get(details.kind, details.kind)


def describe_images(
    details: ImagesDetails, source: ImageSource, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Describe the images in words; an entry with an empty text is to be left out.

    Args:
        details: What was found.
        source: The images, for their names.
        more: Further facts, in the place of the people.
    """
    return {
        kind_name(details): str(details.path),
        "images": f"{details.num_images:,} images, {_size_text(details.num_bytes)}",
        **(more or describe_people(details.people)),
        "sizes": _describe_sizes(details),
        "formats": ", ".join(f"{form} {number:,}" for form, number in _most_first(details.formats)),
        "damage": _describe_damage(details),
        "doubles": _describe_doubles(details, source),
        "colours": _describe_colours(details),
        "not read": unread_sentence(details.unread),
    }


def describe_people(people: People | None) -> dict[str, str]:
    """Describe how many images the people have."""
    if people is None:
        return {"people": "none: the images have no labels"}
    unlabeled = f"; {people.num_unlabeled:,} images of unknown people" if people.num_unlabeled else ""
    return {"people": f"{people.num_people:,}{unlabeled}", "per person": _describe_counts(people)}


def histogram_text(people: People) -> str:
    """Return the histogram of images per person, a line for each bar."""
    most = max(bar.num_people for bar in people.histogram)
    labels = max(len(bar.label) for bar in people.histogram)
    numbers = max(len(f"{bar.num_people:,}") for bar in people.histogram)
    rows = [(bar.label.rjust(labels), f"{bar.num_people:,}".rjust(numbers), bar.num_people) for bar in people.histogram]
    return "\n".join(f"{label}  {number}  {'#' * _length(count, most)}".rstrip() for label, number, count in rows)


def _length(number: int, most: int) -> int:
    """Return the length of a bar in characters: at least one if there is anybody."""
    return -(-number * LONGEST_BAR // most)


def _describe_counts(people: People) -> str:
    if people.num_people == 1:
        return f"all {people.max:,} images show one person: are the labels right?"
    if people.max == 1:
        return "one image for every person: are the labels right?"
    single = f"; {people.num_single:,} people have a single image" if people.num_single else ""
    if people.min == people.max:
        return f"{people.max:,} images each"
    return f"{people.min:,} to {people.max:,} images, median {people.median:g}, mean {people.mean:.1f}{single}"


def _describe_sizes(details: ImagesDetails) -> str:
    """Describe the sizes, and what images of such sizes are: aligned faces, photos, or smaller."""
    sizes = _most_first(details.sizes)
    shown = [f"{width} x {height}: {number:,}" for (width, height), number in sizes[:MOST_SIZES]]
    if rest := sizes[MOST_SIZES:]:
        shown.append(f"{len(rest):,} other sizes: {sum(number for _, number in rest):,}")
    if len(sizes) == 1:
        shown = [f"{sizes[0][0][0]} x {sizes[0][0][1]} pixels"]
    tests = {"aligned": is_aligned, "photos": is_photo, "smaller than aligned faces": is_small}
    numbers = {name: sum(number for size, number in sizes if test(size)) for name, test in tests.items()}
    said = [f"{_number_of(number, details)} {name}" for name, number in numbers.items() if number]
    if numbers["photos"]:
        said.append(f"femb convert --align auto writes the aligned faces of photos, {ALIGNED_SIZE} x {ALIGNED_SIZE}")
    return "; ".join(filter(None, [", ".join(shown), *said]))


def _describe_damage(details: ImagesDetails) -> str:
    damage, total = details.damage, details.num_images
    found = f"{damage.num_images:,} of {total:,} images cannot be read" if damage.num_images else "none found"
    if damage.num_decoded < total:
        looked = f"headers of all images read, {damage.num_decoded:,} of {total:,} decoded; --verify decodes all"
    else:
        looked = "all images decoded"
    named = [f"{name}: {problem}" for name, problem in damage.named[:FIRST_NAMES]]
    return "\n".join([f"{found} ({looked})", *named, *_and_more(damage.num_images)])


def _describe_doubles(details: ImagesDetails, source: ImageSource) -> str:
    doubles = details.doubles
    looked = "" if doubles.one_in == 1 else f" (looked for among one of {doubles.one_in} images, chosen by their bytes)"
    if not doubles.sets:
        return f"no two images are equal{looked}"
    if details.kind == "bin":
        copies = sum(len(rows) - 1 for rows in doubles.sets)
        return f"{details.num_images - copies:,} different images; pairs share the others, as is usual"
    lines = []
    for kind, where in _WHERE.items():
        if not (sets := doubles.of_kind(kind, details.identities)):
            continue
        copies = sum(len(rows) - 1 for rows in sets)
        lines.append(f"{copies:,} {'copy' if copies == 1 else 'copies'} of {len(sets):,} {_images(len(sets))} {where}")
        lines += [_equal_names(rows, source) for rows in sets[:FIRST_NAMES]]
        lines += _and_more(len(sets))
    return "\n".join([lines[0] + looked, *lines[1:]])


def _equal_names(rows: list[int], source: ImageSource) -> str:
    names = [source.names[row] for row in rows[:FIRST_NAMES]]
    return " = ".join(names) + (f" and {len(rows) - FIRST_NAMES:,} more" if len(rows) > FIRST_NAMES else "")


def _and_more(number: int) -> list[str]:
    return [f"and {number - FIRST_NAMES:,} more"] if number > FIRST_NAMES else []


def _describe_colours(details: ImagesDetails) -> str:
    colours = details.colours
    stated = "; the dataset states bgr, and femb swaps them" if details.channels == "bgr" else ""
    if colours.mean is None:
        return ("all grey" if colours.num_grey else "") + stated
    grey = f" ({colours.num_grey:,} grey left out)" if colours.num_grey else ""
    number = f"{len(colours.differences_N):,} images{grey}"
    seen = f"mean red minus blue at the face centre is {colours.mean:+.0f} over {number}"
    if colours.look_swapped:
        return f"red and blue look swapped: {seen}{stated}"
    if colours.num_blue > MOST_BLUE * len(colours.differences_N):
        return f"{seen}; {colours.num_blue:,} are more blue than red: are a part of the images swapped?{stated}"
    return f"{seen}{stated}"


def _number_of(number: int, details: ImagesDetails) -> str:
    return "all" if number == details.num_images else f"{number:,}"


def _images(number: int) -> str:
    return "image" if number == 1 else "images"


def _size_text(num_bytes: int) -> str:
    for unit, name in ((1e9, "GB"), (1e6, "MB")):
        if num_bytes >= unit:
            return f"{num_bytes / unit:,.1f} {name}"
    return f"{num_bytes / 1e3:,.1f} kB"


def _most_first(counts: Mapping[_Key, int]) -> list[tuple[_Key, int]]:
    return sorted(counts.items(), key=lambda item: -item[1])

"""What `femb inspect` says of images: a dataset, a benchmark or a verification set."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from femb_cli.cli.facts import format_facts
from femb_cli.cli.output import Output
from femb_cli.cli.people_output import tell_of_people

if TYPE_CHECKING:
    from femb_cli.data.inspection.images import ImagesDetails
    from femb_cli.data.inspection.pairs import PairsDetails
    from femb_cli.data.read_as import ReadAs
    from femb_cli.data.source import ImageSource
    from femb_cli.search.sheets.inspection import Section


def inspect_images(
    path: Path,
    output: Output,
    *,
    split: str | None,
    images: Path | None,
    read_as: "ReadAs",
    verify: bool,
    **writing: Any,
) -> None:
    """Print what is in a source of images, and write the files that are asked for.

    Args:
        path: the folder, archive, list, record file or dataset.
        output: of the command.
        split: the split to read, if there are several.
        images: the folder with the images of a list.
        read_as: where the source says who is on its images.
        verify: decode all images.
        **writing: see `_inspect`.
    """
    from femb_cli.data.open import open_source
    from femb_cli.search.sheets.chosen_rows import sections_of_images

    _check_files(**writing)
    source = open_source(path, split=split, images=images, read_as=read_as)
    tell_of_people(source, output)
    details = _look(source, output, verify=verify)
    _show(source, details, output, None, sections_of_images(source, details.doubles), **writing)


def inspect_benchmark(path: Path, output: Output, *, verify: bool, **writing: Any) -> None:
    """Print what is in a benchmark directory: its pairs and its images; arguments as `inspect_images`."""
    from femb_cli.data.inspection.pairs import PairsDetails
    from femb_cli.evaluation.verification.open import open_benchmark
    from femb_cli.search.sheets.chosen_rows import sections_of_pairs

    _check_files(**writing)
    opened = open_benchmark(str(path), None, say=output.say)
    left_N, right_N = (side.astype("int64") for side in opened.pairs.indices(opened.images.names))
    details = _look(opened.images, output, verify=verify)
    pairs = PairsDetails(opened.pairs.genuine_N, left_N == right_N, opened.pairs.num_folds)
    _show(opened.images, details, output, pairs, sections_of_pairs(pairs.genuine_N, left_N, right_N), **writing)


def inspect_verification_set(path: Path, output: Output, *, verify: bool, **writing: Any) -> None:
    """Print what is in a verification set (`.bin`); arguments as `inspect_images`."""
    import numpy as np

    from femb_cli.data.inspection.pairs import PairImages, pairs_of_set
    from femb_cli.data.verification_bin.verification_set import read_verification_set
    from femb_cli.search.sheets.chosen_rows import sections_of_pairs

    _check_files(**writing)
    content = read_verification_set(path)
    source, pairs = PairImages(path, content), pairs_of_set(content)
    details = _look(source, output, verify=verify)
    left_N = 2 * np.arange(len(content))
    _show(source, details, output, pairs, sections_of_pairs(pairs.genuine_N, left_N, left_N + 1), **writing)


def _check_files(*, out: Path | None, doubles: Path | None, overwrite: bool) -> None:
    """Refuse files that cannot be written, before anything is read.

    Raises:
        UsageError: a name has another ending.
        FembError: a file exists and `overwrite` is false.
    """
    from femb_cli.files import check_output_file
    from femb_cli.search.sheets.inspection import ENDINGS

    if out is not None:
        check_output_file(out, overwrite=overwrite, endings=ENDINGS, what="a page")
    if doubles is not None:
        check_output_file(doubles, overwrite=overwrite, endings=(".csv",))


def _look(source: "ImageSource", output: Output, *, verify: bool) -> "ImagesDetails":
    from femb_cli.data.inspection.images import inspect_images as look
    from femb_cli.runtime.signals import interruption_says

    with interruption_says("interrupted; nothing was written"), output.progress("reading images") as progress:
        return look(source, verify=verify, progress=progress)


def _show(
    source: "ImageSource",
    details: "ImagesDetails",
    output: Output,
    pairs: "PairsDetails | None",
    sections: "Sequence[Section]",
    *,
    out: Path | None,
    doubles: Path | None,
    overwrite: bool,
) -> None:
    """Print what was found, and write the files that are asked for.

    Args:
        source: the images.
        details: what was found in them.
        output: of the command.
        pairs: what the pairs of a benchmark are; None if it is none.
        sections: the contact sheet.
        out: the page or picture to write; None for none.
        doubles: the table of equal images to write; None for none.
        overwrite: replace files that exist.
    """
    from femb_cli.data.inspection.describe import describe_images, histogram_text

    facts = describe_images(details, source, {} if pairs is None else {"pairs": pairs.describe()})
    shown = dict(facts)
    if details.people is not None and details.people.max > 1:
        shown["per person"] += "\n" + histogram_text(details.people)
    document = details.to_json(source) | ({} if pairs is None else pairs.to_json())
    warnings = _warn(details, output)
    output.result(document, format_facts(shown))
    if doubles is not None:
        _write_doubles(doubles, source, details, overwrite=overwrite)
        output.say(f"wrote {doubles}")
    if out is not None:
        _write_sheet(out, source, details, facts, warnings, sections, overwrite=overwrite)
        output.say(f"wrote {out}")


def _warn(details: "ImagesDetails", output: Output) -> list[str]:
    """Print a warning of colours that look swapped, and return it."""
    from femb_cli.data.colours import describe_swapped

    other = "rgb" if details.channels == "bgr" else "bgr"
    advice = f"femb convert --channels {other} makes a dataset that states it, and leaves the bytes as they are"
    warnings = [warning for warning in [describe_swapped(details.colours, advice)] if warning]
    for warning in warnings:
        output.warn(warning)
    return warnings


def _write_doubles(path: Path, source: "ImageSource", details: "ImagesDetails", *, overwrite: bool) -> None:
    from femb_cli.data.inspection.doubles import COLUMNS, doubles_table
    from femb_cli.search.table_file import write_table_file

    write_table_file(path, None, COLUMNS, doubles_table(details.doubles, source), overwrite=overwrite)


def _write_sheet(
    out: Path,
    source: "ImageSource",
    details: "ImagesDetails",
    facts: Mapping[str, str],
    warnings: Sequence[str],
    sections: "Sequence[Section]",
    *,
    overwrite: bool,
) -> None:
    from femb_cli.search.sheets.histogram import histogram_of_people
    from femb_cli.search.sheets.inspection import Sheet, write_sheet

    histogram = None if details.people is None else histogram_of_people(details.people)
    shown = {name: text for name, text in facts.items() if text}
    title = details.path.resolve().name or str(details.path)
    write_sheet(out, Sheet(title, shown, warnings, histogram, sections, source), overwrite=overwrite)

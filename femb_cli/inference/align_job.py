"""The arguments of `femb align`: write the aligned faces of photos, and a table of their boxes and landmarks."""

import csv
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from femb_cli.data.files.unread import unread_of
from femb_cli.data.images.encoded import check_image
from femb_cli.data.open import open_sources
from femb_cli.data.source import ImageSource, names_of
from femb_cli.errors import FembError
from femb_cli.faces.aligned_source import AlignedFaces
from femb_cli.files import new_file, new_folder, refuse_existing
from femb_cli.inference.align import Alignment, Survey, align_source, no_face_error, survey_source
from femb_cli.inference.crop_files import file_names
from femb_cli.inference.embed import unreadable_image
from femb_cli.inference.image_digests import READING_THREADS
from femb_cli.progress import Progress, ShowProgress, unseen

_AT_ONCE = 1024


@dataclass(frozen=True)
class AlignJob:
    """The photos, the alignment and the folder to write; see `femb align --help`."""

    images: tuple[Path, ...]
    folder: Path
    alignment: Alignment
    skip_bad: bool
    overwrite: bool

    @property
    def table(self) -> Path:
        """The table, a line for each face, beside the folder, so that the folder holds nothing but images."""
        return self.folder.with_name(f"{self.folder.name}.csv")

    def survey(self) -> Survey:
        """Open the images and see which of them are photos.

        Raises:
            FembError: the folder exists, or the images cannot be opened.
        """
        for path in (self.folder, self.table):
            refuse_existing(path, overwrite=self.overwrite)
        return survey_source(open_sources(self.images), self.alignment)


def run_alignment(job: AlignJob, survey: Survey, show_progress: ShowProgress = unseen) -> dict[str, Any]:
    """Find the faces, and write their crops and the table; return a summary.

    Args:
        job: the job.
        survey: its images.
        show_progress: shows the progress of the search for faces, and of the writing.

    Raises:
        FembError: no photo has a face, one cannot be read and is not to be skipped, or the folder cannot be written.
    """
    with show_progress("finding faces") as progress:
        aligned = align_source(survey, skip_bad=job.skip_bad, encoding="png", progress=progress)
    if not len(aligned.source):
        raise no_face_error(aligned, job.alignment, never="")
    overwrite = job.overwrite
    with (
        show_progress("writing faces") as progress,
        new_file(job.table, overwrite=overwrite) as table,
        new_folder(job.folder, overwrite=overwrite) as folder,
    ):
        failed = _write_crops(aligned.source, folder, table, skip_bad=job.skip_bad, progress=progress)
    return {
        "num_faces": len(aligned.source) - len(failed),
        "num_photos": aligned.num_photos,
        "num_without_face": len(aligned.without_face),
        "num_with_several_faces": len(aligned.several_faces),
        "num_failed": len(aligned.failed) + len(failed),
        "path": str(job.folder),
        "table": str(job.table),
        "failed": [list(pair) for pair in (*aligned.failed, *failed)],
        "without_face": list(aligned.without_face),
        "with_several_faces": list(aligned.several_faces),
        "unread": dict(unread_of(survey.source)),
    }


def _write_crops(
    source: ImageSource, folder: Path, table_file: Path, *, skip_bad: bool, progress: Progress | None
) -> list[tuple[str, str]]:
    """Write the crops and the table; return name and problem of each crop that could not be made."""
    names, are_crops = names_of(source, np.arange(len(source))), _are_crops(source)
    files = file_names(names, are_crops)
    failed: list[tuple[str, str]] = []

    def write(index: int) -> FembError | None:
        try:
            encoded = source.read(index)
            if not are_crops[index]:
                check_image(encoded)
        except FembError as error:
            return error
        except ValueError as reason:
            return FembError(f"{names[index]} {reason}")
        path = folder / files[index]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(encoded)
        return None

    with table_file.open("w", newline="", encoding="utf-8") as file, ThreadPoolExecutor(READING_THREADS) as pool:
        table = csv.writer(file)
        for start in range(0, len(source), _AT_ONCE):
            block = range(start, min(start + _AT_ONCE, len(source)))
            errors = list(pool.map(write, block))
            written = np.array([index for index, error in zip(block, errors, strict=True) if error is None], dtype=int)
            failed += [(names[index], error.message) for index, error in zip(block, errors, strict=True) if error]
            if failed and not skip_bad:
                raise unreadable_image(failed[0][1])
            _write_rows(table, source, files, names, written, with_header=not start)
            if progress is not None:
                progress(block.stop, len(source))
    if len(failed) == len(source):
        raise FembError(f"none of the {len(failed):,} images can be read, the first: {failed[0][1]}")
    return failed


def _are_crops(source: ImageSource) -> list[bool]:
    if isinstance(source, AlignedFaces):
        return [each.face is not None for each in source.faces]
    return [False] * len(source)


def _write_rows(
    table: Any, source: ImageSource, files: Sequence[str], names: Sequence[str], written: Any, *, with_header: bool
) -> None:
    columns = source.columns(written) if isinstance(source, AlignedFaces) else {"image": names_of(source, written)}
    if with_header:
        table.writerow(["file", *columns])
    table.writerows(
        [files[index], *row] for index, row in zip(written.tolist(), zip(*columns.values(), strict=True), strict=True)
    )

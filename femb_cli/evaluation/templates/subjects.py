"""The lists of galleries and probes of IJB-B and IJB-C: which template is of which person.

They are CSV files with a header row, whose first two columns are TEMPLATE_ID and SUBJECT_ID. The official files have a
line for each image of a template, others one for each template.

Shape suffix: T templates.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from femb_cli.errors import FembError
from femb_cli.text import shown


@dataclass(frozen=True, eq=False)
class SubjectList:
    """The templates of a gallery or of probes.

    Attributes:
        path: the file.
        numbers_T: number of each template, int64.
        subjects: the person of each template.
    """

    path: Path
    numbers_T: NDArray[np.int64]
    subjects: tuple[str, ...]


def find_galleries_and_probes(directory: Path) -> tuple[list[SubjectList], SubjectList] | None:
    """Read the lists `*_1N_gallery_*.csv` and `*_1N_probe_mixed.csv` of a directory or its folder `meta`.

    Returns:
        The galleries and the probes; None if there are none of both.

    Raises:
        FembError: there are galleries without probes or the reverse, or a list is damaged.
    """
    folders = (directory, directory / "meta")
    galleries = sorted(path for folder in folders for path in folder.glob("*_1N_gallery_*.csv"))
    probes = sorted(path for folder in folders for path in folder.glob("*_1N_probe_mixed.csv"))
    if not galleries and not probes:
        return None
    if not galleries or len(probes) != 1:
        raise FembError(
            f"{directory} has {len(galleries)} lists *_1N_gallery_*.csv and {len(probes)} lists *_1N_probe_mixed.csv",
            hint="a search needs one or two galleries and one list of probes; move the lists away to leave it out",
        )
    return [read_subjects(path) for path in galleries], read_subjects(probes[0])


def read_subjects(path: Path) -> SubjectList:
    """Read the templates of a gallery or of probes, each once.

    Raises:
        FembError: the file is damaged, or a template has two persons.
    """
    people: dict[int, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for number, cells in enumerate(csv.reader(file), start=1):
                if not cells or (number == 1 and not cells[0].strip().isdecimal()):
                    continue
                template, subject = _template_and_subject(path, number, cells)
                if people.setdefault(template, subject) != subject:
                    raise FembError(
                        f"{path}, line {number}: template {template} is of {shown(subject)}, and above of"
                        f" {shown(people[template])}"
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise FembError(f"cannot read {path}: it is no CSV file of UTF-8 text that can be read") from error
    if not people:
        raise FembError(f"{path} has no templates")
    return SubjectList(path, np.array(list(people), dtype=np.int64), tuple(people.values()))


def _template_and_subject(path: Path, number: int, cells: list[str]) -> tuple[int, str]:
    if len(cells) < 2 or not cells[0].strip().isdecimal() or len(cells[0]) > 18 or not cells[1].strip():
        raise FembError(f"{path}, line {number}: expected TEMPLATE_ID,SUBJECT_ID, found {shown(','.join(cells))}")
    return int(cells[0].strip()), cells[1].strip()

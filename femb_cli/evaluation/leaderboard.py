"""The leaderboard: a CSV file of models and their figures on benchmarks, to which later verifications add rows.

Rows are only ever added. The later row of a model and a benchmark counts, and of a model whose weights have changed
only the rows of the newest weights, so that figures of two networks never stand in one line.
"""

import csv
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import xxhash

from femb_cli import __version__
from femb_cli.errors import FembError
from femb_cli.evaluation.verification.means import Means, mean_figures
from femb_cli.evaluation.verification.result import Verification
from femb_cli.files import new_file, one_at_a_time
from femb_cli.progress import Say

NAME = "leaderboard.csv"
"""Its usual name, in the folder of the runs."""
RATE = "1e-3"
"""The false match rate of its FNMR."""
_LARGEST = 64 * 2**20
"""Bytes; a thousand models on six benchmarks take one megabyte."""


@dataclass(frozen=True)
class Entry:
    """One model on one benchmark, a row of the file; rates in [0, 1].

    Attributes:
        date: when it was verified, UTC.
        model: name of the model.
        fingerprint: checksum of the model's fingerprint, which changes with its weights; empty if it has none.
        benchmark: name of the benchmark.
        protocol: the protocol of the accuracy.
        flip: how mirror images were used.
        genuine_pairs: number of genuine pairs.
        impostor_pairs: number of impostor pairs.
        accuracy: mean accuracy over the folds.
        accuracy_std: its standard deviation over the folds.
        fnmr: FNMR at FMR 1e-3.
        eer: equal error rate.
        auc: area under the ROC curve.
        femb_version: the version of femb.
    """

    date: str
    model: str
    fingerprint: str
    benchmark: str
    protocol: str
    flip: str
    genuine_pairs: int
    impostor_pairs: int
    accuracy: float
    accuracy_std: float
    fnmr: float
    eer: float
    auc: float
    femb_version: str

    @property
    def is_of(self) -> tuple[str, int, int]:
        """What rows of one benchmark must share so that they can be compared: the protocol and the pairs."""
        return self.protocol, self.genuine_pairs, self.impostor_pairs


_COLUMNS = {field.name: "fnmr_at_fmr_1e-3" if field.name == "fnmr" else field.name for field in fields(Entry)}
"""Name of each column of the file by that of the attribute."""
_COUNTS = ("genuine_pairs", "impostor_pairs")
_RATES = ("accuracy", "accuracy_std", "fnmr", "eer", "auc")


@dataclass(frozen=True)
class Standings:
    """What the leaderboard says now.

    Attributes:
        models: names of the models, the highest mean accuracy first.
        benchmarks: names of the benchmarks, in the order of their first rows.
        entries: the row that counts, by model and benchmark.
        means: the means over the benchmarks that every model has.
        remarks: what cannot be compared or was left out, one sentence each.
    """

    models: Sequence[str]
    benchmarks: Sequence[str]
    entries: Mapping[tuple[str, str], Entry]
    means: Means
    remarks: Sequence[str]

    def of(self, model: str) -> list[Entry | None]:
        """Return the row of a model on each benchmark; None where it has none."""
        return [self.entries.get((model, benchmark)) for benchmark in self.benchmarks]


def entries_of(names: Sequence[str], results: Sequence[Verification]) -> list[Entry]:
    """Return the rows of verifications, with the date of now.

    Args:
        names: what to call the model of each result.
        results: the verifications.
    """
    date = datetime.now(UTC).isoformat(timespec="seconds")
    return [_entry(name, result, date) for name, result in zip(names, results, strict=True)]


def read_leaderboard(path: Path) -> list[Entry]:
    """Read all rows of a leaderboard; none if there is no file.

    Raises:
        FembError: it is no leaderboard, or it is damaged.
    """
    return _parse(_read(path), path)


def add_to_leaderboard(path: Path, entries: Sequence[Entry], say: Say) -> list[Entry]:
    """Append rows to a leaderboard, or make it. Several processes may do so at once: each waits for its turn.

    Args:
        path: the file.
        entries: the rows.
        say: called with a line of text if another process is writing it.

    Returns:
        The earlier rows that no longer count, because a new one is of the same model and benchmark.

    Raises:
        FembError: the file is no leaderboard or cannot be written; it is unchanged then.
    """
    target = path.resolve()  # a link goes on leading to it
    with one_at_a_time(target, say):
        text = _read(target)
        before = _parse(text, path)
        with new_file(target, overwrite=True) as aside:
            aside.write_text(text + _rows(text, entries), encoding="utf-8", newline="")
    added = {(entry.model, entry.benchmark) for entry in entries}
    return [entry for key, entry in _counting(before).items() if key in added]


def standings(entries: Sequence[Entry]) -> Standings:
    """Return which rows count, and their means.

    A benchmark on which the rows differ in the protocol or in the number of pairs is in no mean.
    """
    counting = _counting(entries)
    benchmarks = list(dict.fromkeys(benchmark for _, benchmark in counting))
    kinds = {name: {entry.is_of for (_, of), entry in counting.items() if of == name} for name in benchmarks}
    means = mean_figures({key: _figures(entry) for key, entry in counting.items() if len(kinds[key[1]]) == 1})
    models = list(dict.fromkeys(model for model, _ in counting))
    if len(means.by_model) < len(models):  # a model has nothing but benchmarks that cannot be compared
        means = Means((), {})
    remarks = [
        f"{name}: the rows differ in protocol or number of pairs, so they cannot be compared, and no mean has them"
        for name in benchmarks
        if len(kinds[name]) > 1
    ]
    flips = {name: {entry.flip for (_, of), entry in counting.items() if of == name} for name in benchmarks}
    remarks += [
        f"{name}: some rows add the embeddings of mirror images and others do not"
        for name in benchmarks
        if {"sum", "none"} <= flips[name]
    ]
    newest = {entry.model: entry.fingerprint for entry in entries}
    outdated = [
        model for model in models if any(_is_outdated(entry, newest) for entry in entries if entry.model == model)
    ]
    if outdated:
        remarks.append(f"rows of older weights are left out: {', '.join(outdated)}")
    models.sort(key=lambda model: -means.by_model.get(model, {}).get("accuracy", 0.0))
    return Standings(models, benchmarks, counting, means, remarks)


def _entry(name: str, result: Verification, date: str) -> Entry:
    metrics = result.metrics
    return Entry(
        date=date,
        model=name,
        fingerprint=xxhash.xxh3_64(result.fingerprint.encode()).hexdigest() if result.fingerprint else "",
        benchmark=result.benchmark,
        protocol=metrics.protocol,
        flip=result.flip,
        genuine_pairs=metrics.num_genuine,
        impostor_pairs=metrics.num_impostor,
        accuracy=metrics.accuracy,
        accuracy_std=metrics.accuracy_std,
        fnmr=metrics.fnmr_at_fmr[RATE],
        eer=metrics.eer,
        auc=metrics.auc,
        femb_version=__version__,
    )


def _counting(entries: Iterable[Entry]) -> dict[tuple[str, str], Entry]:
    """The row that counts of each model and benchmark."""
    rows = list(entries)
    newest = {entry.model: entry.fingerprint for entry in rows}
    return {(entry.model, entry.benchmark): entry for entry in rows if not _is_outdated(entry, newest)}


def _is_outdated(entry: Entry, newest: Mapping[str, str]) -> bool:
    """Whether a row is of other weights than the newest row of its model."""
    return entry.fingerprint != newest[entry.model]


def _figures(entry: Entry) -> dict[str, float]:
    return {name: getattr(entry, name) for name in ("accuracy", "fnmr", "eer", "auc")}


def _read(path: Path) -> str:
    """Return the text of the file; empty if there is none."""
    try:
        if not path.exists():
            return ""
        if path.stat().st_size > _LARGEST:
            raise _no_leaderboard(path, f"it has more than {_LARGEST:,} bytes")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise FembError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise _no_leaderboard(path, "it is no text in UTF-8") from error


def _parse(text: str, path: Path) -> list[Entry]:
    if not text:
        return []
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    try:
        missing = [column for column in _COLUMNS.values() if column not in (reader.fieldnames or ())]
        if missing:
            raise _no_leaderboard(path, f"it has no column {missing[0]!r}")
        return [_parse_row(row, path, reader.line_num) for row in reader]
    except csv.Error as error:
        raise _no_leaderboard(path, f"line {reader.line_num} is no CSV") from error


def _parse_row(row: dict[str, str], path: Path, line: int) -> Entry:
    values = {name: row[column] for name, column in _COLUMNS.items()}
    if None in row or any(value is None for value in values.values()):
        raise _no_leaderboard(path, f"line {line} has another number of columns than the first line")
    try:
        counts = {name: int(values[name]) for name in _COUNTS}
        rates = {name: float(values[name]) for name in _RATES}
    except ValueError as error:
        raise _no_leaderboard(path, f"line {line} has no number where one is due") from error
    wrong = next((name for name, rate in rates.items() if not (math.isfinite(rate) and 0.0 <= rate <= 1.0)), None)
    if wrong is not None:
        raise _no_leaderboard(path, f"line {line}: {_COLUMNS[wrong]} is {values[wrong]}, not between 0 and 1")
    return Entry(**{**values, **counts, **rates})  # type: ignore[arg-type]


def _rows(text: str, entries: Sequence[Entry]) -> str:
    """Return new rows as CSV, in the order of the file's columns; with the header if the file is empty."""
    columns = next(csv.reader(StringIO(text, newline=""))) if text else list(_COLUMNS.values())
    lines = StringIO()
    writer = csv.DictWriter(lines, columns, restval="", lineterminator="\n")
    if not text:
        writer.writeheader()
    elif not text.endswith("\n"):
        lines.write("\n")
    writer.writerows({_COLUMNS[name]: value for name, value in asdict(entry).items()} for entry in entries)
    return lines.getvalue()


def _no_leaderboard(path: Path, reason: str) -> FembError:
    return FembError(
        f"{path} is no leaderboard, or a damaged one: {reason}", hint="name another file with --leaderboard FILE"
    )
